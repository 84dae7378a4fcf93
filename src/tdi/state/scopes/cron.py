"""What cron, its directories and at run."""

from tdi.state.advice import Advice, Case
from tdi.state.finding import Difference, Severity
from tdi.state.fold.facts import said_files
from tdi.state.fold.tree import Tree
from tdi.state.scopes.entries import attribute, make_entry, mend_entry
from tdi.state.scopes.scope import Entries, Scope, Stage


def _remove(case: Case) -> str:
    if case.key.startswith("at:"):
        return "Add a task that removes the job (`atrm`), or let the role ask for it on both machines."
    return case.remove_declaration("the entry") + case.or_there


def at_jobs(tree: Tree) -> None:
    """The number of the next job goes with the first job."""
    number = tree.files.get("/var/spool/cron/atjobs/.SEQ")
    job = next((entry for key, entry in tree.by_scope["cron"].items() if key.startswith("at:")), None)
    if number is not None and job is not None:
        tree.hang(number, job)


def _comes_from(entry: Difference) -> tuple[str, ...]:
    script = (entry.key.partition(":")[2],) if entry.key.startswith("script:") else ()
    return (*said_files(entry), *script)


CRON = Scope(
    "cron",
    "cron entry",
    severity=Severity.SERVICE,
    advice=Advice(make_entry, _remove, mend_entry),
    comes_from=_comes_from,
    entries=Entries(
        edited=True,
        keeps=((attribute("command"), attribute("user")), (attribute("schedule"), attribute("user"))),
    ),
    follows={Stage.OWN_ENTRIES: (at_jobs,)},
)
