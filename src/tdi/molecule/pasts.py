"""Pasts: the histories that production can have, each of which a verdict upgrades from.

The default past is what the project deploys before the change. A project declares others in files beside its scenario
(`molecule/upgrade/past/NAME.yml`): the variables of that time, and under `tdi_past` what else was different.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from tdi import settings
from tdi.content import history
from tdi.content.history import Before
from tdi.errors import TdiError
from tdi.project import Project

DEFAULT = "default"
"""The past that every project has."""

LONG_LIVED = "long-lived"
"""The server that went through all releases, one after the other."""

ALL = "all"
"""Each release, as a past of its own."""

KEY = "tdi_past"
"""What a file says besides variables: no variable of a role is called so."""

_UPGRADE = "upgrade"
_DIRECTORY = "past"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_TAKEN = {"before", "converged", "after", "later", DEFAULT, ALL, LONG_LIVED}
"""Names that mean something else, where a past is asked for or in the name of a record."""


class Packages(StrEnum):
    """Which packages production was provisioned with."""

    RELEASE = "release"
    """Those that the platform was released with: the change upgrades them too."""
    TODAY = "today"
    """Those of today: no package's upgrade restarts what the role forgot to reload."""


@dataclass(frozen=True)
class Past:
    """A history that production can have."""

    name: str
    states: tuple[Before, ...] = ()
    """The states of the role that production went through, oldest first; none where it is a published image."""
    packages: Packages = Packages.RELEASE
    variables: Mapping[str, Any] = field(default_factory=dict)
    """The settings of that time; they outweigh all others."""
    by_hand: tuple[Mapping[str, Any], ...] = ()
    """Tasks for what somebody did to the server besides."""
    file: Path | None = None
    """Where it is declared."""
    published: str | None = None
    """Which published image it is: a generation's number, a digest, or the tag `production`."""

    @property
    def label(self) -> str:
        """What its machine is called in reports and records."""
        return label(self.name)


def label(name: str) -> str:
    """What the machine of the past `name` is called in reports and records."""
    return _UPGRADE if name == DEFAULT else f"{_UPGRADE}-{name}"


def of_verdict(project: Project, asked: Sequence[str] = (), before: Before | None = None) -> list[Past]:
    """The pasts that a verdict upgrades from, the default one first.

    `asked` names revisions, generations, declared pasts, `all` or `long-lived`, and nothing else is taken then; else
    TDI_FROM does; else TDI_PAST names one; else it is the default one and all that the project declares. `before` is
    what the default one is, where the project is a copy without history. Raises TdiError for what cannot be found or
    used.
    """
    asked = tuple(asked) or settings.from_revisions()
    if asked:
        found = [past for word in asked for past in _named(project, word, before)]
        return _distinct(found)
    one = settings.past()
    if one:
        return [_one(project, one, before)]
    return [default(project, before), *declared(project, before)]


def of_molecule(project: Project) -> Past:
    """The past that `molecule test -s upgrade` starts from: what TDI_PAST or TDI_FROM name, else the default one."""
    if settings.from_revisions() or settings.past():
        found = of_verdict(project)
        if len(found) > 1:
            raise TdiError(
                "TDI_FROM names several pasts, and Molecule's scenario has one machine.",
                "Name one, or use tdi verdict.",
            )
        return found[0]
    return default(project)


def default(project: Project, before: Before | None = None) -> Past:
    """What the project deploys before the change: the published image where it has a registry, else by its history."""
    if before is None and project.registry:
        return Past(DEFAULT, published="production")
    return Past(DEFAULT, (before or history.before_the_change(project),))


def declared(project: Project, before: Before | None = None) -> list[Past]:
    """The pasts that the project declares, by name. Raises TdiError for a file that cannot be used."""
    return [_read(project, file, before) for file in _files(project)]


def names(project: Project) -> list[str]:
    """The names of all pasts of the project, the default one first."""
    return [DEFAULT, *(file.stem for file in _files(project))]


def _files(project: Project) -> list[Path]:
    directory = project.scenario(_UPGRADE) / _DIRECTORY
    return sorted(file for ending in ("yml", "yaml") for file in directory.glob(f"[!.]*.{ending}"))


def _one(project: Project, name: str, before: Before | None) -> Past:
    if name == DEFAULT:
        return default(project, before)
    for file in _files(project):
        if file.stem == name:
            return _read(project, file, before)
    raise TdiError(f"There is no past {name!r} in this project.", f"It has {', '.join(names(project))}.")


def _named(project: Project, word: str, before: Before | None) -> Iterator[Past]:
    """The pasts that a word after --from means."""
    if word in {DEFAULT, *(file.stem for file in _files(project))}:
        yield _one(project, word, before)
    elif word == ALL:
        yield from (Past(_name_of(tag), (before,)) for tag, before in _releases(project))
    elif word == LONG_LIVED:
        yield Past(LONG_LIVED, tuple(before for _, before in _releases(project)))
    elif _is_generation(project, word):
        yield Past(_name_of(f"generation-{word}" if word.isdecimal() else word.partition(":")[2][:12]), published=word)
    else:
        yield Past(_name_of(word), (history.named(project, word),))


def _is_generation(project: Project, word: str) -> bool:
    """Whether a word means a published image: a digest, or a number that is no revision's name."""
    if re.fullmatch(r"sha256:[0-9a-f]{64}", word):
        return True
    return word.isdecimal() and project.registry is not None and not history.knows(project, word)


def _releases(project: Project) -> list[tuple[str, Before]]:
    found = history.releases(project)
    if not found:
        raise TdiError(
            "There is no release here that production could come from: no tag of the history is a version.",
            "Fetch the tags (git fetch --tags), or name a revision.",
        )
    return found


def _distinct(pasts: Sequence[Past]) -> list[Past]:
    """The pasts, each name once: two names of one state are two pasts all the same."""
    return list({past.name: past for past in pasts}.values())


def _name_of(word: str) -> str:
    """A revision's name, as it can stand in the name of a container and of a file."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", word).strip("-._")[:40] or "revision"
    return f"{name}-" if name in _TAKEN else name


def _read(project: Project, file: Path, before: Before | None) -> Past:
    if not _NAME.fullmatch(file.stem) or file.stem in _TAKEN:
        raise TdiError(f"{file} cannot be used: a past cannot be called {file.stem!r}.", "Give the file another name.")
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TdiError(f"{file} cannot be used: {' '.join(str(error).split())}.") from None
    if not isinstance(said, dict) or not all(isinstance(key, str) for key in said):
        raise TdiError(f"{file} cannot be used: it is no mapping.", f"It says `variable: value`, and `{KEY}:`.")
    variables = {key: value for key, value in said.items() if key != KEY}
    rest = said.get(KEY) or {}
    known = {"from", "packages", "by_hand"}
    if not isinstance(rest, dict) or set(rest) - known:
        odd = next(iter(sorted(set(rest) - known)), rest) if isinstance(rest, dict) else rest
        raise TdiError(f"{file} cannot be used: {KEY} does not know {odd!r}.", f"It knows {', '.join(sorted(known))}.")
    try:
        packages = Packages(rest.get("packages", Packages.RELEASE))
    except ValueError:
        raise TdiError(
            f"{file} cannot be used: packages is {rest['packages']!r}.", f"It is {' or '.join(Packages)}."
        ) from None
    by_hand = rest.get("by_hand") or []
    if not isinstance(by_hand, list) or not all(isinstance(task, dict) for task in by_hand):
        raise TdiError(f"{file} cannot be used: by_hand is no list of tasks.")
    start = rest.get("from")
    if start == LONG_LIVED:
        states = tuple(state for _, state in _releases(project))
    elif start is not None:
        states = (history.named(project, str(start)),)
    else:
        states = (before or history.before_the_change(project),)
    return Past(file.stem, states, packages, variables, tuple(by_hand), file)
