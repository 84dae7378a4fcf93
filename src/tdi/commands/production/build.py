"""`tdi production build`."""

import click

from tdi.commands.options import print_id_option
from tdi.images import base_image, production
from tdi.machines.run import new_run
from tdi.project import Project


@click.command("build", epilog="\b\nExample:\n  tdi production build")
@print_id_option
def command(print_id: bool) -> None:  # noqa: FBT001 (click hands flags over like this)
    """Have the production image for the checked-out role; it is built once, or pulled (TDI_PRODUCTION_IMAGE)."""
    project = Project.find()
    with new_run():
        image = production.ensure(project, base_image.ensure(project))
    click.echo(image.id if print_id else f"{image.name} ({image.source})")
