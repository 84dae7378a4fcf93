"""The report for a browser: one file that needs nothing else, neither a server nor a network.

The page (`page.html`) gets the findings as JSON and writes every string as text, never as markup.
"""

import difflib
import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

from tdi.state.compare import Comparison
from tdi.state.finding import Difference, Finding, Severity
from tdi.state.reports import printable, verdict

DIFFERENCES = 100
"""Shown inside of one finding; the others are counted."""

TEXT_BUDGET = 8 * 1024 * 1024
"""Characters of file content in one page; what comes after it is shown without its text."""

VALUE = 4000
"""Characters of one value."""

_MARK = "/*DATA*/null"


def render(comparison: Comparison) -> str:
    """Return the comparison as one HTML page."""
    page = resources.files("tdi.state.reports").joinpath("page.html").read_text(encoding="utf-8")
    data = json.dumps(_data(comparison), ensure_ascii=True, separators=(",", ":"))
    # Inside of a script element only these could end it or begin a comment.
    for letter in "<>&":
        data = data.replace(letter, f"\\u{ord(letter):04x}")
    return page.replace(_MARK, data)


def _data(comparison: Comparison) -> dict[str, Any]:
    budget = _Budget(TEXT_BUDGET)
    return {
        "result": comparison.result.value,
        "verdict": [printable(line) for line in verdict(comparison)],
        "names": [printable(comparison.names.a), printable(comparison.names.b)],
        "severities": [severity.value for severity in Severity],
        "problems": [printable(problem) for problem in comparison.problems],
        "suppressed": [[printable(rule), count] for rule, count in comparison.suppressed.items()],
        "compared": [[printable(scope), count] for scope, count in comparison.compared.items()],
        "not_compared": [[printable(scope), printable(why)] for scope, why in comparison.not_compared.items()],
        "findings": [_finding(finding, budget) for finding in comparison.findings],
    }


class _Budget:
    """What is left to spend on text."""

    def __init__(self, characters: int) -> None:
        self.left = characters


def _finding(finding: Finding, budget: _Budget) -> dict[str, Any]:
    return {
        "id": finding.id,
        "scope": finding.scope,
        "key": printable(finding.key),
        "kind": finding.kind.value,
        "severity": finding.severity.value,
        "owner": printable(finding.owner),
        "why": printable(finding.why),
        "action": printable(finding.action),
        "count": len(finding.differences),
        "differences": [_difference(difference, budget) for difference in finding.differences[:DIFFERENCES]],
    }


def _difference(difference: Difference, budget: _Budget) -> dict[str, Any]:
    first, second = difference.a or {}, difference.b or {}
    names = difference.attributes or tuple(sorted({*first, *second} - {"text"}))
    shown: dict[str, Any] = {
        "scope": difference.scope,
        "key": printable(difference.key),
        "kind": difference.kind.value,
        "values": [[printable(name), _value(first, name), _value(second, name)] for name in names if name != "text"],
    }
    texts = (str(first.get("text", "")), str(second.get("text", "")))
    size = len(texts[0]) + len(texts[1])
    if texts[0] != texts[1] and size <= budget.left:
        budget.left -= size
        shown["text"] = list(side_by_side(*texts))
    return shown


def _value(side: Any, name: str) -> str | None:
    if name not in side:
        return None
    value = side[name]
    text = printable(value if isinstance(value, str) else json.dumps(value, sort_keys=True))
    return text if len(text) <= VALUE else text[:VALUE] + "…"


def side_by_side(first: str, second: str, context: int = 3) -> Iterator[list[Any]]:
    """Yield rows [mark, number, line, number, line]: mark " ", "~", "-", "+", or "…" where equal lines are left out."""
    left, right = first.splitlines(), second.splitlines()
    for number, group in enumerate(difflib.SequenceMatcher(None, left, right).get_grouped_opcodes(context)):
        if number or group[0][1]:
            yield ["…", None, None, None, None]
        for tag, i, i_end, j, j_end in group:
            for row in range(max(i_end - i, j_end - j)):
                a, b = i + row, j + row
                has_a, has_b = a < i_end, b < j_end
                mark = " " if tag == "equal" else "~" if has_a and has_b else "-" if has_a else "+"
                yield [
                    mark,
                    a + 1 if has_a else None,
                    printable(left[a].expandtabs(4)) if has_a else None,
                    b + 1 if has_b else None,
                    printable(right[b].expandtabs(4)) if has_b else None,
                ]
