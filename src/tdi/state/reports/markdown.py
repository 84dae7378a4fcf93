"""The report for a job summary or a comment on a pull request, within the sizes that a forge accepts."""

import re

from tdi.state.compare import Comparison, Result
from tdi.state.finding import Finding
from tdi.state.reports import amount, printable, verdict

LIMIT = 65_000
"""Bytes: a comment on GitHub may have 65,536 characters, a job summary 1 MiB."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$:-])")
_SYMBOLS = {Result.SAME: "✅", Result.DIFFERENT: "❌", Result.UNKNOWN: "⚠️"}
_REST = 400
"""Bytes kept for the last line."""


def render(comparison: Comparison, limit: int = LIMIT) -> str:
    """Return the comparison as Markdown of at most `limit` bytes of UTF-8; says how many findings it leaves out."""
    first, *rest = verdict(comparison)
    parts = [f"### {_SYMBOLS[comparison.result]} {escape(first)}\n", *(f"{escape(line)}\n" for line in rest)]
    parts += [f"- {escape(problem)}" for problem in comparison.problems]
    kept = [_within(part, limit // 4) for part in parts]
    if comparison.findings:
        kept.append("| severity | what and why | what to do | owner | id |\n|---|---|---|---|---|")
    room = limit - _REST - sum(_size(part) for part in kept)
    left_out = len(comparison.findings)
    for finding in comparison.findings:
        row = _row(finding)
        room -= _size(row)
        if room < 0:
            break
        kept.append(row)
        left_out -= 1
    if left_out:
        kept.append(f"\n{amount(left_out, 'more finding')}: see the JSON or HTML report.")
    suppressed = _suppressed(comparison)
    if suppressed and _size(suppressed) < room:
        kept.append(suppressed)
    return "\n".join(kept) + "\n"


def escape(text: str) -> str:
    """Return `text` so that it shows as it is: no markup, no HTML, no mention, on one line."""
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", text).replace("@", "@&#8203;")


def _row(finding: Finding) -> str:
    cells = (finding.severity.value, finding.why, finding.action, finding.owner, finding.id)
    return "| " + " | ".join(escape(cell) for cell in cells) + " |"


def _suppressed(comparison: Comparison) -> str:
    if not comparison.suppressed:
        return ""
    rows = "\n".join(f"| {escape(rule)} | {count:,} |" for rule, count in comparison.suppressed.items())
    return f"\n<details><summary>Suppressed</summary>\n\n| rule | differences |\n|---|---|\n{rows}\n\n</details>"


def _size(text: str) -> int:
    return len(text.encode("utf-8")) + 1


def _within(text: str, limit: int) -> str:
    return text if len(text) <= limit // 4 else text[: limit // 4] + " …\n"
