"""The report for a terminal: three lines of verdict, then the findings, worst first."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from tdi.outside.screen import beside
from tdi.state.compare import Comparison, Result
from tdi.state.finding import Difference, Finding, Kind, Names, Severity
from tdi.state.reports import amount, examples, printable, shown, text, varying, verdict
from tdi.state.varying.taken import REMEDY, Varying

SHOWN = 200
"""Findings, unless every difference is asked for."""

GROUPS = 20
"""Groups of what varies, unless everything is asked for."""

COLOURS = {
    Severity.SECURITY: "bold red",
    Severity.SERVICE: "bold yellow",
    Severity.CONFIGURATION: "cyan",
    Severity.LEFT_OVER: "blue",
}
VERDICTS = {Result.SAME: "bold green", Result.DIFFERENT: "bold red", Result.UNKNOWN: "bold yellow"}
_MARKS = {Kind.ONLY_A: "-", Kind.ONLY_B: "+", Kind.CHANGED: "~"}


class Line(NamedTuple):
    """What stands in the margin, and what beside it."""

    margin: Text
    parts: tuple[Text, ...]


def show(comparison: Comparison, console: Console, *, verbose: bool = False) -> None:
    """Print the comparison on `console`; `verbose` adds every difference and every rule that suppressed one."""
    for line in _lines(comparison, verbose=verbose):
        if isinstance(line, Line):
            beside(console, line.margin, *line.parts)
        else:
            console.print(line, soft_wrap=True)


def finding(severity: str, why: str, action: str, owner: str, id_: str, *, hosts: str = "", width: int = 0) -> Line:
    """Return a finding as reports show it on a terminal: how bad it is, what and why, what to do, its id."""
    begin = Text(f"{hosts}: ", style="bold") if hosts else Text()
    return Line(
        Text(f"{severity:<{width}}  ", style=COLOURS[Severity(severity)]),
        (
            begin.append(printable(why), style="not bold"),
            Text(f"→ {printable(action)}", style="green"),
            Text(f"[{id_}, owner {printable(owner)}]", style="dim"),
        ),
    )


def said(text: str, style: str = "") -> Line:
    """Return a sentence."""
    return Line(Text(), (Text(printable(text), style=style),))


def _lines(comparison: Comparison, *, verbose: bool) -> Iterator[Line | Text]:
    """Yield the report: lines to be wrapped at words, and texts that are to stay as they are."""
    first, *rest = verdict(comparison)
    yield said(first, VERDICTS[comparison.result])
    yield from map(said, rest)
    for problem in comparison.problems:
        yield Line(Text(), (Text("rules: ", style="bold red").append(printable(problem), style="not bold default"),))
    kept = comparison.findings if verbose else comparison.findings[:SHOWN]
    yield from _findings(kept, comparison.names, verbose=verbose)
    if len(kept) < len(comparison.findings):
        yield said(f"… and {len(comparison.findings) - len(kept):,} more: --verbose, or --format html.", "dim")
    yield from varies(comparison.varying, verbose=verbose)
    yield from _what_does_not_count(comparison, verbose=verbose)


def _findings(findings: Sequence[Finding], names: Names, *, verbose: bool) -> Iterator[Line | Text]:
    width = max((len(each.severity) for each in findings), default=0)
    for each in findings:
        yield finding(each.severity, each.why, each.action, each.owner, each.id, width=width)
        if verbose:
            for difference in each.differences:
                yield from _difference(difference, names)


def varies(groups: Sequence[Varying], *, verbose: bool) -> Iterator[Line]:
    """Yield what was not compared because it varies, by owner; with `verbose` all groups."""
    if not groups:
        return
    yield said(f"{varying(groups)}. {REMEDY}")
    kept = groups if verbose else groups[:GROUPS]
    for group in kept:
        what = f"{group.owner}: {group.objects:,} in {group.scope} ({group.what}): {group.why}"
        some = Text(f"e.g. {printable(examples(group))}", style="dim")
        yield Line(Text("varies  ", style="dim"), (Text(printable(what)), some))
    if len(kept) < len(groups):
        yield said(f"… and {len(groups) - len(kept):,} more groups: --verbose.", "dim")


def _what_does_not_count(comparison: Comparison, *, verbose: bool) -> Iterator[Line | Text]:
    """What comes from the base images, and what the rules took: a line each, or with `verbose` all of it."""
    if comparison.from_bases:
        counts = Counter(finding.severity for finding in comparison.from_bases)
        found = ", ".join(f"{counts[severity]:,} {severity}" for severity in Severity if counts[severity])
        head = f"From the base images alone, not counted: {amount(len(comparison.from_bases), 'finding')} ({found})"
        yield said(f"{head}." if verbose else f"{head}: --verbose.", "dim")
        if verbose:
            yield from _findings(comparison.from_bases, comparison.names, verbose=True)
    if verbose:
        for rule, count in comparison.suppressed.items():
            yield suppressed(rule, count, comparison.reasons)
    elif comparison.suppressed:
        rules = ", ".join(f"{rule} {count:,}" for rule, count in comparison.suppressed.items())
        yield said(f"Suppressed: {rules}; the reasons: --verbose.", "dim")


def suppressed(rule: str, count: int, reasons: Mapping[str, str]) -> Line:
    """Return what a rule took, and why it may."""
    reason = reasons.get(rule)
    return said(f"suppressed {count:,}: {rule}{f' ({reason})' if reason else ''}", "dim")


def _difference(difference: Difference, names: Names) -> Iterator[Line | Text]:
    yield Text(f"    {_MARKS[difference.kind]} {difference.scope} {printable(difference.key)}")
    first, second = difference.a or {}, difference.b or {}
    for name in difference.attributes or tuple(sorted({*first, *second} - {"text"})):
        if name == "text":
            left, right = (str(side.get("text", "")).splitlines() for side in (first, second))
            for line in text.unified(left, right, (names.a, names.b)):
                yield Text("        " + printable(line), style=_line_colour(line))
            continue
        sides = (
            f"{printable(side)} {shown(values[name])}" for side, values in _sides(difference, names) if name in values
        )
        yield Line(Text(" " * 8), (Text(f"{printable(name)}: {'; '.join(sides)}", style="dim"),))


def _sides(difference: Difference, names: Names) -> Iterator[tuple[str, Any]]:
    yield names.a, difference.a or {}
    yield names.b, difference.b or {}


def _line_colour(line: str) -> str:
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "dim")
