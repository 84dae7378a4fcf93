"""The processes that the work is shared out to, and the pipes between them."""

from __future__ import annotations

import json
import os
import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator


class OutOfTime(Exception):  # noqa: N818 - it is raised by a timer, not by a mistake
    """A scope used up its time."""


class NobodyWaits(Exception):  # noqa: N818 - see above
    """Whoever asked for the record is gone."""


def write_all(output: int, data: bytes) -> None:
    """Write to a pipe until everything is gone."""
    view = memoryview(data)
    while view:
        view = view[os.write(output, view) :]


def in_child(work: Callable[[int], None]) -> tuple[int, int]:
    """Run `work` in a child process; (pid, the end of a pipe from which its results are read)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    status = 1
    try:
        os.close(reading)
        work(writing)
        status = 0
    except BaseException as error:
        sys.stderr.write("collector: %s: %s\n" % (type(error).__name__, error))
        sys.stderr.flush()
    finally:
        os._exit(status)


def receive(pipes: list[int], *, lifeline: int | None) -> Iterator[tuple[dict[str, Any], bytes]]:
    """The (header, body) of what children write, as it comes, until each has ended; half a part is left out.

    NobodyWaits when the other end of standard output or of the `lifeline` is closed.
    """
    buffers = {pipe: bytearray() for pipe in pipes}
    poll = select.poll()
    for pipe in pipes:
        poll.register(pipe, select.POLLIN)
    for end in {1, 1 if lifeline is None else lifeline}:
        poll.register(end, 0)
    while buffers:
        for pipe, events in poll.poll():
            if pipe not in buffers:
                if events & (select.POLLHUP | select.POLLERR):
                    raise NobodyWaits
                poll.unregister(pipe)
                continue
            data = os.read(pipe, 1 << 20)
            if not data:
                del buffers[pipe]
                poll.unregister(pipe)
                os.close(pipe)
                continue
            buffer = buffers[pipe]
            buffer += data
            while True:
                end = buffer.find(b"\n")
                if end < 0:
                    break
                header = json.loads(bytes(buffer[:end]))
                size = end + 1 + header["length"]
                if len(buffer) < size:
                    break
                yield header, bytes(buffer[end + 1 : size])
                del buffer[:size]
