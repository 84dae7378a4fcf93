"""`tdi mutants`, or `tdi mutants run`."""

from pathlib import Path

import click

from tdi.commands.options import json_option, write
from tdi.errors import ExitCode
from tdi.mutants import finding
from tdi.mutants import run as runs
from tdi.mutants.progress import Progress
from tdi.mutants.reports import everywhere
from tdi.outside.screen import out
from tdi.project import Project


class _Shard(click.ParamType):  # type: ignore[type-arg] # older releases of click have no arguments here
    """K/N: the K-th of N parts."""

    name = "K/N"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """The two numbers, where there is such a part."""
        first, _, second = str(value).partition("/")
        if not (first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second)):
            self.fail(f"{value} is no shard: 1/8 is the first of eight, 8/8 the last.", param, ctx)
        return int(first), int(second)


@click.command(
    "run",
    epilog="\b\nExamples:\n  tdi mutants run\n  tdi mutants --in-diff main\n"
    "  tdi mutants --operator drop-notify --full\n  tdi mutants --shard 3/8",
)
@click.option("--list", "only_list", is_flag=True, help="List the mutants, and try none.")
@click.option("--operator", "operators", metavar="NAME", multiple=True, help="Only mutants of this operator.")
@click.option("--file", "files", metavar="PATH", multiple=True, help="Only mutants of this file or directory.")
@click.option("--in-diff", metavar="REVISION", help="Only mutants of lines that were changed since this revision.")
@click.option("--shard", type=_Shard(), default="1/1", help="Only the K-th of N parts, for jobs of a CI server.")
@click.option(
    "--from", "asked", metavar="PAST", multiple=True, help="Where production comes from (tdi verdict --help)."
)
@click.option("--full", is_flag=True, help="Ask everything that can notice a mutant, not only until the first does.")
@click.option("--jobs", type=click.IntRange(min=1), help="How many mutants are tried at once. [default: what fits]")
@click.option("--resume", is_flag=True, help="Go on where a former run of the same tree ended.")
@click.option("--time-limit", metavar="MINUTES", type=click.FloatRange(min=0), help="Begin no mutant after so long.")
@json_option
def command(
    *,
    only_list: bool,
    operators: tuple[str, ...],
    files: tuple[str, ...],
    in_diff: str | None,
    shard: tuple[int, int],
    asked: tuple[str, ...],
    full: bool,
    jobs: int | None,
    resume: bool,
    time_limit: float | None,
    json_file: Path | None,
) -> int:
    """Try mutants of the role, each with the suite's own verdict; `tdi mutants` alone means this.

    A mutant is the role with one edit, such as a `notify` that is gone. The suite is to notice it: a converge that
    fails, a test, the comparison, the second run. Results are kept as they come, in artifacts/mutants.

    Exit codes: 0 where the suite noticed every mutant that is not equivalent, 1 where one survived, 2 where one could
    not be tried.
    """
    project = Project.find()
    every = finding.find(project, operators or None, files or None, in_diff)
    mutants = finding.shard(every, *shard)
    if only_list:
        for mutant in mutants:
            out.print(f"{mutant.id}  {mutant.path}:{mutant.line}  {mutant.operator}: {mutant.edit.says}", markup=False)
        out.print(f"{len(mutants)} mutants", markup=False)
        return ExitCode.HOLDS
    seconds = None if time_limit is None else time_limit * 60
    order = runs.Order(mutants, len(every), shard, asked, full, jobs or 0, seconds, resume)
    with Progress() as progress:
        results = runs.run(project, order, progress)
    write(json_file, everywhere.report(results, runs.directory(project), len(mutants)))
    return everywhere.exit_code(results, len(mutants))
