"""`tdi machine remove`."""

import click

from tdi.molecule import scenario
from tdi.outside import docker
from tdi.project import Project


@click.command("remove", epilog="\b\nExample:\n  tdi machine remove fresh")
@click.argument("name")
def command(name: str) -> None:
    """Remove the machine of a scenario, where it is there."""
    machine = scenario.load(Project.find(), name).machine
    if docker.state(machine) is not None:
        docker.remove([machine])
        click.echo(machine)
