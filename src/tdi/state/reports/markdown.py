"""The report for a job summary or a comment on a pull request, within the sizes that a forge accepts."""

import re
from collections.abc import Iterable, Sequence

from tdi.state.compare import Comparison, Result
from tdi.state.finding import Finding
from tdi.state.reports import amount, printable, varying, verdict
from tdi.state.varying.taken import REMEDY, Varying

LIMIT = 65_000
"""Bytes: a comment on GitHub may have 65,536 characters, a job summary 1 MiB."""

CELL = 1000
"""Characters of one cell of a table, or one line."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$:-])")
# A forge makes links of these after it has taken the backslashes away: @name, #123, GH-123, and www. at the begin.
_LINKS = re.compile(r"@(?=\w)|#(?=\w)|\bGH-(?=\d)|\bwww(?=\.)", re.IGNORECASE)
_CODE = re.compile(r"`([\w .:/=,-]+)`")
_APART = "\x00"
"""Stands for a space of no width until everything else is escaped; no printable text has it."""
_SYMBOLS = {Result.SAME: "✅", Result.DIFFERENT: "❌", Result.UNKNOWN: "⚠️"}
_HEAD = ("severity", "what and why", "what to do", "owner", "id")


def render(comparison: Comparison, limit: int = LIMIT) -> str:
    """Return the comparison as Markdown of at most `limit` bytes of UTF-8; says how many findings it leaves out."""
    first, *rest = verdict(comparison)
    room = limit
    parts: list[str] = []

    def add(part: str) -> None:
        nonlocal room
        parts.append(part)
        room -= _size(part)

    for text in (f"### {_SYMBOLS[comparison.result]} {escape(first)}", *map(escape, rest)):
        add(f"{text}\n")
    if comparison.problems:
        add(_bullets(comparison.problems, room // 4))
    findings = comparison.findings
    # What does not count comes last, and must not be crowded out by what does.
    folded = (
        folded_varying(comparison.varying, room // 6),
        _folded_rules(comparison, room // 6),
        _folded_bases(comparison, room // 6),
    )
    room -= sum(_size(part) for part in folded if part)
    if findings:
        rows = (_row(finding) for finding in findings)
        add(_table(_HEAD, rows, len(findings), "finding", room))
    left = room
    if comparison.from_bases and left > 0:
        # Whatever is left may be spent on them.
        folded = (*folded[:2], _folded_bases(comparison, left + _size(folded[2])))
    return "\n".join([*parts, *(part for part in folded if part)]) + "\n"


def escape(text: str) -> str:
    """Return `text` so that it shows as it is, on one line, at most CELL letters: no markup, mention or link."""
    text = printable(text)
    if len(text) > CELL:
        text = text[:CELL] + "…"
    text = _LINKS.sub(rf"\g<0>{_APART}", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", text).replace(_APART, "&#8203;")


def advice(finding: Finding) -> str:
    """Return what to do about a finding, what is to be written in a task as code."""
    text = finding.action
    if "`" in finding.key or len(text) > CELL:
        return escape(text)
    return "".join(f"`{part}`" if number % 2 else escape(part) for number, part in enumerate(_CODE.split(text)))


def _row(finding: Finding) -> str:
    severity, why, owner, id_ = map(escape, (finding.severity.value, finding.why, finding.owner, finding.id))
    return f"| {severity} | {why} | {advice(finding)} | {owner} | {id_} |"


def _cells(*cells: str) -> str:
    return "| " + " | ".join(escape(cell) for cell in cells) + " |"


def _table(head: Sequence[str], rows: Iterable[str], count: int, noun: str, room: int) -> str:
    """Return a table of as many of `count` rows as there is room for, and how many were left out."""
    kept = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    room -= sum(_size(line) for line in kept) + 100  # the last line
    for row in rows:
        room -= _size(row)
        if room < 0:
            break
        kept.append(row)
        count -= 1
    if count:
        kept.append(f"\n{amount(count, f'more {noun}')}: see the JSON or HTML report.")
    return "\n".join(kept) + "\n"


def _bullets(lines: Sequence[str], room: int) -> str:
    kept: list[str] = []
    for line in lines:
        bullet = f"- {escape(line)}"
        room -= _size(bullet)
        if room < 0:
            kept.append(f"- … and {amount(len(lines) - len(kept), 'more problem')}.")
            break
        kept.append(bullet)
    return "\n".join(kept) + "\n"


def _folded(summary: str, table: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{table}\n</details>\n"


def folded_varying(groups: Sequence[Varying], room: int) -> str:
    """Return what was not compared because it varies; empty if there is nothing of the kind."""
    if not groups:
        return ""
    rows = (
        _cells(one.owner, one.scope, f"{one.objects:,}", one.what, one.why, ", ".join(one.examples)) for one in groups
    )
    head = ("owner", "scope", "objects", "not compared", "why", "some of them")
    table = _table(head, rows, len(groups), "group", room - 150 - _size(REMEDY))
    return _folded(varying(groups), f"{table}\n{escape(REMEDY)}\n")


def _folded_rules(comparison: Comparison, room: int) -> str:
    """What the rules took, each with its reason; empty if they took nothing."""
    taken = comparison.suppressed
    if not taken:
        return ""
    counts = f"{amount(sum(taken.values()), 'difference')} by {amount(len(taken), 'rule')}"
    rows = (_cells(rule, f"{count:,}", comparison.reasons.get(rule, "")) for rule, count in taken.items())
    head = ("rule", "differences", "reason")
    return _folded(f"Suppressed: {counts}", _table(head, rows, len(taken), "rule", room - 150))


def _folded_bases(comparison: Comparison, room: int) -> str:
    """What comes from a base image that moved; empty if nothing does."""
    found = comparison.from_bases
    if not found:
        return ""
    rows = (_cells(finding.severity.value, finding.why, finding.owner, finding.id) for finding in found)
    table = _table(("severity", "what and why", "owner", "id"), rows, len(found), "finding", room - 150)
    return _folded(f"From the base images alone, not counted: {amount(len(found), 'finding')}", table)


def _size(text: str) -> int:
    return len(text.encode("utf-8")) + 1
