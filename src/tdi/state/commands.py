"""What the commands of `tdi state` do, besides recording a machine."""

import io
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from rich.console import Console

from tdi.errors import ExitCode, TdiError
from tdi.outside import console
from tdi.outside.files import write_atomically
from tdi.state import invariants
from tdi.state.allowances import Allowance, Direction
from tdi.state.compare import Comparison, Result
from tdi.state.finding import Finding, Kind, Names
from tdi.state.fleet.own_names import Adaptable, Reference, compare_machines
from tdi.state.noise import CONTENT
from tdi.state.record import RecordFile
from tdi.state.reports import html, markdown, terminal
from tdi.state.reports import json as json_report
from tdi.state.rules import as_yaml, load_rules
from tdi.state.schema import blaming

_CODES = {
    Result.SAME: ExitCode.HOLDS,
    Result.DIFFERENT: ExitCode.DOES_NOT_HOLD,
    Result.UNKNOWN: ExitCode.COULD_NOT_RUN,
}
_RENDERERS: dict[str, Callable[[Comparison], str]] = {
    "json": json_report.render,
    "markdown": markdown.render,
    "html": html.render,
}
_SCENARIOS = {"fresh": "new", "upgrade": "upgraded"}
"""What the machines of the scenarios are called in sentences."""


def diff(
    a: Path,
    b: Path,
    *,
    form: str,
    output: Path | None,
    rules: Path | None,
    names: tuple[str, str] | None,
    verbose: bool,
) -> ExitCode:
    """Compare two records, and write the report."""
    comparison = _compare(a, b, rules, names)
    if form == "text":
        if output is None:
            terminal.show(comparison, console.out, verbose=verbose)
        else:
            written = io.StringIO()
            terminal.show(comparison, Console(file=written, force_terminal=False, width=10_000), verbose=verbose)
            write_atomically(output, written.getvalue())
    else:
        text = _RENDERERS[form](comparison)
        if output is None:
            click.echo(text, nl=False)
        else:
            write_atomically(output, text)
    if comparison.result is Result.UNKNOWN:
        console.fail(
            f"The machines could not be compared: {', '.join(comparison.not_acceptable)} not recorded completely.",
            "Record again, or say in the rules file under acceptable_unavailable why that is acceptable.",
        )
    return _CODES[comparison.result]


def fleet(
    inventories: Sequence[str],
    *,
    reference: str | None,
    limit: str | None,
    forks: int | None,
    become: bool | None,
    text: Sequence[str],
    rules: Path | None,
    output: Path | None,
    form: str,
    verbose: bool,
) -> ExitCode:
    """Record and compare the hosts of an inventory, and write the report."""
    from tdi.machines.run import new_run  # noqa: PLC0415 (comparing two records stays quick)
    from tdi.state.fleet.compare import run_fleet  # noqa: PLC0415
    from tdi.state.reports import fleet as fleet_report  # noqa: PLC0415

    loaded = load_rules(rules)
    with new_run() as run:
        found = run_fleet(
            inventories,
            output or run.directory,
            reference=reference,
            limit=limit,
            rules=loaded,
            text=text,
            forks=forks,
            become=become,
            run=run,
        )
    document = json.dumps(found.as_json(), indent=2) + "\n"
    if output:
        write_atomically(output / "report.json", document)
        write_atomically(output / "report.html", fleet_report.page(found))
    if form == "text":
        fleet_report.show(found, console.out, verbose=verbose)
    else:
        forms = {"json": lambda _: document, "markdown": fleet_report.render, "html": fleet_report.page}
        click.echo(forms[form](found), nl=False)
    return _CODES[found.result]


def allow(finding_id: str, records: Sequence[Path], *, rules: Path | None, reason: str) -> ExitCode:
    """Print the narrowest allowance for a finding of a comparison of two records."""
    comparison = _compare(records[0], records[1], rules, None)
    found = [finding for finding in comparison.findings if finding.id.startswith(finding_id)]
    if not found:
        # `tdi state fleet` tells also what is wrong on a host by itself.
        found = [finding for finding in _broken(records) if finding.id.startswith(finding_id)]
    if len(found) != 1:
        raise TdiError(
            f"No finding of this comparison has the id {finding_id}."
            if not found
            else f"{len(found)} findings have an id that begins with {finding_id}.",
            "`tdi state diff` and `tdi state fleet` show the ids; the records must be the same ones.",
        )
    click.echo(as_yaml([narrowest(found[0], reason)]), nl=False)
    return ExitCode.HOLDS


def narrowest(finding: Finding, reason: str) -> Allowance:
    """Return the allowance that takes this finding and as little else as possible."""
    changed = finding.kind is Kind.CHANGED
    head = finding.differences[0]
    pinned = [name for name in finding.attributes if name not in (*CONTENT, "text_hash", "properties")]
    value = {
        side: {name: values[name] for name in pinned if name in values}
        for side, values in (("a", head.a or {}), ("b", head.b or {}))
    }
    return Allowance(
        scope=finding.scope,
        match=f"^{re.escape(finding.key)}$",
        reason=reason,
        attributes=finding.attributes if changed else (),
        direction=Direction(finding.kind.value),
        value={side: values for side, values in value.items() if values} if changed else {},
    )


def _compare(a: Path, b: Path, rules: Path | None, names: tuple[str, str] | None) -> Comparison:
    loaded = load_rules(rules)
    with Reference(a) as first, Adaptable(b) as second, blaming(a, b):
        return compare_machines(first, second, loaded, names=Names(*names) if names else _names(first, second))


def _broken(records: Sequence[Path]) -> tuple[Finding, ...]:
    """What is wrong on any of these machines by itself; of what is wrong on several, as the last one has it."""
    found: dict[str, Finding] = {}
    for path in records:
        with RecordFile(path) as record, blaming(path):
            found |= {finding.id: finding for finding in invariants.check(record)}
    return tuple(found.values())


def _names(a: RecordFile, b: RecordFile) -> Names:
    """Name the machines after their scenarios or hosts, where that tells them apart."""
    for part in ("scenario", "hostname", "target"):
        first, second = a.meta.get(part), b.meta.get(part)
        if first and second and first != second:
            return Names(_SCENARIOS.get(first, str(first)), _SCENARIOS.get(second, str(second)))
    return Names()
