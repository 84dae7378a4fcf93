"""Causes that are units of systemd: their files and links, what they trigger, run and listen on."""

import re

from tdi.state.finding import Difference, Kind
from tdi.state.fold.facts import RUNLEVEL_LINK, UNIT_STATE, paths_of, template_of, unit_of
from tdi.state.fold.tree import Tree


def shared_drop_ins(tree: Tree) -> None:
    """A drop-in for a whole type of units, for all whose names begin alike, or for a template, is one change.

    What it does to each unit hangs below the template where that is one of them, else below the drop-in.
    """
    units = tree.by_scope["systemd"]
    for unit in units.values():
        if not unit.attributes or not {*unit.attributes} <= {"dropins", "properties", "text_hash"}:
            continue
        used = [[*((side or {}).get("dropins") or ())] for side in (unit.a, unit.b)]
        causes = [path for path in dict.fromkeys([*used[0], *used[1]]) if _says_otherwise(tree, path, used)]
        drop_in = tree.files.get(causes[0]) if causes else None
        others = [p for p in (unit.present.get("fragment"), *causes) if p in tree.files and unit_of(str(p)) == unit.key]
        if drop_in is not None and not others and all(path in tree.files for path in causes):
            template = units.get(template_of(unit.key))
            tree.hang(unit, template if template is not None and template is not unit else drop_in)


def _says_otherwise(tree: Tree, path: str, used: list[list[str]]) -> bool:
    """Whether a drop-in is used on one machine only, or is another one there."""
    return (path in used[0]) != (path in used[1]) or path in tree.files


def lost_programs(tree: Tree) -> None:
    """A unit whose program comes or goes with a package goes with that: it no longer runs, or a generator made it."""
    units = tree.by_scope["systemd"]
    for name, unit in units.items():
        made = str(unit.present.get("fragment", "")).startswith("/run/systemd/generator")
        stopped = unit.attributes == ("active",)
        if not name.endswith(".service") or not (stopped or (made and unit.kind is not Kind.CHANGED)):
            continue
        commands = (unit.present.get("properties") or {}).get("ExecStart") or ()
        programs = (str(command).lstrip("-@:+!").partition(" ")[0] for command in commands)
        program = next((tree.files[path] for path in programs if path in tree.files), None)
        if program is None or program.kind is Kind.CHANGED or tree.root(program).scope != "packages":
            continue
        tree.hang(unit, program)
        for other, starter in units.items():
            if made and _triggered_by(unit, {other: starter}) is not None:
                tree.hang(starter, unit)


def unit_files(tree: Tree) -> None:
    """The files and links that make up a unit, and what runs or listens because of it, hang below the unit."""
    units = tree.by_scope["systemd"]
    for difference in tree.files.values():
        if (name := unit_of(difference.key)) and name in units and _explains(units[name], difference.key):
            tree.hang(difference, units[name])
    for unit in units.values():
        for path in paths_of(unit):
            if path in tree.files:
                tree.hang(tree.files[path], unit)
        # systemd makes a unit of a script where there is none.
        script = tree.files.get(f"/etc/init.d/{unit.key.rpartition('.')[0]}")
        if script is not None and str(unit.present.get("fragment", "")).startswith("/run/systemd/generator"):
            tree.hang(script, unit)
    comes_or_goes = (d for d in units.values() if not d.attributes or {"enablement", "active"} & {*d.attributes})
    takes = [(unit, said) for unit in comes_or_goes if any(said := _takes_with_it(unit))]
    for name, unit in units.items():
        if name in _CONDITIONS and _CONDITIONS[name] in tree.files:
            tree.hang(unit, tree.files[_CONDITIONS[name]])
        if cause := _triggered_by(unit, units) or _enabled_with(unit, takes):
            tree.hang(unit, cause)


def _enabled_with(unit: Difference, takes: list[tuple[Difference, list[set[str]]]]) -> Difference | None:
    """The unit that was enabled or disabled, came or went, and takes this one with it.

    This one is another name of it, or is named in its Also, or is started because it requires it.
    """
    for other, (also, alias, needs) in takes:
        if other is unit:
            continue
        states = [[(side or {}).get("enablement") for side in (d.a, d.b)] for d in (unit, other)]
        named = unit.attributes == ("enablement",) and unit.key in also
        if named and (states[0] == states[1] or other.kind is not Kind.CHANGED):
            return other
        if unit.kind is not Kind.CHANGED and unit.key in alias:
            return other
        if unit.attributes == ("active",) and unit.key in needs:
            return other
    return None


def _takes_with_it(unit: Difference) -> list[set[str]]:
    """What a unit names in each of _TAKES_WITH_IT."""
    said = [((side or {}).get("properties") or {}) for side in (unit.a, unit.b)]
    return [{word for part in said for n in part.get(key, ()) for word in str(n).split()} for key in _TAKES_WITH_IT]


_TAKES_WITH_IT = ("Also", "Alias", "Requires")

_CONDITIONS = {"rc-local.service": "/etc/rc.local"}
"""Unit → the file that makes a generator of systemd start it."""

_UNIT_TEXT = {"text_hash", "properties", "dropins", "fragment", "need_reload", "enablement"}


def _explains(unit: Difference, path: str) -> bool:
    """Whether a difference of a unit is about the file: a link that enables it, or what it is made of."""
    if unit.kind is not Kind.CHANGED:
        return True
    links = UNIT_STATE.match(path) or RUNLEVEL_LINK.match(path) or re.search(r"\.(wants|requires|upholds)/", path)
    return "enablement" in unit.attributes if links else bool(_UNIT_TEXT & {*unit.attributes})


def _triggered_by(unit: Difference, units: dict[str, Difference]) -> Difference | None:
    """What came or went with a unit: the timer, socket or path unit that starts it, the instance of a template."""
    stem, _, kind = unit.key.rpartition(".")
    if kind == "service" and unit.kind is not Kind.CHANGED:
        for other in units.values():
            starts, _, by = other.key.rpartition(".")
            named = (other.present.get("properties") or {}).get("Unit", f"{starts}.service")
            started = by in {"timer", "socket", "path"} and unit.key in {named, f"{starts}@.service"}
            if started and other.kind is unit.kind:
                return other
    if stem.endswith("@") and (unit.kind is not Kind.CHANGED or unit.attributes == ("enablement",)):
        instances = (other for key, other in units.items() if key.startswith(stem) and key.endswith(f".{kind}"))
        return next((i for i in instances if i is not unit and unit.kind in {i.kind, Kind.CHANGED}), None)
    return None


def unit_effects(tree: Tree) -> None:
    """What runs or listens, or no longer does, because a unit differs hangs below the unit."""
    for scope in ("listeners", "processes", "probes"):
        for difference in list(tree.by_scope[scope].values()):
            name = str(difference.either("unit") or difference.key.partition("|")[0])
            unit = tree.by_scope["systemd"].get(name) or _socket_of(tree, difference)
            if unit is None:
                continue
            comes_or_goes = difference.kind is not Kind.CHANGED
            started = unit.kind is not Kind.CHANGED or "active" in unit.attributes
            stale = difference.attributes == ("restart_debt",) and unit.attributes == ("need_reload",)
            if (started and (comes_or_goes or scope == "probes")) or stale:
                tree.hang(difference, unit)
            elif scope != "probes" and _runs_another_way(unit):
                # That a process is stale may have another cause.
                others = tuple(name for name in difference.attributes if name != "restart_debt")
                if comes_or_goes or others:
                    tree.hang(tree.split(difference, others), unit)


def _runs_another_way(unit: Difference) -> bool:
    """Whether a unit says something else of how its processes are started."""
    first, second = ((side or {}).get("properties") or {} for side in (unit.a, unit.b))
    names = {name for name in {*first, *second} if first.get(name) != second.get(name)}
    return unit.kind is Kind.CHANGED and any(name.startswith(_HOW_IT_RUNS) for name in names)


_HOW_IT_RUNS = ("Exec", "User", "Group", "Environment", "Listen", "Ambient", "Capab", "Dynamic", "Supplement", "Root")
"""What the settings of a unit begin with that decide what runs, as whom, with which rights, and where it listens."""


def _socket_of(tree: Tree, listener: Difference) -> Difference | None:
    """The socket unit for which systemd itself listens."""
    port = listener.key.rpartition(":")[2]
    for unit in tree.by_scope["systemd"].values() if listener.scope == "listeners" else ():
        properties = [(side or {}).get("properties") or {} for side in (unit.a, unit.b)]
        streams = [s for part in properties for name in ("ListenStream", "ListenDatagram") for s in part.get(name, ())]
        if unit.key.endswith(".socket") and any(str(stream).rpartition(":")[2] == port for stream in streams):
            return unit
    return None


def boot_target(tree: Tree) -> None:
    """What the target of the boot is called, and that it is enabled by that name, hangs below the setting."""
    setting = tree.by_scope["system"].get("default-target")
    if setting is None:
        return
    names = {str((side or {}).get("value")) for side in (setting.a, setting.b)}
    for name, unit in tree.by_scope["systemd"].items():
        if name == "default.target" or (name in names and unit.attributes == ("enablement",)):
            tree.hang(unit, setting)
