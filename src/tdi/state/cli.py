"""`tdi state`: record a machine, compare two records, allow a finding.

Here are the commands with their options. What they need is imported when they are called, so that `--help` and a
recording stay quick.
"""

from pathlib import Path

import click

from tdi.errors import ExitCode
from tdi.outside import console

_FORMS = ("text", "json", "markdown", "html")

_file = click.Path(path_type=Path, dir_okay=False)


@click.group()
def state() -> None:
    """Record the state of machines and compare them."""


@state.command("record")
@click.argument("target")
@click.option("-o", "--output", required=True, type=_file, help="The record; compressed if it ends in .gz.")
@click.option("--text", multiple=True, metavar="REGEX", help="Keep the text of files with such paths (^…$).")
@click.option("--exclude", multiple=True, metavar="DIRECTORY", help="Do not walk this directory.")
@click.option("--scope", "scopes", multiple=True, metavar="NAME", help="Record only these scopes.")
@click.option("--baseline", type=_file, help="Hash only files that changed since; the file is made, and kept current.")
def record_command(
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
    from tdi.state.record import TEXTS  # noqa: PLC0415 (see above)
    from tdi.state.target import record as record_target  # noqa: PLC0415

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


@state.command("diff")
@click.argument("a", type=_file)
@click.argument("b", type=_file)
@click.option("--format", "form", type=click.Choice(_FORMS), default="text", show_default=True)
@click.option("-o", "--output", type=_file, help="Write the report here instead of on standard output.")
@click.option("--rules", type=_file, help="The rules file; without it only the built-in rules hold.")
@click.option("--verbose", is_flag=True, help="Show every difference (text).")
@click.option("--names", nargs=2, metavar="A B", help="What to call the two machines.")
def diff_command(
    a: Path,
    b: Path,
    *,
    form: str,
    output: Path | None,
    rules: Path | None,
    names: tuple[str, str] | None,
    verbose: bool,
) -> int:
    """Compare the records A and B: what differs, why, and what to do.

    Exits with 0 if the machines are in the same state, 1 if not, 2 if that cannot be said.
    """
    from tdi.state import commands  # noqa: PLC0415 (see above)

    return commands.diff(a, b, form=form, output=output, rules=rules, names=names, verbose=verbose)


@state.command("fleet")
@click.option(
    "-i", "--inventory", "inventories", multiple=True, required=True, metavar="INVENTORY", help="As Ansible's."
)
@click.option("--reference", metavar="RECORD|HOST|GROUP", help="What each host is compared with; see above.")
@click.option("--limit", metavar="PATTERN", help="Only these hosts, as Ansible's.")
@click.option("--forks", type=click.IntRange(min=1), help="Hosts that are recorded at a time, as Ansible's.")
@click.option(
    "--become/--no-become",
    default=None,
    help="Record as root by Ansible's become, or not.  [default: as Ansible is configured]",
)
@click.option("--text", multiple=True, metavar="REGEX", help="Keep the text of files with such paths (^…$).")
@click.option("--rules", type=_file, help="The rules file; without it only the built-in rules hold.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Keep records, reports and log here.")
@click.option("--format", "form", type=click.Choice(_FORMS), default="text", show_default=True)
@click.option("--verbose", is_flag=True, help="Show every finding (text).")
def fleet_command(
    inventories: tuple[str, ...],
    *,
    reference: str | None,
    limit: str | None,
    forks: int | None,
    become: bool | None,
    text: tuple[str, ...],
    rules: Path | None,
    output: Path | None,
    form: str,
    verbose: bool,
) -> int:
    """Record every host of an Ansible inventory, and say which of them are not in the state of the reference.

    Ansible reaches the hosts, with the connections, privileges and passwords of its configuration and the inventory.
    The reference is a record, a host, or the most common state of a group; without it, of all hosts. Names and
    addresses that are a host's own do not count as a difference. What is wrong on a host by itself, such as a unit that
    has failed, is found even where the reference has it too.

    Exits with 0 if all hosts are in the same state and nothing is wrong on them, 1 if not, 2 if that cannot be said of
    one: a host that was not reached or not recorded completely. 2 comes before 1, for the fleet may be worse than what
    was found; the report has the differences of all others nevertheless.
    """
    from tdi.state import commands  # noqa: PLC0415 (see above)

    return commands.fleet(
        inventories,
        reference=reference,
        limit=limit,
        forks=forks,
        become=become,
        text=text,
        rules=rules,
        output=output,
        form=form,
        verbose=verbose,
    )


@state.command("allow")
@click.argument("finding_id")
@click.option("--from", "records", nargs=2, required=True, type=_file, metavar="A B", help="The two records.")
@click.option("--rules", type=_file, help="The rules file that was in force.")
@click.option("--reason", default="TODO: say why this may differ", help="Why it is allowed.")
def allow_command(finding_id: str, records: tuple[Path, Path], rules: Path | None, reason: str) -> int:
    """Print the narrowest entry that allows FINDING_ID, for the list `allow:` in the rules file.

    An entry has: scope; match (a regular expression from ^ to $); direction (only-a, only-b, changed, any); reason; and
    if wanted attributes (those that may differ), value (what they must be on a and b) and until (YYYY-MM-DD). An entry
    that nothing needs any more fails the comparison.
    """
    from tdi.state import commands  # noqa: PLC0415 (see above)

    return commands.allow(finding_id, records, rules=rules, reason=reason)
