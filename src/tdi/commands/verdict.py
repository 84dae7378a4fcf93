"""`tdi verdict`."""

from pathlib import Path

import click

from tdi.commands.options import json_option, write
from tdi.outside import console
from tdi.project import Project
from tdi.verdict import display, downgrade, durations, page
from tdi.verdict import run as verdicts


@click.command(
    "verdict",
    epilog="\b\nExamples:\n  tdi verdict\n  TDI_PLATFORM=debian-12 tdi verdict\n  "
    "tdi verdict --from 1.2.0 --from 1.1.0",
)
@click.option("--keep", is_flag=True, help="Leave the machines of a failed verdict up, and say how to get onto them.")
@click.option(
    "--from",
    "asked",
    metavar="PAST",
    multiple=True,
    help="Where production comes from: a tag, a branch, a commit, a generation of the registry, a past that the "
    "project declares, `all` releases, or the `long-lived` server, which had each. May be given several times.",
)
@click.option("--to", metavar="REVISION", help="Show what becomes of production where this former state is converged.")
@json_option
def command(json_file: Path | None, keep: bool, asked: tuple[str, ...], to: str | None) -> int:  # noqa: FBT001 (click hands flags over like this)
    """Take a new machine and production through the scenarios, compare them, and say what the change does.

    Without --from, production has each past of the project: the default one, and those that it declares.
    """
    if to and asked:
        raise click.UsageError("--to goes back from what HEAD deploys: leave --from out.")
    project = Project.find()
    project.prepare_artifacts()
    # Whatever happens now, the verdict of a former run is not this one's.
    (project.artifacts / "verdict.json").unlink(missing_ok=True)
    with display.Display(usual=durations.usual(project.artifacts)) as progress:
        if to:
            found = downgrade.run_downgrade(project, progress, to, keep=keep)
        else:
            found = verdicts.run_verdict(project, progress, asked=asked, keep=keep)
    write(project.artifacts / "verdict.json", found.as_json())
    write(json_file, found.as_json())
    page.write(found, project.artifacts)
    if not to:
        durations.keep(project.artifacts, found)
    display.show(found, project.artifacts)
    if to:
        console.say(downgrade.WARNING)
    return found.exit_code
