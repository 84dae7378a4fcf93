"""`tdi state diff`."""

import io
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console

from tdi.commands.state.options import CODES, FILE, FORMS
from tdi.outside import console, screen
from tdi.outside.files import write_atomically
from tdi.state.compare import Comparison, Result
from tdi.state.finding import Names
from tdi.state.fleet.own_names import Adaptable, Reference, compare_machines
from tdi.state.record import RecordFile
from tdi.state.reports import html, markdown, terminal
from tdi.state.reports import json as json_report
from tdi.state.rules import load_rules
from tdi.state.schema import blaming
from tdi.state.varying.records import check_later, check_twin

_RENDERERS: dict[str, Callable[[Comparison], str]] = {
    "json": json_report.render,
    "markdown": markdown.render,
    "html": html.render,
}
_SCENARIOS = {"fresh": "new", "upgrade": "upgraded"}
"""What the machines of the scenarios are called in sentences."""


@click.command(
    "diff",
    epilog="\b\nExamples:\n  tdi state diff web1.json.gz web2.json.gz\n"
    "  tdi state diff web1.json.gz web2.json.gz --format html -o report.html",
)
@click.argument("a", type=FILE)
@click.argument("b", type=FILE)
@click.option("--format", "form", type=FORMS, default="text", show_default=True)
@click.option("-o", "--output", type=FILE, help="Write the report here instead of on standard output.")
@click.option("--rules", type=FILE, help="The rules file; without it only the built-in rules hold.")
@click.option("--verbose", is_flag=True, help="Show every difference (text).")
@click.option("--twin", type=FILE, help="The record of another new machine that should be like A: what varies there.")
@click.option(
    "--later", type=FILE, multiple=True, help="A later record of A or B, while nobody acted: what varies there."
)
@click.option("--names", nargs=2, metavar="A B", help="What to call the two machines.")
def command(
    a: Path,
    b: Path,
    *,
    form: str,
    output: Path | None,
    rules: Path | None,
    names: tuple[str, str] | None,
    verbose: bool,
    twin: Path | None,
    later: tuple[Path, ...],
) -> int:
    """Compare the records A and B: what differs, why, and what to do.

    Exits with 0 if the machines are in the same state, 1 if not, 2 if that cannot be said.
    """
    comparison = compare_files(a, b, rules, names, twin=twin, later=later)
    if form == "text":
        if output is None:
            terminal.show(comparison, screen.out, verbose=verbose)
        else:
            written = io.StringIO()
            terminal.show(comparison, Console(file=written, force_terminal=False, width=10_000), verbose=verbose)
            write_atomically(output, written.getvalue())
    else:
        text = _RENDERERS[form](comparison)
        if output is None:
            click.echo(text, nl=False)
        else:
            write_atomically(output, text)
    if comparison.result is Result.UNKNOWN:
        console.fail(
            f"The machines could not be compared: {', '.join(comparison.not_acceptable)} not recorded completely.",
            "Record again, or say in the rules file under acceptable_unavailable why that is acceptable.",
        )
    return CODES[comparison.result]


def compare_files(
    a: Path,
    b: Path,
    rules: Path | None,
    names: tuple[str, str] | None,
    *,
    twin: Path | None = None,
    later: Sequence[Path] = (),
) -> Comparison:
    """Compare two records, the machines called `names`, or after their scenarios or hosts.

    `twin` and `later` are witnesses of what varies. Raises TdiError.
    """
    loaded = load_rules(rules)
    with ExitStack() as opened:
        opened.enter_context(blaming(*filter(None, (a, b, twin, *later))))
        first, second = opened.enter_context(Reference(a)), opened.enter_context(Adaptable(b))
        third = opened.enter_context(Adaptable(twin)) if twin else None
        if third:
            check_twin(first, second, third)
        lasts = [opened.enter_context(Adaptable(file)) for file in later]
        pairs = [(check_later(first, second, last), last) for last in lasts]
        said = Names(*names) if names else _names(first, second)
        return compare_machines(first, second, loaded, names=said, twin=third, later=pairs)


def _names(a: RecordFile, b: RecordFile) -> Names:
    """Name the machines after their scenarios or hosts, where that tells them apart."""
    for part in ("scenario", "hostname", "target"):
        first, second = a.meta.get(part), b.meta.get(part)
        if first and second and first != second:
            return Names(_SCENARIOS.get(first, str(first)), _SCENARIOS.get(second, str(second)))
    return Names()
