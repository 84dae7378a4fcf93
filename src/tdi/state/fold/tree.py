"""The differences of a comparison as a tree: each hangs below what caused it, or is a finding of its own."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace

from tdi.state.finding import Difference, Kind
from tdi.state.fold.facts import DECLARED, has_privilege, is_modified, is_modified_conffile, is_same_file, paths_of

Group = tuple[Difference, ...]
"""Differences with one cause; the first one is it."""


class Tree:
    """The differences, and which of them hangs below which."""

    def __init__(self, differences: Iterable[Difference], bare: Collection[tuple[str, Kind]] = ()) -> None:
        self.all = list(differences)
        self.bare = bare
        self.by_scope: dict[str, dict[str, Difference]] = defaultdict(dict)
        for difference in self.all:
            self.by_scope[difference.scope][difference.key] = difference
        self._parent: dict[Difference, Difference] = {}

    @property
    def files(self) -> dict[str, Difference]:
        """The differences of the scope files, by path."""
        return self.by_scope["files"]

    def free(self, scope: str) -> list[Difference]:
        """The differences of a scope that hang below nothing so far."""
        return [difference for difference in self.by_scope[scope].values() if difference not in self._parent]

    def root(self, difference: Difference) -> Difference:
        """What is behind a difference in the end; itself, if nothing is."""
        while (above := self._parent.get(difference)) is not None:
            difference = above
        return difference

    def hang(self, difference: Difference, below: Difference) -> None:
        """Hang `difference` below `below`, unless it has a place, must stand alone, or would hang below itself."""
        if difference in self._parent or self.root(below) is difference:
            return
        packaged = below.scope == "packages" and not is_modified(difference)
        told = below.scope in DECLARED and difference.key in paths_of(below)
        if is_modified_conffile(difference) and not told:
            return
        if has_privilege(difference) and not (packaged or is_same_file(difference, below)):
            return
        self._parent[difference] = below

    def merge(self, gone: Difference, come: Difference, attributes: tuple[str, ...]) -> None:
        """Make one difference of an entry that one machine has and the entry that the other has in its place."""
        a, b = ({**(side or {}), "entry": difference.key} for side, difference in ((gone.a, gone), (come.b, come)))
        merged = Difference(come.scope, come.key, Kind.CHANGED, attributes, a, b)
        self.all = [difference for difference in self.all if difference not in (gone, come)]
        self.all.append(merged)
        del self.by_scope[gone.scope][gone.key]
        self.by_scope[come.scope][come.key] = merged

    def split(self, difference: Difference, attributes: tuple[str, ...]) -> Difference:
        """Make a difference of its own of some attributes, and return it."""
        if difference.attributes == attributes:
            return difference
        rest = replace(difference, attributes=tuple(name for name in difference.attributes if name not in attributes))
        own = replace(difference, attributes=attributes)
        self.all[self.all.index(difference)] = rest
        self.all.append(own)
        self.by_scope[difference.scope][difference.key] = rest
        self._parent = {child: rest if above is difference else above for child, above in self._parent.items()}
        return own

    def groups(self) -> list[Group]:
        """Each difference that hangs below nothing, with all that hangs below it."""
        grouped: dict[Difference, list[Difference]] = {}
        for difference in self.all:
            root = self.root(difference)
            members = grouped.setdefault(root, [root])
            if difference is not root:
                members.append(difference)
        return [tuple(members) for members in grouped.values()]
