"""The plan: what a change does to a machine in production, from its record before and after the change."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from tdi.state.compare import Comparison, compare
from tdi.state.finding import Difference, Kind, Names
from tdi.state.record import RecordFile
from tdi.state.reports import amount, printable
from tdi.state.reports.text import unified
from tdi.state.rules import Rules
from tdi.state.scopes.registry import known

NAMES = Names("before", "after")

TEXT_LINES = 40
"""Lines of a text diff that are shown of one file."""

LINES = 100
"""Steps that are shown, and lines of all text diffs together."""

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
    inside: Mapping[str, int]
    """Scope → how many differences follow from it."""
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
    restarted: tuple[str, ...] = ()
    """Services that run, as they did before, and were started anew in between."""
    reloaded: tuple[str, ...] = ()
    """Services that were told to read their configuration again, and not restarted."""

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
                    "inside": sum(step.inside.values()),
                    "diff": list(step.diff),
                }
                for step in self.steps
            ],
            "restarted": list(self.restarted),
            "reloaded": list(self.reloaded),
            "not_compared": list(self.not_compared),
        }

    def lines(self) -> Iterator[str]:
        """Yield the plan as lines of text, safe to print; of many steps and long texts the begin, and how many more."""
        room = LINES
        for step in self.steps[:LINES]:
            detail = f": {step.detail}" if step.detail else ""
            inside = ", ".join(f"{count} in {scope}" for scope, count in sorted(step.inside.items()))
            yield printable(f"{step.mark} {step.scope} {step.key}{detail}{f' (with {inside})' if inside else ''}")
            kept = step.diff[: min(TEXT_LINES, max(room, 0))]
            room -= len(kept)
            yield from (f"    {printable(line.expandtabs(4))}" for line in kept)
            if len(step.diff) > len(kept):
                yield f"    … {amount(len(step.diff) - len(kept), 'more line')} of the text"
        if len(self.steps) > LINES:
            yield f"… {amount(len(self.steps) - LINES, 'more step')}"
        if self.restarted:
            yield printable(f"! restarted: {', '.join(self.restarted)}")
        if self.reloaded:
            yield printable(f"! reloaded: {', '.join(self.reloaded)}")
        if self.steps or self.restarted or self.reloaded:
            counts = self.counts()
            yield f"Plan: {counts['add']} to add, {counts['change']} to change, {counts['remove']} to remove."
        else:
            yield "Plan: the change does nothing to this machine."
        yield from (f"Not in the plan: {printable(scope)}" for scope in self.not_compared)


def plan(before: RecordFile, after: RecordFile) -> Plan:
    """Return what happened to one machine between two records of it.

    The built-in rules take off what changes by itself; allowances are for other comparisons. Raises TdiError for a
    damaged record.
    """
    made = of_comparison(compare(before, after, Rules(), names=NAMES))
    restarted, reloaded = runs(before, after)
    return replace(made, restarted=restarted, reloaded=reloaded)


def runs(before: RecordFile, after: RecordFile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The services that were restarted between two records of a machine, and those that were only reloaded."""
    first, last = before.meta.get("runs", {}), after.meta.get("runs", {})
    changed = [unit for unit in sorted(first.keys() & last.keys()) if first[unit] != last[unit]]
    restarted = tuple(unit for unit in changed if first[unit][0] != last[unit][0])
    return restarted, tuple(unit for unit in changed if unit not in restarted)


def of_comparison(comparison: Comparison) -> Plan:
    """Return the plan that a comparison of before (a) and after (b) amounts to."""
    steps = sorted((_step(finding.differences) for finding in comparison.findings), key=_place)
    missing = tuple(f"{scope}: {reason}" for scope, reason in sorted(comparison.not_compared.items()))
    return Plan(tuple(steps), missing)


def _place(step: Step) -> tuple[int, str, str]:
    return (_ORDER.index(step.scope) if step.scope in _ORDER else len(_ORDER), step.scope, step.key)


def _step(group: tuple[Difference, ...]) -> Step:
    head = group[0]
    scope = known(head.scope)
    texts = [difference for difference in group if "text" in (difference.a or {}) or "text" in (difference.b or {})]
    diff: list[str] = []
    for difference in texts[:1] if scope.one_text else texts:
        first, second = (str((side or {}).get("text", "")).splitlines() for side in (difference.a, difference.b))
        if len(texts) > 1 or difference is not head:
            diff.append(f"{_MARKS[difference.kind]} {difference.key}")
        diff += islice(unified(first, second, ("", ""), context=1), 2, None)
    inside = Counter(difference.scope for difference in group[1:])
    return Step(head.kind, head.scope, head.key, scope.in_plan(head), inside, tuple(diff))
