"""Units of systemd: their files and links, what they trigger, run and listen on."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tdi.state.advice import ABSENT, FIND, WHOLE, Advice, Case, mend_other
from tdi.state.finding import Difference, Kind, Severity
from tdi.state.fold.facts import RUNLEVEL_LINK, UNIT_STATE, template_of, unit_of
from tdi.state.fold.tree import Tree
from tdi.state.record import RecordFile, ScopeStatus
from tdi.state.scopes.enabling import enabled_anew
from tdi.state.scopes.entries import make_entry
from tdi.state.scopes.scope import Broken, Cause, Scope, Stage, Wrong


def _masked(head: Difference) -> bool:
    return any(str((side or {}).get("enablement", "")).startswith("masked") for side in (head.a, head.b))


def _remove(case: Case) -> str:
    if "masked" in str(case.head.present.get("enablement")):
        return (
            f"Add a task that unmasks {case.key} (`ansible.builtin.systemd_service` with `masked: false`), or one that"
            f" masks it on the {case.names.a} machine too."
        )
    fragment = str(case.head.present.get("fragment") or "/run/")
    # What a generator wrote below /run comes of one of the other files.
    files = [path for path in case.own_files if fragment.startswith("/run/") or path in case.declared]
    if not files:
        return FIND
    # Without the unit its drop-ins would lie there for nothing.
    dropins = [path for path in case.own_files if path.endswith(f"/{case.key}.d")]
    removed = " and ".join([files[0], *dropins])
    return (
        f"Add a task that stops and disables {case.key} (`ansible.builtin.systemd_service` with `state: stopped`,"
        f" `enabled: false`), then one that removes {removed} {ABSENT}, and let a handler reload systemd"
        f"{case.or_there}"
    )


def _mend(case: Case) -> str:
    unit, changed = case.key, case.changed
    if "need_reload" in changed:
        return f"Let a handler run `systemctl daemon-reload` when a file of {unit} changes."
    enablements = {str((side or {}).get("enablement")) for side in (case.head.a, case.head.b)}
    if "enablement" in changed and any("masked" in each for each in enablements):
        return f"Set `masked` of {unit} explicitly in the role (`ansible.builtin.systemd_service`)."
    if changed & {"enablement", "active"}:
        return f"Set `enabled` and `state` of {unit} explicitly in the role (`ansible.builtin.systemd_service`)."
    return _mend_unit_files(case)


def _mend_unit_files(case: Case) -> str:
    """What to do where a unit is made of other files, or these say something else."""
    first, second = ({*((side or {}).get("dropins") or ())} for side in (case.head.a, case.head.b))
    if any(path.startswith("/run/") for path in second - first):
        return f"It lasts until the next boot; `systemctl revert {case.key}` takes it back now. Find out who set it."
    if second - first:
        removed = f"Add a task that removes {min(second - first)} {ABSENT}, and let a handler reload systemd"
        return removed + case.or_there
    if first - second:
        return f"Let the task that writes {min(first - second)} also act on the {case.names.b} machine."
    a, b = (str((side or {}).get("fragment") or "") for side in (case.head.a, case.head.b))
    if a != b and a.startswith(_VENDOR_UNITS) and b.startswith("/etc/"):
        hides = f"Add a task that removes {b}, which hides {a} {ABSENT}, and let a handler reload systemd"
        return hides + case.or_there
    edited = [m.key for m in case.group[1:] if m.scope == "files" and m.kind is Kind.CHANGED and unit_of(m.key)]
    file = edited[0] if edited else case.head.either("fragment")
    return WHOLE.format(file=file) if file else mend_other(case)


_VENDOR_UNITS = ("/usr/lib/systemd/", "/lib/systemd/", "/usr/local/lib/systemd/")


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
        for path in tree.paths_of(unit):
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


def _failed(key: str, unit: dict[str, Any]) -> Wrong | None:
    if unit.get("active") not in {"failed", "restarting"}:
        return None
    why = (
        f"Unit {key} has failed." if unit["active"] == "failed" else f"Unit {key} fails and is started again and again."
    )
    return Wrong("active", Severity.SERVICE, why, f"See `systemctl status {key}` on the machine.")


def _needs_reload(key: str, unit: dict[str, Any]) -> Wrong | None:
    if unit.get("need_reload") is not True:
        return None
    why = f"systemd runs unit {key} as it was before its file changed."
    return Wrong(
        "need_reload", Severity.SERVICE, why, "Let a handler run `systemctl daemon-reload` when a unit file changes."
    )


_UNIT_LINKS = ("/etc/systemd/system/", "/etc/systemd/user/")


def _dangling(record: RecordFile) -> Iterator[Broken]:
    """Enablement links that lead to no unit file."""
    if "files" not in record.scopes or record.scopes["files"].status is not ScopeStatus.OK:
        return
    links: dict[str, dict[str, Any]] = {}
    for key, text in record.objects("files"):
        if key.startswith(_UNIT_LINKS) and '"type":"link"' in text:
            links[key] = json.loads(text)
    targets = {key: _resolve(key, str(link.get("target", ""))) for key, link in links.items()}
    wanted = {target for target in targets.values() if target not in {"/dev/null", ""}}
    missing = set(wanted)
    if missing:
        for key, _ in record.objects("files"):
            missing.discard(key)
            if not missing:
                return
    for key, target in targets.items():
        if target in missing and not target.startswith("/run/"):
            why = f"{key} enables a unit whose file {target} does not exist."
            action = "Disable the unit before its file is removed (`enabled: false`)."
            yield Broken("files", key, links[key], Wrong("target", Severity.SERVICE, why, action))


def _resolve(link: str, target: str) -> str:
    """Where a link leads, as a path with a merged /usr."""
    parts = target.split("/") if target.startswith("/") else [*link.split("/")[:-1], *target.split("/")]
    path: list[str] = []
    for part in parts:
        if part == "..":
            path = path[:-1]
        elif part not in {"", "."}:
            path.append(part)
    merged = ["usr", *path] if path[:1] == ["lib"] else path
    return "/" + "/".join(merged)


SYSTEMD = Scope(
    "systemd",
    "unit",
    severity=Severity.SERVICE,
    started=frozenset({"active"}),
    causes=(
        Cause(
            lambda head: "enablement" in head.attributes and _masked(head),
            frozenset({"active", "enablement"}),
        ),
        Cause(
            lambda head: (
                "fragment" in head.attributes and not all((side or {}).get("fragment") for side in (head.a, head.b))
            ),
            frozenset({"active", "enablement", "fragment", "need_reload"}),
        ),
    ),
    advice=Advice(make_entry, _remove, _mend),
    follows={Stage.UNITS: (shared_drop_ins, lost_programs, unit_files, unit_effects, enabled_anew)},
    checks=(('"active":', _failed), ('"need_reload":', _needs_reload)),
    looks=(_dangling,),
)
