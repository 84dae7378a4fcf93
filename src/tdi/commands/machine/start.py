"""`tdi machine start`."""

import click

from tdi.images import base_image, production
from tdi.machines import lifecycle
from tdi.machines.machine import Part
from tdi.molecule import pasts, scenario
from tdi.outside import docker
from tdi.project import Project
from tdi.same_state import kept_records


@click.command("start", epilog="\b\nExample:\n  tdi machine start fresh")
@click.argument("name")
def command(name: str) -> None:
    """Start the machine of a scenario, and wait until it has booted."""
    project = Project.find()
    found = scenario.load(project, name)
    base = base_image.ensure(project)
    said = f"{base.name} from {base.origin} ({base.reason})"
    image = base.id
    if found.of_machine.part is Part.UPGRADED:
        former = production.ensure(project, base, pasts.of_molecule(project))
        image, said = former.id, f"{former.name} ({former.source})"
    docker.remove([found.machine])  # one that a command before this one left
    lifecycle.start(found.of_machine, image, found.options, lifecycle.this_run(scenario.PLAIN_RUN))
    docker.wait_until_booted(found.machine)
    if found.of_machine.part is Part.UPGRADED:
        kept_records.record_machine(project, found.of_machine, kept_records.BEFORE)
    click.echo(said)
