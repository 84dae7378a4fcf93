"""Processes that are older than what they run."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from tdi.state.finding import Difference, Names, Severity
from tdi.state.fold.facts import template_of, unit_of
from tdi.state.fold.tree import Tree
from tdi.state.scopes.scope import Wrong

_DEBTS = 3
"""Reasons why a process should be restarted that a sentence names."""


_DEBT_SAYS = {
    "deleted": "its program {} was replaced or removed",
    "library": "its library {} was replaced or removed",
    "configuration-newer": "{} was written since",
    "configuration-removed": "something in {} was removed since",
    "script-newer": "its script {} was written since",
    "unit-changed": "its unit was changed since",
}


def debt(reason: str) -> str:
    """Why a process should be restarted, in words."""
    kind, _, path = reason.partition(":")
    return _DEBT_SAYS.get(kind, reason).format(path)


def caused_debt(tree: Tree) -> None:
    """A process that is older than a file hangs below the file."""
    for key, difference in tree.by_scope["processes"].items():
        if difference.attributes == ("restart_debt",):
            a, b = ({*((side or {}).get("restart_debt") or ())} for side in (difference.a, difference.b))
            causes = [_cause_of_debt(tree, str(reason), key.partition("|")[0]) for reason in sorted(a ^ b)]
            explained = [cause for cause in causes if cause is not None]
            if len(explained) == len(causes):
                tree.hang(difference, explained[0])


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


_EVERYWHERE = ("init.scope", "dbus", "systemd-")
"""What the keys of processes begin with that run on every machine."""


def shared_debt(tree: Tree) -> None:
    """Processes that are stale for the same reason, as by a library that they share, hang below the first of them.

    What a machine is there for comes before what every machine runs.
    """
    first: dict[str, Difference] = {}
    stale = [d for d in tree.free("processes") if d.attributes == ("restart_debt",)]
    for difference in sorted(stale, key=lambda d: (d.key.startswith(_EVERYWHERE), d.key)):
        debts = json.dumps([(side or {}).get("restart_debt") for side in (difference.a, difference.b)])
        if first.setdefault(debts, difference) is not difference:
            tree.hang(difference, first[debts])


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


def check(key: str, process: dict[str, Any]) -> Wrong | None:
    """Find a process that should be restarted."""
    reasons = process.get("restart_debt")
    if not reasons:
        return None
    more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    why = f"Process {key} is older than what it runs: {debt(str(reasons[0]))}{more}."
    return Wrong(
        "restart_debt", Severity.SERVICE, why, "Let a handler restart or reload the service when these files change."
    )


def clause(head: Difference, names: Names) -> str:
    """Why processes should be restarted, by machine."""
    first, second = ((side or {}).get("restart_debt") or () for side in (head.a, head.b))
    return "; ".join(_debts(first, second, names))


def _debts(first: Iterable[str], second: Iterable[str], names: Names) -> Iterator[str]:
    for debts, others, name in ((first, second, names.a), (second, first, names.b)):
        own = [each for each in debts if each not in others]
        if own:
            more = f" and {len(own) - _DEBTS} more" if len(own) > _DEBTS else ""
            said = ", ".join(debt(each) for each in own[:_DEBTS])
            yield f"on the {name} machine it is older than what it should run ({said}{more})"
