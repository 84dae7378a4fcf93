"""Files that go with other files: in directories, as links, as other names, as what is made of them."""

import os
import re
from pathlib import PurePosixPath

from tdi.state.finding import Difference, Kind
from tdi.state.fold.facts import ancestors, is_directory, is_same_file, sources_of
from tdi.state.fold.tree import Tree
from tdi.state.scopes.scope import Inherited

_PYTHON_METADATA = re.compile(r"^(?P<place>.+)/(?P<name>[^/]+?)-[^/-]+(?:-py[\d.]+)?\.(?:dist|egg)-info$")
"""What pip keeps of a distribution beside it."""


def hard_links(tree: Tree) -> None:
    """That a file has one more or one fewer name hangs below the name that came or went."""
    groups = {
        str(name): difference
        for difference in tree.files.values()
        if difference.kind is not Kind.CHANGED and (name := difference.present.get("hardlink"))
    }
    for difference in tree.files.values():
        cause = groups.get(str(difference.either("hardlink")))
        if difference.attributes == ("hardlink",) and cause is not None:
            tree.hang(difference, cause)
    firsts: dict[str, Difference] = {}
    for difference in sorted(tree.free("files"), key=lambda d: (len(d.attributes) == 1, d.key)):
        name = str(difference.either("hardlink") or "")
        if not name or difference.kind is not Kind.CHANGED:
            continue
        first = firsts.setdefault(name, difference)
        if first is not difference and (difference.attributes == ("hardlink",) or is_same_file(difference, first)):
            tree.hang(difference, first)


def derived_files(tree: Tree) -> None:
    """A cache or bundle hangs below what it is made of, where that differs."""
    for difference in tree.free("files"):
        is_source = sources_of(difference.key)
        cause = next((other for path, other in tree.files.items() if is_source(path)), None) if is_source else None
        if cause is not None:
            tree.hang(difference, cause)


def link_targets(tree: Tree) -> None:
    """A link goes with what it leads to, or leads through, where the same machine alone has both."""
    for difference in tree.free("files"):
        target = difference.present.get("target")
        if difference.kind is Kind.CHANGED or difference.present.get("type") != "link" or not target:
            continue
        where = os.path.normpath(PurePosixPath(difference.key).parent / str(target))
        for path in (where, *ancestors(where)):
            other = tree.files.get(path)
            if other is not None and other.kind is difference.kind:
                tree.hang(difference, other)
                break


def python_metadata(tree: Tree) -> None:
    """What pip keeps of a Python distribution hangs below its package or module."""
    for path, difference in tree.files.items():
        found = _PYTHON_METADATA.match(path)
        if found is None:
            continue
        name = re.sub(r"[-_.]+", "_", found["name"]).lower()
        for other in (f"{found['place']}/{name}", f"{found['place']}/{name}.py", f"{found['place']}/{found['name']}"):
            if other in tree.files and tree.files[other].kind is difference.kind:
                tree.hang(difference, tree.files[other])


def directory_contents(tree: Tree) -> None:
    """What is in a directory that only one machine has hangs below that directory, or below what took its place."""
    tops: list[tuple[Difference, Kind]] = []
    for path in sorted(tree.files, key=_as_parts):
        difference = tree.files[path]
        while tops and not path.startswith(tops[-1][0].key + "/"):
            tops.pop()
        if tops and tops[-1][1] is difference.kind:
            tree.hang(difference, tops[-1][0])
        if difference.kind is not Kind.CHANGED and difference.present.get("type") == "dir":
            tops.append((difference, difference.kind))
        elif "type" in difference.attributes:
            was = (difference.a or {}).get("type") == "dir"
            tops.append((difference, Kind.ONLY_A if was else Kind.ONLY_B))


def _as_parts(path: str) -> list[str]:
    return path.split("/")


def wrappers(tree: Tree) -> None:
    """A directory that only one machine has goes with what is in it, where all of that is explained otherwise.

    A directory out of a package goes with the package even if other things have been put into it.
    """
    tops = {top.key: top for top in tree.free("files") if top.kind is not Kind.CHANGED and is_directory(top)}
    if not tops:
        return
    causes: dict[str, Difference] = {}
    own: set[str] = set()
    for path in sorted(tree.files):
        difference = tree.files[path]
        root = tree.root(difference)
        if is_directory(difference) and root.scope == "files":
            continue
        for top in ancestors(path):
            if top not in tops:
                continue
            if root is tops[top]:
                own.add(top)
            elif root.scope == "packages" or top not in causes:
                causes[top] = root
    for path, cause in causes.items():
        packaged = tops[path].present.get("origin", {}).get("kind") == "package" and cause.scope == "packages"
        if packaged or path not in own:
            tree.hang(tops[path], cause)


def emptied_directories(tree: Tree) -> None:
    """All that a directory holds on one machine, and that the other one has nothing of, is one thing."""
    first: dict[tuple[str, Kind], Difference] = {}
    for difference in sorted(tree.free("files"), key=lambda d: _as_parts(d.key)) if tree.bare else ():
        place = difference.key.rpartition("/")[0], difference.kind
        if place in tree.bare and first.setdefault(place, difference) is not difference:
            tree.hang(difference, first[place])


def follows_bases(difference: Difference, inherited: Inherited) -> bool:
    """Whether a tool made it of what the bases have, as the loader's cache is made anew of all libraries."""
    is_source = sources_of(difference.key)
    if is_source is None:
        return False
    made_of_own, made_of_inherited = (
        any(each.scope == "files" and is_source(each.key) for each in side)
        for side in (inherited.own, inherited.from_bases)
    )
    return made_of_inherited and not made_of_own
