"""`tdi init`."""

from pathlib import Path

import click

from tdi.content import history
from tdi.init import files, write
from tdi.init.survey import survey
from tdi.machines.locks import only_one
from tdi.outside.screen import out
from tdi.project import Project


@click.command("init", epilog="\b\nExamples:\n  tdi init\n  tdi init --from default --ci github")
@click.option(
    "--from", "source", metavar="SCENARIO", help="The scenario to take playbooks from; without it, `default`."
)
@click.option("--ci", type=click.Choice(sorted(files.CI)), help="Write the workflow too.")
@click.option("--force", is_flag=True, help="Write over files that say something else.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def command(source: str | None, ci: str | None, force: bool, dry_run: bool) -> None:  # noqa: FBT001 (click hands flags over like this)
    """Set this project up for verdicts: scenarios, a verifier and its rules, by what the project has."""
    root = Path.cwd().resolve()
    with only_one(f"init-{root.stat().st_ino}", "another run of init is at work here"):
        found = survey(root, source)
        steps = write.plan(root, files.texts(found, ci), force=force)
        out.print(f"{root.name} is {found.kind} ({found.called}).", markup=False)
        if found.source:
            taken = ", ".join(f"{step} {path.removeprefix('../')}" for step, path in found.playbooks.items())
            out.print(f"Its scenario {found.source} is used: {taken or 'no playbook'}.", markup=False)
        for remark in found.remarks:
            out.print(f"  {remark}.", markup=False)
        for step in steps:
            what = " (it says something else; --force writes over it)" if step.deed is write.Deed.KEEP else ""
            out.print(f"  {_WORDS[step.deed]:9}{step.path}{what}", markup=False)
        if dry_run:
            return
        write.perform(root, steps)
    before = history.before_the_change(Project.at(root))
    out.print(
        f"Production before the change is {_told(before)}; `tdi verdict --from REVISION` takes another.", markup=False
    )
    out.print("Next: tdi verdict", markup=False)


_WORDS = {
    write.Deed.WRITE: "written",
    write.Deed.REPLACE: "changed",
    write.Deed.SAME: "as it is",
    write.Deed.KEEP: "kept",
}


def _told(before: history.Before) -> str:
    return f"{before.reason} ({before.revision[:7]})" if before.revision else f"not known ({before.reason})"
