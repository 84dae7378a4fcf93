"""`tdi mutants operators`."""

import click

from tdi.errors import ExitCode
from tdi.mutants.operators.registry import KINDS, OPERATORS
from tdi.outside.screen import out


@click.command("operators", epilog="\b\nExample:\n  tdi mutants operators")
def command() -> int:
    """List the ways in which a role is broken, each with what it imitates."""
    for kind, operators in KINDS.items():
        out.print(f"\n{kind}", style="bold underline", markup=False)
        for operator in operators:
            out.print(operator.name, style="bold", markup=False)
            out.print(f"  {operator.imitates}", markup=False)
            for mark, text in (("-", operator.before), ("+", operator.after)):
                for line in text.rstrip().splitlines():
                    out.print(f"    {mark} {line}", markup=False)
            out.print(f"  to be noticed by: {', '.join(operator.killed_by)}", markup=False)
    out.print(f"{len(OPERATORS)} operators", markup=False)
    return ExitCode.HOLDS
