"""`tdi production prune`."""

from pathlib import Path

import click

from tdi.commands.options import json_option, write
from tdi.commands.production.options import repository
from tdi.project import Project
from tdi.publishing import succession


@click.command("prune", epilog="\b\nExample:\n  tdi production prune --keep 5")
@click.option("--keep", type=click.IntRange(1), required=True, help="How many generations stay, production included.")
@json_option
def command(json_file: Path | None, keep: int) -> None:
    """Remove older generations from the registry, with their records, and from the local engine."""
    done = succession.prune(repository(Project.find()), keep)
    click.echo(f"{len(done.removed)} removed, {len(done.kept)} kept.")
    said = {"kept": [each.as_json() for each in done.kept], "removed": [each.as_json() for each in done.removed]}
    write(json_file, {"schema": 1, **said, "local": [*done.local]})
