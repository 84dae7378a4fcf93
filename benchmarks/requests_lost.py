"""Requests against a server while something is done to it: how many were lost.

    python benchmarks/requests_lost.py ADDRESS:PORT PATH [--tls PORT] [--download PATH] -- COMMAND...

Clients with a connection for each request, clients that keep theirs alive, and slow downloads ask until COMMAND has
ended. A failure is *safe* where a connection that was kept alive ended before the first byte of an answer: a client may
ask again. All else is unsafe: refused, reset or ended on a new connection, a truncated answer, another status, a
timeout. Exits with 1 where one was unsafe, and where COMMAND failed.
"""

import argparse
import asyncio
import contextlib
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field

SECONDS = 10
"""How long an answer may take."""
CHUNK = 64 * 1024
"""What a slow download takes at once; it rests for PAUSE between two of them: about 1.3 MB/s."""
PAUSE = 0.05


class Unsafe(Exception):  # noqa: N818 (a client's outcome)
    """A request that was lost."""


@dataclass
class Tally:
    """What clients saw."""

    answered: int = 0
    safe: int = 0
    unsafe: Counter[str] = field(default_factory=Counter)
    bodies: Counter[bytes] = field(default_factory=Counter)
    last: float = 0.0
    gap: float = 0.0
    downloads: int = 0

    def answer(self, body: bytes) -> None:
        """Count an answer."""
        now = time.monotonic()
        self.gap = max(self.gap, now - (self.last or now))
        self.last = now
        self.answered += 1
        self.bodies[body[:60]] += 1


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def ask(connection: Connection, host: str, path: str, method: str, *, keep: bool) -> tuple[bytes, bool]:
    """One request: the body, and whether the server keeps the connection. Raises EOFError where nothing came at all."""
    reader, writer = connection
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Connection: {'keep-alive' if keep else 'close'}"]
    body = b"x" * 512 if method == "POST" else b""
    if body:
        lines.append(f"Content-Length: {len(body)}")
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    try:
        await writer.drain()
        first = await reader.readline()
    except ConnectionError:
        raise EOFError from None
    if not first:
        raise EOFError
    status, length, kept = first.split()[1].decode(), 0, keep
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode().partition(":")
        length = int(value) if name.lower() == "content-length" else length
        kept = kept and not (name.lower() == "connection" and "close" in value)
    if status not in ({"200"} if method == "GET" else {"200", "405"}):
        raise Unsafe(f"status {status}")
    try:
        return await reader.readexactly(length), kept
    except (asyncio.IncompleteReadError, ConnectionError):
        raise Unsafe("truncated") from None


async def client(
    tally: Tally, where: tuple[str, int], path: str, method: str, *, keep: bool, tls: ssl.SSLContext | None = None
) -> None:
    """Ask again and again."""
    connection: Connection | None = None
    while True:
        reused = connection is not None
        try:
            async with asyncio.timeout(SECONDS):
                connection = connection or await asyncio.open_connection(*where, ssl=tls)
                body, kept = await ask(connection, where[0], path, method, keep=keep)
            tally.answer(body)
            if kept:
                continue
        except (EOFError, Unsafe, OSError) as error:
            if reused and isinstance(error, EOFError):
                tally.safe += 1
            else:
                tally.unsafe[str(error) or type(error).__name__] += 1
                await asyncio.sleep(0.01)
        if connection:
            connection[1].close()
        connection = None


async def download(tally: Tally, where: tuple[str, int], path: str) -> None:
    """Download slowly, again and again."""
    while True:
        try:
            reader, writer = await asyncio.open_connection(*where, limit=CHUNK)
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {where[0]}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            left = int(head.lower().partition(b"content-length:")[2].split()[0])
            while left:
                got = await reader.read(min(left, CHUNK))
                if not got:
                    raise Unsafe(f"download cut with {left} bytes to come")  # noqa: TRY301 (counted below)
                left -= len(got)
                await asyncio.sleep(PAUSE)
            tally.downloads += 1
            writer.close()
        except (Unsafe, OSError, ValueError, IndexError, asyncio.IncompleteReadError) as error:
            tally.unsafe[str(error) or type(error).__name__] += 1
            await asyncio.sleep(0.1)


async def measure(arguments: argparse.Namespace) -> int:
    """Ask while the command runs, and print what came of it."""
    host, _, port = arguments.server.rpartition(":")
    where = (host, int(port))
    tally = Tally()
    clients = [
        client(tally, where, arguments.path, method, keep=keep)
        for method in ("GET", "GET", "GET", "POST")
        for keep in (False, True)
    ]
    if arguments.tls:
        # Whose certificate it is, is not asked here.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        clients += [
            client(tally, (host, arguments.tls), arguments.path, "GET", keep=keep, tls=context)
            for keep in (False, True)
        ]
    if arguments.download:
        clients.append(download(tally, where, arguments.download))
    began = time.monotonic()
    tasks = [asyncio.create_task(each) for each in clients]
    await asyncio.sleep(arguments.before)
    times = code = 0
    while not code and (not times or tally.answered < arguments.answered):
        command = await asyncio.create_subprocess_exec(*arguments.command)
        code = await command.wait()
        times += 1
    await asyncio.sleep(arguments.after)
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks)
    seconds = time.monotonic() - began
    unsafe = sum(tally.unsafe.values())
    print(f"{tally.answered} answered in {seconds:.0f} s ({tally.answered / seconds:.0f}/s), {tally.safe} safe to ask")
    print(f"again, {unsafe} unsafe, longest gap {tally.gap:.2f} s, {tally.downloads} downloads")
    print(f"the command ran {times} times, exit code {code}")
    for reason, times in tally.unsafe.most_common(10):
        print(f"  {times} times: {reason}")
    for body, times in tally.bodies.most_common():
        print(f"  {times} answers began {body!r}")
    return 1 if unsafe or code else 0


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server", metavar="ADDRESS:PORT")
    parser.add_argument("path")
    parser.add_argument("--download", metavar="PATH", help="a large file, asked for slowly")
    parser.add_argument("--tls", metavar="PORT", type=int, help="ask there, too, with TLS")
    parser.add_argument("--answered", type=int, default=0, help="repeat the command until so many were answered")
    parser.add_argument("--before", type=float, default=2, help="seconds before the command begins")
    parser.add_argument("--after", type=float, default=2, help="seconds after the command has ended")
    parser.add_argument("command", nargs="+")
    raise SystemExit(asyncio.run(measure(parser.parse_args())))


if __name__ == "__main__":
    main()
