"""The report for a browser: one file that needs nothing else, neither a server nor a network.

The page (`page.html`) gets the findings as JSON and writes every string as text, never as markup; its policy lets run
only the one script that it has.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

from tdi.state.compare import Comparison
from tdi.state.finding import Difference, Finding, Severity
from tdi.state.reports import printable, text, verdict

DIFFERENCES = 100
"""Shown inside of one finding; the others are counted."""

BUDGET = 8 * 1024 * 1024
"""Characters of file content and of values in one page: what comes after it is counted, and not shown."""

VALUE = 4000
"""Characters of one value."""

_DATA = "/*DATA*/null"
_HASH = "HASH-OF-THE-SCRIPT"
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def render(comparison: Comparison) -> str:
    """Return the comparison as one HTML page."""
    page = resources.files("tdi.state.reports").joinpath("page.html").read_text(encoding="utf-8")
    scripts = _SCRIPT.findall(page)
    digest = base64.b64encode(hashlib.sha256("".join(scripts).encode()).digest()).decode("ascii")
    data = json.dumps(_data(comparison), ensure_ascii=True, separators=(",", ":"))
    # Inside of a script element only these could end it or begin a comment.
    for letter in "<>&":
        data = data.replace(letter, f"\\u{ord(letter):04x}")
    return page.replace(_HASH, digest).replace(_DATA, data)


def _data(comparison: Comparison) -> dict[str, Any]:
    budget = _Budget(BUDGET)
    return {
        "result": comparison.result.value,
        "verdict": [printable(line) for line in verdict(comparison)],
        "names": [printable(comparison.names.a), printable(comparison.names.b)],
        "severities": [severity.value for severity in Severity],
        "problems": [printable(problem) for problem in comparison.problems],
        "suppressed": [
            [printable(rule), count, printable(comparison.reasons.get(rule, ""))]
            for rule, count in comparison.suppressed.items()
        ],
        "compared": [[printable(scope), count] for scope, count in comparison.compared.items()],
        "not_compared": [
            [printable(scope), printable(why), scope not in comparison.not_acceptable]
            for scope, why in comparison.not_compared.items()
        ],
        "findings": [_finding(finding, budget) for finding in comparison.findings],
        "from_bases": [_finding(finding, budget) for finding in comparison.from_bases],
    }


class _Budget:
    """What is left to spend on content; the worst findings come first."""

    def __init__(self, characters: int) -> None:
        self._left = characters

    def spend(self, characters: int) -> bool:
        """Whether there is enough left; only then it is spent."""
        if characters > self._left:
            return False
        self._left -= characters
        return True


def _finding(finding: Finding, budget: _Budget) -> dict[str, Any]:
    return {
        "id": finding.id,
        "scope": printable(finding.scope),
        "key": printable(finding.key),
        "kind": finding.kind.value,
        "severity": finding.severity.value,
        "owner": printable(finding.owner),
        "why": printable(finding.why),
        "action": printable(finding.action),
        "count": len(finding.differences),
        "differences": list(_differences(finding, budget)),
    }


def _differences(finding: Finding, budget: _Budget) -> Iterator[dict[str, Any]]:
    for difference in finding.differences[:DIFFERENCES]:
        shown = _difference(difference)
        if not budget.spend(sum(len(value or "") for row in shown["values"] for value in row)):
            return
        first, second = (str((side or {}).get("text", "")) for side in (difference.a, difference.b))
        if first != second:
            if budget.spend(len(first) + len(second)):
                shown["text"] = list(side_by_side(first, second))
            else:
                shown["left_out"] = True
        yield shown


def _difference(difference: Difference) -> dict[str, Any]:
    first, second = difference.a or {}, difference.b or {}
    names = difference.attributes or tuple(sorted({*first, *second}))
    return {
        "scope": printable(difference.scope),
        "key": printable(difference.key),
        "kind": difference.kind.value,
        "values": [[printable(name), _value(first, name), _value(second, name)] for name in names if name != "text"],
    }


def _value(side: Any, name: str) -> str | None:
    if name not in side:
        return None
    value = side[name]
    shown = printable(value if isinstance(value, str) else json.dumps(value, sort_keys=True))
    return shown if len(shown) <= VALUE else shown[:VALUE] + "…"


def side_by_side(first: str, second: str, context: int = 3) -> Iterator[list[Any]]:
    """Yield rows [mark, number, line, number, line]: mark " ", "~", "-", "+", or "…" where equal lines are left out."""
    left, right = first.splitlines(), second.splitlines()
    for number, group in enumerate(text.groups(left, right, context)):
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
