"""What a container engine that answers says of its images, containers, volumes and networks."""

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tdi.collector import engines
from tdi.collector.machine import Machine
from tdi.collector.scope import Scope, status_of
from tdi.collector.scopes import containers
from tdi.collector.settings import Settings

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
OF_WEB = {
    "image": "nginx:1",
    "restart": "always",
    "state": "running",
    "ports": ["*:8080->80/tcp"],
    "mounts": ["/srv/site:/site:ro", "data:/data:rw", "volume:/cache:rw"],
    "privileged": False,
    "networks": ["front"],
}
IMAGES: list[dict[str, Any]] = [
    {"Id": "sha256:1", "RepoTags": ["nginx:1"], "RepoDigests": ["nginx@sha256:abc"]},
    {"Id": "sha256:2", "RepoTags": ["own:latest"], "RepoDigests": None},
    {"Id": "sha256:3", "RepoTags": ["<none>:<none>"], "RepoDigests": []},
]
VOLUMES = [{"Name": "data", "Driver": "local"}, {"Name": "a" * 64, "Driver": "local"}]
ANSWERS: dict[str, Any] = {
    "/images/json": IMAGES,
    "/containers/json?all=1": [{"Id": "c1"}, {"Id": "c2"}, {"Id": "went-away"}],
    "/containers/c1/json": WEB,
    "/containers/c2/json": {**WEB, "Name": "/" + "b" * 64},
    "/volumes": {"Volumes": VOLUMES},
    "/networks": [{"Name": "front", "Driver": "bridge", "Internal": False}],
}
EVERYTHING = {
    "image nginx:1": {"digests": ["sha256:abc"]},
    "image own:latest": {"id": "sha256:2"},
    "container web": OF_WEB,
    "containers without a name": {"count": 1},
    "volume data": {"driver": "local"},
    "volumes without a name": {"count": 1},
    "network front": {"driver": "bridge", "internal": False},
}


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which dockerd runs, and nothing answers."""
    monkeypatch.setattr(engines, "SOCKET", str(tmp_path / "engine.sock"))
    monkeypatch.setattr(engines, "PODMAN_KNOWS", (str(tmp_path / "podman.db"),))
    monkeypatch.setattr(engines, "SECONDS", 1)
    monkeypatch.setattr(engines, "all_processes", lambda _: {1: SimpleNamespace(name="dockerd")})
    monkeypatch.setattr(containers, "own_root", lambda _: True)


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A docker that listens on a socket; a test may change what it answers. `asked` counts."""
    answers = {**ANSWERS, "asked": 0}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answers["asked"] += 1
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

    with Server(str(tmp_path / "engine.sock"), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield answers
        server.shutdown()


def collected() -> Scope:
    scope = Scope()
    containers.containers(Machine(Settings({})), scope)
    return scope


@pytest.mark.usefixtures("docker")
def test_everything_that_somebody_configured_is_there_and_no_secret():
    scope = collected()
    assert status_of(scope) == {"status": "ok", "reason": None}
    assert scope.objects == {f"docker {key}": said for key, said in EVERYTHING.items()}


@pytest.mark.parametrize("answer", [None, b"no JSON", {"Volumes": [{}]}, {"Volumes": 5}, []])
def test_an_engine_that_answers_nonsense_makes_the_scope_partial(docker: dict[str, Any], answer: Any):
    docker["/volumes"] = answer
    assert status_of(collected())["status"] == "partial"


def test_a_docker_that_does_not_run_is_not_started_by_being_asked(
    docker: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engines, "all_processes", lambda _: {1: SimpleNamespace(name="systemd")})
    scope = collected()
    assert (scope.objects, status_of(scope)["status"], docker["asked"]) == ({}, "ok", 0)


def test_a_docker_that_runs_and_does_not_answer_makes_the_scope_partial(tmp_path: Path):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "engine.sock"))
        silent.listen()
        assert status_of(collected()) == {"status": "partial", "reason": "docker: timed out"}


def test_a_machine_without_an_engine_has_nothing_and_that_is_ok():
    scope = collected()
    assert (scope.objects, status_of(scope)["status"]) == ({}, "ok")


def test_a_root_that_is_not_booted_has_no_engine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(containers, "own_root", lambda _: False)
    assert status_of(collected()) == {"status": "unavailable", "reason": "not booted"}


PODMAN: dict[str, Any] = {
    "image ls --no-trunc --quiet": "sha256:1\nsha256:2\nsha256:2\nsha256:3\n",
    "image inspect sha256:1 sha256:2 sha256:3": json.dumps(IMAGES),
    "container ls --all --no-trunc --quiet": "c1\nc2\n",
    "container inspect c1 c2": json.dumps([{**WEB, "Name": "web"}, {**WEB, "Name": "b" * 64}]),
    "volume ls --quiet": "data\nunnamed\n",
    "volume inspect data unnamed": json.dumps(VOLUMES),
    "network ls --quiet": "front\n",
    "network inspect front": json.dumps([{"name": "front", "driver": "bridge", "internal": False}]),
}


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A podman that was used; a test may change what its command prints, or with what it ends."""
    said = dict(PODMAN)

    def run(_: Machine, command: list[str], seconds: float, limit: int) -> tuple[int, str, str]:
        assert command[0] == "podman"
        assert seconds
        assert limit
        answer = said[" ".join(command[1:])]
        if isinstance(answer, OSError):
            raise answer
        return answer if isinstance(answer, tuple) else (0, answer, "")

    (tmp_path / "podman.db").touch()
    monkeypatch.setattr(Machine, "run", run)
    return said


@pytest.mark.usefixtures("podman")
def test_podman_says_the_same_by_its_command():
    scope = collected()
    assert status_of(scope) == {"status": "ok", "reason": None}
    assert scope.objects == {f"podman {key}": said for key, said in EVERYTHING.items()}


def test_of_a_kind_that_podman_has_none_of_nothing_is_asked(podman: dict[str, Any]):
    podman.update(dict.fromkeys([key for key in PODMAN if " ls " in key], ""))
    assert (collected().objects, status_of(collected())["status"]) == ({}, "ok")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((125, "Error: the\ndatabase is damaged\n", ""), "podman: podman volume ls: database is damaged"),
        ((-9, "", "no end after 10 s"), "podman: podman volume ls: no end after 10 s"),
    ],
)
def test_a_podman_that_fails_makes_the_scope_partial(podman: dict[str, Any], answer: Any, reason: str):
    podman["volume ls --quiet"] = answer
    assert status_of(collected()) == {"status": "partial", "reason": reason}


def test_a_podman_that_was_removed_is_no_engine(podman: dict[str, Any]):
    podman["image ls --no-trunc --quiet"] = FileNotFoundError(2, "No such file or directory")
    assert (collected().objects, status_of(collected())["status"]) == ({}, "ok")
