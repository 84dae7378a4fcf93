"""The processes that walk the tree and that describe what the walk finds, and the queue between them."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

from tdi.collector.children import in_child, write_all
from tdi.collector.encoding import encode
from tdi.collector.files.describe import Describer
from tdi.collector.files.origins import Origins
from tdi.collector.files.walk import PACKET, Walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from tdi.collector.machine import Machine

# So much a worker keeps before it hands it over.
BATCH = 256 * 1024


def packets(capacity: int = 0) -> tuple[int, int]:
    """The two ends of a pipe in packet mode, where one call reads what one call wrote; how many pages fit in it."""
    reading, writing = os.pipe2(os.O_DIRECT | os.O_CLOEXEC)
    if capacity:
        with suppress(OSError):
            fcntl.fcntl(writing, 1031, capacity)  # F_SETPIPE_SZ, which has its name since Python 3.10
    return reading, writing


def walk_work(machine: Machine, queue: int, output: int) -> None:
    """Feed the queue and write how many paths there were."""
    walk = Walk(machine)
    walk.feed(queue)
    write_all(output, encode({"fed": walk.fed, "skipped": walk.errors[:5], "length": 0}).encode() + b"\n")


def hash_work(describer: Describer, queue: int, large: tuple[int, int], output: int) -> None:
    """Take paths from the queue until it has ended, then the large files that all workers left for later."""
    reading, writing = large
    os.set_blocking(writing, False)

    def later(item: bytes) -> bool:
        try:
            return os.write(writing, item) > 0
        except BlockingIOError:
            return False  # there are so many that the order does not matter

    take_all(describer, queue, later, output)
    os.close(writing)
    take_all(describer, reading, lambda _: False, output)
    totals = {
        "done": describer.done,
        "hashed": describer.contents.hashed,
        "bytes": describer.contents.hashed_bytes,
        "reused": describer.contents.reused,
        "skipped": describer.skipped[:5],
    }
    write_all(output, encode(dict(totals, length=0)).encode() + b"\n")


def take_all(describer: Describer, queue: int, later: Callable[[bytes], bool], output: int) -> None:
    """Describe what comes from a queue, and hand it over in batches."""
    while True:
        packet = os.read(queue, PACKET)
        if packet:
            describer.take(packet, later)
        if describer.lines and (not packet or describer.size > BATCH):
            hand_over(describer, output)
        if not packet:
            return


def hand_over(describer: Describer, output: int) -> None:
    """Write the lines that a worker has, with their paths, and what it has for a baseline."""
    sections = ["\0".join(describer.paths), "\n".join(describer.lines), "\0".join(describer.contents.made)]
    data = [section.encode("utf-8", "surrogateescape") for section in sections]
    lengths = [len(section) for section in data]
    header = {"sections": lengths, "linked": describer.linked, "length": sum(lengths)}
    write_all(output, b"".join([encode(header).encode(), b"\n", *data]))
    for part in (describer.paths, describer.lines, describer.contents.made, describer.linked):
        part.clear()
    describer.size = 0


def start_hashing(machine: Machine) -> list[tuple[int, int]]:
    """Start a process that walks the tree and a hash worker for each core: [(pid, pipe of its results)]."""
    queue, feed = packets()
    walker = in_child(lambda output: walk_work(machine, feed, output))
    os.close(feed)
    describer = Describer(machine, Origins(machine))
    large = packets(1 << 20)
    workers = [in_child(lambda output: hash_work(describer, queue, large, output)) for _ in range(os.cpu_count() or 1)]
    for end in (queue, *large):
        os.close(end)
    return [walker, *workers]
