"""`tdi state fleet`."""

import json
from pathlib import Path

import click
from click.core import ParameterSource

from tdi.commands.state.options import CODES, FILE, FORMS
from tdi.errors import ExitCode
from tdi.machines.run import new_run
from tdi.outside import console, screen
from tdi.outside.files import write_atomically
from tdi.state.fleet.compare import Fleet, merge_slices, record_slice, run_fleet
from tdi.state.fleet.slices import Slice
from tdi.state.reports import fleet as fleet_report
from tdi.state.rules import load_rules


class SliceType(click.ParamType[Slice]):
    """K/N: the K-th of N slices."""

    name = "K/N"

    def convert(self, value: str | Slice, param: click.Parameter | None, ctx: click.Context | None) -> Slice:
        """The slice that a text means; a usage error for what is none."""
        if isinstance(value, Slice):
            return value
        try:
            return Slice.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group(
    "fleet",
    epilog="\b\nExample:\n  tdi state fleet -i inventory.ini --output fleet",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("-i", "--inventory", "inventories", multiple=True, metavar="INVENTORY", help="As Ansible's.  [required]")
@click.option("--slice", "part", type=SliceType(), help="Only record every N-th host, the K-th first, for `merge`.")
@click.option("--reference", metavar="RECORD|HOST|GROUP", help="What each host is compared with; see above.")
@click.option("--limit", metavar="PATTERN", help="Only these hosts, as Ansible's.")
@click.option("--forks", type=click.IntRange(min=1), help="Hosts that are recorded at a time, as Ansible's.")
@click.option(
    "--become/--no-become",
    default=None,
    help="Record as root by Ansible's become, or not.  [default: as Ansible is configured]",
)
@click.option("--text", multiple=True, metavar="REGEX", help="Keep the text of files with such paths (^…$).")
@click.option("--include", multiple=True, metavar="DIRECTORY", help="Walk this storage of a container engine, too.")
@click.option("--rules", type=FILE, help="The rules file; without it only the built-in rules hold.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Keep records, reports and log here.")
@click.option("--format", "form", type=FORMS, default="text", show_default=True)
@click.option("--verbose", is_flag=True, help="Show every finding (text).")
@click.pass_context
def command(
    ctx: click.Context,
    inventories: tuple[str, ...],
    *,
    part: Slice | None,
    reference: str | None,
    limit: str | None,
    forks: int | None,
    become: bool | None,
    text: tuple[str, ...],
    include: tuple[str, ...],
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
    was found; the report has the differences of all others nevertheless. A slice exits with 0, or with 2 if a host of
    it was not recorded.
    """
    given = {name for name in ctx.params if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT}
    if ctx.invoked_subcommand:
        if given:
            raise click.UsageError("Options of merge stand behind its name; it takes no inventory.")
        return ExitCode.HOLDS
    if not inventories:
        raise click.UsageError("Missing option '-i' / '--inventory'.")
    if part:
        if not output or given & {"reference", "rules", "form", "verbose"}:
            raise click.UsageError(
                "--slice only records: it needs --output; `merge` takes --reference, --rules, --format and --verbose."
            )
        with new_run() as run:
            recorded = record_slice(
                inventories,
                output,
                part,
                limit=limit,
                text=text,
                include=include,
                forks=forks,
                become=become,
                run=run,
            )
        console.say(f"{len(recorded.records):,} hosts of the slice {part} are in {output}.")
        for host, why in recorded.failures.items():
            console.say(f"Not recorded: {host}: {why}.")
        return ExitCode.COULD_NOT_RUN if recorded.failures else ExitCode.HOLDS
    loaded = load_rules(rules)
    with new_run() as run:
        found = run_fleet(
            inventories,
            output or run.directory,
            reference=reference,
            limit=limit,
            rules=loaded,
            text=text,
            include=include,
            forks=forks,
            become=become,
            run=run,
        )
    return _reported(found, output, form, verbose=verbose)


@command.command("merge", epilog="\b\nExample:\n  tdi state fleet merge slice-1 slice-2 --output fleet")
@click.argument("directories", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--reference", metavar="RECORD|HOST|GROUP", help="What each host is compared with.")
@click.option("--rules", type=FILE, help="The rules file; without it only the built-in rules hold.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Keep the reports here.")
@click.option("--format", "form", type=FORMS, default="text", show_default=True)
@click.option("--verbose", is_flag=True, help="Show every finding (text).")
def merge(
    directories: tuple[Path, ...],
    *,
    reference: str | None,
    rules: Path | None,
    output: Path | None,
    form: str,
    verbose: bool,
) -> int:
    """Compare the hosts of all slices, each in its directory, as if one run had recorded them.

    The hosts of a slice that is missing count as not recorded. Exits as `tdi state fleet` does.
    """
    loaded = load_rules(rules)
    with new_run() as run:
        found = merge_slices(directories, output or run.directory, reference=reference, rules=loaded)
    return _reported(found, output, form, verbose=verbose)


def _reported(found: Fleet, output: Path | None, form: str, *, verbose: bool) -> int:
    """Keep and show the reports; the exit code of what was found."""
    document = json.dumps(found.as_json(), indent=2) + "\n"
    if output:
        write_atomically(output / "report.json", document)
        write_atomically(output / "report.html", fleet_report.page(found))
    if form == "text":
        fleet_report.show(found, screen.out, verbose=verbose)
    else:
        forms = {"json": lambda _: document, "markdown": fleet_report.render, "html": fleet_report.page}
        click.echo(forms[form](found), nl=False)
    return CODES[found.result]
