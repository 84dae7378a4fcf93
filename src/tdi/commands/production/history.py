"""`tdi production history`."""

from pathlib import Path
from typing import Any

import click

from tdi.commands.options import json_option, write
from tdi.commands.production.options import line, repository
from tdi.errors import TdiError
from tdi.images import production, published
from tdi.outside.registry import Registry
from tdi.project import Project


@click.command("history", epilog="\b\nExample:\n  tdi production history")
@json_option
def command(json_file: Path | None) -> None:
    """List production's generations in the registry, newest first; without one, the images of the local engine."""
    try:
        project = Project.find()
    except TdiError:
        project = None
    if project is None or not project.registry:
        rows = production.generations()
        for row in rows:
            click.echo(f"{row['created']}  {row['revision'][:12]:12}  {row['name']}")
        write(json_file, rows)
        return
    where = Registry(repository(project))
    found = list(published.history(where))
    for generation in found:
        click.echo(line(generation))
    last = found[-1] if found else None
    pruned = last.parent if last else None
    if last is None:
        click.echo(f"{where.repository} has no production.")
    elif pruned:
        click.echo(f"What came before, {pruned[:19]}, was pruned.")
    said: dict[str, Any] = {"schema": 1, "repository": str(where.repository)}
    write(json_file, {**said, "generations": [each.as_json() for each in found], "pruned": pruned})
