"""The job summary: class, steps, what failed and why, plan and findings as Markdown, within the size that is shown."""

import re
from collections.abc import Iterable, Iterator, Sequence

from tdi.ci.results import Machine, Results
from tdi.outside.console import printable
from tdi.state.reports import amount, markdown
from tdi.state.reports.markdown import CELL, escape
from tdi.verdict.outcome import MEANINGS, Class, Result, Step, reached

LIMIT = 1024 * 1024
"""Bytes that GitHub takes of one step; of more it shows nothing at all."""

_DETAIL = 20_000
"""Bytes of what is said of one machine."""
_PLAN = 200_000
_COMPARISON = 500_000
_SPARE = 200
"""Bytes for the line that says what was left out."""

_SYMBOLS = {Class.PASS: "✅", Class.COULD_NOT_RUN: "⚠️"}


def render(results: Results, room: int = LIMIT) -> str:
    """Return the summary as Markdown of at most `room` bytes of UTF-8; says where it leaves something out."""
    kept: list[str] = []
    room -= _SPARE
    left_out = 0
    for part in _parts(results, room):
        size = len(part.encode()) + 1
        if size > room:
            left_out += 1
            continue
        kept.append(part)
        room -= size
    if left_out and room >= 0:
        kept.append(f"{amount(left_out, 'part')} of this summary left out: it would be too long to be shown.\n")
    return "\n".join(kept)


def _parts(results: Results, room: int) -> Iterator[str]:
    kind = results.kind
    yield f"## {_SYMBOLS.get(kind, '❌')} {escape(f'{kind}: {MEANINGS[kind]}')}\n"
    if results.platform:
        yield f"{escape(f'{results.platform}, {results.seconds:.0f} s')}\n"
    if results.classes:
        rows = (f"| {escape(name)} | {escape(kind.value)} |\n" for name, kind in results.classes.items())
        yield f"| past | class |\n|---|---|\n{''.join(rows)}"
    if results.machines:
        yield _steps(results.machines)
    for said in filter(None, (results.cause, *results.damaged)):
        yield f"{escape(said)}\n"
    for machine in results.machines:
        if machine.result is not Result.PASS:
            told = fenced(machine.detail.splitlines(), "text", _DETAIL)
            yield f"#### {escape(f'{machine.label}, {machine.step}')}\n\n{told}"
    if results.plan:
        yield f"### What the change does to production\n\n{fenced(results.plan.lines(), 'diff', _PLAN)}"
    if results.comparison:
        yield markdown.render(results.comparison, max(0, min(_COMPARISON, room // 2)))
    for name, comparison in results.further.items():
        text = markdown.render(comparison, max(0, min(_COMPARISON, room // 2) // len(results.further)))
        yield f"<details><summary>{escape(f'Past {name}')}</summary>\n\n{text}\n</details>\n"


def _steps(machines: Sequence[Machine]) -> str:
    known = {step.value: step for step in Step}
    shown = reached({known[name]: result for name, result in each.steps.items() if name in known} for each in machines)
    head = ("machine", *(step.value for step in shown))
    rows = [(each.label, *(each.steps.get(step, "not reached") for step in shown)) for each in machines]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(map(escape, row))} |" for row in rows)]) + "\n"


def fenced(lines: Iterable[str], language: str, room: int) -> str:
    """Return a block that shows lines as they are, in about `room` bytes at most, and how many it leaves out."""
    shown = [printable(line.expandtabs(4)) for line in lines]
    kept: list[str] = []
    for line in shown:
        short = line if len(line) <= CELL else line[:CELL] + "…"
        room -= len(short.encode()) + 1
        if room < 0:
            kept.append(f"… {amount(len(shown) - len(kept), 'more line')}")
            break
        kept.append(short)
    text = "\n".join(kept)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}\n"
