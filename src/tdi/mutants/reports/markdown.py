"""The summary of a run over mutants as Markdown, for a job's summary."""

import re

from tdi.mutants.reports.terminal import score_line
from tdi.mutants.results import MutantResult, Results, Status

_MOST = 50
"""Mutants that are shown with their diffs."""


def render(results: Results) -> str:
    """The summary: score, oracles, and every mutant that was not noticed."""
    lines = ["## Mutants", "", score_line(results), ""]
    rows = results.by_oracle()
    if rows:
        head = ("noticed by", "mutants", "only by it") if results.full else ("first noticed by", "mutants")
        lines += [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
        lines += [
            f"| {oracle} | {noticed} | {alone} |" if results.full else f"| {oracle} | {noticed} |"
            for oracle, noticed, alone in rows
        ]
        lines.append("")
    for title, found in (
        ("Survived", results.of(Status.SURVIVED)),
        ("Noticed by the plan alone", results.to_confirm),
        ("Could not be tried, or took too long", results.of(Status.COULD_NOT_RUN, Status.TIMED_OUT)),
    ):
        lines += _each(title, found)
    return "\n".join(lines) + "\n"


def _each(title: str, found: list[MutantResult]) -> list[str]:
    if not found:
        return []
    lines = [f"### {title} ({len(found)})", ""]
    for each in found[:_MOST]:
        why = next((kill.evidence for kill in each.kills), each.why)
        fence = "`" * (max((len(run) for run in re.findall("`+", each.diff)), default=0) + 3)
        lines += [f"<details><summary>{_plain(f'{each.path}:{each.line} {each.operator}: {each.says}')}</summary>", ""]
        lines += [_plain(why), "", f"{fence}diff", each.diff.rstrip("\n"), fence, "", "</details>", ""]
    if len(found) > _MOST:
        lines += [f"… and {len(found) - _MOST} more.", ""]
    return lines


def _plain(text: str) -> str:
    """A text of which nothing is taken for Markdown or HTML."""
    escaped = re.sub(r"([\\`*_{}\[\]()#+!|~@-])", r"\\\1", " ".join(text.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
