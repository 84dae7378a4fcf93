"""The plan: what a change does to a machine in production, from its record before and after the change."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from tdi.state.compare import Comparison, compare
from tdi.state.explain import debt, show
from tdi.state.finding import Difference, Kind, Names
from tdi.state.record import RecordFile
from tdi.state.reports import printable
from tdi.state.reports.text import unified
from tdi.state.rules import Rules

NAMES = Names("before", "after")

TEXT_LINES = 40
"""Lines of a text diff that are shown of one file."""

_MARKS = {Kind.ONLY_A: "-", Kind.ONLY_B: "+", Kind.CHANGED: "~"}
_ORDER = ("packages", "users", "groups", "files", "systemd", "processes", "listeners")
"""Scopes in the order in which a change works; the others follow by name."""


@dataclass(frozen=True)
class Step:
    """One thing that the change does to the machine."""

    kind: Kind
    scope: str
    key: str
    detail: str
    """What changes of it, in a few words; empty for what comes or goes as a whole."""
    inside: int
    """How many differences follow from it."""
    diff: tuple[str, ...]
    """Lines of a unified diff of the text, where it was recorded."""

    @property
    def mark(self) -> str:
        """Return +, - or ~."""
        return _MARKS[self.kind]


@dataclass(frozen=True)
class Plan:
    """Everything that a change does to a machine."""

    steps: tuple[Step, ...]
    not_compared: tuple[str, ...]
    """Scopes that are missing from the plan."""

    def counts(self) -> dict[str, int]:
        """Return how many things are added, changed and removed."""
        return {
            "add": sum(step.kind is Kind.ONLY_B for step in self.steps),
            "change": sum(step.kind is Kind.CHANGED for step in self.steps),
            "remove": sum(step.kind is Kind.ONLY_A for step in self.steps),
        }

    def as_json(self) -> dict[str, Any]:
        """Return the plan for programs."""
        return {
            "schema": 1,
            **self.counts(),
            "steps": [
                {
                    "kind": {"-": "remove", "+": "add", "~": "change"}[step.mark],
                    "scope": step.scope,
                    "key": step.key,
                    "detail": step.detail,
                    "inside": step.inside,
                    "diff": list(step.diff),
                }
                for step in self.steps
            ],
            "not_compared": list(self.not_compared),
        }

    def lines(self) -> Iterator[str]:
        """Yield the plan as lines of text, safe to print."""
        if not self.steps:
            yield "Plan: the change does nothing to this machine."
        for step in self.steps:
            detail = f": {step.detail}" if step.detail else ""
            inside = f" (+{step.inside} more inside)" if step.inside else ""
            yield printable(f"{step.mark} {step.scope} {step.key}{detail}{inside}")
            yield from (f"    {printable(line.expandtabs(4))}" for line in step.diff[:TEXT_LINES])
            if len(step.diff) > TEXT_LINES:
                yield f"    … {len(step.diff) - TEXT_LINES} more lines"
        if self.steps:
            counts = self.counts()
            yield f"Plan: {counts['add']} to add, {counts['change']} to change, {counts['remove']} to remove."
        yield from (f"Not in the plan: {printable(scope)}" for scope in self.not_compared)


def plan(before: RecordFile, after: RecordFile) -> Plan:
    """Return what happened to one machine between two records of it.

    The built-in rules take off what changes by itself; allowances are for other comparisons. Raises TdiError for a
    damaged record.
    """
    return of_comparison(compare(before, after, Rules(), names=NAMES))


def of_comparison(comparison: Comparison) -> Plan:
    """Return the plan that a comparison of before (a) and after (b) amounts to."""
    steps = sorted((_step(finding.differences) for finding in comparison.findings), key=_place)
    missing = tuple(f"{scope}: {reason}" for scope, reason in sorted(comparison.not_compared.items()))
    return Plan(tuple(steps), missing)


def _place(step: Step) -> tuple[int, str, str]:
    return (_ORDER.index(step.scope) if step.scope in _ORDER else len(_ORDER), step.scope, step.key)


def _step(group: tuple[Difference, ...]) -> Step:
    head = group[0]
    texts = [difference for difference in group if "text" in (difference.a or {}) or "text" in (difference.b or {})]
    diff: list[str] = []
    for difference in texts if head.scope != "packages" else texts[:1]:
        first, second = (str((side or {}).get("text", "")).splitlines() for side in (difference.a, difference.b))
        if len(texts) > 1 or difference is not head:
            diff.append(f"{_MARKS[difference.kind]} {difference.key}")
        diff += islice(unified(first, second, ("", ""), context=1), 2, None)
    return Step(head.kind, head.scope, head.key, _DETAILS.get(head.scope, _detail)(head), len(group) - 1, tuple(diff))


def _package(head: Difference) -> str:
    first, second = (str((side or {}).get("version", "")) for side in (head.a, head.b))
    if head.kind is not Kind.CHANGED:
        return first or second
    version = f"{first} → {second}" if first != second else ""
    if "status" in head.attributes:
        # That it is no longer asked for follows from it.
        return "; ".join(part for part in (version, _changes(replace(head, attributes=("status",)), set())) if part)
    others = _changes(head, {"version"})
    return "; ".join(part for part in (version, others) if part)


def _process(head: Difference) -> str:
    reasons = "restart_debt" in head.attributes and (head.b or {}).get("restart_debt")
    if reasons:
        return f"needs a restart: {show([debt(str(reason)) for reason in reasons])}"
    return "restarted" if head.attributes == ("restart_debt",) else _detail(head)


def _detail(head: Difference) -> str:
    present = head.present
    if head.kind is not Kind.CHANGED:
        if present.get("type") == "link":
            return f"→ {present.get('target')}"
        return str(present.get("type", "")) if present.get("type") == "dir" else ""
    return _changes(head, {"size", "hash", "text", "text_hash", "origin"}) or "content"


def _changes(head: Difference, without: set[str]) -> str:
    first, second = dict(head.a or {}), dict(head.b or {})
    names = [name for name in head.attributes if name not in without]
    if "properties" in names:
        names.remove("properties")
        for side in (first, second):
            side.update(side.get("properties") or {})
        inner = {*(head.a or {}).get("properties", {}), *(head.b or {}).get("properties", {})}
        names += [name for name in sorted(inner) if first.get(name) != second.get(name)]
    return "; ".join(f"{name} {_became(first.get(name), second.get(name))}" for name in names)


def _became(first: Any, second: Any) -> str:
    """What a value became; of a list what came and went."""
    if isinstance(first, list) and isinstance(second, list):
        marks = (("-", first, second), ("+", second, first))
        moved = [f"{mark} {each}" for mark, mine, other in marks for each in mine if each not in other]
        if moved:
            return show(moved)
    return f"{show(first)} → {show(second)}"


_DETAILS: dict[str, Callable[[Difference], str]] = {"packages": _package, "processes": _process}
