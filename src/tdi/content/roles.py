"""The roles of a tree of Ansible content: where they are, what they are called, and which ones a playbook calls."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdi.content import yaml_files
from tdi.errors import TdiError

_ROLE_PARTS = ("tasks", "handlers", "defaults", "meta")
_CALLS = re.compile(r"(?:ansible\.(?:builtin|legacy)\.)?(?:include_role|import_role)")
_WORDS = re.compile(r"(\w+)=(\S+)")
"""The old way to write what a task is given: `include_role: name=nginx`."""
_IMPORTS = re.compile(r"(?:ansible\.builtin\.)?import_playbook")
_PREFIX = re.compile(r"^(?:ansible[-_.])?(?:role[-_.])?")
"""What people put before a role's name when they name its repository: `ansible-role-nginx`."""


@dataclass(frozen=True)
class Collection:
    """A collection by its name: `namespace.name`, and the directory of its galaxy.yml."""

    namespace: str
    name: str
    directory: Path


def is_role(directory: Path) -> bool:
    """Whether a directory is a role: it has tasks, or only what other roles take from it."""
    return any((directory / part / f"main.{ending}").is_file() for part in _ROLE_PARTS for ending in ("yml", "yaml"))


def collection_of(tree: Path) -> Collection | None:
    """The collection that `tree` is or is a part of. Raises TdiError for a galaxy.yml that does not say its name."""
    for directory in (tree, *tree.parents):
        file = directory / "galaxy.yml"
        if file.is_file():
            said = yaml_files.mapping(file)
            if not said.get("namespace") or not said.get("name"):
                raise TdiError(f"{file} cannot be used: it does not say `namespace` and `name`.", "Mend the file.")
            return Collection(str(said["namespace"]), str(said["name"]), directory)
        if (directory / ".git").exists():
            break
    return None


def names_of(role: Path, called: str | None = None) -> set[str]:
    """The names that a role in a directory of its own goes by: the directory's, and what its meta/main.yml says.

    `called` is the directory's name where the role is in a copy.
    """
    directory = called or role.name
    said = yaml_files.read(role / "meta" / "main.yml") or {}
    galaxy = (said.get("galaxy_info") if isinstance(said, dict) else None) or {}
    plain = str(galaxy.get("role_name") or _PREFIX.sub("", directory.rpartition(".")[2]))
    names = {directory, plain}
    names |= {f"{space}.{plain}" for key in ("namespace", "author") if (space := galaxy.get(key)) and _is_word(space)}
    return {name for name in names if name}


def name_on_galaxy(role: Path) -> str:
    """The name by which Galaxy and linters know a role that is its repository; the directory's where it says none."""
    said = yaml_files.read(role / "meta" / "main.yml") or {}
    galaxy = (said.get("galaxy_info") if isinstance(said, dict) else None) or {}
    name, space = galaxy.get("role_name"), galaxy.get("namespace")
    if not _is_word(name):
        return role.name
    return f"{space}.{name}" if _is_word(space) else str(name)


def _is_word(text: Any) -> bool:
    return isinstance(text, str) and re.fullmatch(r"[\w-]+", text) is not None


def called_by(playbook: Path) -> list[str]:
    """The roles that a playbook calls by name, imported playbooks included, in order; templated names are left out."""
    return list(dict.fromkeys(_called(playbook, set())))


def _called(playbook: Path, seen: set[Path]) -> Iterator[str]:
    if playbook in seen:
        return
    seen.add(playbook)
    plays = yaml_files.read(playbook)
    for play in plays if isinstance(plays, list) else ():
        if not isinstance(play, dict):
            continue
        for key, value in play.items():
            if _IMPORTS.fullmatch(str(key)) and isinstance(value, str):
                yield from _called((playbook.parent / value).resolve(), seen)
            elif key == "roles":
                for role in value if isinstance(value, list) else ():
                    yield from _plain(role.get("role") or role.get("name") if isinstance(role, dict) else role)
            elif key in {"tasks", "pre_tasks", "post_tasks", "handlers"}:
                yield from _in_tasks(value)


def _in_tasks(tasks: Any) -> Iterator[str]:
    for task in tasks if isinstance(tasks, list) else ():
        for key, value in task.items() if isinstance(task, dict) else ():
            if key in {"block", "rescue", "always"}:
                yield from _in_tasks(value)
            elif _CALLS.fullmatch(str(key)):
                said = value if isinstance(value, dict) else dict(_WORDS.findall(str(value)))
                yield from _plain(said.get("name") or said.get("role"))


def _plain(name: Any) -> Iterator[str]:
    if isinstance(name, str) and name and "{" not in name:
        yield name


def find(tree: Path, name: str) -> Path | None:
    """The directory of the role `name` somewhere in `tree`, by its directory's name or what its meta says."""
    plain = name.rpartition(".")[2]
    found = sorted(path.parent.parent for path in tree.glob("**/tasks/main.y*ml") if ".git" not in path.parts)
    wanted = {name, plain}
    return next((role for role in found if wanted & {role.name, role.name.rpartition(".")[2]}), None) or next(
        (role for role in found if wanted & names_of(role)), None
    )
