"""`tdi machine record`."""

import click

from tdi.machines import lifecycle
from tdi.project import Project
from tdi.same_state import kept_records


@click.command("record", epilog="\b\nExample:\n  tdi machine record tdi-fresh-1a2b --moment after")
@click.argument("name")
@click.option("--moment", type=click.Choice(["before", "after"]), default="after", show_default=True)
def command(name: str, moment: str) -> None:
    """Record a machine of a scenario, before or after the change."""
    click.echo(str(kept_records.record_machine(Project.find(), lifecycle.known(name), moment)))
