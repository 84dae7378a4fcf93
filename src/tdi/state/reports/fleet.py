"""The report of a fleet for a terminal, a forge and a browser: what the hosts are like, what is found on which."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from tdi.outside.screen import beside
from tdi.state.compare import Result
from tdi.state.fleet.compare import NAMES, Fleet, Shared, Status
from tdi.state.reports import amount, html, markdown, printable, terminal

_NAMED = 8
"""Hosts that are named in a line; JSON has all."""
_TABLE = 2000
"""Bytes of Markdown that a table of what varies needs at least."""
_PROBLEMS = 10
"""Lines about hosts and rules at the head of the page; its tables have all."""
_SYMBOLS = {Result.SAME: "✅", Result.DIFFERENT: "❌", Result.UNKNOWN: "⚠️"}


def verdict(fleet: Fleet) -> tuple[str, ...]:
    """What the fleet is like, what it was compared with, what was left out, and each host that is missing."""
    same = len(fleet.with_status(Status.SAME, Status.REFERENCE))
    counts = (
        f"{len(hosts)} {said}"
        for status, said in (
            (Status.DIFFERENT, "not"),
            (Status.INCOMPLETE, "not compared completely"),
            (Status.NOT_RECORDED, "not recorded"),
        )
        if (hosts := fleet.with_status(status))
    )
    rest = "".join(f", {count}" for count in counts)
    verb = "is" if same == 1 else "are"
    findings = f": {amount(len(fleet.findings), 'finding')}" if fleet.findings else ""
    problems = f" {amount(len(fleet.problems), 'problem')} with the rules." if fleet.problems else ""
    suppressed = amount(sum(fleet.suppressed.values()), "difference")
    rules = amount(len(fleet.suppressed), "rule")
    counted = f"Compared {amount(fleet.compared, 'object')}; {suppressed} suppressed by {rules}"
    return (
        f"{same} of {amount(len(fleet.hosts), 'host')} {verb} in the state of the reference{rest}{findings}.{problems}",
        f"The reference is {fleet.reference}. {counted}.",
        *_missing(fleet),
        *(f"Not compared on {_names(fleet, hosts)}: {why}." for why, hosts in fleet.not_compared.items()),
        *not_walked(fleet),
        *fleet.problems,
    )


def _missing(fleet: Fleet) -> Iterator[str]:
    """A line for each host that was not recorded, or for all that were not for one reason if these are many."""
    by_reason: dict[str, list[str]] = {}
    for host in fleet.with_status(Status.NOT_RECORDED):
        by_reason.setdefault(host.why, []).append(host.name)
    for host in fleet.with_status(Status.NOT_RECORDED):
        names = by_reason[host.why]
        if len(names) <= _NAMED:
            yield f"Not recorded: {host.name}: {host.why}."
        elif host.name == names[0]:
            yield f"Not recorded: {amount(len(names), 'host')} ({_some(names)}): {host.why}."


def not_walked(fleet: Fleet) -> tuple[str, ...]:
    """Where nobody looked, and on which hosts: a line each."""
    return tuple(f"Not walked on {_names(fleet, hosts)}: {why}." for why, hosts in fleet.not_walked.items())


def show(fleet: Fleet, console: Console, *, verbose: bool = False) -> None:
    """Print the report on `console`; `verbose` shows every finding."""
    for margin, parts in _lines(fleet, verbose=verbose):
        beside(console, margin, *parts)


def _lines(fleet: Fleet, *, verbose: bool) -> Iterator[terminal.Line]:
    first, *rest = verdict(fleet)
    yield terminal.said(first, terminal.VERDICTS[fleet.result])
    yield from map(terminal.said, rest)
    shown = fleet.findings if verbose else fleet.findings[: terminal.SHOWN]
    width = max((len(shared.finding.severity) for shared in shown), default=0)
    for shared in shown:
        each = shared.finding
        hosts = share(fleet, shared)
        yield terminal.finding(each.severity, each.why, each.action, each.owner, each.id, hosts=hosts, width=width)
        yield terminal.Line(Text(" " * (width + 2)), (Text(printable(_names(fleet, shared.hosts)), style="dim"),))
    if len(shown) < len(fleet.findings):
        yield terminal.said(f"… and {len(fleet.findings) - len(shown):,} more: --verbose, or --format html.", "dim")
    yield from terminal.varies(fleet.varying, verbose=verbose)
    if verbose:
        yield from (terminal.suppressed(rule, count, fleet.reasons) for rule, count in fleet.suppressed.items())


def share(fleet: Fleet, shared: Shared) -> str:
    """On how many of the compared hosts it is, and in how many variants."""
    compared = sum(host.compared for host in fleet.hosts)
    variants = f" in {shared.variants} variants" if shared.variants > 1 else ""
    return f"{len(shared.hosts)} of {amount(compared, 'host')}{variants}"


def _names(fleet: Fleet, hosts: Sequence[str]) -> str:
    """Names of hosts: a few, or all but a few."""
    if len(hosts) > _NAMED // 2:  # looked at first: there may be as many findings as hosts
        named = {*hosts}
        others = [host.name for host in fleet.hosts if host.compared and host.name not in named]
        if others and len(others) < len(hosts):
            return f"all but {_some(others)}"
    return _some(hosts)


def _some(hosts: Sequence[str]) -> str:
    more = f" and {len(hosts) - _NAMED:,} more" if len(hosts) > _NAMED else ""
    return ", ".join(hosts[:_NAMED]) + more


def render(fleet: Fleet, limit: int = markdown.LIMIT) -> str:
    """Return the report as Markdown of at most `limit` bytes of UTF-8; says how many findings it leaves out."""
    first, *rest = (markdown.escape(line) for line in verdict(fleet))
    parts = [f"### {_SYMBOLS[fleet.result]} {first}\n"]
    room = limit - 600
    for line in rest:
        if room > limit // 2:
            parts.append(f"{line}\n")
            room -= len(parts[-1].encode()) + 1
    if fleet.findings:
        parts.append("| severity | hosts | what and why | what to do | which | id |\n|---|---|---|---|---|---|")
    left = len(fleet.findings)
    for shared in fleet.findings:
        finding = shared.finding
        begin = map(markdown.escape, (finding.severity.value, share(fleet, shared), finding.why))
        end = map(markdown.escape, (_names(fleet, shared.hosts), finding.id))
        row = "| " + " | ".join([*begin, markdown.advice(finding), *end]) + " |"
        room -= len(row.encode()) + 1
        if room < 0:
            break
        parts.append(row)
        left -= 1
    if left:
        parts.append(f"\n{amount(left, 'more finding')}: see the JSON report.")
    if fleet.varying and room > _TABLE:
        parts.append("\n" + markdown.folded_varying(fleet.varying, room))
    return "\n".join(parts) + "\n"


def page(fleet: Fleet) -> str:
    """Return the report as one HTML page."""
    budget = html.Budget(html.BUDGET)
    # Where nobody looked is told as the page of a comparison tells it, and is no problem.
    left = not_walked(fleet)
    first, basis, *rest = (printable(line) for line in verdict(fleet) if line not in left)
    numbers = {host.name: number for number, host in enumerate(fleet.hosts)}
    return html.page(
        {
            "result": fleet.result.value,
            "title": amount(len(fleet.hosts), "host"),
            "verdict": [
                first,
                basis,
                "" if fleet.not_compared else "Not compared: nothing.",
                *([printable(" ".join(left))] if left else []),
            ],
            "about": "",
            "names": (NAMES.a, NAMES.b),
            "problems": [
                *rest[:_PROBLEMS],
                *([f"… and {len(rest) - _PROBLEMS:,} more."] if len(rest) > _PROBLEMS else []),
            ],
            **html.varies(fleet.varying),
            "suppressed": html.rules(fleet.suppressed, fleet.reasons),
            "compared": [],
            "not_compared": [
                [*map(printable, why.split(": ", 1)), printable(_names(fleet, hosts))]
                for why, hosts in fleet.not_compared.items()
            ],
            "findings": [_shared(fleet, shared, numbers, budget) for shared in fleet.findings],
            "from_bases": [],
            "hosts": [[printable(host.name), host.status.value, printable(host.why)] for host in fleet.hosts],
        }
    )


def _shared(fleet: Fleet, shared: Shared, numbers: Mapping[str, int], budget: html.Budget) -> dict[str, Any]:
    return {
        **html.finding(shared.finding, budget),
        "count": shared.differences,
        "share": share(fleet, shared),
        "which": printable(_names(fleet, shared.hosts)),
        "hosts": [numbers[name] for name in shared.hosts],
    }
