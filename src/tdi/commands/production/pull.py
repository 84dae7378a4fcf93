"""`tdi production pull`."""

from pathlib import Path

import click

from tdi.commands.options import json_option, print_id_option, write
from tdi.errors import TdiError
from tdi.images import base_image, published
from tdi.machines.run import new_run
from tdi.project import Project


@click.command("pull", epilog="\b\nExamples:\n  tdi production pull\n  tdi production pull --generation 3")
@click.option("--generation", type=click.IntRange(1), help="Which generation, instead of what is production now.")
@print_id_option
@json_option
def command(json_file: Path | None, generation: int | None, print_id: bool) -> None:  # noqa: FBT001 (click hands flags over like this)
    """Pull production from the project's registry, by its digest, with its record."""
    project = Project.find()
    with new_run():
        which = str(generation) if generation else published.PRODUCTION
        pulled = published.fetch(project, base_image.ensure(project), which)
    if pulled is None:
        raise TdiError(
            "There is no production in the registry yet.",
            "The first one is published by: tdi production publish --bootstrap",
        )
    click.echo(pulled.id if print_id else f"{pulled.name} ({pulled.generation.called})")
    write(json_file, {"schema": 1, "id": pulled.id, "name": pulled.name, **pulled.generation.as_json()})
