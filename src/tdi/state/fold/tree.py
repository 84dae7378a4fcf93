"""The differences of a comparison as a tree: each hangs below what caused it, or is a finding of its own."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from tdi.state.finding import Difference, Kind
from tdi.state.fold.facts import has_privilege, is_modified, is_modified_conffile, is_same_file

Group = tuple[Difference, ...]
"""Differences with one cause; the first one is it."""


class Known(Protocol):
    """What a tree has to know of a scope."""

    @property
    def paths(self) -> Callable[[Difference], Iterable[str]]:
        """The paths that an object names."""

    @property
    def entries(self) -> object | None:
        """Set where its objects are read out of files."""

    @property
    def accounts_for_files(self) -> bool:
        """Whether its objects bring files with all that is special about these."""


class Tree:
    """The differences, and which of them hangs below which."""

    def __init__(
        self,
        differences: Iterable[Difference],
        known: Callable[[str], Known],
        bare: Collection[tuple[str, Kind]] = (),
    ) -> None:
        self.all = list(differences)
        self._known = known
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

    def paths_of(self, difference: Difference) -> Iterator[str]:
        """The paths that an object says it comes from or is about, also as they are with a merged /usr."""
        for path in self._known(difference.scope).paths(difference):
            yield path
            if path.startswith(("/bin/", "/sbin/", "/lib/")):
                yield f"/usr{path}"

    def root(self, difference: Difference) -> Difference:
        """What is behind a difference in the end; itself, if nothing is."""
        while (above := self._parent.get(difference)) is not None:
            difference = above
        return difference

    def hang(self, difference: Difference, below: Difference) -> None:
        """Hang `difference` below `below`, unless it has a place, must stand alone, or would hang below itself."""
        if difference in self._parent or self.root(below) is difference:
            return
        cause = self._known(below.scope)
        packaged = cause.accounts_for_files and not is_modified(difference)
        told = cause.entries is not None and difference.key in self.paths_of(below)
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
