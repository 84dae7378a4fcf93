"""`tdi state record`."""

from pathlib import Path
from typing import Any

import click

from tdi.commands.state.options import FILE
from tdi.errors import ExitCode
from tdi.outside import console
from tdi.state.record import TEXTS, not_walked
from tdi.state.recording import record as record_target


@click.command("record", epilog="\b\nExample:\n  tdi state record ssh://root@web1 -o web1.json.gz")
@click.argument("target")
@click.option("-o", "--output", required=True, type=FILE, help="The record; compressed if it ends in .gz.")
@click.option("--text", multiple=True, metavar="REGEX", help="Keep the text of files with such paths (^…$).")
@click.option("--exclude", multiple=True, metavar="DIRECTORY", help="Do not walk this directory.")
@click.option("--include", multiple=True, metavar="DIRECTORY", help="Walk this storage of a container engine, too.")
@click.option("--scope", "scopes", multiple=True, metavar="NAME", help="Record only these scopes.")
@click.option("--probes", type=FILE, help="A file with probes, and texts to keep: see docs/how-to/write-a-probe.md.")
@click.option("--baseline", type=FILE, help="Hash only files that changed since; the file is made, and kept current.")
def command(
    target: str,
    output: Path,
    *,
    text: tuple[str, ...],
    exclude: tuple[str, ...],
    include: tuple[str, ...],
    scopes: tuple[str, ...],
    baseline: Path | None,
    probes: Path | None,
) -> int:
    """Record TARGET: docker://NAME, ssh://[USER@]HOST[:PORT] or local://.

    Needs root and Python 3.8 on the machine; installs and leaves nothing there.
    """
    declared = _declared(probes)
    texts = (*TEXTS, *declared["text"], *text)
    with record_target(
        target,
        output,
        text=texts,
        exclude=exclude,
        include=include,
        scopes=scopes or None,
        baseline=baseline,
        probes=declared["probes"],
    ) as made:
        objects = sum(made.counts.values())
        reused = made.meta["hashed"]["reused"]
        left = [f"Not walked: {path} ({why})." for path, why in not_walked(made).items()]
        missing = [f"{name} is {scope.status}: {scope.reason}" for name, scope in made.scopes.items() if scope.reason]
    console.say(f"{objects:,} objects of {target} are in {output}.")
    if reused:
        console.say(f"{reused:,} files are as they were in {baseline} and were not read again.")
    for line in (*left, *missing):
        console.say(line)
    return ExitCode.HOLDS


def _declared(file: Path | None) -> dict[str, Any]:
    """What a file declares to be recorded besides; only who names one needs what reads it."""
    if file is None:
        return {"text": (), "probes": ()}
    from tdi.state import record_settings  # noqa: PLC0415

    return record_settings.load(file)
