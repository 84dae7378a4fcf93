"""What a container engine that answers says of its images, containers, volumes and networks."""

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tdi.collector.scope import Scope, status_of
from tdi.collector.scopes import containers

WEB = {
    "Name": "/web",
    "Image": "sha256:1",
    "Config": {"Image": "nginx:1", "Env": ["PASSWORD=secret"]},
    "HostConfig": {
        "RestartPolicy": {"Name": "always"},
        "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]},
        "Privileged": False,
    },
    "State": {"Status": "running"},
    "Mounts": [
        {"Type": "bind", "Source": "/srv/site", "Destination": "/site", "RW": False},
        {"Type": "volume", "Name": "a" * 64, "Source": "/var/lib/x", "Destination": "/cache", "RW": True},
        {"Type": "volume", "Name": "data", "Source": "/var/lib/y", "Destination": "/data", "RW": True},
    ],
    "NetworkSettings": {"Networks": {"front": {}}},
}
ANSWERS: dict[str, Any] = {
    "/images/json": [
        {"Id": "sha256:1", "RepoTags": ["nginx:1"], "RepoDigests": ["nginx@sha256:abc"]},
        {"Id": "sha256:2", "RepoTags": ["own:latest"], "RepoDigests": None},
        {"Id": "sha256:3", "RepoTags": ["<none>:<none>"], "RepoDigests": []},
    ],
    "/containers/json?all=1": [{"Id": "c1"}],
    "/containers/c1/json": WEB,
    "/volumes": {"Volumes": [{"Name": "data", "Driver": "local"}, {"Name": "a" * 64, "Driver": "local"}]},
    "/networks": [{"Name": "front", "Driver": "bridge", "Internal": False}],
}


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """An engine that listens on a socket; a test may change what it answers."""
    answers = dict(ANSWERS)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.get(self.path)
            text = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

        def get_request(self) -> tuple[Any, Any]:
            return super().get_request()[0], ("", 0)

    path = tmp_path / "engine.sock"
    monkeypatch.setattr(containers, "SOCKETS", {"docker": str(path), "podman": str(tmp_path / "none.sock")})
    monkeypatch.setattr(containers, "own_root", lambda _: True)
    monkeypatch.setattr(containers, "SECONDS", 1)
    with Server(str(path), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield answers
        server.shutdown()


def collected() -> Scope:
    scope = Scope()
    containers.containers(SimpleNamespace(), scope)
    return scope


@pytest.mark.usefixtures("engine")
def test_everything_that_somebody_configured_is_there_and_no_secret():
    scope = collected()
    assert status_of(scope) == {"status": "ok", "reason": None}
    assert scope.objects == {
        "docker image nginx:1": {"digests": ["sha256:abc"]},
        "docker image own:latest": {"id": "sha256:2"},
        "docker container web": {
            "image": "nginx:1",
            "restart": "always",
            "state": "running",
            "ports": ["*:8080->80/tcp"],
            "mounts": ["/srv/site:/site:ro", "data:/data:rw", "volume:/cache:rw"],
            "privileged": False,
            "networks": ["front"],
        },
        "docker volume data": {"driver": "local"},
        "docker volumes without a name": {"count": 1},
        "docker network front": {"driver": "bridge", "internal": False},
    }


@pytest.mark.parametrize("answer", [None, b"no JSON", {"Volumes": [{}]}])
def test_an_engine_that_answers_nonsense_makes_the_scope_partial(engine: dict[str, Any], answer: Any):
    engine["/volumes"] = answer
    assert status_of(collected())["status"] == "partial"


def test_a_socket_that_nobody_listens_on_is_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import socket  # noqa: PLC0415 (one test needs it)

    path = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    monkeypatch.setattr(containers, "SOCKETS", {"docker": str(path)})
    monkeypatch.setattr(containers, "own_root", lambda _: True)
    scope = collected()
    assert (scope.objects, status_of(scope)["status"]) == ({}, "ok")


def test_a_root_that_is_not_booted_has_no_engine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(containers, "own_root", lambda _: False)
    assert status_of(collected()) == {"status": "unavailable", "reason": "not booted"}
