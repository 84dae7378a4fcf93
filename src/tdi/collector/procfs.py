"""The processes of the machine, as /proc shows them."""

from __future__ import annotations

import os
import re
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from tdi.collector.machine import Machine


# What is no regular file of the machine, though it has a path.
NO_DATA = ("/dev/", "/proc/", "/sys/", "/run/", "/memfd:")


class Process:
    """A process as /proc shows it."""

    def __init__(self, pid: int) -> None:
        directory = "/proc/%d/" % pid
        self.pid = pid
        with open(directory + "stat", "rb") as file:
            before, _, after = file.read(4096).rpartition(b")")
        self.name = before.partition(b"(")[2].decode("utf-8", "replace")
        fields = after.split()
        self.state = fields[0].decode()
        self.parent = int(fields[1])
        self.start_ticks = int(fields[19])
        with open(directory + "cmdline", "rb") as file:
            self.words = [word.decode("utf-8", "replace") for word in file.read(1 << 16).rstrip(b"\0").split(b"\0")]
        with open(directory + "status", "rb") as file:
            status = file.read(1 << 16).decode("utf-8", "replace")
        self.uid = int(found_in(r"(?m)^Uid:\s+\d+\s+(\d+)", status) or 0)
        self.gid = int(found_in(r"(?m)^Gid:\s+\d+\s+(\d+)", status) or 0)
        self.capabilities = (found_in(r"(?m)^CapEff:\s+(\w+)", status) or "").lstrip("0")
        self.bounding = (found_in(r"(?m)^CapBnd:\s+(\w+)", status) or "").lstrip("0")
        with open(directory + "cgroup", "rb") as file:
            self.cgroup = file.read(1 << 16).decode("utf-8", "replace")
        self.unit = unit_of(self.cgroup)
        self.program = ""
        self.sockets: set[str] = set()
        self.replaced: list[str] = []
        # Whether its files are the machine's own, as far as can be seen: those of a process in a container are not.
        self.at_home = True
        # What it holds open for writing, or maps so that others see it.
        self.written: set[str] = set()

    def look_inside(self) -> None:
        """Read what needs the right to trace the process; OSError without that right."""
        directory = "/proc/%d/" % self.pid
        self.program = os.readlink(directory + "exe")
        for number_of_file in os.listdir(directory + "fd"):
            try:
                link = os.readlink(directory + "fd/" + number_of_file)
            except OSError:
                continue
            if link.startswith("socket:["):
                self.sockets.add(link[8:-1])
            elif is_data(link):
                with suppress(OSError), open(directory + "fdinfo/" + number_of_file, "rb") as file:
                    flags = found_in(r"(?m)^flags:\s+(\d+)", file.read(4096).decode())
                    if flags and int(flags, 8) & os.O_ACCMODE != os.O_RDONLY:
                        self.written.add(link)
        with suppress(OSError):
            # That of a process in a chroot has a path here; what is / in a container is another one than ours.
            root = os.readlink(directory + "root")
            self.at_home = os.path.samestat(os.stat(directory + "root/"), os.stat(root))
        with open(directory + "maps", "rb") as file:
            maps = file.read(1 << 22).decode("utf-8", "replace")
        self.replaced = re.findall(r"(?m)^\S+ r.x\S* \S+ \S+ \d+ +(/\S.*) \(deleted\)$", maps)
        self.written.update(filter(is_data, re.findall(r"(?m)^\S+ .w.s \S+ \S+ \d+ +(/.*)$", maps)))


def is_data(link: str) -> bool:
    """Whether what a process has open may be a regular file of the machine."""
    return link.startswith("/") and not link.startswith(NO_DATA) and not link.endswith(" (deleted)")


def found_in(pattern: str, text: str) -> str:
    """The first group of a match, "" without one."""
    found = re.search(pattern, text)
    return found.group(1) if found else ""


def unit_of(cgroup: str) -> str:
    """The systemd unit of a process, from its control groups: the last part of the path that names one."""
    for line in cgroup.split("\n"):
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers in ("", "name=systemd"):
            units = [part for part in path.split("/") if re.search(r"\.(service|scope|socket|mount|swap)$", part)]
            if units:
                name = re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found.group(1), 16)), units[-1])
                # systemd-run gives a unit without a name a number.
                return re.sub(r"^run-(?:r[0-9a-f]+|u\d+|p\d+-i\d+)(?=\.service$)", "run-N", name)
    return ""


def all_processes(machine: Machine) -> dict[int, Process]:
    """The processes of the machine itself: not the kernel's, not a session's, and not those that record it."""
    cached: dict[int, Process] | None = machine.__dict__.get("processes")
    if cached is not None:
        return cached
    found: dict[int, Process] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                process = Process(int(name))
            except (OSError, IndexError, ValueError):
                continue  # it ended meanwhile
            if process.state != "Z" and process.parent != 2 and process.pid != 2:
                found[process.pid] = process
    for process in found.values():
        with suppress(OSError):
            look_inside(process)
    for process in found.values():
        if not process.program:
            parent = found.get(process.parent)
            first = process.words[0]
            same = parent.program if parent is not None and parent.name == process.name else ""
            process.program = same or (first if first.startswith("/") else process.name)
    left_out = set()
    here = os.getpid()
    while here > 1:
        left_out.add(here)
        here = found[here].parent if here in found else 0
    for pid, process in found.items():
        above = pid
        while above in found and above not in left_out:
            # A process that was put into a container from outside has no parent in it.
            if found[above].parent == 0 and above != 1:
                left_out.add(above)
                break
            above = found[above].parent
        if above in left_out or (process.unit.endswith(".scope") and process.unit != "init.scope"):
            left_out.add(pid)
        if re.match(r"user@\d+\.service", process.unit):
            left_out.add(pid)
    cached = {pid: process for pid, process in found.items() if pid not in left_out}
    machine.__dict__["processes"] = cached
    return cached


def look_inside(process: Process) -> None:
    """Look into a process; in a container even root may do so only as the process's own user."""
    as_owner(process.uid, process.gid, process.look_inside)


def as_owner(uid: int, gid: int, look: Callable[[], Any]) -> Any:
    """What `look` finds, as root or, where root may not, as the user that a process belongs to."""
    try:
        return look()
    except PermissionError:
        if not uid or os.geteuid():
            raise
        os.setegid(gid)
        os.seteuid(uid)
        try:
            return look()
        finally:
            os.seteuid(0)
            os.setegid(0)


def own_root(machine: Machine) -> bool:
    """Whether the processes in /proc run in the root that is recorded, which they do not for a chroot or an image."""
    if not machine.live:
        return False
    try:
        first = os.stat("/proc/1")
        root = as_owner(first.st_uid, first.st_gid, lambda: os.stat("/proc/1/root/"))
        return os.path.samestat(root, os.stat("/"))
    except OSError:
        return False
