"""The report for a browser: one file that needs nothing else, neither a server nor a network.

The page (`page.html`) gets the findings as JSON and writes every string as text, never as markup; its policy lets run
only the one script that it has. Where scripts are off, as many CI servers have it for the files they keep, it shows the
findings and the texts without filters.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

from tdi.state.compare import Comparison
from tdi.state.finding import Difference, Finding, Kind, Severity
from tdi.state.reports import amount, examples, printable, shown, text, varying, verdict
from tdi.state.varying.taken import REMEDY, Varying

DIFFERENCES = 100
"""Shown inside of one finding; the others are counted."""

BUDGET = 8 * 1024 * 1024
"""Characters of file content and of values in one page: what comes after it is counted, and not shown."""

VALUE = 4000
"""Characters of one value."""

STATIC = 1024 * 1024
"""Characters of what is shown where scripts are off; what comes after it is counted."""

_LAST = frozenset({"hash", "text_hash", "size", "origin"})
"""Attributes that say less than the others, and come after them."""

_DATA = "/*DATA*/null"
_STATIC = "<!--STATIC-->"
_HASH = "HASH-OF-THE-SCRIPT"
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_STYLE = re.compile(r"<style>\n(.*?)</style>", re.DOTALL)


def render(comparison: Comparison) -> str:
    """Return the comparison as one HTML page."""
    budget = Budget(BUDGET)
    names = (printable(comparison.names.a), printable(comparison.names.b))
    return page(
        {
            "result": comparison.result.value,
            "title": " and ".join(names),
            "verdict": [printable(line) for line in verdict(comparison)],
            "about": printable("; ".join(filter(None, comparison.about))),
            "names": names,
            "problems": [printable(problem) for problem in comparison.problems],
            **varies(comparison.varying),
            "suppressed": rules(comparison.suppressed, comparison.reasons),
            "compared": [[printable(scope), count] for scope, count in comparison.compared.items()],
            "not_compared": [
                [printable(scope), printable(why), scope not in comparison.not_acceptable]
                for scope, why in comparison.not_compared.items()
            ],
            "findings": [finding(each, budget) for each in comparison.findings],
            "from_bases": [finding(each, budget) for each in comparison.from_bases],
            "hosts": [],
        }
    )


def varies(groups: Sequence[Varying]) -> dict[str, Any]:
    """Return what the page shows of what varies."""
    rows = ((one.owner, one.scope, f"{one.objects:,}", one.what, one.why, examples(one)) for one in groups)
    return {
        "varying": [list(map(printable, row)) for row in rows],
        "varying_title": varying(groups),
        "varying_remedy": REMEDY,
    }


def rules(suppressed: Mapping[str, int], reasons: Mapping[str, str]) -> list[list[Any]]:
    """Return the rows of what was suppressed: rule, count, reason."""
    return [[printable(rule), count, printable(reasons.get(rule, ""))] for rule, count in suppressed.items()]


def style() -> str:
    """Return the style sheet of the page, for other pages that are to look like it."""
    return "".join(_STYLE.findall(_template()))


def _template() -> str:
    return resources.files("tdi.state.reports").joinpath("page.html").read_text(encoding="utf-8")


def page(data: dict[str, Any]) -> str:
    """Return the page that shows `data`."""
    data = {"severities": [severity.value for severity in Severity], "varying": [], **data}
    page = _template()
    scripts = _SCRIPT.findall(page)
    digest = base64.b64encode(hashlib.sha256("".join(scripts).encode()).digest()).decode("ascii")
    document = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    # Inside of a script element only these could end it or begin a comment.
    for letter in "<>&":
        document = document.replace(letter, f"\\u{ord(letter):04x}")
    static = "\n".join(_static(data))
    return re.sub(
        "|".join(map(re.escape, (_HASH, _DATA, _STATIC))),
        lambda found: {_HASH: digest, _DATA: document, _STATIC: static}[found.group()],
        page,
    )


def _static(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the page shows where scripts are off."""
    first, *rest = data["verdict"]
    yield f'<header class="{data["result"]}"><h1>{escape(first)}</h1>'
    yield from (f"<p>{escape(line)}</p>" for line in (*rest, data["about"]) if line)
    yield from _items(data["problems"])
    yield "</header>"
    room = STATIC
    yield "<ul>"
    for number, each in enumerate(data["findings"]):
        told = "\n".join(_static_finding(each))
        room -= len(told)
        if room < 0:
            left = amount(len(data["findings"]) - number, "more finding")
            yield f"<li>… and {left}: with scripts the page shows all.</li>"
            break
        yield told
    yield "</ul>"
    for title, rows in (
        ("Hosts", data["hosts"]),
        ("Not compared", data["not_compared"]),
        (data.get("varying_title"), data["varying"]),
        ("Suppressed", data["suppressed"]),
    ):
        if rows:
            yield f"<h2>{title}</h2>"
            # A flag says what the reason says already.
            yield from _items(": ".join(str(cell) for cell in row if cell and cell is not True) for row in rows)


def _static_finding(finding: Mapping[str, Any]) -> Iterator[str]:
    share = f"{finding['share']}: " if finding["share"] else ""
    yield f"<li><b>{escape(finding['severity'])}</b> {escape(share + finding['why'])} → {escape(finding['action'])}"
    if finding["share"]:
        yield f"<br>{escape(finding['which'])}"
    facts = f"{finding['scope']}, owner {finding['owner']}, {finding['id']}"
    yield f'<br><span class="faint">{escape(facts)}</span>'
    for difference in finding["differences"]:
        lines = [
            *(
                f"{name}: {' → '.join('—' if side is None else side for side in sides)}"
                for name, *sides in difference["values"]
            ),
            *_unified(difference.get("text", ())),
        ]
        if difference["kind"] == Kind.CHANGED.value and lines:
            yield f"<pre>{escape(difference['key'])}\n{escape(chr(10).join(lines))}</pre>"
    yield "</li>"


def _unified(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield the rows of a text side by side as lines one below the other."""
    for mark, _, first, _, second in rows:
        if mark in " …":
            yield f"  {first if mark == ' ' else '⋯'}"
            continue
        yield from (f"{sign} {line}" for sign, line in (("-", first), ("+", second)) if line is not None)


def _items(lines: Iterable[str]) -> Iterator[str]:
    inner = "".join(f"<li>{escape(line)}</li>" for line in lines)
    if inner:
        yield f"<ul>{inner}</ul>"


class Budget:
    """What is left to spend on content; the worst findings come first."""

    def __init__(self, characters: int) -> None:
        self._left = characters

    def spend(self, characters: int) -> bool:
        """Whether there is enough left; only then it is spent."""
        if characters > self._left:
            return False
        self._left -= characters
        return True


def finding(finding: Finding, budget: Budget) -> dict[str, Any]:
    """Return a finding as the page wants it."""
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
        "share": "",
        "which": "",
        "hosts": [],
    }


def _differences(finding: Finding, budget: Budget) -> Iterator[dict[str, Any]]:
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
    # Beside the texts themselves their hashes say nothing.
    hidden = {"text", "hash", "size"} if "text" in first and "text" in second else {"text"}
    names = sorted(difference.attributes or {*first, *second}, key=lambda name: (name in _LAST, name))
    return {
        "scope": printable(difference.scope),
        "key": printable(difference.key),
        "kind": difference.kind.value,
        "values": [
            [printable(name), _value(first, name), _value(second, name)] for name in names if name not in hidden
        ],
    }


def _value(side: Any, name: str) -> str | None:
    if name not in side:
        return None
    value = shown(side[name])
    return value if len(value) <= VALUE else value[:VALUE] + "…"


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
