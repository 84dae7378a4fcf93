"""What files are by what runs: the data of a service, the PID of a process, a copy of another file.

The hash of a file says which of these it is, and who owns it and its directory: nothing is read for it.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left

from tdi.collector.encoding import encode, encode_key
from tdi.collector.hashes import hash_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Where the file system hierarchy has what services write. What an application lies in (/srv, /opt, /var/www) is not
# among it: who owns it there says nothing about who wrote it.
DATA = ("/var/lib/", "/var/cache/", "/var/spool/", "/var/log/")
# What a service holds open for writing counts elsewhere, too, but for what makes up the system.
SYSTEM = ("/etc/", "/usr/", "/boot/")
# Where copies of configuration are kept for services that see nothing else.
COPIES = ("/var/", "/srv/", "/opt/", "/home/")
# Longer ones hold more than a PID: some write it in a field of 32 letters.
PID_SIZE = 40
# setuid, setgid, and writable for everybody: whoever may do that with a file, it is not only the service's.
TOO_OPEN = 0o6002
CONTENT = ("hash", "size", "text", "unstable")


class Meanings:
    """Finds out what files are, by the lines of the `files` scope and what runs."""

    def __init__(self, paths: list[str], lines: list[bytes], services: dict[str, Any]) -> None:
        self.paths = paths
        self.lines = lines
        self.users: dict[str, list[str]] = services["users"]
        self.open: dict[str, str] = services["open"]
        self.pids: dict[str, str] = services["pids"]
        self.pid_hashes: dict[int, dict[str, str]] = {}
        names = "|".join(re.escape(encode_key(user)) for user in self.users)
        self.by_user = re.compile(('"owner":(%s)' % names).encode()) if names else None

    def apply(self) -> None:
        """Replace the lines of the files that are more than their content says."""
        for number in self.candidates():
            path, attributes = self.paths[number], self.read(number)
            if attributes.get("type") == "unknown":
                continue
            said = self.content(path, attributes)
            if said:
                for name in CONTENT:
                    attributes.pop(name, None)
                attributes["content"] = said
            unit = self.unit_of(path, attributes)
            if unit:
                attributes["data_of"] = unit
            if said or unit:
                self.lines[number] = (encode_key(path) + ": " + encode(attributes)).encode("ascii")

    def candidates(self) -> list[int]:
        """The numbers of the lines that may be more; the others are not parsed."""
        found = set()
        small = re.compile(rb'"size":(\d|[1-3]\d|40),')
        for begin in COPIES:
            first, last = (bisect_left(self.paths, edge) for edge in (begin, begin[:-1] + "0"))
            for number in range(first, last):
                line = self.lines[number]
                written = begin == "/var/" and (small.search(line) or (self.by_user and self.by_user.search(line)))
                if written or "/etc/" in self.paths[number]:
                    found.add(number)
        found |= {number for number in map(self.place, self.open) if number is not None}
        return sorted(found)

    def place(self, path: str) -> int | None:
        """The number of a path's line; None if there is none."""
        number = bisect_left(self.paths, path)
        return number if number < len(self.paths) and self.paths[number] == path else None

    def read(self, number: int) -> dict[str, Any]:
        """The attributes of the object on a line."""
        attributes: dict[str, Any] = json.loads(self.lines[number][len(encode_key(self.paths[number])) + 2 :])
        return attributes

    def content(self, path: str, attributes: dict[str, Any]) -> str:
        """What the content of a file is, in words; "" where it is its own."""
        if attributes["type"] != "file" or "hash" not in attributes or packaged(attributes):
            return ""
        size = attributes["size"]
        if 0 < size <= PID_SIZE:
            process = self.pids_of_size(size).get(attributes["hash"])
            if process and names_a_process(path, process):
                return "pid of " + process
        at = path.find("/etc/", 1)
        while size and at > 0:
            number = self.place(path[at:])
            if number is not None and self.read(number).get("hash") == attributes["hash"]:
                return "copy of " + path[at:]
            at = path.find("/etc/", at + 1)
        return ""

    def pids_of_size(self, size: int) -> dict[str, str]:
        """The hash of a file of that size that holds a PID alone → whose PID; with or without an end of line."""
        if size not in self.pid_hashes:
            self.pid_hashes[size] = {
                hash_of((pid.rjust(size - len(end)) + end).encode()): process
                for pid, process in self.pids.items()
                for end in ("", "\n")
                if len(pid) + len(end) <= size
            }
        return self.pid_hashes[size]

    def unit_of(self, path: str, attributes: dict[str, Any]) -> str:
        """The unit whose data a file is; "" if it is nobody's."""
        if packaged(attributes) or int(attributes.get("mode", "0"), 8) & TOO_OPEN:
            return ""
        if path in self.open and attributes["type"] == "file" and not path.startswith(SYSTEM):
            return self.open[path]
        user = attributes["owner"]
        if user not in self.users or not path.startswith(DATA):
            return ""
        if attributes["type"] not in ("file", "dir", "link", "socket", "fifo"):
            return ""
        unit, group = self.users[user]
        number = self.place(path.rpartition("/")[0])
        above = self.read(number) if number is not None else {}
        # A directory that is the user's, or that the user's group may write to.
        shared = above.get("group") == group and int(above.get("mode", "0"), 8) & 0o020
        return unit if above.get("owner") == user or shared else ""


def names_a_process(path: str, process: str) -> bool:
    """Whether a file says in its name that it holds a PID, and not a number that happens to be one."""
    name = path.rpartition("/")[2].lower()
    stem = re.split(r"[@.]", process.rpartition(" ")[2])[0].lower()
    return "pid" in name or "lock" in name or stem in name


def packaged(attributes: dict[str, Any]) -> bool:
    """Whether a package put it there."""
    return bool(attributes.get("origin", {}).get("package"))
