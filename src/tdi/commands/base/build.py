"""`tdi base build`."""

import click

from tdi.commands.options import print_id_option
from tdi.images import base_image
from tdi.machines.run import new_run
from tdi.project import Project


@click.command("build", epilog="\b\nExample:\n  tdi base build")
@print_id_option
def command(print_id: bool) -> None:  # noqa: FBT001 (click hands flags over like this)
    """Have the base image of the platform; it is built once."""
    with new_run():
        image = base_image.ensure(Project.find())
    click.echo(image.id if print_id else f"{image.name} from {image.origin} ({image.reason})")
