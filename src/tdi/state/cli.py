"""`tdi state`: record a machine, compare two records, allow a finding."""

import io
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from rich.console import Console

from tdi.errors import ExitCode, TdiError
from tdi.outside import console
from tdi.project import write_atomically
from tdi.state import invariants
from tdi.state.allowances import Allowance, Direction
from tdi.state.compare import Comparison, Result
from tdi.state.finding import Finding, Kind, Names
from tdi.state.fleet.own_names import TEXTS, Adaptable, Reference, compare_machines
from tdi.state.noise import CONTENT
from tdi.state.record import RecordFile
from tdi.state.reports import html, markdown, terminal
from tdi.state.reports import json as json_report
from tdi.state.rules import as_yaml, load_rules
from tdi.state.schema import blaming
from tdi.state.target import record as record_target

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

_file = click.Path(path_type=Path, dir_okay=False)


@click.group()
def state() -> None:
    """Record the state of machines and compare them."""


@state.command("record")
@click.argument("target")
@click.option("-o", "--output", required=True, type=_file, help="The record; compressed if it ends in .gz.")
@click.option("--text", multiple=True, metavar="REGEX", help="Keep the text of files with such paths (^…$).")
@click.option("--exclude", multiple=True, metavar="DIRECTORY", help="Do not walk this directory.")
@click.option("--scope", "scopes", multiple=True, metavar="NAME", help="Record only these scopes.")
@click.option("--baseline", type=_file, help="Hash only files that changed since; the file is made, and kept current.")
def record_command(
    target: str,
    output: Path,
    *,
    text: tuple[str, ...],
    exclude: tuple[str, ...],
    scopes: tuple[str, ...],
    baseline: Path | None,
) -> int:
    """Record TARGET: docker://NAME, ssh://[USER@]HOST[:PORT] or local://.

    Needs root and Python 3.8 on the machine; installs and leaves nothing there.
    """
    with record_target(
        target, output, text=(*TEXTS, *text), exclude=exclude, scopes=scopes or None, baseline=baseline
    ) as made:
        objects = sum(made.counts.values())
        reused = made.meta["hashed"]["reused"]
        missing = [f"{name} is {scope.status}: {scope.reason}" for name, scope in made.scopes.items() if scope.reason]
    console.say(f"{objects:,} objects of {target} are in {output}.")
    if reused:
        console.say(f"{reused:,} files are as they were in {baseline} and were not read again.")
    for line in missing:
        console.say(line)
    return ExitCode.HOLDS


@state.command("diff")
@click.argument("a", type=_file)
@click.argument("b", type=_file)
@click.option("--format", "form", type=click.Choice(["text", *_RENDERERS]), default="text", show_default=True)
@click.option("-o", "--output", type=_file, help="Write the report here instead of on standard output.")
@click.option("--rules", type=_file, help="The rules file; without it only the built-in rules hold.")
@click.option("--verbose", is_flag=True, help="Show every difference (text).")
@click.option("--names", nargs=2, metavar="A B", help="What to call the two machines.")
def diff_command(
    a: Path,
    b: Path,
    *,
    form: str,
    output: Path | None,
    rules: Path | None,
    names: tuple[str, str] | None,
    verbose: bool,
) -> int:
    """Compare the records A and B: what differs, why, and what to do.

    Exits with 0 if the machines are in the same state, 1 if not, 2 if that cannot be said.
    """
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


@state.command("fleet")
@click.option(
    "-i", "--inventory", "inventories", multiple=True, required=True, metavar="INVENTORY", help="As Ansible's."
)
@click.option("--reference", metavar="RECORD|HOST|GROUP", help="What each host is compared with; see above.")
@click.option("--limit", metavar="PATTERN", help="Only these hosts, as Ansible's.")
@click.option("--forks", type=click.IntRange(min=1), help="Hosts that are recorded at a time, as Ansible's.")
@click.option(
    "--become/--no-become",
    default=None,
    help="Record as root by Ansible's become, or not.  [default: as Ansible is configured]",
)
@click.option("--text", multiple=True, metavar="REGEX", help="Keep the text of files with such paths (^…$).")
@click.option("--rules", type=_file, help="The rules file; without it only the built-in rules hold.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Keep records, reports and log here.")
@click.option("--format", "form", type=click.Choice(["text", *_RENDERERS]), default="text", show_default=True)
@click.option("--verbose", is_flag=True, help="Show every finding (text).")
def fleet_command(
    inventories: tuple[str, ...],
    *,
    reference: str | None,
    limit: str | None,
    forks: int | None,
    become: bool | None,
    text: tuple[str, ...],
    rules: Path | None,
    output: Path | None,
    form: str,
    verbose: bool,
) -> int:
    """Record every host of an Ansible inventory, and say which of them are not in the state of the reference.

    Ansible reaches the hosts, with the connections, privileges and passwords of its configuration and the inventory.
    The reference is a record, a host, or the most common state of a group; without it, of all hosts. Names and
    addresses that are a host's own do not count as a difference. What is wrong on a host by itself, such as a unit that
    has failed, is found even where the reference has it too.

    Exits with 0 if all hosts are in the same state and nothing is wrong on them, 1 if not, 2 if that cannot be said of
    one: a host that was not reached or not recorded completely. 2 comes before 1, for the fleet may be worse than what
    was found; the report has the differences of all others nevertheless.
    """
    from tdi.machines.run import new_run  # noqa: PLC0415 (see below)
    from tdi.state.fleet import compare as fleets  # noqa: PLC0415 (`--help` and small commands stay quick)
    from tdi.state.reports import fleet as fleet_report  # noqa: PLC0415

    loaded = load_rules(rules)
    with new_run() as run:
        found = fleets.run_fleet(
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


@state.command("allow")
@click.argument("finding_id")
@click.option("--from", "records", nargs=2, required=True, type=_file, metavar="A B", help="The two records.")
@click.option("--rules", type=_file, help="The rules file that was in force.")
@click.option("--reason", default="TODO: say why this may differ", help="Why it is allowed.")
def allow_command(finding_id: str, records: tuple[Path, Path], rules: Path | None, reason: str) -> int:
    """Print the narrowest entry that allows FINDING_ID, for the list `allow:` in the rules file.

    An entry has: scope; match (a regular expression from ^ to $); direction (only-a, only-b, changed, any); reason; and
    if wanted attributes (those that may differ), value (what they must be on a and b) and until (YYYY-MM-DD). An entry
    that nothing needs any more fails the comparison.
    """
    comparison = _compare(*records, rules, None)
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
