"""`tdi production history`."""

from pathlib import Path

import click

from tdi.commands.options import json_option, write
from tdi.images import production


@click.command("history", epilog="\b\nExample:\n  tdi production history")
@json_option
def command(json_file: Path | None) -> None:
    """List the production images of the local engine, newest first."""
    rows = production.generations()
    for row in rows:
        click.echo(f"{row['created']}  {row['revision'][:12]:12}  {row['name']}")
    write(json_file, rows)
