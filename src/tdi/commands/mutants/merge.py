"""`tdi mutants merge`."""

from pathlib import Path

import click

from tdi.commands.options import json_option, write
from tdi.mutants import keeping, merging
from tdi.mutants import run as runs
from tdi.mutants.reports import everywhere
from tdi.project import Project


@click.command("merge", epilog="\b\nExample:\n  tdi mutants merge shard-*/results.jsonl")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def command(files: tuple[Path, ...], json_file: Path | None) -> int:
    """Put the results of several shards together, and report them as one."""
    project = Project.find()
    results = merging.merge([keeping.read(file) for file in files])
    write(json_file, everywhere.report(results, runs.directory(project), results.made))
    return everywhere.exit_code(results, results.made)
