"""`tdi state fleet`."""

import json
from pathlib import Path

import click

from tdi.commands.state.options import CODES, FILE, FORMS
from tdi.machines.run import new_run
from tdi.outside import screen
from tdi.outside.files import write_atomically
from tdi.state.fleet.compare import run_fleet
from tdi.state.reports import fleet as fleet_report
from tdi.state.rules import load_rules


@click.command("fleet")
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
@click.option("--rules", type=FILE, help="The rules file; without it only the built-in rules hold.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Keep records, reports and log here.")
@click.option("--format", "form", type=FORMS, default="text", show_default=True)
@click.option("--verbose", is_flag=True, help="Show every finding (text).")
def command(
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
        fleet_report.show(found, screen.out, verbose=verbose)
    else:
        forms = {"json": lambda _: document, "markdown": fleet_report.render, "html": fleet_report.page}
        click.echo(forms[form](found), nl=False)
    return CODES[found.result]
