"""What running services write: whose data a file is, which number is whose PID."""

from __future__ import annotations

import re

from tdi.collector.configuration import significant
from tdi.collector.procfs import all_processes
from tdi.collector.unit_files import unit_properties, units_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

    from tdi.collector.machine import Machine

# Where systemd makes directories for a unit, by the setting that asks for them.
DIRECTORIES = {"StateDirectory": "/var/lib/", "CacheDirectory": "/var/cache/", "LogsDirectory": "/var/log/"}


def services(machine: Machine) -> dict[str, Any]:
    """What services say of files that they write; for `files.meanings`.

    `users`: user → [unit, group] of the services that run as another user than root, and of those for which systemd
    makes directories; `directories`: directory → unit of those that are root's; `open`: path → unit of what is held
    open for writing; `pids`: PID → unit, or name of a process.
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
    directories: dict[str, str] = {}
    for unit, user, group, made in _with_directories(machine):
        if user in ("root", "0"):
            directories.update(dict.fromkeys(made, unit))
        else:
            users.setdefault(user, [unit, group])
    return {"users": users, "directories": directories, "open": held, "pids": pids}


def _with_directories(machine: Machine) -> list[tuple[str, str, str, list[str]]]:
    """Unit, user and group of the services for which systemd makes directories, and these."""
    found = []
    units = units_of(machine)
    for name in sorted({name for names in units.contents.values() for name in names if name.endswith(".service")}):
        paths = [units.fragment(name), *units.drop_ins(name)]
        text = "\n".join(machine.text(path, 1 << 20) for path in paths if path)
        if not re.search(r"(?m)^\s*(%s)\s*=" % "|".join(DIRECTORIES), text):
            continue
        lines = [line for path in paths if path for line in significant(machine.text(path, 1 << 20))]
        said = unit_properties(lines)
        user = str(said.get("User", "root"))
        found.append((name, user, str(said.get("Group", user)), list(_made(lines))))
    return found


def _made(lines: list[str]) -> Iterator[str]:
    """The directories that a unit's effective text asks for; an empty assignment takes back those before it."""
    asked: dict[str, list[str]] = {}
    for line in lines:
        setting, _, value = (part.strip() for part in line.partition("="))
        if setting in DIRECTORIES:
            asked[setting] = [*asked.get(setting, []), *value.split()] if value else []
    for setting, words in asked.items():
        # A name may be followed by that of a link; what a specifier stands for is the instance's.
        yield from (DIRECTORIES[setting] + word.partition(":")[0] for word in words if "%" not in word)
