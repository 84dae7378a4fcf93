"""`tdi try`."""

from pathlib import Path

import click

from tdi.commands.options import json_option, write
from tdi.molecule import pasts
from tdi.project import Project
from tdi.verdict import patches as trials


@click.command("try", epilog="\b\nExample:\n  tdi try change.patch")
@click.argument("patches", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--kept", is_flag=True, help="Try the kept changes; each must get the class that changes/expected.yml says."
)
@click.option(
    "--all-pasts",
    is_flag=True,
    help="Try the kept changes on every past of the project, not on one each.",
)
@click.option("--quick", is_flag=True, help="Leave out the kept changes that are for the night (`quick: false`).")
@json_option
def command(patches: tuple[Path, ...], kept: bool, all_pasts: bool, quick: bool, json_file: Path | None) -> int:  # noqa: FBT001 (click hands flags over like this)
    """Give the verdict for patches against HEAD, each in a throw-away copy; the checkout is not touched."""
    if kept == bool(patches):
        raise click.UsageError("Name patches, or --kept for the kept changes.")
    if (all_pasts or quick) and not kept:
        raise click.UsageError("--all-pasts and --quick go with --kept.")
    project = Project.find()
    asked = pasts.names(project) if all_pasts else ()
    expected = trials.kept_changes(project, quick=quick) if kept else {}
    return trials.try_all(
        project, patches or tuple(expected), expected, lambda document: write(json_file, document), asked
    )
