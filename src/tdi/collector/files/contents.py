"""The content of a file: its hashes, read or known already."""

from __future__ import annotations

import hashlib
import os
import time

from tdi.collector.files.baseline import BASELINE_AGE, identity, read_baseline
from tdi.collector.hashes import new_md5, sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdi.collector.machine import Machine

# Files at least this large are hashed block by block without their blocks of zeros, so that a sparse file costs what
# it holds. The rule depends on the size alone: equal content gives an equal hash, sparse or not.
LARGE_FILE = 256 * 1024 * 1024
# More data than this in one file is not hashed: it would take minutes, and the record says so.
HASH_LIMIT = 32 * 1024 * 1024 * 1024
BLOCK = 1024 * 1024


class Contents:
    """Hashes files, each of those with several names once, and none that a baseline knows; counts what it hashed."""

    def __init__(self, machine: Machine) -> None:
        self.buffer = memoryview(bytearray(BLOCK))
        self.zeros = bytes(BLOCK)
        self.by_inode: dict[tuple[int, int], dict[str, Any]] = {}
        self.hashed = 0
        self.hashed_bytes = 0
        self.reused = 0
        # Path and entry by turns, of files that were last touched before `made_until`.
        self.made: list[str] = []
        self.made_until = time.time_ns() - BASELINE_AGE if machine.settings.make_baseline else 0
        self.baseline = read_baseline(machine.settings.baseline)

    def of(self, file: int, path: str, status: os.stat_result, *, check: bool) -> dict[str, Any]:
        """Size, hash and, for `check`, md5 sum of an open file; or why there is no hash."""
        inode = (status.st_dev, status.st_ino)
        known = self.by_inode.get(inode) if status.st_nlink > 1 else None
        if known is not None and check and "md5" not in known:
            known = None  # it was read under a name that has nothing to be checked against
        if known is None and self.baseline:
            known = self.known_from_baseline(path, status, check=check)
        if known is None:
            known = self.read(file, status, check=check)
        if status.st_nlink > 1:
            self.by_inode[inode] = known
        if status.st_ctime_ns < self.made_until and "hash" in known:
            self.made += (path, identity(status) + known["hash"] + " " + known.get("md5", "-"))
        return known

    def known_from_baseline(self, path: str, status: os.stat_result, *, check: bool) -> dict[str, Any] | None:
        """What the baseline knows of a file that was not touched since; None if it has to be read."""
        same = identity(status)
        entry = self.baseline.get(path, "")
        if not entry.startswith(same):
            return None
        digest, _, md5 = entry[len(same) :].partition(" ")
        if check and md5 == "-":
            return None
        self.reused += 1
        known = {"size": status.st_size, "hash": digest}
        if md5 != "-":
            known["md5"] = md5
        return known

    def read(self, file: int, before: os.stat_result, *, check: bool) -> dict[str, Any]:
        """Hash an open file; `check` also computes its md5 sum. A file that keeps changing is marked as unstable."""
        if before.st_blocks * 512 > HASH_LIMIT:
            return {"size": before.st_size, "error": "more than %d bytes of data, not hashed" % HASH_LIMIT}
        for _ in range(3):
            known = self.digest(file, before.st_size, check=check)
            after = os.fstat(file)
            if (
                after.st_ctime_ns == before.st_ctime_ns
                and after.st_mtime_ns == before.st_mtime_ns
                and after.st_size == before.st_size
            ):
                self.hashed += 1
                self.hashed_bytes += before.st_size
                return known
            before = after
            os.lseek(file, 0, os.SEEK_SET)
        return {"unstable": True}

    def digest(self, file: int, size: int, *, check: bool) -> dict[str, Any]:
        """Size, hash and, for `check`, md5 sum of an open file."""
        known: dict[str, Any] = {"size": size}
        if size >= LARGE_FILE:
            known["hash"] = "sha256-blocks:" + self.blocks(file, size)
            return known
        md5 = new_md5() if check else None
        hasher = sha256()
        left = size
        while left > 0:
            # Into one buffer that stays in the processor's cache: a new one for each file costs more than hashing it.
            count = os.readv(file, [self.buffer])
            if not count:
                break
            part = self.buffer[:count]
            hasher.update(part)
            if md5:
                md5.update(part)
            left -= count
        known["hash"] = "sha256:" + hasher.hexdigest()
        if md5:
            known["md5"] = md5.hexdigest()
        return known

    def blocks(self, file: int, size: int) -> str:
        """Hash of (number, content) of the blocks that are not all zeros, which skips the holes of a sparse file."""
        hasher = hashlib.sha256()
        offset = 0
        while offset < size:
            try:
                offset = os.lseek(file, offset, os.SEEK_DATA)
            except OSError:
                break  # only a hole is left
            offset -= offset % BLOCK
            count = os.preadv(file, [self.buffer], offset)
            if not count:
                break
            if self.buffer[:count] != self.zeros[:count]:
                hasher.update(b"%d:" % (offset // BLOCK))
                hasher.update(self.buffer[:count])
            offset += count
        return hasher.hexdigest()
