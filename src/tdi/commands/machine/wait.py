"""`tdi machine wait`."""

import click

from tdi.outside import docker


@click.command("wait")
@click.argument("name")
def command(name: str) -> None:
    """Wait until a machine has booted; a unit that failed is an error that names it."""
    docker.wait_until_booted(name)
