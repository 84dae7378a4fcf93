"""The report for a terminal: three lines of verdict, then the findings, worst first."""

import difflib
import json
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from tdi.state.compare import Comparison, Result
from tdi.state.finding import Difference, Kind, Names, Severity
from tdi.state.reports import printable, verdict

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
    width = max((len(finding.severity) for finding in comparison.findings), default=0)
    shown = comparison.findings if verbose else comparison.findings[:SHOWN]
    for finding in shown:
        line = Text(f"{finding.severity:<{width}}  ", style=_COLOURS[finding.severity])
        line.append(printable(finding.why), style="default")
        line.append(f" → {printable(finding.action)}", style="green")
        line.append(f" [{finding.id}, owner {printable(finding.owner)}]", style="dim")
        yield line
        if verbose:
            for difference in finding.differences:
                yield from _difference(difference, comparison.names)
    if len(shown) < len(comparison.findings):
        yield Text(f"… and {len(comparison.findings) - len(shown):,} more: --verbose, or --format html.", style="dim")
    for finding in comparison.from_bases[: None if verbose else SHOWN]:
        yield Text(f"from the base images: {printable(finding.why)}", style="dim")
    if verbose:
        for rule, count in comparison.suppressed.items():
            yield Text(f"suppressed {count:,}: {printable(rule)}", style="dim")


def _difference(difference: Difference, names: Names) -> Iterator[Text]:
    yield Text(f"    {_MARKS[difference.kind]} {difference.scope} {printable(difference.key)}")
    first, second = difference.a or {}, difference.b or {}
    shown = difference.attributes or tuple(sorted({*first, *second} - {"text"}))
    for name in shown:
        if name == "text":
            for line in text_diff(first.get("text", ""), second.get("text", ""), names):
                yield Text("        " + printable(line), style=_line_colour(line))
            continue
        sides = [f"{side} {_value(values[name])}" for side, values in _sides(difference, names) if name in values]
        yield Text(f"        {printable(name)}: {printable('; '.join(sides))}", style="dim")


def _sides(difference: Difference, names: Names) -> Iterator[tuple[str, Any]]:
    yield names.a, difference.a or {}
    yield names.b, difference.b or {}


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def text_diff(first: str, second: str, names: Names) -> Iterator[str]:
    """Yield the lines of a unified diff of two texts."""
    return difflib.unified_diff(first.splitlines(), second.splitlines(), names.a, names.b, lineterm="", n=2)


def _line_colour(line: str) -> str:
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "dim")
