"""Why a process should be restarted: it is older than what it runs or reads."""

from __future__ import annotations

import fnmatch
import os
import re
import time

from tdi.collector.answers import read_by_units
from tdi.collector.configuration import significant
from tdi.collector.leftovers import is_left
from tdi.collector.procfs import all_processes
from tdi.collector.scope import Scope
from tdi.collector.systemd import unit_states
from tdi.collector.unit_files import changed_after, unit_properties, units_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.machine import Machine
    from tdi.collector.procfs import Process

# Memory that has the name of a deleted file, and files that nobody installed.
NO_LIBRARIES = ("/memfd:", "/dev/", "/SYSV", "/tmp/", "/var/tmp/", "/run/", "/[aio]")
# What is in /etc under their names is for all that they run.
INTERPRETERS = re.compile(r"(python|perl|ruby|java|node|bash|dash|sh|php)[\d.]*$")


def script_of(process: Process) -> str:
    """The file that an interpreter was told to run, "" if it is none or was not named by its whole path."""
    program = os.path.basename(process.program.replace(" (deleted)", ""))
    script = next((word for word in process.words[1:] if not word.startswith("-")), "")
    named = script.startswith("/") and not script.startswith(("/dev/", "/proc/"))
    return script if named and INTERPRETERS.match(program) else ""


def restart_debt(machine: Machine, process: Process) -> list[str]:
    """What the process runs that is no longer what is installed: program, script or libraries were replaced."""
    reasons = []
    if process.program.endswith(" (deleted)"):
        reasons.append("deleted:" + process.program[: -len(" (deleted)")])
    script = script_of(process)
    if script and changed_after(machine, script, unit_begin([process]) + 0.5):
        reasons.append("script-newer:" + script)
    libraries = {path for path in process.replaced if path + " (deleted)" != process.program}
    return reasons + ["library:" + path for path in libraries if not path.startswith(NO_LIBRARIES)]


def unit_starts(machine: Machine) -> dict[str, float]:
    """When the newest process of each unit began: a program that reloads by new workers has read its files then."""
    try:
        with open("/proc/uptime", "rb") as file:
            booted = time.time() - float(file.read(100).split()[0])
    except (OSError, ValueError):
        return {}
    ticks = os.sysconf("SC_CLK_TCK")
    newest: dict[str, float] = {}
    for process in all_processes(machine).values():
        began = booted + process.start_ticks / ticks
        newest[process.unit] = max(began, newest.get(process.unit, 0.0))
    if machine.booted:
        for name, fields in unit_states(machine, Scope()).items():
            # A reload changes the state for a moment, though no process is new.
            changed = fields.get("StateChangeTimestampMonotonic", "0")
            if name in newest and changed.isdigit():
                newest[name] = max(newest[name], time.time() - time.monotonic() + int(changed) / 1e6)
    return newest


def unit_debt(machine: Machine, group: list[Process], newest: dict[str, float]) -> set[str]:
    """Files of a unit or its configuration that are newer than what runs; half a second allows for rounding."""
    name = group[0].unit
    if not name.endswith(".service") or name not in newest:
        return set()
    known = unit_states(machine, Scope()).get(name, {}) if machine.booted else {}
    reasons = set()
    limit = newest[name] + 0.5
    units = units_of(machine)
    oldest_allowed = unit_begin(group) + 0.5
    made_of = [path for path in [units.fragment(name), *units.drop_ins(name)] if path]
    if any(changed_after(machine, path, oldest_allowed) for path in made_of) and not (
        executed_again(machine, group) and not any(written_after(machine, path, oldest_allowed) for path in made_of)
    ):
        reasons.add("unit-changed")
    # What took over from itself has what systemd gave the process before it: directives and environment of back then.
    # What a package brought anew says nothing, for such an upgrade is what a program takes over for.
    started = unit_started(known)
    if started and oldest_allowed > started + 1 and holds_the_first(machine, group):
        oldest_allowed = started + 0.5
        by_hand = [path for path in made_of if path.startswith("/etc/")]
        if any(changed_after(machine, path, oldest_allowed) for path in by_hand):
            reasons.add("unit-changed")
    lines = [line for path in made_of for line in significant(machine.text(path, 1 << 20))]
    for file in unit_properties(lines).get("EnvironmentFile", []):
        # Read once, as the process is started: no reload helps.
        if changed_after(machine, file.lstrip("-"), oldest_allowed):
            reasons.add("configuration-newer:" + file.lstrip("-"))
    if known.get("NeedDaemonReload") == "yes":
        reasons.add("unit-changed")
    reads = read_by_units(machine).get(name)
    return reasons | (known_debt(machine, reads, limit) if reads else likely_debt(machine, group, limit))


def unit_started(known: dict[str, str]) -> float:
    """When systemd last started a unit, in seconds since 1970; 0.0 where it does not say so."""
    entered = known.get("ActiveEnterTimestampMonotonic", "")
    return time.time() - time.monotonic() + int(entered) / 1e6 if entered.isdigit() and int(entered) else 0.0


def holds_the_first(machine: Machine, group: list[Process]) -> bool:
    """Whether the oldest process of a unit is one of these."""
    mine = (process for process in all_processes(machine).values() if process.unit == group[0].unit)
    return unit_begin(group) <= unit_begin([*mine])


def executed_again(machine: Machine, group: list[Process]) -> bool:
    """Whether the first process of a unit runs a program that was installed after it began.

    A package's upgrade that has its service take the new program over by itself (as haproxy's does) puts the unit there
    anew too: that it was put there says nothing then.
    """
    first = min(group, key=lambda process: process.start_ticks)
    return changed_after(machine, first.program, unit_begin([first]) + 0.5)


def written_after(machine: Machine, path: str, moment: float) -> bool:
    """Whether the content of a file was written after `moment`, and not merely put there by a package."""
    try:
        return os.lstat(machine.prefix + path).st_mtime > moment
    except OSError:
        return False


def known_debt(machine: Machine, reads: set[str], limit: float) -> set[str]:
    """What a unit reads, as a probe says, and what has been written since, or is gone from where a pattern looks."""
    reasons = set()
    for path in sorted(reads):
        directory, _, pattern = path.rpartition("/")
        if "*" not in pattern:
            reasons |= newer_file(machine, path, limit)
            continue
        names = fnmatch.filter(machine.names(directory), pattern)
        for name in (name for name in names if not name.startswith(".") or pattern.startswith(".")):
            reasons |= newer_file(machine, directory + "/" + name, limit)
        if lost_something(machine, directory, limit):
            reasons.add("configuration-removed:" + directory)
    return reasons


def newer_file(machine: Machine, path: str, limit: float) -> set[str]:
    """Why a file that is read, or the one that it is a link to, is not in force: it was written after `limit`."""
    both = {path, os.path.realpath(machine.prefix + path)[len(machine.prefix) :]}
    return {"configuration-newer:" + each for each in both if changed_after(machine, each, limit)}


def likely_debt(machine: Machine, group: list[Process], limit: float) -> set[str]:
    """What is called like a unit or its program in /etc, or named by its arguments, and has been written since."""
    name = group[0].unit
    reasons: set[str] = set()
    stem = name.rpartition(".")[0].partition("@")[0]
    program = os.path.basename(group[0].program.replace(" (deleted)", ""))
    stems = {stem} if INTERPRETERS.match(program) else {stem, program}
    paths = {"/etc/" + part for part in stems} | {"/etc/%s.conf" % part for part in stems}
    for process in group:
        paths |= {word.partition("=")[2] or word for word in process.words if re.match(r"(--?[\w-]+=)?/etc/", word)}
    if stem.startswith("systemd-"):
        paths = {"/etc/systemd/%s.conf" % stem[len("systemd-") :]}
    for path in sorted(paths):
        if not os.path.isdir(path):
            if changed_after(machine, path, limit):
                reasons.add("configuration-newer:" + path)
            continue
        # What dpkg, an editor or Ansible left beside a file is no configuration: no program reads it by that name.
        for directory, below, names in os.walk(path):
            below.sort()
            newer = [name for name in sorted(names) if changed_after(machine, os.path.join(directory, name), limit)]
            for child in newer:
                if len(reasons) < 50 and not is_left(child):
                    reasons.add("configuration-newer:" + os.path.join(directory, child))
            if not newer and lost_something(machine, directory, limit):
                reasons.add("configuration-removed:" + directory)
    return reasons


def lost_something(machine: Machine, directory: str, moment: float) -> bool:
    """Whether a directory changed after `moment` although nothing that is in it did, so that something is gone."""
    try:
        changed = os.lstat(machine.prefix + directory).st_mtime > moment
        names = os.listdir(machine.prefix + directory) if changed else []
    except OSError:
        return False
    return changed and not any(changed_after(machine, os.path.join(directory, name), moment) for name in names)


def unit_begin(group: list[Process]) -> float:
    """When the oldest of the processes began, in seconds since 1970."""
    try:
        with open("/proc/uptime", "rb") as file:
            booted = time.time() - float(file.read(100).split()[0])
    except (OSError, ValueError):
        return float("inf")
    return booted + min(process.start_ticks for process in group) / os.sysconf("SC_CLK_TCK")
