"""Folds differences that have one cause into one group, so that a finding is one thing to understand and to mend.

Each step names a cause among the differences and hangs those that follow from it below it: what follows from an object
is known by its scope, what holds for all that is read out of files is in `entries`. A modified conffile is never hung
below anything but the entry that was read out of it, a new setuid bit or capability only below the package that brings
it: an administrator has to see them.
"""

from collections.abc import Collection, Iterable, Iterator

from tdi.state.finding import Difference, Kind
from tdi.state.fold.entries import declared_in_files, edited_entries, hidden_entries
from tdi.state.fold.tree import Group, Tree
from tdi.state.scopes.registry import SCOPES, known
from tdi.state.scopes.scope import Stage, Step


def fold(differences: Iterable[Difference], bare: Collection[tuple[str, Kind]] = ()) -> list[Group]:
    """Group `differences` by what caused them; every difference is in exactly one group.

    `bare`: the directories in which one machine has nothing, each with the kind of what only the other one has there.
    """
    tree = Tree(differences, known, bare)
    for step in _steps():
        step(tree)
    return tree.groups()


_OF_ALL = {Stage.ENTRIES: (edited_entries, declared_in_files, hidden_entries)}


def _steps() -> Iterator[Step]:
    """Everything that is looked for, stage by stage: what hangs below something stays there."""
    for stage in Stage:
        yield from _OF_ALL.get(stage, ())
        for scope in SCOPES.values():
            yield from scope.follows.get(stage, ())
