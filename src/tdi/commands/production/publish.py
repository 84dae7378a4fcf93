"""`tdi production publish`."""

from pathlib import Path

import click

from tdi.commands.options import json_option, write
from tdi.images import base_image
from tdi.machines.run import new_run
from tdi.project import Project
from tdi.publishing.publish import publish


@click.command("publish", epilog="\b\nExamples:\n  tdi production publish --bootstrap\n  tdi production publish")
@click.option("--bootstrap", is_flag=True, help="Publish the first one, made of what production is without a registry.")
@click.option(
    "--verdict",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The verdict that must be a pass (artifacts/verdict.json).",
)
@json_option
def command(json_file: Path | None, verdict: Path | None, *, bootstrap: bool) -> None:
    """Take production through the checked-out revision, whose verdict is a pass, and push it as production."""
    project = Project.find()
    with new_run() as run:
        done = publish(project, base_image.ensure(project), run, verdict=verdict, bootstrap=bootstrap)
    said = done.generation.as_json()
    click.echo(f"Production is {done.generation.called}.")
    write(json_file, {"schema": 1, "result": "published" if done.anew else "already", **said})
