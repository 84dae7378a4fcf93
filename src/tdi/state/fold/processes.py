"""What runs: processes that are older than what they run, what they listen on and answer."""

import json

from tdi.state.finding import Difference
from tdi.state.fold.facts import paths_of, template_of, unit_of
from tdi.state.fold.tree import Tree


def effects(tree: Tree) -> None:
    """A live kernel setting hangs below the configured one, a process that is older than a file below the file."""
    sysctl = tree.by_scope["sysctl"]
    for key, difference in sysctl.items():
        configured = sysctl.get("configured:" + key.removeprefix("live:"))
        if configured is not None and configured is not difference:
            tree.hang(difference, configured)
    for key, difference in tree.by_scope["processes"].items():
        if difference.attributes == ("restart_debt",):
            a, b = ({*((side or {}).get("restart_debt") or ())} for side in (difference.a, difference.b))
            causes = [_cause_of_debt(tree, str(reason), key.partition("|")[0]) for reason in sorted(a ^ b)]
            explained = [cause for cause in causes if cause is not None]
            if len(explained) == len(causes):
                tree.hang(difference, explained[0])


def _answers(tree: Tree) -> None:
    """What a unit says goes with its process where that is stale, and else with the first thing that it says."""
    first: dict[tuple[str, tuple[str, ...]], Difference] = {}
    for difference in tree.free("probes"):
        unit = str(difference.present.get("unit") or "")
        stale = (d for key, d in tree.by_scope["processes"].items() if key.startswith(f"{unit}|"))
        cause = next((d for d in stale if "restart_debt" in d.attributes), None) if unit else None
        if cause is not None:
            tree.hang(difference, cause)
        elif unit:
            alike = first.setdefault((unit, difference.attributes), difference)
            tree.hang(difference, alike)


def probe_parts(tree: Tree) -> None:
    """A part of a probe hangs below the file it comes from, else below the part that it follows, or the probe's status.

    A socket that a part says it opens hangs below that part.
    """
    probes = tree.by_scope["probes"]
    for difference in probes.values():
        for path in paths_of(difference):
            if path in tree.files:
                tree.hang(difference, tree.files[path])
    _answers(tree)
    for difference in tree.free("probes"):
        name = difference.key.partition("/")[0]
        for part in (difference.present.get("follows"), "status"):
            if f"{name}/{part}" in probes:
                tree.hang(difference, probes[f"{name}/{part}"])
    for difference in probes.values():
        for socket in difference.present.get("listeners") or ():
            if socket in tree.by_scope["listeners"]:
                tree.hang(tree.by_scope["listeners"][socket], difference)


def lone_processes(tree: Tree) -> None:
    """A process that listens hangs below its socket."""
    for key, process in tree.by_scope["processes"].items():
        unit, _, program = key.partition("|")
        name = program.rpartition("/")[2]
        for listener in tree.by_scope["listeners"].values():
            programs = listener.present.get("program") or ()
            alike = any(name.startswith(str(other)) for other in programs)
            if listener.kind is process.kind and str(listener.present.get("unit") or "") == unit and alike:
                tree.hang(process, listener)


def shared_debt(tree: Tree) -> None:
    """Processes that are stale for the same reason, as by a library that they share, hang below the first of them."""
    first: dict[str, Difference] = {}
    stale = [d for d in tree.free("processes") if d.attributes == ("restart_debt",)]
    for difference in sorted(stale, key=lambda d: (d.key.startswith("init.scope"), d.key)):
        debts = json.dumps([(side or {}).get("restart_debt") for side in (difference.a, difference.b)])
        if first.setdefault(debts, difference) is not difference:
            tree.hang(difference, first[debts])


def stale_units(tree: Tree) -> None:
    """Processes of a unit that runs what it was started with go with the one that should be restarted."""
    stale: dict[str, Difference] = {}
    for difference in tree.free("processes"):
        if "restart_debt" in difference.attributes:
            stale.setdefault(difference.key.partition("|")[0], difference)
    for difference in tree.free("processes"):
        cause = stale.get(difference.key.partition("|")[0])
        if cause is not None and difference.key.partition("|")[0]:
            tree.hang(difference, cause)


def _cause_of_debt(tree: Tree, reason: str, unit: str) -> Difference | None:
    """The difference that made a process stale: in its configuration, or in its unit."""
    if reason == "unit-changed":
        files = (difference for path, difference in tree.files.items() if unit_of(path) in {unit, template_of(unit)})
        return tree.by_scope["systemd"].get(unit) or next(files, None)
    path = reason.partition(":")[2] if reason.startswith(("configuration-", "script-")) else reason
    if path in tree.files:
        return tree.files[path]
    # A directory is newer when something in it came, went or was replaced.
    found = min((other for other in tree.files if other.startswith(f"{path}/")), default=None)
    return tree.files[found] if found and path != reason else None
