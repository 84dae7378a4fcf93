"""`tdi setup`."""

import click

from tdi.setup import engine


@click.command("setup", epilog="\b\nExample:\n  tdi setup")
def command() -> None:
    """Have a Docker engine that answers, installing and starting one where that is possible."""
    engine.ensure()
