"""The summary of a run over mutants, on the terminal."""

from rich.table import Table
from rich.text import Text

from tdi.mutants.results import MutantResult, Results, Status
from tdi.outside.console import printable
from tdi.outside.screen import beside, out

_COLUMNS = (
    Status.KILLED,
    Status.SURVIVED,
    Status.EQUIVALENT,
    Status.TIMED_OUT,
    Status.NOT_VIABLE,
    Status.COULD_NOT_RUN,
)


def show(results: Results, expected: int) -> None:
    """Print what came of the mutants; `expected` is how many there should be results of."""
    _show_operators(results)
    _show_oracles(results)
    _show_each(results.of(Status.SURVIVED), "survived: nothing noticed these")
    _show_each(results.to_confirm, "noticed by the plan alone: both machines are wrong in the same way, have a look")
    _show_each(results.of(Status.COULD_NOT_RUN, Status.TIMED_OUT), "could not be tried, or took too long")
    out.print()
    out.print(Text(score_line(results), style="bold"))
    missing = expected - len(results.mutants)
    if missing:
        out.print(Text(f"{missing} of {expected} mutants were not tried: tdi mutants --resume", style="bold yellow"))


def score_line(results: Results) -> str:
    """The score in a sentence."""
    if results.score is None:
        return "score: none, for there was no mutant to notice"
    equivalent = len(results.of(Status.EQUIVALENT))
    of_all = f"{results.noticed} of {results.counted} were noticed; {equivalent} more are equivalent"
    return f"score: {results.score:.1%} ({of_all})"


def _show_operators(results: Results) -> None:
    table = Table(box=None, pad_edge=False)
    shown = [status for status in _COLUMNS if results.of(status)]
    for name in ("operator", *shown):
        table.add_column(str(name), justify="left" if name == "operator" else "right")
    for name, counts in results.by_operator().items():
        table.add_row(name, *(str(counts[status] or "") for status in shown))
    table.add_row("all", *(str(len(results.of(status))) for status in shown), style="bold")
    out.print(table)


def _show_oracles(results: Results) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("noticed by")
    table.add_column("mutants" if results.full else "first", justify="right")
    if results.full:
        table.add_column("only by it", justify="right")
    for oracle, noticed, alone in results.by_oracle():
        table.add_row(oracle.value, str(noticed), *([str(alone)] if results.full else []))
    if table.row_count:
        out.print()
        out.print(table)


def _show_each(found: list[MutantResult], title: str) -> None:
    if not found:
        return
    out.print()
    out.print(Text(f"{title} ({len(found)})", style="bold"))
    for each in found:
        head = f"{each.path}:{each.line}  {each.operator}: {each.says}"
        beside(out, Text("  "), Text(printable(head)))
        why = next((kill.evidence for kill in each.kills), each.why)
        if why:
            beside(out, Text("    "), Text(printable(why), style="dim"))
        for line in each.diff.splitlines()[3:]:
            style = {"+": "green", "-": "red"}.get(line[:1], "dim")
            out.print(Text(f"      {printable(line)}", style=style))
