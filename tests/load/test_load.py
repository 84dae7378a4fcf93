"""What the clients of a load tell apart, on real sockets, and what a project may declare."""

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tdi.errors import TdiError
from tdi.load import declared, running
from tdi.load.declared import Client
from tdi.load.running import Came
from tdi.project import Project

Answer = Callable[[int, socketserver.StreamRequestHandler], bool]
"""Answers the request of this number on a server, and says whether the connection is kept."""


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, answer: Answer) -> None:
        self.requests = 0
        self.answer = answer
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Server)
        while True:
            if not self.rfile.readline():
                return
            length = 0
            while (line := self.rfile.readline()) not in {b"\r\n", b""}:
                length = int(line.split(b":")[1]) if line.lower().startswith(b"content-length") else length
            self.rfile.read(length)
            self.server.requests += 1
            if not self.server.answer(self.server.requests, self):
                return


def good(_: int, to: socketserver.StreamRequestHandler, body: bytes = b"hello", status: str = "200 OK") -> bool:
    to.wfile.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    return True


@pytest.fixture
def serving() -> Iterator[Callable[[Answer], Server]]:
    servers: list[Server] = []

    def call(answer: Answer) -> Server:
        servers.append(Server(answer))
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,), daemon=True).start()
        return servers[-1]

    yield call
    for server in servers:
        server.shutdown()
        server.server_close()


def asked(server: Server, requests: int = 12, **facts: object) -> Came:
    """What came of a client, after the server was asked so many times."""
    client = Client("a client", "http", "example.org", server.port, "/", **{"rate": 200.0, **facts})  # type: ignore[arg-type]
    with running.running([client], "127.0.0.1") as load:
        until = time.monotonic() + 20
        while server.requests < requests and time.monotonic() < until:
            time.sleep(0.01)
        (came,) = load.stop()
    return came


@pytest.mark.parametrize("keep_alive", [False, True])
def test_a_server_that_answers_loses_nothing(serving, *, keep_alive: bool):
    came = asked(serving(good), keep_alive=keep_alive, connections=2, answers=["^hello$", "^bye$"])
    assert came.answered >= 12
    assert (came.losses, came.again, came.first) == (0, 0, None)
    assert came.answers == (came.answered, 0)
    assert 0 < came.longest < 5


def test_an_idle_connection_that_is_closed_is_no_loss(serving):
    def closes_every_third(number: int, to: socketserver.StreamRequestHandler) -> bool:
        good(number, to)
        return number % 3 != 0

    came = asked(serving(closes_every_third), keep_alive=True)
    assert came.losses == 0
    assert came.again >= 2


def _cut(number: int, to: socketserver.StreamRequestHandler) -> bool:
    if number % 4:
        return good(number, to)
    to.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhel")
    return False


def _nothing(number: int, to: socketserver.StreamRequestHandler) -> bool:
    return good(number, to) if number % 4 else False


@pytest.mark.parametrize(
    ("answer", "why", "facts"),
    [
        (_cut, "cut off after 3 of 500 bytes", {}),
        (_cut, "cut off after 3 of 500 bytes", {"keep_alive": True}),
        (_nothing, "cut off before its answer", {}),
        (lambda n, to: good(n, to, status="404 Not Found" if n % 4 == 0 else "200 OK"), "status 404", {}),
        (lambda n, to: good(n, to, b"sorry" if n % 4 == 0 else b"hello"), "another content: 'sorry'", {}),
    ],
)
def test_what_a_client_may_not_ask_again_is_lost(serving, answer: Answer, why: str, facts: dict[str, object]):
    came = asked(serving(answer), answers=["hello"], **facts)
    assert list(came.lost) == [why]
    assert came.losses >= 2
    assert came.answered >= 6
    assert came.first is not None
    assert f"a client: {came.losses} of {came.losses + came.answered} lost, the first after" in came.line()


def test_a_server_that_is_away_for_a_moment_refuses(serving):
    server = serving(good)
    client = Client("a client", "http", "example.org", server.port, "/", rate=100.0)
    with running.running([client], "127.0.0.1") as load:
        server.shutdown()
        server.server_close()
        time.sleep(0.3)
        (came,) = load.stop()
    assert "refused" in came.lost
    assert all(why.startswith(("refused", "cut off")) for why in came.lost)


def test_a_slow_download_that_is_under_way_is_read_to_its_end(serving):
    came = asked(serving(lambda n, to: good(n, to, b"x" * 40_000)), requests=1, bytes_per_second=100_000, rate=1.0)
    assert (came.answered, came.losses) == (1, 0)


def test_content_is_sent_and_chunks_are_read(serving):
    seen: list[bytes] = []

    def chunked(_: int, to: socketserver.StreamRequestHandler) -> bool:
        seen.append(b"")
        to.wfile.write(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\n me\r\n0\r\n\r\n")
        return True

    came = asked(serving(chunked), method="POST", body="x" * 10, status=(201,), answers=["^hello me$"], keep_alive=True)
    assert (came.losses, came.again) == (0, 0)


def test_a_server_that_is_no_web_server_is_asked_for_its_first_line():
    class Mail(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 mail.example.org ESMTP\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        client = Client("mail", "tcp", "example.org", int(server.server_address[1]), "/", answers=("^220 ",))
        with running.running([client], "127.0.0.1") as load:
            time.sleep(0.3)
            (came,) = load.stop()
        server.shutdown()
    assert came.answered > 1
    assert came.losses == 0


def test_production_that_does_not_answer_before_the_change_is_no_load(serving, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(running, "FIRST_ANSWER", 0.3)
    server = serving(lambda n, to: good(n, to, status="503 Busy"))
    with pytest.raises(TdiError, match="gets no answer from production, before any change: a client") as error:
        asked(server)
    assert "load.yml" in error.value.remedy


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "molecule" / "fresh").mkdir(parents=True)
    return Project(tmp_path, tmp_path / "artifacts")


def test_a_project_declares_clients(project: Project):
    assert declared.clients(project) == []
    (project.scenarios / "load.yml").write_text(
        "clients:\n"
        "  - {name: a page, url: 'https://www.example.org:8443/a?b=c', keep_alive: true, rate: 50, answers: [x]}\n"
        "  - {name: mail, url: 'tcp://mx.example.org:25'}\n"
    )
    page, mail = declared.clients(project)
    assert page == Client(
        "a page", "https", "www.example.org:8443", 8443, "/a?b=c", rate=50, keep_alive=True, answers=("x",)
    )
    assert (mail.scheme, mail.port) == ("tcp", 25)
    assert page.as_json("172.17.0.2")["address"] == "172.17.0.2"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it says no clients"),
        ("clients: []", "it says no clients"),
        ("clients: [\n", "load.yml cannot be used"),
        ("clients: [{name: a}]", "a client has a name and a url"),
        ("clients: [{name: a, url: 'ftp://x/'}]", "no url that can be asked: 'ftp://x/'"),
        ("clients: [{name: a, url: 'tcp://x'}]", "no url that can be asked"),
        ("clients: [{name: a, url: 'http://x:99999/'}]", "no url that can be asked"),
        ("clients: [{name: a, url: 'http://x/', speed: 1}]", "does not know 'speed'"),
        ("clients: [{name: a, url: 'http://x/', rate: fast}]", "rate is 'fast'"),
        ("clients: [{name: a, url: 'http://x/', rate: true}]", "rate is True"),
        ("clients: [{name: a, url: 'http://x/', rate: 0}]", "more than 0"),
        ("clients: [{name: a, url: 'http://x/'}, {name: a, url: 'http://y/'}]", "two clients have one name"),
    ],
)
def test_what_cannot_be_used_is_told(project: Project, text: str, said: str):
    (project.scenarios / "load.yml").write_text(text)
    with pytest.raises(TdiError) as error:
        declared.clients(project)
    assert said in error.value.what
