"""The files of a project that are mutated: what Ansible reads of its roles, and the tasks of its playbooks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path

import yaml

from tdi.content import roles
from tdi.errors import TdiError
from tdi.mutants.reading import tasks
from tdi.mutants.reading.tasks import Task
from tdi.mutants.reading.yaml_text import YamlText, entries, items, scalar_value
from tdi.project import Project

_LONGEST = 200_000
"""Characters. A longer file was made by a program, and its mutants say nothing of who wrote the role."""


class Part(StrEnum):
    """What a file is in a role, by the directory that it is in."""

    TASKS = "tasks"
    HANDLERS = "handlers"
    DEFAULTS = "defaults"
    VARIABLES = "vars"
    TEMPLATE = "templates"
    FILE = "files"
    META = "meta"
    ARGUMENTS = "meta/argument_specs"
    PLAYBOOK = "playbooks"

    @property
    def is_yaml(self) -> bool:
        """Whether such files are YAML."""
        return self not in {Part.TEMPLATE, Part.FILE}


@dataclass(frozen=True)
class Source:
    """A file that can be mutated."""

    path: str
    """The file, from the project's root, with slashes."""
    part: Part
    text: str
    handlers: tuple[str, ...] = field(default=(), compare=False)
    """What can be notified in its role: names of handlers and what they listen to."""

    @cached_property
    def yaml(self) -> YamlText:
        """The text with the places of what it says; one without documents where it is no YAML."""
        return YamlText(self.text if self.part.is_yaml else "")

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """Its tasks and handlers, those in blocks included."""
        if self.part is Part.PLAYBOOK:
            return tuple(tasks.of_playbook(self.yaml))
        if self.part not in {Part.TASKS, Part.HANDLERS}:
            return ()
        handlers = self.part is Part.HANDLERS
        return tuple(task for root in self.yaml.roots for task in tasks.of_list(self.yaml, root, handlers=handlers))


@dataclass(frozen=True)
class Sources:
    """The files of a project that are mutated, and those that are not."""

    files: tuple[Source, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    """Path and why: a binary file, an encrypted one, one with the line ends of Windows."""


def load(project: Project) -> Sources:
    """The files of all roles of a project, and where it is one of playbooks their tasks, in the order of their paths.

    Raises TdiError where there is nothing to mutate, or where a file is no YAML.
    """
    found: dict[str, Source] = {}
    left_out: dict[str, str] = {}
    places = [(role, _of_role(role)) for role in _roles(project.root)]
    if not (roles.is_role(project.root) or (project.root / "galaxy.yml").is_file()):
        places.append((project.root, ((file, Part.PLAYBOOK) for file in _playbooks(project))))
    for _, files in places:
        read = {}
        for file, part in files:
            path = file.relative_to(project.root).as_posix()
            text, why = _text(file)
            if why:
                left_out[path] = why
            else:
                read[path] = _checked(Source(path, part, text), file)
        handlers = tuple(dict.fromkeys(name for source in read.values() for name in _notifiable(source)))
        found |= {path: Source(path, source.part, source.text, handlers) for path, source in read.items()}
    if not found:
        raise TdiError(
            f"{project.root} has nothing to mutate: no role and no playbook with tasks.",
            "Change into the project whose role is to be tried.",
        )
    return Sources(tuple(found[path] for path in sorted(found)), tuple(sorted(left_out.items())))


def _roles(root: Path) -> list[Path]:
    places = [root, *sorted(root.glob("roles/*")), *sorted(root.glob("playbooks/roles/*"))]
    return [place for place in places if place.is_dir() and not place.is_symlink() and roles.is_role(place)]


def _of_role(role: Path) -> Iterator[tuple[Path, Part]]:
    for part in (Part.TASKS, Part.HANDLERS, Part.DEFAULTS, Part.VARIABLES):
        yield from ((file, part) for file in _below(role / part.value) if file.suffix in {".yml", ".yaml"})
    for part in (Part.TEMPLATE, Part.FILE):
        yield from ((file, part) for file in _below(role / part.value))
    for name, part in (("main", Part.META), ("argument_specs", Part.ARGUMENTS)):
        yield from ((file, part) for file in _below(role / "meta") if file.name in {f"{name}.yml", f"{name}.yaml"})


def _below(directory: Path) -> Iterator[Path]:
    for file in sorted(directory.rglob("*")):
        hidden = any(part == "__pycache__" for part in file.parts) or file.name.endswith("~")
        if file.is_file() and not file.is_symlink() and not hidden:
            yield file


def _playbooks(project: Project) -> Iterator[Path]:
    at_root = (file for file in project.content if file.is_file() and file.suffix in {".yml", ".yaml"})
    for file in (*at_root, *sorted((project.root / "playbooks").glob("*.y*ml"))):
        said = re.search(r"(?m)^\s*-?\s*(?:hosts)\s*:", file.read_text(encoding="utf-8", errors="replace"))
        if said and not file.is_symlink():
            yield file


def _text(file: Path) -> tuple[str, str]:
    """The text of a file, or why it is left out."""
    try:
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return "", "it is no text in UTF-8"
    except OSError as error:
        return "", f"it cannot be read: {error.strerror}"
    reasons = {
        "it is no text": "\0" in text,
        "it has the line ends or the byte order mark of Windows": "\r" in text or text.startswith("\ufeff"),
        "it is encrypted": text.startswith("$ANSIBLE_VAULT"),
        f"it is longer than {_LONGEST} characters": len(text) > _LONGEST,
    }
    return text, next((why for why, holds in reasons.items() if holds), "")


def _checked(source: Source, file: Path) -> Source:
    try:
        _ = source.yaml.roots
    except yaml.YAMLError as error:
        said = " ".join(str(error).replace("<unicode string>", source.path).split())
        raise TdiError(f"{file} is no YAML: {said}.", "Mend the file.") from None
    return source


def _notifiable(source: Source) -> Iterator[str]:
    for task in source.tasks:
        if task.is_handler:
            listens = task.entries.get("listen")
            yield from filter(None, map(scalar_value, (task.entries.get("name"), listens, *items(listens))))


def variables(source: Source) -> dict[str, yaml.Node]:
    """What a file of variables defines."""
    return {name: node for root in source.yaml.roots for name, node in entries(root).items()}
