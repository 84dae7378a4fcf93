"""What files of configuration have in common: where they are, comments, continued lines, fields."""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.machine import Machine


def paragraphs(text: str) -> list[dict[str, str]]:
    """The paragraphs of a Debian control file: lower-case field name to value, lines of a value kept."""
    found = []
    for paragraph in re.split(r"\n\n+", text.strip("\n")):
        fields: dict[str, str] = {}
        name = ""
        for line in paragraph.split("\n"):
            if line[:1] in (" ", "\t"):
                if name:
                    fields[name] += "\n" + line
            elif not line.startswith("#"):
                name, _, value = line.partition(":")
                name = name.lower()
                fields[name] = value.strip()
        if fields:
            found.append(fields)
    return found


def significant(text: str) -> list[str]:
    """The lines of a unit or configuration file without comments and blank ones, continued lines joined."""
    joined = re.sub(r"\\\n(?:[#;].*\n)*", " ", text)
    return [line for line in map(str.strip, joined.split("\n")) if line and line[0] not in "#;"]


def config_files(machine: Machine, file: str, directory: str, endings: tuple[str, ...]) -> list[str]:
    """The main file, if it is there, and those of its directory whose names count ("" for names without a dot)."""
    found = [file] if os.path.isfile(machine.prefix + file) else []
    for name in machine.names(directory):
        ending = os.path.splitext(name)[1]
        if ending in endings:
            found.append(directory + "/" + name)
    return found


def etc_files(machine: Machine) -> list[str]:
    """The files and links below /etc, walked once; a bound keeps a hostile tree from taking all the time."""
    cached = machine.__dict__.get("etc_files")
    if cached is None:
        cached = []
        cut = len(machine.prefix)
        for directory, _, names in os.walk(machine.prefix + "/etc"):
            cached += [os.path.join(directory, name)[cut:] for name in names]
            if len(cached) > 200000:
                break
        cached.sort()
        machine.__dict__["etc_files"] = cached
    return cached


def table(machine: Machine, path: str, width: int) -> list[list[str]]:
    """The lines of a colon-separated database that have at least `width` fields."""
    lines = (line.split(":") for line in machine.text(path).split("\n") if line and line[0] not in "#+-")
    return [fields for fields in lines if len(fields) >= width]


def number(text: str) -> int | str:
    """A number if `text` is one, else the text."""
    return int(text) if text.isdigit() else text


def first_found(machine: Machine, directories: tuple[str, ...], ending: str) -> list[str]:
    """The files of directories of which the first hides the same name in the later ones, in order of their names."""
    found: dict[str, str] = {}
    for directory in directories:
        for name in machine.names(directory):
            if name.endswith(ending):
                found.setdefault(name, directory + "/" + name)
    return [found[name] for name in sorted(found)]
