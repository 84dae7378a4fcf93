"""Names of repositories, and what Debian's registry cannot show: indexes, and being asked what refers to an image."""

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from conftest import Fakes
from tdi.errors import TdiError
from tdi.images import published
from tdi.outside import registry
from tdi.outside.registry import Registry


@pytest.mark.parametrize(
    ("text", "host", "name"),
    [
        ("registry.example.org/web", "registry.example.org", "web"),
        ("registry.example.org:5000/a/b-c/d_e", "registry.example.org:5000", "a/b-c/d_e"),
        ("localhost/web", "localhost", "web"),
        ("127.0.0.1:5000/web", "127.0.0.1:5000", "web"),
        ("[::1]:5000/web", "[::1]:5000", "web"),
    ],
)
def test_a_repository_is_its_host_and_its_name(text: str, host: str, name: str):
    found = registry.parse(text)
    assert (found.host, found.name, str(found)) == (host, name, text)


@pytest.mark.parametrize(
    "text",
    [
        "web",
        "example/web",
        "registry.example.org",
        "registry.example.org/",
        "registry.example.org/Web",
        "registry.example.org/web:1",
        "registry.example.org/web@sha256:1",
        "registry.example.org//web",
        "registry.example.org/web/",
        "registry.example.org:99999/web",
        "registry.example.org:0/web",
        "https://registry.example.org/web",
        "registry.example.org/we b",
        "registry.example.org/web\n",
        f"registry.example.org/{'a' * 256}",
        "{platform}/web",
    ],
)
def test_what_is_none_is_refused_at_once(text: str):
    with pytest.raises(TdiError) as error:
        registry.parse(text)
    assert "HOST[:PORT]/NAME" in error.value.remedy


@pytest.mark.parametrize("text", ["me:secret@registry.example.org/web", "https://me:secret@registry.example.org/web"])
def test_credentials_in_the_name_are_refused_and_not_shown(text: str):
    with pytest.raises(TdiError, match="holds credentials") as error:
        registry.parse(text)
    assert "secret" not in f"{error.value.what}{error.value.remedy}"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1:5000", True),
        ("127.8.9.1", True),
        ("[::1]:5000", True),
        ("localhost:5000", True),
        ("localhost.example.org", False),
        ("192.0.2.1:5000", False),
        ("registry.example.org", False),
    ],
)
def test_only_the_loopback_is_the_loopback(host: str, *, loopback: bool):
    assert registry.parse(f"{host}/web").is_on_loopback is loopback


@dataclass
class Served:
    """What the registry that pretends answers: path → status, media type and content."""

    answers: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    port: int = 0
    written: list[str] = field(default_factory=list)
    asks_for_tokens: bool = False
    seen: list[tuple[str, str]] = field(default_factory=list)
    """The path and the credentials of each request."""
    once: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    """What the next request of a path is answered."""

    def manifest(self, reference: str, document: dict[str, Any], media_type: str) -> str:
        content = registry.encoded(document)
        for name in (reference, registry.digest_of(content)):
            self.answers[f"/v2/web/manifests/{name}"] = (200, media_type, content)
        return registry.digest_of(content)


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    made.answers["/v2/"] = (200, "application/json", b"{}")

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            where, _, asked = self.path.partition("?")
            made.seen.append((where, self.headers.get("Authorization", "")))
            if where == "/token":
                self._say(200, json.dumps({"token": "for-push" if "push" in asked else "for-pull"}).encode())
                return
            needs = "for-pull" if self.command in {"GET", "HEAD"} else "for-push"
            if made.asks_for_tokens and self.headers.get("Authorization", "") != f"Bearer {needs}":
                scope = "pull" if needs == "for-pull" else "pull,push"
                realm = f'Bearer realm="http://127.0.0.1:{made.port}/token",service="x",scope="repository:web:{scope}"'
                self._say(401, b"{}", {"Www-Authenticate": realm})
                return
            written = self.command in {"POST", "PUT"}
            otherwise = made.answers.get(where, (201 if written else 404, "application/json", b""))
            code, media_type, content = made.once.pop(where, otherwise)
            made.written += [where] if written else []
            self.send_response(code)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content)))
            for key, value in {"Location": "/v2/web/blobs/uploads/1", **made.headers}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 (the names that the server calls)

        def _say(self, code: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(code)
            for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def where(served: Served) -> Registry:
    return Registry(registry.parse(f"127.0.0.1:{served.port}/web"))


FAILED = (500, "application/json", b"{}")
IMAGE = {"schemaVersion": 2, "mediaType": registry.MANIFEST, "config": {}, "layers": []}


@pytest.mark.parametrize("media_type", [registry.INDEX, registry.DOCKER_INDEX])
def test_of_an_index_the_image_of_this_architecture_is_taken(
    served: Served, where: Registry, fakes: Fakes, media_type: str
):
    fakes.docker()
    ours = served.manifest("x", {**IMAGE, "annotations": {"tdi.generation": "7"}}, registry.MANIFEST)
    listed = [
        {"digest": f"sha256:{'0' * 64}", "platform": {"os": "unknown", "architecture": "unknown"}},
        {"digest": f"sha256:{'1' * 64}", "platform": {"os": "linux", "architecture": "arm64"}},
        {"digest": ours, "platform": {"os": "linux", "architecture": "amd64"}},
    ]
    served.manifest("production", {"schemaVersion": 2, "manifests": listed}, media_type)
    found = published.current(where)
    assert found
    assert (found.digest, found.number) == (ours, 7)


def test_an_index_without_this_architecture_is_refused(served: Served, where: Registry, fakes: Fakes):
    fakes.docker()
    listed = [{"digest": f"sha256:{'1' * 64}", "platform": {"os": "linux", "architecture": "arm64"}}]
    served.manifest("production", {"schemaVersion": 2, "manifests": listed}, registry.INDEX)
    with pytest.raises(TdiError, match=r"is for other machines than those of the engine \(amd64\)"):
        published.current(where)


def test_where_the_registry_knows_what_refers_to_an_image_it_is_asked(served: Served, where: Registry):
    found = [{"digest": f"sha256:{'2' * 64}", "artifactType": published.RECORD_TYPE}]
    served.answers[f"/v2/web/referrers/sha256:{'1' * 64}"] = (
        200,
        registry.INDEX,
        json.dumps({"schemaVersion": 2, "manifests": found}).encode(),
    )
    assert where.referrers(f"sha256:{'1' * 64}") == found


@pytest.mark.parametrize("knows", [True, False])
def test_an_index_of_its_own_is_kept_only_where_the_registry_has_none(served: Served, where: Registry, *, knows: bool):
    served.headers = {"OCI-Subject": f"sha256:{'1' * 64}"} if knows else {}
    digest = served.manifest("production", IMAGE, registry.MANIFEST)
    subject = where.manifest("production")
    assert subject
    where.attach(subject, published.RECORD_TYPE, b"a record", "application/x", {})
    assert (f"/v2/web/manifests/{digest.replace(':', '-')}" in served.written) is not knows


@pytest.mark.parametrize("code", [400, 405])
def test_a_registry_that_deletes_nothing_says_how_it_would(served: Served, where: Registry, code: int):
    served.answers[f"/v2/web/manifests/sha256:{'1' * 64}"] = (code, "application/json", b"{}")
    with pytest.raises(registry.DeletionRefusedError) as error:
        where.delete(f"sha256:{'1' * 64}")
    assert "delete: {enabled: true}" in error.value.remedy


def test_what_the_registry_says_of_a_failure_is_told(served: Served, where: Registry):
    detail = {"DriverName": "filesystem", "Enclosed": {"Op": "mkdir", "Path": "/data", "Err": 28}}
    said = {"errors": [{"code": "UNKNOWN", "message": "unknown error", "detail": detail}]}
    served.answers["/v2/web/manifests/x"] = (500, "application/json", json.dumps(said).encode())
    with pytest.raises(TdiError, match=r"unknown error: No space left on device \(500\)"):
        where.put(b"{}", registry.MANIFEST, "x")


def test_a_reading_is_made_again_where_the_registry_failed_at_it(served: Served, where: Registry):
    """One that keeps its data in files finds half of a tag while somebody writes it."""
    digest = served.manifest("claim", IMAGE, registry.MANIFEST)
    served.once["/v2/web/manifests/claim"] = FAILED
    found = where.manifest("claim")
    assert found
    assert found.digest == digest


def test_a_writing_that_the_registry_failed_at_is_not_made_again(served: Served, where: Registry):
    """Whether it was done is not known, and a claim must not be written late."""
    served.once["/v2/web/manifests/claim"] = FAILED
    with pytest.raises(TdiError, match="could not write claim"):
        where.put(b"{}", registry.MANIFEST, "claim")
    assert served.written == ["/v2/web/manifests/claim"]


@pytest.mark.parametrize("content", [b"no json", b"[]"])
def test_a_manifest_that_is_none_is_an_error(served: Served, where: Registry, content: bytes):
    served.answers["/v2/web/manifests/production"] = (200, registry.MANIFEST, content)
    with pytest.raises(TdiError, match="is damaged: it is no JSON"):
        published.current(where)


def test_a_token_that_was_for_reading_is_replaced_for_writing(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The credentials go to whoever makes tokens, and nowhere else."""
    served.asks_for_tokens = True
    host = f"127.0.0.1:{served.port}"
    inline = base64.b64encode(b"me:secret").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {host: {"auth": inline}}}), encoding="utf-8")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    served.manifest("production", IMAGE, registry.MANIFEST)
    where = Registry(registry.parse(f"{host}/web"))
    assert where.manifest("production")
    where.put(registry.encoded(IMAGE), registry.MANIFEST, "x")
    assert where.manifest("production")
    assert "/v2/web/manifests/x" in served.written
    assert {path for path, said in served.seen if said.startswith("Basic")} == {"/token"}


def test_an_upload_that_the_registry_does_not_take_is_told_in_its_words(served: Served, where: Registry):
    detail = {"DriverName": "filesystem", "Enclosed": {"Op": "mkdir", "Path": "/data", "Err": 28}}
    said = {"errors": [{"code": "UNKNOWN", "message": "unknown error", "detail": detail}]}
    served.answers["/v2/web/blobs/uploads/"] = (500, "application/json", json.dumps(said).encode())
    served.headers = {"Location": ""}
    with pytest.raises(TdiError, match=r"could not take what it was sent: .*No space left on device"):
        where.upload(b"x", registry.EMPTY)
