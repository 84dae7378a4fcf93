"""`tdi doctor`."""

from pathlib import Path

import click

from tdi.commands.options import json_option, write
from tdi.errors import ExitCode
from tdi.setup import doctor


@click.command("doctor", epilog="\b\nExample:\n  tdi doctor")
@json_option
def command(json_file: Path | None) -> int:
    """List what this machine has and lacks, each lack with its remedy."""
    requirements = doctor.examine()
    doctor.show(requirements)
    write(json_file, doctor.as_json(requirements))
    return ExitCode.HOLDS if all(one.met for one in requirements) else ExitCode.COULD_NOT_RUN
