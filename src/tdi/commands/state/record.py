"""`tdi state record`."""

from pathlib import Path

import click

from tdi.commands.state.options import FILE
from tdi.errors import ExitCode
from tdi.outside import console
from tdi.state.record import TEXTS
from tdi.state.target import record as record_target


@click.command("record")
@click.argument("target")
@click.option("-o", "--output", required=True, type=FILE, help="The record; compressed if it ends in .gz.")
@click.option("--text", multiple=True, metavar="REGEX", help="Keep the text of files with such paths (^…$).")
@click.option("--exclude", multiple=True, metavar="DIRECTORY", help="Do not walk this directory.")
@click.option("--scope", "scopes", multiple=True, metavar="NAME", help="Record only these scopes.")
@click.option("--baseline", type=FILE, help="Hash only files that changed since; the file is made, and kept current.")
def command(
    target: str,
    output: Path,
    *,
    text: tuple[str, ...],
    exclude: tuple[str, ...],
    scopes: tuple[str, ...],
    baseline: Path | None,
) -> int:
    """Record TARGET: docker://NAME, ssh://[USER@]HOST[:PORT] or local://.

    Needs root and Python 3.8 on the machine; installs and leaves nothing there.
    """
    with record_target(
        target, output, text=(*TEXTS, *text), exclude=exclude, scopes=scopes or None, baseline=baseline
    ) as made:
        objects = sum(made.counts.values())
        reused = made.meta["hashed"]["reused"]
        missing = [f"{name} is {scope.status}: {scope.reason}" for name, scope in made.scopes.items() if scope.reason]
    console.say(f"{objects:,} objects of {target} are in {output}.")
    if reused:
        console.say(f"{reused:,} files are as they were in {baseline} and were not read again.")
    for line in missing:
        console.say(line)
    return ExitCode.HOLDS
