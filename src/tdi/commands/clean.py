"""`tdi clean`."""

import click

from tdi.errors import TdiError
from tdi.outside import console, docker


@click.command("clean", epilog="\b\nExample:\n  tdi clean")
def command() -> None:
    """Remove everything of this project from the engine: containers, images, and what bootstrapping kept."""
    try:
        docker.engine()
    except TdiError:
        console.say("No Docker engine answers: nothing to remove there.")
        return
    docker.remove(docker.containers(docker.LABEL))
    stay = docker.remove_images(docker.LABEL)
    if stay:
        raise TdiError(f"In use, and therefore still there: {', '.join(stay)}.", "Remove what was made of it first.")
