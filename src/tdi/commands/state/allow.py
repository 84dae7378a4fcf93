"""`tdi state allow`."""

import re
from collections.abc import Sequence
from pathlib import Path

import click

from tdi.commands.state.diff import compare_files
from tdi.commands.state.options import FILE
from tdi.errors import ExitCode, TdiError
from tdi.state import invariants
from tdi.state.allowances import Allowance, Direction
from tdi.state.finding import Finding, Kind
from tdi.state.noise import CONTENT
from tdi.state.record import RecordFile
from tdi.state.rules import as_yaml
from tdi.state.schema import blaming


@click.command(
    "allow",
    epilog='\b\nExample:\n  tdi state allow 4ac494483211 --from web1.json.gz web2.json.gz --reason "held until May"',
)
@click.argument("finding_id")
@click.option("--from", "records", nargs=2, required=True, type=FILE, metavar="A B", help="The two records.")
@click.option("--rules", type=FILE, help="The rules file that was in force.")
@click.option("--reason", default="TODO: say why this may differ", help="Why it is allowed.")
def command(finding_id: str, records: tuple[Path, Path], rules: Path | None, reason: str) -> int:
    """Print the narrowest entry that allows FINDING_ID, for the list `allow:` in the rules file.

    An entry has: scope; match (a regular expression from ^ to $); direction (only-a, only-b, changed, any); reason; and
    if wanted attributes (those that may differ), value (what they must be on a and b) and until (YYYY-MM-DD). An entry
    that nothing needs any more fails the comparison.
    """
    comparison = compare_files(records[0], records[1], rules, None)
    found = [finding for finding in comparison.findings if finding.id.startswith(finding_id)]
    if not found:
        # `tdi state fleet` tells also what is wrong on a host by itself.
        found = [finding for finding in _broken(records) if finding.id.startswith(finding_id)]
    if len(found) != 1:
        raise TdiError(
            f"No finding of this comparison has the id {finding_id}."
            if not found
            else f"{len(found)} findings have an id that begins with {finding_id}.",
            "`tdi state diff` and `tdi state fleet` show the ids; the records must be the same ones.",
        )
    click.echo(as_yaml([narrowest(found[0], reason)]), nl=False)
    return ExitCode.HOLDS


def narrowest(finding: Finding, reason: str) -> Allowance:
    """Return the allowance that takes this finding and as little else as possible."""
    changed = finding.kind is Kind.CHANGED
    head = finding.differences[0]
    pinned = [name for name in finding.attributes if name not in (*CONTENT, "text_hash", "properties")]
    value = {
        side: {name: values[name] for name in pinned if name in values}
        for side, values in (("a", head.a or {}), ("b", head.b or {}))
    }
    return Allowance(
        scope=finding.scope,
        match=f"^{re.escape(finding.key)}$",
        reason=reason,
        attributes=finding.attributes if changed else (),
        direction=Direction(finding.kind.value),
        value={side: values for side, values in value.items() if values} if changed else {},
    )


def _broken(records: Sequence[Path]) -> tuple[Finding, ...]:
    """What is wrong on any of these machines by itself; of what is wrong on several, as the last one has it."""
    found: dict[str, Finding] = {}
    for path in records:
        with RecordFile(path) as record, blaming(path):
            found |= {finding.id: finding for finding in invariants.check(record)}
    return tuple(found.values())
