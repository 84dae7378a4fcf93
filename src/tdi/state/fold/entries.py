"""Entries that are read out of files: the file goes with its entries, an edited entry is one change."""

from collections import defaultdict
from collections.abc import Callable, Iterator

from tdi.state.finding import Difference, Kind
from tdi.state.fold.facts import FEW
from tdi.state.fold.tree import Tree
from tdi.state.scopes.registry import SCOPES, known
from tdi.state.scopes.scope import Entries


def _declared() -> Iterator[tuple[str, Entries]]:
    """The scopes whose objects are read out of files."""
    for name, scope in SCOPES.items():
        if scope.entries is not None:
            yield name, scope.entries


def declared_in_files(tree: Tree) -> None:
    """A file hangs below the entries that were read out of it, and these below the first of them.

    Where both machines have the file, a few entries are as many edits, and each stands alone.
    """
    for scope, told in _declared():
        entries = tree.by_scope[scope]
        in_file: dict[str, int] = defaultdict(int)
        for difference in entries.values():
            for path in {*tree.paths_of(difference)}:
                in_file[path] += 1
        for difference in entries.values():
            for path in tree.paths_of(difference):
                file = tree.files.get(path)
                if file is None or not _says_of(difference, file, told):
                    continue
                cause = tree.root(file)
                if cause is file:
                    tree.hang(file, difference)
                elif (cause.scope == scope or known(cause.scope).takes_entries) and cause is not difference:
                    edits = file.kind is Kind.CHANGED and cause.scope == scope and in_file[path] <= FEW
                    if not edits or told.one_statement(difference, cause):
                        tree.hang(difference, cause)


def _says_of(entry: Difference, file: Difference, told: Entries) -> bool:
    """Whether an entry may have to do with what a file differs in: rights alone change what few entries say."""
    if not file.attributes or not {*file.attributes} <= _RIGHTS:
        return True
    return told.say_rights or bool({"mode", "runs"} & {*entry.attributes})


_RIGHTS = frozenset({"mode", "owner", "group", "acl", "acl_default", "capability", "xattrs"})


def hidden_entries(tree: Tree) -> None:
    """A file of an administrator that hides one of a package hangs below what this would have set."""
    for scope in (name for name, told in _declared() if told.hidden):
        for difference in tree.by_scope[scope].values():
            for path in tree.paths_of(difference):
                _, _, name = path.rpartition("lib/")
                for top in ("/etc/", "/run/", "/usr/local/lib/"):
                    if path.startswith(("/usr/lib/", "/lib/")) and top + name in tree.files:
                        tree.hang(tree.files[top + name], difference)


def edited_entries(tree: Tree) -> None:
    """An entry that one machine has, and the one that the other has in its place in the same file, are one change."""
    for scope, told in _declared():
        if not told.edited:
            continue
        by_file: dict[str, list[Difference]] = defaultdict(list)
        for difference in tree.free(scope):
            for path in dict.fromkeys(tree.paths_of(difference)):
                if path in tree.files and tree.files[path].kind is Kind.CHANGED:
                    by_file[path].append(difference)
                    break
        for entries in by_file.values():
            for keeps in (*told.keeps, ()):
                _pair(tree, entries, keeps)


def _pair(tree: Tree, entries: list[Difference], keeps: tuple[Callable[[Difference], str], ...]) -> None:
    places: dict[tuple[str, ...], list[list[Difference]]] = defaultdict(lambda: [[], []])
    for entry in entries:
        kind = entry.key.partition(":")[0] if known(entry.scope).kinds_of_entries else ""
        place = (kind, *(kept(entry) for kept in keeps))
        if entry.kind is not Kind.CHANGED and (not keeps or "None" not in place):
            places[place][entry.kind is Kind.ONLY_B].append(entry)
    for gone, come in places.values():
        if len(gone) == len(come) == 1:
            first, second = gone[0].present, come[0].present
            told = tuple(name for name in ("schedule", "user", "command") if first.get(name) != second.get(name))
            tree.merge(gone[0], come[0], told or ("entry",))
            entries.remove(gone[0])
            entries.remove(come[0])
