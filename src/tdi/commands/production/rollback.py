"""`tdi production rollback`."""

from pathlib import Path

import click

from tdi.commands.options import json_option, write
from tdi.commands.production.options import repository
from tdi.project import Project
from tdi.publishing import succession


@click.command("rollback", epilog="\b\nExample:\n  tdi production rollback")
@json_option
def command(json_file: Path | None) -> None:
    """Let the generation before be production again; the one of now stays, under the tag of its revision."""
    done = succession.roll_back(repository(Project.find()))
    click.echo(f"Production is {done.now.called} again; it was {done.former.called}.")
    write(json_file, {"schema": 1, "production": done.now.as_json(), "former": done.former.as_json()})
