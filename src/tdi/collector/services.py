"""What running services write: whose data a file is, which number is whose PID."""

from __future__ import annotations

import re

from tdi.collector.configuration import significant
from tdi.collector.procfs import all_processes
from tdi.collector.unit_files import unit_properties, units_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdi.collector.machine import Machine

# Where systemd makes directories for a unit, by the setting that asks for them.
DIRECTORIES = {"StateDirectory": "/var/lib/", "CacheDirectory": "/var/cache/", "LogsDirectory": "/var/log/"}


def services(machine: Machine) -> dict[str, Any]:
    """What services say of files that they write; for `files.meanings`.

    `users`: user → [unit, group] of the services that run as another user than root, and of those for which systemd
    makes directories; `open`: path → unit of what is held open for writing; `pids`: PID → unit, or name of a process.
    """
    users: dict[str, list[str]] = {}
    held: dict[str, str] = {}
    pids: dict[str, str] = {}
    for process in all_processes(machine).values():
        if process.pid > 1:  # a file with a 1 in it says yes or counts something
            pids[str(process.pid)] = process.unit or "process " + process.name
        if not process.unit.endswith(".service") or not process.at_home:
            continue
        held.update(dict.fromkeys(process.written, process.unit))
        if process.uid:
            user = machine.users.get(process.uid) or "#%d" % process.uid
            group = machine.groups.get(process.gid) or "#%d" % process.gid
            users.setdefault(user, [process.unit, group])
    for unit, user, group in _with_directories(machine):
        users.setdefault(user, [unit, group])
    return {"users": users, "open": held, "pids": pids}


def _with_directories(machine: Machine) -> list[tuple[str, str, str]]:
    """Unit, user and group of the services for which systemd makes directories that are not root's."""
    found = []
    units = units_of(machine)
    for name in sorted({name for names in units.contents.values() for name in names if name.endswith(".service")}):
        paths = [units.fragment(name), *units.drop_ins(name)]
        text = "\n".join(machine.text(path, 1 << 20) for path in paths if path)
        if not re.search(r"(?m)^\s*(%s)\s*=" % "|".join(DIRECTORIES), text):
            continue
        said = unit_properties([line for path in paths if path for line in significant(machine.text(path, 1 << 20))])
        user = str(said.get("User", "root"))
        if user not in ("root", "0"):
            found.append((name, user, str(said.get("Group", user))))
    return found
