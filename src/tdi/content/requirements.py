"""What a project's content needs of others: roles and collections of its requirements files and of meta/main.yml.

What is installed already is used; the rest is fetched with ansible-galaxy into the project's artifacts, once for each
state of the requirements. Where that cannot be had, a line says which.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from tdi.content import roles, yaml_files
from tdi.errors import TdiError
from tdi.machines.locks import only_one
from tdi.outside import ansible
from tdi.outside.console import say
from tdi.outside.files import make_directory

_FILES = ("requirements.yml", "requirements.yaml", "meta/requirements.yml", "roles/requirements.yml")
_COLLECTION_FILES = ("collections.yml", "collections/requirements.yml")
_PLACES = ("~/.ansible", "/usr/share/ansible", "/etc/ansible")


@dataclass(frozen=True)
class Required:
    """A role or a collection: its name, the version that is asked for, and what the file said of it, for Galaxy."""

    kind: str
    """`role` or `collection`."""
    name: str
    said: dict[str, Any]
    file: Path


def names(tree: Path, scenarios: Sequence[Path] = ()) -> set[str]:
    """The names of the roles that `tree` needs of others. Raises TdiError for a file that cannot be read."""
    return {each.name for each in _required(tree, scenarios) if each.kind == "role"}


def satisfy(tree: Path, scenarios: Sequence[Path], kept: Path, beside: Path) -> tuple[Path, list[str]]:
    """Have everything that `tree` needs; what is not installed is fetched to a directory below `kept`.

    `scenarios` are the directories of Molecule scenarios whose requirements count too; `beside` is what the project
    lies in, where people have roles side by side. Returns the directory with `roles` and `collections`, and what is to
    be said of it. Raises TdiError for what cannot be had.
    """
    needed, directory, missing = _looked_at(tree, scenarios, kept, beside)
    near = _near(scenarios, beside)
    if not missing:
        there = [f"{each.kind} {each.name}" for each in needed]
        return directory, [f"Requirements are satisfied: {', '.join(there)}"] if there else []
    with only_one(f"requirements-{directory.name}", "another run fetches the same requirements"):
        for each in missing:
            if not _is_there(each, tree, directory, near):
                _fetch(each, directory)
    _no_circle(tree, [directory / "roles", *near])
    return directory, []


def missing(tree: Path, scenarios: Sequence[Path], kept: Path, beside: Path) -> list[str]:
    """What `satisfy` would fetch, by its name."""
    return [f"{each.kind} {each.name}" for each in _looked_at(tree, scenarios, kept, beside)[2]]


def _near(scenarios: Sequence[Path], beside: Path) -> list[Path]:
    """Where roles may lie that come with the project, and are not in it."""
    return [*(scenario / "roles" for scenario in scenarios), beside]


def _looked_at(
    tree: Path, scenarios: Sequence[Path], kept: Path, beside: Path
) -> tuple[list[Required], Path, list[Required]]:
    """What is needed, where it would be fetched to, and what of it is not there."""
    needed = _required(tree, scenarios)
    key = hashlib.sha256(yaml.safe_dump([[each.kind, each.said] for each in needed]).encode()).hexdigest()[:16]
    near = _near(scenarios, beside)
    _no_circle(tree, [kept / key / "roles", *near])
    gone = [each for each in needed if not _is_there(each, tree, kept / key, near)]
    return needed, kept / key, gone


def _required(tree: Path, scenarios: Sequence[Path]) -> list[Required]:
    files = [tree / name for name in _FILES]
    files += [scenario / name for scenario in scenarios for name in ("requirements.yml", "requirements.yaml")]
    found = [each for file in files for each in _in_file(file)]
    collections = [tree / name for name in _COLLECTION_FILES]
    collections += [scenario / "collections.yml" for scenario in scenarios]
    found += [each for file in collections for each in _in_file(file)]
    found += _of_meta(tree) if roles.is_role(tree) else []
    for role in _beside_each_other(tree):
        found += [each for each in _of_meta(role) if not roles.is_role(tree / "roles" / each.name)]
    collection = yaml_files.mapping(tree / "galaxy.yml").get("dependencies") or {}
    if not isinstance(collection, dict):
        raise TdiError(f"{tree}/galaxy.yml cannot be used: `dependencies` is no mapping.", "Mend the file.")
    found += [
        Required("collection", name, {"name": name, "version": str(version)}, tree / "galaxy.yml")
        for name, version in collection.items()
    ]
    return list({(each.kind, each.name): each for each in found}.values())


def _beside_each_other(tree: Path) -> list[Path]:
    """The roles of a project with several; a file among them (requirements.yml) is none."""
    return sorted(path for path in (tree / "roles").glob("*") if path.is_dir())


def _in_file(file: Path) -> Iterator[Required]:
    said = yaml_files.read(file)
    if isinstance(said, list):
        said = {"roles": said} if file.name.startswith("requirements") else {"collections": said}
    if said is not None and not isinstance(said, dict):
        raise TdiError(f"{file} cannot be used: it is no list of requirements.", "Mend the file.")
    for kind in ("role", "collection"):
        entries = (said or {}).get(f"{kind}s") or []
        if not isinstance(entries, list):
            raise TdiError(f"{file} cannot be used: `{kind}s` is no list.", "Mend the file.")
        for entry in entries:
            yield _one(kind, entry, file)


def _one(kind: str, entry: Any, file: Path) -> Required:
    said = {"name": entry} if isinstance(entry, str) else dict(entry) if isinstance(entry, dict) else {}
    source = str(said.get("src") or said.get("source") or "")
    name = str(said.get("name") or said.get("role") or _name_in(source))
    if not name:
        raise TdiError(f"{file} cannot be used: an entry of `{kind}s` has no name.", "Mend the file.")
    if kind == "role" and "," in name:  # the short form: name,version
        name, _, version = name.partition(",")
        said = {"name": name, "version": version.partition(",")[0]}
    if "://" in name:
        name = _name_in(name) if kind == "role" else name
    return Required(kind, name, said, file)


def _name_in(source: str) -> str:
    """The name that Galaxy gives a role by its address: the repository's, without its ending."""
    return re.sub(r"\.(?:git|tar\.gz)$", "", source.rstrip("/").rpartition("/")[2]) if "/" in source else source


def _of_meta(role: Path) -> list[Required]:
    """The roles that meta/main.yml names; those of a collection come with it."""
    said = yaml_files.read(role / "meta" / "main.yml")
    wanted = said.get("dependencies") if isinstance(said, dict) else None
    if wanted is not None and not isinstance(wanted, list):
        raise TdiError(f"{role}/meta/main.yml cannot be used: `dependencies` is no list.", "Mend the file.")
    found = [_one("role", entry, role / "meta" / "main.yml") for entry in wanted or ()]
    return [each for each in found if "{" not in each.name and each.name.count(".") < 2]  # noqa: PLR2004 (namespace.collection.role)


def _is_there(each: Required, tree: Path, directory: Path, near: Iterable[Path]) -> bool:
    """Whether something is installed: in the project, `near` it, or where Ansible looks by itself."""
    if each.kind == "role":
        places = [
            *near,
            tree / "roles",
            directory / "roles",
            *(Path(p).expanduser() / "roles" for p in _PLACES),
        ]
        return any(roles.is_role(place / each.name) for place in places)
    space, _, name = each.name.partition(".")
    roots = [tree, directory, *(Path(place).expanduser() for place in _PLACES)]
    places = [root / "collections" / "ansible_collections" / space / name for root in roots]
    return _is_own(tree, each.name) or any(_is_of_version(place, each) for place in (*places, *_bundled(space, name)))


def _is_own(tree: Path, name: str) -> bool:
    own = roles.collection_of(tree)
    return own is not None and f"{own.namespace}.{own.name}" == name


def _bundled(namespace: str, name: str) -> list[Path]:
    """Where the `ansible` package would bring the collection."""
    try:
        place = metadata.distribution("ansible").locate_file("ansible_collections")
    except metadata.PackageNotFoundError:
        return []
    return [Path(str(place), namespace, name)]


def _is_of_version(place: Path, each: Required) -> bool:
    """Whether a collection is installed at `place`, of a version that is asked for; one that says none is taken."""
    if not place.is_dir():
        return False
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415 (few projects ask for a version)
    from packaging.version import Version  # noqa: PLC0415

    wanted = str(each.said.get("version") or "*").strip()
    try:
        info = json.loads((place / "MANIFEST.json").read_text(encoding="utf-8"))["collection_info"]
        exact = f"=={wanted}" if wanted[:1].isdigit() else wanted
        return wanted in {"*", "", "HEAD"} or Version(info["version"]) in SpecifierSet(exact)
    except (OSError, ValueError, KeyError, TypeError):
        return True


def _fetch(each: Required, directory: Path) -> None:
    make_directory(directory / "roles")
    say(f"Fetching the {each.kind} {each.name}, which {each.file.name} asks for")
    wanted = directory / "wanted.yml"
    wanted.write_text(yaml.safe_dump({f"{each.kind}s": [each.said]}), encoding="utf-8")
    to = directory / ("roles" if each.kind == "role" else "collections")
    done = ansible.galaxy(each.kind, wanted, to)
    if not done.ok or not _is_there(each, directory / "nowhere", directory, ()):
        lines = [*done.stderr.splitlines(), *done.stdout.splitlines()]
        said = next((line for line in lines if "ERROR" in line or "WARNING" in line), done.last_line)
        raise TdiError(
            f"The {each.kind} {each.name}, which {each.file} asks for, cannot be had: {said.strip()}",
            f"Install it (ansible-galaxy {each.kind} install {each.name}), or put it into {_beside(each)}.",
        )


def _beside(each: Required) -> str:
    return "roles/ of the project" if each.kind == "role" else "~/.ansible/collections"


def _no_circle(tree: Path, others: Iterable[Path]) -> None:
    """Raises TdiError where roles depend on each other in a circle: Ansible would go round in it for ever."""
    places = [tree / "roles", *others]

    def visit(name: str, role: Path, above: tuple[str, ...]) -> None:
        if name in above:
            raise TdiError(
                f"Roles depend on each other in a circle: {' → '.join((*above[above.index(name) :], name))}.",
                "Take one of the `dependencies` out of meta/main.yml.",
            )
        for each in _of_meta(role):
            found = next((place / each.name for place in places if roles.is_role(place / each.name)), None)
            if found:
                visit(each.name, found, (*above, name))

    if roles.is_role(tree):
        visit(min(roles.names_of(tree)), tree, ())
    for role in _beside_each_other(tree):
        visit(role.name, role, ())
