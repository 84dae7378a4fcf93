"""What runs."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tdi.state import words
from tdi.state.advice import FIND, Advice, Case, mend_other
from tdi.state.finding import Difference, Kind, Names, Severity
from tdi.state.fold.facts import said_files
from tdi.state.fold.tree import Tree
from tdi.state.scopes import restart_debt
from tdi.state.scopes.scope import Scope, Stage


def stop(case: Case) -> str:
    """What to do about something that runs or listens on one machine only."""
    unit = str(case.head.present.get("unit") or case.key.partition("|")[0])
    if not re.fullmatch(r".+\.(service|socket|timer)", unit):
        return FIND
    there = "stops" if case.head.kind is Kind.ONLY_A else "starts"
    return f"{FIND} It belongs to {unit}: look at what {there} or configures that unit on the {case.names.b} machine."


def _mend(case: Case) -> str:
    if "restart_debt" in case.changed:
        unit = case.key.partition("|")[0]
        what = unit if re.fullmatch(r".+\.service", unit) else "the service"
        if any(member.scope == "processes" for member in case.group[1:]):
            return f"Let a handler restart {what} and the others that use it, or reboot the machine."
        return f"Let a handler restart {what} when what it runs, or its configuration, changes."
    return mend_other(case)


def _in_plan(head: Difference) -> str:
    reasons = "restart_debt" in head.attributes and (head.b or {}).get("restart_debt")
    if reasons:
        return f"needs a restart: {words.show([restart_debt.debt(str(reason)) for reason in reasons])}"
    if head.attributes == ("restart_debt",):
        return "restarted"
    a, b = ({**side, "count": _numbers(side)} if side else None for side in (head.a, head.b))
    return words.in_plan(replace(head, a=a, b=b))


def _numbers(side: Mapping[str, Any] | None) -> Any:
    """How many processes there were, also where the record compares that as `auto`."""
    said = side or {}
    return said.get("counted", said.get("count"))


def _count(head: Difference, names: Names) -> str:
    """How many processes run on each machine; that a number may be found out by the program itself comes after it."""
    first, second = _numbers(head.a), _numbers(head.b)
    if isinstance(first, dict) and isinstance(second, dict):
        unequal = {line for line in {*first, *second} if first.get(line) != second.get(line)}
        first, second = ({line: n for line, n in side.items() if line in unequal} for side in (first, second))
    counts = words.values("count", first, second, names)
    automatic = [name for side, name in ((head.a, names.a), (head.b, names.b)) if "counted" in (side or {})]
    where = " and ".join(automatic)
    return f"{counts} (as many as processors on the {where} machine, which may mean auto)" if automatic else counts


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


PROCESSES = Scope(
    "processes",
    "process",
    severity=Severity.SERVICE,
    content=frozenset({"arguments", "count"}),
    is_started=True,
    evidence=frozenset({"counted"}),
    clauses={"count": _count, "restart_debt": restart_debt.clause},
    in_plan=_in_plan,
    advice=Advice(stop, stop, _mend),
    comes_from=lambda process: (*said_files(process), process.key.partition("|")[2]),
    follows={
        Stage.EFFECTS: (restart_debt.caused_debt,),
        Stage.RUNNING: (restart_debt.stale_units, restart_debt.shared_debt, lone_processes),
    },
    checks=(('"restart_debt":', restart_debt.check),),
)
