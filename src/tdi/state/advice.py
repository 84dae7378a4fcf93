"""What to do about a finding: the task that a role lacks, named so that it can be written down.

A finding is mended in the role, never on the machine: the next machine would have it again. Here is what holds for
objects of any scope; the scopes say more.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tdi.state.finding import Difference, Kind, Names
from tdi.state.fold.facts import package_of
from tdi.state.fold.tree import Group

WHOLE = "Let a task write {file} whole (`ansible.builtin.template` or `ansible.builtin.copy`), whatever was there."
ABSENT = "(`ansible.builtin.file` with `state: absent`)"
NO_LINE = "(`ansible.builtin.lineinfile` with `state: absent`)"
FIND = "Find out what started it, and let the role start or stop it alike on both machines."


@dataclass(frozen=True)
class Case:
    """A finding, and what its machines are called."""

    head: Difference
    group: Group
    names: Names

    @property
    def key(self) -> str:
        """The key of the object."""
        return self.head.key

    @property
    def name(self) -> str:
        """The key without the kind of entry before it."""
        return self.key.partition(":")[2]

    @property
    def changed(self) -> set[str]:
        """The attributes that differ."""
        return {*self.head.attributes}

    @property
    def or_there(self) -> str:
        """The end of a sentence on how to remove it: it may be what is missing on the first machine."""
        return f", or one that makes it on the {self.names.a} machine too."

    @property
    def own_files(self) -> list[str]:
        """The files of the finding that come or go with it, the one that declares it first."""
        inside = [m.key for m in self.group if m.scope == "files" and m.kind is self.head.kind]
        return sorted(inside, key=lambda path: path not in self.declared)

    @property
    def declared(self) -> list[str]:
        """The files that the object says it was read out of."""
        head = self.head
        value = head.either("file") or head.either("fragment") or head.either("files") or []
        found = [value] if isinstance(value, str) else [*value]
        path = re.sub(r"^(script|leftover|at):", "", head.key)
        inside = [m.key for m in self.group[1:] if m.scope == "files" and m.kind is Kind.CHANGED]
        named = [path.partition(":")[0]] if path.startswith("/") else []
        return list(dict.fromkeys([*map(str, found), *named, *inside]))

    def remove_declaration(self, what: str = "it") -> str:
        """Remove the file that declares it, or, where both machines have the file, the line in it."""
        if self.own_files:
            return f"Add a task that removes {self.own_files[0]} {ABSENT}"
        if self.declared:
            return f"Add a task that removes {what} from {self.declared[0]} {NO_LINE}"
        return f"Add a task that removes {what}"


def remove_other(case: Case) -> str:
    """What to do about an object that only the second machine has, where its scope knows no better."""
    return case.remove_declaration() + case.or_there


def make_other(case: Case) -> str:
    """What to do about an object that only the first machine has, where its scope knows no better."""
    return (
        f"Let the task that makes it on the {case.names.a} machine also act on the {case.names.b} one: look for what"
        " holds it back there (`when`, `creates`, `force: false`, `run_once`, a handler)."
    )


def bring_back(case: Case, lost: list[Difference]) -> str | None:
    """What to do where all that is gone came from one package."""
    parts = [m for m in case.group if m.scope == "files" and m.present.get("type") != "dir"]
    packages = {package_of(part) for part in (parts if lost and lost[0].present.get("type") == "dir" else lost)}
    if len(packages) != 1 or None in packages:
        return None
    package = min(map(str, packages))
    return (
        f"Find out what removed it from the {case.names.b} machine: the package {package} brings it. Reinstall that to"
        f" have it back (`apt-get install --reinstall -o Dpkg::Options::=--force-confmiss {package}`)."
    )


def mend_other(_case: Case) -> str:
    """What to do about an object that differs, where its scope knows no better."""
    return "Make the role set it, so that both machines end alike, whatever was there before."


def joined(words: set[str]) -> str:
    """The words with "and" between them."""
    return " and ".join(sorted(words))


def quoted(value: object) -> str:
    """A mode in quotes, without which YAML takes it for a number."""
    return f'"{value}"' if str(value).isdigit() else str(value)


Say = Callable[[Case], str]


@dataclass(frozen=True)
class Advice:
    """What to do about an object of a scope: one or two sentences on how to make both machines alike."""

    make: Say = make_other
    """Only the first machine has it."""
    remove: Say = remove_other
    """Only the second machine has it."""
    mend: Say = mend_other
    """It differs."""

    def of(self, case: Case) -> str:
        """What to do about a finding."""
        say = {Kind.ONLY_A: self.make, Kind.ONLY_B: self.remove, Kind.CHANGED: self.mend}[case.head.kind]
        return say(case)
