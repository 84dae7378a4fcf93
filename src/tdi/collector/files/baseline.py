"""The hashes of files that a record leaves for the next one.

A baseline names the hashes of files by what tells that a file was not touched since: path, inode, size, time of content
and time of status change (ctime). With one, a file that all five describe is not read again. In containers of one image
on overlayfs, files of the lower layers show the inode and the times that they have in their layer, the same in each
container, until something writes to one, changes its owner or mode, or copies it: that makes it a file of the container
with a ctime of its own. No system call sets a ctime; only root could forge one, by turning the clock back to the very
nanosecond, and root could as well replace the Python that runs this. Where a storage driver copies files instead, or
for an image that was unpacked again, nothing matches and everything is read. Files that changed less than two seconds
before a baseline was made are left out of it: the clock of a file system is not finer than a few milliseconds.
"""

from __future__ import annotations

import binascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import IO

# See the docstring: what changed this short a time before a baseline is not in it.
BASELINE_AGE = 2 * 10**9


def identity(status: os.stat_result) -> str:
    """What stays the same of a file as long as nobody touches it."""
    return "%d %d %d %d " % (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_baseline(packed: bytes) -> dict[str, str]:
    """Path → identity, hash and md5 sum ("-" for none) of a baseline as `write_baseline` wrote it."""
    if not packed:
        return {}
    import zlib  # noqa: PLC0415 - most records have no baseline

    items = zlib.decompress(binascii.a2b_base64(packed)).decode("utf-8", "surrogateescape").split("\0")
    return dict(zip(items[::2], items[1::2]))  # noqa: B905 - strict came with Python 3.10


def write_baseline(output: IO[bytes], entries: list[bytes]) -> None:
    """Write what the workers found for a baseline: a line with what a later run takes."""
    import zlib  # noqa: PLC0415 - see above

    packed = binascii.b2a_base64(zlib.compress(b"\0".join(filter(None, entries)), 1), newline=False)
    output.write(b'{"baseline": "' + packed + b'"}\n')
