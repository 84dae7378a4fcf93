"""The `files` scope, put together."""

from __future__ import annotations

import json

from tdi.collector.encoding import encode, encode_key
from tdi.collector.scope import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class FilesResult:
    """The `files` scope, put together from what the walk and the workers send."""

    def __init__(self) -> None:
        self.status = "ok"
        self.reason: str | None = None
        self.hashed = {"files": 0, "bytes": 0, "reused": 0}
        self.baseline: list[bytes] = []
        # The paths of the lines that `finish` gives.
        self.paths: list[str] = []
        self._found: list[tuple[str, bytes]] = []
        self._linked: dict[tuple[int, int], list[int]] = {}
        self._reasons: list[str] = []
        self._fed = -1
        self._done = 0

    def add(self, header: dict[str, Any], body: bytes) -> None:
        """Take in a part."""
        if "sections" in header:
            of_paths, of_lines, _ = header["sections"]
            paths = body[:of_paths].decode("utf-8", "surrogateescape").split("\0")
            for number, device, inode in header["linked"]:
                self._linked.setdefault((device, inode), []).append(len(self._found) + number)
            self._found += zip(paths, body[of_paths : of_paths + of_lines].split(b"\n"))  # noqa: B905 - since Python 3.10
            self.baseline.append(body[of_paths + of_lines :])
            return
        self._reasons += header["skipped"]
        self._fed = header.get("fed", self._fed)
        if "done" in header:
            self._done += header["done"]
            for total, of_one in (("files", "hashed"), ("bytes", "bytes"), ("reused", "reused")):
                self.hashed[total] += header[of_one]

    def finish(self) -> list[bytes]:
        """The lines in order, each with all names of its object; sets status and reason."""
        found = self._found
        for numbers in self._linked.values():
            if len(numbers) > 1:
                first = min(found[number][0] for number in numbers)
                for number in numbers:
                    path, line = found[number]
                    key = encode_key(path) + ": "
                    attributes = json.loads(line[len(key) :])
                    found[number] = (path, (key + encode(dict(attributes, hardlink=first))).encode("ascii"))
        if self._fed != self._done:
            self._reasons.append(
                "a process of the collector ended early: %d of %d paths are missing"
                % (self._fed - self._done, self._fed)
            )
        if self._reasons:
            self.status, self.reason = "partial", said(sorted(self._reasons))
        found.sort()
        self.paths = [path for path, _ in found]
        return [line for _, line in found]
