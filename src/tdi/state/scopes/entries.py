"""What holds for the scopes whose objects are read out of files."""

from collections.abc import Callable

from tdi.state.advice import ABSENT, WHOLE, Case, bring_back, make_other, mend_other, quoted
from tdi.state.finding import Difference, Kind
from tdi.state.scopes.files import FILES


def make_entry(case: Case) -> str:
    """What to do about an entry that only the first machine has."""
    hiding = next((m.key for m in case.group[1:] if m.scope == "files" and m.kind is Kind.ONLY_B), None)
    if hiding is not None:
        return f"Add a task that removes {hiding}, which hides it {ABSENT}."
    return bring_back(case, [m for m in case.group if m.scope == "files"]) or make_other(case)


def mend_entry(case: Case) -> str:
    """What to do about an entry that says something else."""
    for member in case.group[1:]:
        # It is said in one more file, or one file fewer.
        if member.scope == "files" and member.kind is not Kind.CHANGED:
            return FILES.advice.of(Case(member, (member,), case.names))
    if case.changed <= {"mode", "runs"} and case.declared:
        modes = [(m.a or {}).get("mode") for m in case.group if "mode" in m.attributes]
        wanted = f" (`mode: {quoted(modes[0])}`)" if modes else ""
        return f"Set mode of {case.declared[0]} explicitly in the task that makes it{wanted}."
    return WHOLE.format(file=case.declared[0]) if case.declared else mend_other(case)


def attribute(name: str) -> Callable[[Difference], str]:
    """An attribute as what an entry keeps when it is edited."""
    return lambda entry: str(entry.present.get(name))
