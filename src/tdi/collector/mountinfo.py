"""What is mounted, as the kernel lists it."""

from __future__ import annotations

import re

from tdi.collector.machine import PARSED_LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.machine import Machine

# Not a part of the machine's state on disk. The two directories for temporary files count, what is in them does not.
LEFT_OUT = ("/proc", "/sys", "/dev", "/run")


def unescape(text: str) -> str:
    """A path as in mountinfo, whose blanks are written as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), text)


def mounts(machine: Machine) -> list[tuple[str, str, str, str, str, str]]:
    """(mount point, device, root, type, source, options) of what is mounted below the root."""
    found = []
    for line in machine_mountinfo().split("\n"):
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        kind = right.split(" ")
        if len(fields) < 6 or len(kind) < 3:
            continue
        point = unescape(fields[4])
        if machine.prefix:
            if not point.startswith(machine.prefix + "/"):
                continue
            point = point[len(machine.prefix) :]
        options = ",".join(sorted(set(fields[5].split(",")) | set(kind[2].split(","))))
        found.append((point, fields[2], unescape(fields[3]), kind[0], unescape(kind[1]), options))
    return found


def machine_mountinfo() -> str:
    """The kernel's list of mounts; it has no size, so it is read to its end."""
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            return file.read(PARSED_LIMIT).decode("utf-8", "surrogateescape")
    except OSError:
        return ""
