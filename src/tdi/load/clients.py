"""The clients: they ask for as long as their standard input is open, and then say what came of it.

A program of its own (`python -m tdi.load.clients`), standard library only, so that it takes little of what the machines
need. A failure is *safe* where any client may ask again without harm: the server closed a connection that was kept
alive before it sent a byte of the answer. All others are requests that were lost: refused, reset or cut off, no answer
in time, another status, another content.
"""

import asyncio
import json
import os
import re
import ssl
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_SECONDS = 10.0
"""That a request may take, and may take longer where it is read slowly."""

_GRACE = 30.0
"""Seconds for the requests that are under way at the end: a slow download is to be read to its end."""

_BLOCK = 1 << 16
_LINE = 200
"""Characters of what is told of an answer."""


class _LostError(Exception):
    """A request that was lost."""


class _SafeError(Exception):
    """A request that may be made again."""


@dataclass
class Client:
    """A client that asks for one thing, over and over."""

    said: Mapping[str, Any]
    """What declared.Client says, as JSON."""
    began: float
    answered: int = 0
    again: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    first: float | None = None
    """Seconds until the first request that was lost."""
    longest: float = 0.0
    """Seconds between two answers, at most."""
    answers: Counter[int] = field(default_factory=Counter)
    """How often each of the contents came that are expected, by its number."""
    last: float = 0.0
    connections: list["_Connection"] = field(default_factory=list)

    @property
    def answering(self) -> bool:
        """Whether the server has begun to answer."""
        return any(each.answering for each in self.connections)

    async def ask(self, stop: asyncio.Event) -> None:
        """Ask until `stop`, with so many connections at once."""
        await asyncio.gather(*(self._ask(stop) for _ in range(self.said["connections"])))

    async def _ask(self, stop: asyncio.Event) -> None:
        connection = _Connection(self.said)
        self.connections.append(connection)
        pause = self.said["connections"] / self.said["rate"]
        while not stop.is_set():
            due = time.monotonic() + pause
            await self._one(connection)
            rest = due - time.monotonic()
            if rest > 0:
                try:
                    await asyncio.wait_for(stop.wait(), rest)
                except TimeoutError:
                    continue
            else:
                await asyncio.sleep(0)
        connection.close()

    async def _one(self, connection: "_Connection") -> None:
        allowed = _SECONDS
        if self.said["bytes_per_second"]:
            allowed = 600.0
        try:
            while True:
                try:
                    body = await asyncio.wait_for(connection.request(), allowed)
                    break
                except _SafeError:
                    self.again += 1
            self._take(body)
        except _LostError as error:
            self._lose(str(error))
        except TimeoutError:
            self._lose("no answer in time")
        except ConnectionRefusedError:
            self._lose("refused")
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            self._lose(f"cut off ({type(error).__name__})")
        else:
            return
        connection.close()

    def _take(self, body: bytes) -> None:
        text = body.decode("utf-8", "replace")
        expected = self.said["answers"]
        if expected:
            number = next((n for n, pattern in enumerate(expected) if re.search(pattern, text)), None)
            if number is None:
                raise _LostError(f"another content: {' '.join(text.split())[:_LINE]!r}")
            self.answers[number] += 1
        now = time.monotonic()
        self.longest = max(self.longest, now - self.last) if self.last else 0.0
        self.last = now
        self.answered += 1

    def _lose(self, why: str) -> None:
        self.lost[why] += 1
        if self.first is None:
            self.first = time.monotonic() - self.began

    def result(self) -> dict[str, Any]:
        """What came of it."""
        return {
            "name": self.said["name"],
            "answered": self.answered,
            "again": self.again,
            "lost": dict(self.lost),
            "first": self.first,
            "longest": round(self.longest, 3),
            "answers": [self.answers[number] for number in range(len(self.said["answers"]))],
        }


class _Connection:
    """A connection to the server, kept alive or new for each request."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self._said = said
        self.answering = False
        """Whether an answer has begun."""
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
        self._streams = None

    async def request(self) -> bytes:
        """Ask once and return the answer's content. Raises _LostError, _SafeError, and what a connection raises."""
        used = self._streams is not None
        if self._streams is None:
            self._streams = await self._open()
        reader, writer = self._streams
        try:
            if self._said["scheme"] == "tcp":
                return await self._exchange(reader, writer)
            return await self._http(reader, writer, used=used)
        finally:
            if not self._said["keep_alive"]:
                self.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = None
        if self._said["scheme"] == "https":
            # Whether a certificate is the right one is for the project's tests: here it counts that there is an answer.
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        name = self._said["host"] if context else None
        return await asyncio.open_connection(
            self._said["address"], self._said["port"], ssl=context, server_hostname=name, limit=_BLOCK
        )

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """What a server says first, or after it was sent something, in one line."""
        if self._said["body"]:
            writer.write(self._said["body"].encode())
            await writer.drain()
        line = await reader.readline()
        if not line:
            raise _LostError("cut off before its answer")
        self.answering = True
        return line

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, used: bool) -> bytes:
        said = self._said
        body = said["body"].encode()
        lines = [
            f"{said['method']} {said['path']} HTTP/1.1",
            f"Host: {said['host']}",
            f"Connection: {'keep-alive' if said['keep_alive'] else 'close'}",
            *([f"Content-Length: {len(body)}"] if body or said["method"] not in {"GET", "HEAD"} else []),
        ]
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            await writer.drain()
            status_line = await reader.readline()
        except OSError:
            if used:
                self.close()
                raise _SafeError from None
            raise
        if not status_line:
            self.close()
            if used:
                raise _SafeError
            raise _LostError("cut off before its answer")
        headers = {}
        while (line := await reader.readline()) not in {b"\r\n", b"\n", b""}:
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        status = int(status_line.split()[1])
        if status not in said["status"]:
            raise _LostError(f"status {status}")
        self.answering = True
        content = await self._content(reader, headers, head=said["method"] == "HEAD")
        if headers.get("connection", "").lower() == "close":
            self.close()
        return content

    async def _content(self, reader: asyncio.StreamReader, headers: Mapping[str, str], *, head: bool) -> bytes:
        if head:
            return b""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            found = b""
            while size := int((await reader.readline()).split(b";")[0] or b"0", 16):
                found += await self._read(reader, size)
                await reader.readline()
            await reader.readline()
            return found
        if "content-length" in headers:
            return await self._read(reader, int(headers["content-length"]))
        return await reader.read()

    async def _read(self, reader: asyncio.StreamReader, size: int) -> bytes:
        """So many bytes, slowly where the client is a slow one. Raises _LostError where they are not all there."""
        found = bytearray()
        slow = self._said["bytes_per_second"]
        while len(found) < size:
            block = await reader.read(min(size - len(found), max(1, slow // 10) if slow else _BLOCK))
            if not block:
                raise _LostError(f"cut off after {len(found):,} of {size:,} bytes")
            found += block
            if slow:
                await asyncio.sleep(len(block) / slow)
        return bytes(found)


async def _main() -> None:
    loop = asyncio.get_running_loop()
    said = json.loads(sys.stdin.readline())
    began = time.monotonic()
    clients = [Client(each, began) for each in said["clients"]]
    stop = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), lambda: None if os.read(sys.stdin.fileno(), 1) else stop.set())
    asking = [asyncio.ensure_future(client.ask(stop)) for client in clients]
    _say({"waiting": True})
    until = time.monotonic() + said["first_answer"]
    while not (stop.is_set() or time.monotonic() > until or all(each.answering for each in clients)):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    _say({"answering": [client.said["name"] for client in clients if client.answering]})
    # What was lost until each had its first answer was no load of a server that works.
    for client in clients:
        client.lost.clear()
        client.first = None
    await stop.wait()
    await asyncio.wait(asking, timeout=_GRACE)
    for task, client in zip(asking, clients, strict=True):
        if not task.done():
            task.cancel()
            client.lost["not finished at the end"] += 1
    _say({"seconds": time.monotonic() - began, "clients": [client.result() for client in clients]})


def _say(document: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main())
