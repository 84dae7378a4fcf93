"""`tdi verdict`."""

from pathlib import Path

import click

from tdi.commands.options import json_option, write
from tdi.project import Project
from tdi.verdict import display
from tdi.verdict import run as verdicts


@click.command("verdict")
@click.option("--keep", is_flag=True, help="Leave the machines of a failed verdict up, and say how to get onto them.")
@json_option
def command(json_file: Path | None, keep: bool) -> int:  # noqa: FBT001 (click hands flags over like this)
    """Take a new machine and production through the scenarios, compare them, and say what the change does."""
    project = Project.find()
    project.prepare_artifacts()
    # Whatever happens now, the verdict of a former run is not this one's.
    (project.artifacts / "verdict.json").unlink(missing_ok=True)
    with display.Display() as progress:
        found = verdicts.run_verdict(project, progress, keep=keep)
    write(project.artifacts / "verdict.json", found.as_json())
    write(json_file, found.as_json())
    display.show(found, project.artifacts)
    return found.exit_code
