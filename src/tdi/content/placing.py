"""Where Ansible finds a tree's roles and its collection, by whatever names playbooks call them.

A role at the root of its repository is called by its directory's name, by its name on Galaxy or by both; a collection
by its full name, for which Ansible wants a directory `ansible_collections/NAMESPACE/NAME`. Links give them all.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tdi.content import requirements, roles
from tdi.outside.files import make_directory

_HOME = Path("~/.ansible")
_SYSTEM_ROLES = ("/usr/share/ansible/roles", "/etc/ansible/roles")
_SYSTEM_COLLECTIONS = ("/usr/share/ansible/collections",)


@dataclass(frozen=True)
class Tree:
    """A state of a project's content: where it lies, and which playbooks are to run."""

    root: Path
    original: Path
    """The project itself, of which `root` may be a copy: by what it is called, and beside what it lies."""
    playbooks: tuple[Path, ...]
    required: Path
    """Where the required roles and collections are installed to (tdi.content.requirements)."""
    moved: Mapping[str, Path]
    """Roles that are called by a name under which they do not lie in this tree, and where they lie."""


def environment(tree: Tree, directory: Path) -> dict[str, str]:
    """The settings with which Ansible finds everything of `tree`; links are made below `directory`.

    Raises TdiError for files of the project that cannot be read.
    """
    own_roles, own_collections = directory / "roles", directory / "collections"
    for alias, role in _aliases(tree):
        _link(own_roles / alias, role)
    collection = roles.collection_of(tree.root)
    if collection:
        _link(own_collections / "ansible_collections" / collection.namespace / collection.name, collection.directory)
    found_roles = (
        own_roles,
        tree.root / "roles",
        *([collection.directory / "roles"] if collection else []),
        *(playbook.parent / "roles" for playbook in tree.playbooks),
        tree.required / "roles",
        *([tree.original.parent] if roles.is_role(tree.root) else []),
        _HOME.expanduser() / "roles",
        *map(Path, _SYSTEM_ROLES),
    )
    found_collections = (
        own_collections,
        tree.root / "collections",
        tree.required / "collections",
        _HOME.expanduser() / "collections",
        *map(Path, _SYSTEM_COLLECTIONS),
    )
    return {
        "ANSIBLE_ROLES_PATH": _path(found_roles),
        "ANSIBLE_COLLECTIONS_PATH": _path(found_collections),
        "MOLECULE_PROJECT_DIRECTORY": str(tree.root),
    }


def _aliases(tree: Tree) -> Iterable[tuple[str, Path]]:
    yield from tree.moved.items()
    if not roles.is_role(tree.root):
        return
    names = roles.names_of(tree.root, tree.original.name)
    called = {name for playbook in tree.playbooks for name in roles.called_by(playbook)}
    if not called & names:
        # What nobody else can be meant by: a name that the playbook calls and that no requirement brings.
        others = requirements.names(tree.root) | {path.name for path in (tree.root / "roles").glob("*")}
        unknown = sorted(name for name in called - others if not _is_installed(tree, name))
        names |= set(unknown[:1])
    for name in sorted(names):
        yield name, tree.root


def _is_installed(tree: Tree, name: str) -> bool:
    places = (tree.required / "roles", _HOME.expanduser() / "roles", *map(Path, _SYSTEM_ROLES))
    return any((place / name).exists() for place in places)


def _link(link: Path, target: Path) -> None:
    make_directory(link.parent)
    link.unlink(missing_ok=True)
    link.symlink_to(target.absolute(), target_is_directory=True)


def _path(places: Iterable[Path]) -> str:
    return os.pathsep.join(dict.fromkeys(map(str, places)))
