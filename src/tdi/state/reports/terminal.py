"""The report for a terminal: three lines of verdict, then the findings, worst first."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from tdi.state.compare import Comparison, Result
from tdi.state.finding import Difference, Finding, Kind, Names, Severity
from tdi.state.reports import amount, printable, text, verdict

SHOWN = 200
"""Findings, unless every difference is asked for."""

_COLOURS = {
    Severity.SECURITY: "bold red",
    Severity.SERVICE: "bold yellow",
    Severity.CONFIGURATION: "cyan",
    Severity.LEFT_OVER: "blue",
}
_VERDICTS = {Result.SAME: "bold green", Result.DIFFERENT: "bold red", Result.UNKNOWN: "bold yellow"}
_MARKS = {Kind.ONLY_A: "-", Kind.ONLY_B: "+", Kind.CHANGED: "~"}


def show(comparison: Comparison, console: Console, *, verbose: bool = False) -> None:
    """Print the comparison on `console`; `verbose` adds every difference and every rule that suppressed one."""
    for line in lines(comparison, verbose=verbose):
        console.print(line, soft_wrap=True)


def lines(comparison: Comparison, *, verbose: bool = False) -> Iterator[Text]:
    """Yield the lines of the report."""
    first, *rest = verdict(comparison)
    yield Text(printable(first), style=_VERDICTS[comparison.result])
    yield from (Text(printable(line)) for line in rest)
    for problem in comparison.problems:
        yield Text("rules: ", style="bold red").append(printable(problem), style="default")
    shown = comparison.findings if verbose else comparison.findings[:SHOWN]
    yield from _findings(shown, comparison.names, verbose=verbose)
    if len(shown) < len(comparison.findings):
        yield Text(f"… and {len(comparison.findings) - len(shown):,} more: --verbose, or --format html.", style="dim")
    yield from _what_does_not_count(comparison, verbose=verbose)


def _findings(findings: Sequence[Finding], names: Names, *, verbose: bool) -> Iterator[Text]:
    width = max((len(finding.severity) for finding in findings), default=0)
    for finding in findings:
        line = Text(f"{finding.severity:<{width}}  ", style=_COLOURS[finding.severity])
        line.append(printable(finding.why), style="default")
        line.append(f" → {printable(finding.action)}", style="green")
        line.append(f" [{finding.id}, owner {printable(finding.owner)}]", style="dim")
        yield line
        if verbose:
            for difference in finding.differences:
                yield from _difference(difference, names)


def _what_does_not_count(comparison: Comparison, *, verbose: bool) -> Iterator[Text]:
    """What comes from the base images, and what the rules took: a line each, or with `verbose` all of it."""
    if comparison.from_bases:
        counts = Counter(finding.severity for finding in comparison.from_bases)
        found = ", ".join(f"{counts[severity]:,} {severity}" for severity in Severity if counts[severity])
        head = f"From the base images alone, not counted: {amount(len(comparison.from_bases), 'finding')} ({found})"
        yield Text(f"{head}." if verbose else f"{head}: --verbose.", style="dim")
        if verbose:
            yield from _findings(comparison.from_bases, comparison.names, verbose=True)
    if verbose:
        for rule, count in comparison.suppressed.items():
            reason = comparison.reasons.get(rule)
            yield Text(f"suppressed {count:,}: {printable(rule + (f' ({reason})' if reason else ''))}", style="dim")
    elif comparison.suppressed:
        rules = ", ".join(f"{rule} {count:,}" for rule, count in comparison.suppressed.items())
        yield Text(f"Suppressed: {printable(rules)}; the reasons: --verbose.", style="dim")


def _difference(difference: Difference, names: Names) -> Iterator[Text]:
    yield Text(f"    {_MARKS[difference.kind]} {difference.scope} {printable(difference.key)}")
    first, second = difference.a or {}, difference.b or {}
    shown = difference.attributes or tuple(sorted({*first, *second} - {"text"}))
    for name in shown:
        if name == "text":
            left, right = (str(side.get("text", "")).splitlines() for side in (first, second))
            for line in text.unified(left, right, (names.a, names.b)):
                yield Text("        " + printable(line), style=_line_colour(line))
            continue
        said = [f"{side} {_value(values[name])}" for side, values in _sides(difference, names) if name in values]
        yield Text(f"        {printable(name)}: {printable('; '.join(said))}", style="dim")


def _sides(difference: Difference, names: Names) -> Iterator[tuple[str, Any]]:
    yield names.a, difference.a or {}
    yield names.b, difference.b or {}


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _line_colour(line: str) -> str:
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "dim")
