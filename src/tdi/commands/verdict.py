"""`tdi verdict`."""

import os
from pathlib import Path

import click

from tdi.commands.options import json_option, write
from tdi.project import Project
from tdi.verdict import display, durations, page
from tdi.verdict import run as verdicts


@click.command(
    "verdict",
    epilog="\b\nExamples:\n  tdi verdict\n  TDI_PLATFORM=debian-12 tdi verdict --keep\n  tdi verdict --from 1.2.0",
)
@click.option("--keep", is_flag=True, help="Leave the machines of a failed verdict up, and say how to get onto them.")
@click.option(
    "--from", "revision", metavar="REVISION", help="Where production comes from: a tag, a branch or a commit."
)
@json_option
def command(json_file: Path | None, keep: bool, revision: str | None) -> int:  # noqa: FBT001 (click hands flags over like this)
    """Take a new machine and production through the scenarios, compare them, and say what the change does."""
    if revision:
        os.environ["TDI_FROM"] = revision
    project = Project.find()
    project.prepare_artifacts()
    # Whatever happens now, the verdict of a former run is not this one's.
    (project.artifacts / "verdict.json").unlink(missing_ok=True)
    with display.Display(usual=durations.usual(project.artifacts)) as progress:
        found = verdicts.run_verdict(project, progress, keep=keep)
    write(project.artifacts / "verdict.json", found.as_json())
    write(json_file, found.as_json())
    page.write(found, project.artifacts)
    durations.keep(project.artifacts, found)
    display.show(found, project.artifacts)
    return found.exit_code
