"""What files are by what runs: the data of a service, the PID of a process, a copy of another file.

The hash of a file says which of these it is, and who owns it and its directory: nothing is read for it but the few
originals that the record does not have as they are. A service may have millions of files, so their lines are not
parsed: a name with its quotes and colon stands in no line but as an attribute, for quotes within values are escaped.
"""

from __future__ import annotations

import json
import os
import re
from bisect import bisect_left

from tdi.collector.encoding import encode, encode_key
from tdi.collector.hashes import hash_of
from tdi.collector.machine import TEXT_LIMIT
from tdi.collector.mountinfo import mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator

    from tdi.collector.machine import Machine

# Where the file system hierarchy has what services write. What an application lies in (/srv, /opt, /var/www) is not
# among it: who owns it there says nothing about who wrote it.
CACHE = "/var/cache/"
DATA = ("/var/lib/", "/var/cache/", "/var/spool/", "/var/log/")
# What a service holds open for writing counts elsewhere, too, but for what makes up the system.
SYSTEM = ("/etc/", "/usr/", "/boot/")
# Where copies of the system's files are kept, for services that see nothing else; and where the originals are.
COPIES = ("/var/", "/srv/", "/opt/", "/home/")
ORIGINALS = re.compile("/(?:etc|usr)/")
# Longer ones hold more than a PID: some write it in a field of 32 letters.
PID_SIZE = 40
NAME_OF_PID = re.compile("(?<![a-z])(?:pid|lock)|pid$|lck")
# setuid, setgid, and writable for everybody: whoever may do that with a file, it is not only the service's.
TOO_OPEN = 0o6002
CONTENT = ("hash", "size", "text", "unstable")
# Attributes as they stand in a line.
SMALL = re.compile(rb'"size":(?:\d|[1-3]\d|40),')
SIZE = re.compile(rb'"size":(\d+),')
HASH = re.compile(rb'"hash":"([^"]+)"')
MODE = re.compile(rb'"mode":"(\d+)"')
OWNER = re.compile(rb'"owner":("(?:[^"\\]|\\.)*")')
GROUP = re.compile(rb'"group":("(?:[^"\\]|\\.)*")')
WRITTEN = re.compile(rb'"type":"(?:file|dir|link|socket|fifo)"')
PACKAGED = b'"package":"'


class Meanings:
    """Finds out what files are, by the lines of the `files` scope and what runs.

    `original` gives the hash of a file that the lines do not have as it is, "" if it is none.
    """

    def __init__(
        self, paths: list[str], lines: list[bytes], services: dict[str, Any], original: Callable[[str], str]
    ) -> None:
        self.paths = paths
        self.lines = lines
        self.original = original
        self.open: dict[str, str] = services.get("open", {})
        # Directories below /var/cache in which a service holds a file open: what else is made there is its cache, too.
        above = ((path.rpartition("/")[0], unit) for path, unit in self.open.items() if path.startswith(CACHE))
        self.caches: dict[str, str] = {directory: unit for directory, unit in above if directory + "/" != CACHE}
        # What systemd makes for a service of root.
        self.made_for: dict[str, str] = services.get("directories", {})
        self.made_below = tuple(directory + "/" for directory in self.made_for)
        self.pids: dict[str, str] = services.get("pids", {})
        self.pid_hashes: dict[int, dict[str, str]] = {}
        # Owner as it stands in a line → the unit, and the group as it stands there.
        self.users = {
            encode_key(user).encode(): (unit, encode_key(group).encode())
            for user, (unit, group) in services.get("users", {}).items()
        }
        owners = b"|".join(map(re.escape, self.users))
        self.by_user = re.compile(b'"owner":(%s)' % owners if owners else b"(?!)")
        # Directory and user → whether it is among the user's data.
        self.directories: dict[tuple[str, bytes], bool] = {}

    def apply(self) -> None:
        """Replace the lines of the files that are more than their content says."""
        for number in self.candidates():
            path, line = self.paths[number], self.lines[number]
            if PACKAGED in line:
                continue
            said = self.content(path, line)
            unit = self.unit_of(path, line)
            if said:
                self.rewrite(number, content=said, **({"data_of": unit} if unit else {}))
            elif unit:
                begin = len(encode_key(path)) + 2
                if line.startswith(b'{"group":', begin):
                    # The attributes are in order, and this one comes before the group.
                    said_first = '{"data_of":%s,' % encode_key(unit)
                    self.lines[number] = line[:begin] + said_first.encode("ascii") + line[begin + 1 :]
                else:
                    self.rewrite(number, data_of=unit)

    def candidates(self) -> Iterator[int]:
        """The numbers of the lines that may be more; the others are not looked at."""
        held = {number for number in map(self.place, self.open) if number is not None}
        for begin in COPIES:
            first, last = (bisect_left(self.paths, edge) for edge in (begin, begin[:-1] + "0"))
            of_services = begin == "/var/"
            for number in range(first, last):
                line = self.lines[number]
                if (
                    (of_services and (self.by_user.search(line) or SMALL.search(line)))
                    or number in held
                    or (self.caches and self.paths[number].rpartition("/")[0] in self.caches)
                    or (self.made_below and self.paths[number].startswith(self.made_below))
                    or ORIGINALS.search(self.paths[number], 1)
                ):
                    held.discard(number)
                    yield number
        yield from sorted(held)

    def rewrite(self, number: int, **said: str) -> None:
        """Add what a file is to its line; where its content is said, that stands in the place of its hash."""
        key = encode_key(self.paths[number]) + ": "
        attributes: dict[str, Any] = json.loads(self.lines[number][len(key) :])
        if "content" in said:
            attributes = {name: value for name, value in attributes.items() if name not in CONTENT}
        self.lines[number] = (key + encode(dict(attributes, **said))).encode("ascii")

    def place(self, path: str) -> int | None:
        """The number of a path's line; None if there is none."""
        number = bisect_left(self.paths, path)
        return number if number < len(self.paths) and self.paths[number] == path else None

    def content(self, path: str, line: bytes) -> str:
        """What the content of a file is, in words; "" where it is its own."""
        if not SMALL.search(line) and not ORIGINALS.search(path, 1):
            return ""
        digest, size = first_of(HASH, line).decode(), int(first_of(SIZE, line) or 0)
        if not digest or not size:
            return ""
        if size <= PID_SIZE:
            process = self.pids_of_size(size).get(digest)
            if process and names_a_process(path, process):
                return "pid of " + process
        for match in ORIGINALS.finditer(path, 1):
            if digest == self.hash_of_original(path[match.start() :], size):
                return "copy of " + path[match.start() :]
        return ""

    def hash_of_original(self, path: str, size: int) -> str:
        """The hash of the file that another of that size may be a copy of; "" if there is none."""
        known = self.original(path) if size <= TEXT_LIMIT else ""
        number = None if known else self.place(path)
        return known if number is None else first_of(HASH, self.lines[number]).decode()

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

    def unit_of(self, path: str, line: bytes) -> str:
        """The unit whose data a file is; "" if it is nobody's."""
        if int(first_of(MODE, line) or b"0", 8) & TOO_OPEN:
            return ""
        if path in self.open and not path.startswith(SYSTEM) and b'"type":"file"' in line:
            return self.open[path]
        if b'"type":"file"' in line and path.rpartition("/")[0] in self.caches and b'"owner":"root"' in line:
            return self.caches[path.rpartition("/")[0]]
        if path.startswith(self.made_below) and first_of(OWNER, line) == b'"root"' and WRITTEN.search(line):
            return next(unit for directory, unit in self.made_for.items() if path.startswith(directory + "/"))
        user = first_of(self.by_user, line)
        if not user or not path.startswith(DATA) or not WRITTEN.search(line):
            return ""
        return self.users[user][0] if self.is_data(path.rpartition("/")[0], user) else ""

    def is_data(self, directory: str, user: bytes) -> bool:
        """Whether a directory, or one that it is in, is a user's, or one that the user's group may write to."""
        found = self.directories.get((directory, user))
        above = directory
        while found is None:
            number = self.place(above)
            line = b"" if number is None else self.lines[number]
            shared = first_of(GROUP, line) == self.users[user][1] and int(first_of(MODE, line) or b"0", 8) & 0o020
            if shared or first_of(OWNER, line) == user:
                found = True
            elif above + "/" in DATA:
                found = False
            above = above.rpartition("/")[0]
        self.directories[directory, user] = found
        return found


def first_of(pattern: re.Pattern[bytes], line: bytes) -> bytes:
    """The first group of a match in a line, empty without one."""
    found = pattern.search(line)
    return found.group(1) if found else b""


def names_a_process(path: str, process: str) -> bool:
    """Whether a file says in its name that it holds a PID, and not a number that happens to be one."""
    name = path.rpartition("/")[2].lower()
    stem = re.split(r"[@.]", process.rpartition(" ")[2])[0].lower()
    return bool(NAME_OF_PID.search(name)) or (len(stem) > 2 and stem in name)


def originals(machine: Machine) -> Callable[[str], str]:
    """What gives the hash of a file that the record does not have as it is, "" for others.

    The engine of a container mounts some, and of those only what the machine added counts. Others are links to where
    no record looks, such as what a resolver writes below /run.
    """
    mounted = {point for point, *_ in mounts(machine)}
    known: dict[str, str] = {}

    def original(path: str) -> str:
        if path not in known:
            known[path] = ""
            try:
                real = machine.prefix + path
                if path in mounted or os.path.islink(real):
                    known[path] = hash_of(machine.bytes(path, TEXT_LIMIT))
            except OSError:
                pass  # it is none, or too large to be one of these
        return known[path]

    return original
