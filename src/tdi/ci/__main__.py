"""`python -m tdi.ci`: what CI jobs call around a verdict. For action.yml and workflows, not a command for people."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tdi import settings
from tdi.ci import annotations, legs, results, summary
from tdi.ci.places import Tree
from tdi.errors import ExitCode, TdiError
from tdi.mutants import keeping
from tdi.outside import console
from tdi.project import Project

_HELP = {
    "class": "print the class of the verdict, could-not-run where there is none",
    "summary": "append the job summary to the file GITHUB_STEP_SUMMARY, or print it where that is not set",
    "annotations": "print workflow commands that annotate the lines of the role",
    "mutants": "print workflow commands that annotate the lines whose mutants survived",
    "legs": "print the platforms, the pasts and the legs of a matrix, as outputs of a job",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say and return the exit code: whatever the verdict is, a report of it holds."""
    options = _options(arguments)
    if options.what == "legs":
        return _legs(options.directory)
    artifacts = options.artifacts or settings.artifacts() or options.directory / "artifacts"
    tree = Tree(Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd()), options.directory)
    if options.what == "mutants":
        return _mutants(artifacts / "mutants" / keeping.NAME, tree)
    found = results.read(artifacts)
    if options.what == "class":
        _print(found.kind)
    elif options.what == "annotations":
        for line in annotations.commands(found, tree):
            _print(line)
    else:
        file = os.environ.get("GITHUB_STEP_SUMMARY")
        try:
            _summarise(found, Path(file) if file else None)
        except OSError as error:
            console.fail(f"The job summary cannot be written: {error.strerror or error}.", "See GITHUB_STEP_SUMMARY.")
            return ExitCode.COULD_NOT_RUN
    return ExitCode.HOLDS


def _legs(directory: Path) -> int:
    try:
        project = Project.find(directory)
    except TdiError as error:
        console.fail(error.what, error.remedy)
        return ExitCode.COULD_NOT_RUN
    for line in legs.outputs(project):
        _print(line)
    return ExitCode.HOLDS


def _mutants(file: Path, tree: Tree) -> int:
    try:
        found = keeping.read(file)
    except TdiError as error:
        console.fail(error.what, error.remedy)
        return ExitCode.COULD_NOT_RUN
    for line in annotations.of_mutants(found, tree):
        _print(line)
    return ExitCode.HOLDS


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tdi.ci", description="Reports of a verdict for a CI server.")
    parser.add_argument("what", choices=_HELP, help="; ".join(f"{name}: {text}" for name, text in _HELP.items()))
    parser.add_argument("--artifacts", type=Path, help="where the verdict left its results (default: as for tdi)")
    parser.add_argument("--directory", type=Path, default=Path(), help="where tdi was called (default: here)")
    return parser.parse_args(arguments)


def _summarise(found: results.Results, file: Path | None) -> None:
    if file is None:
        _print(summary.render(found))
        return
    # What is there already counts: a step of the caller's may have written to the same file.
    before = file.stat().st_size if file.exists() else 0
    text = summary.render(found, summary.LIMIT - before)
    with file.open("a", encoding="utf-8") as opened:
        opened.write(text)


def _print(line: str) -> None:
    """A line, as UTF-8 whatever the locale of the runner is."""
    sys.stdout.buffer.write(f"{line}\n".encode())
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
