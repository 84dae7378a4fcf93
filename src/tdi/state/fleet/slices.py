"""Slices of a fleet that outgrows one controller: each is recorded by itself, and all are compared together.

A slice is every N-th host of the inventory in the order of their names, as job slices of AWX are: it depends on nothing
but the inventory, so each controller finds its own without asking another one.
"""

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdi.collector.layout import META
from tdi.errors import TdiError
from tdi.outside.files import write_atomically
from tdi.state import recording as of_machines
from tdi.state.fleet.record import Inventory, Recording
from tdi.state.program import program
from tdi.state.record import DAMAGE

FILE = "slice.json"
"""What a directory says of the slice that is in it."""

_SCHEMA = 1
_SETTINGS = {
    "text": "--text",
    "include": "--include",
    "become": "--become",
    "limit": "--limit",
    "collector": "version of tdi",
}
"""What the slices of a fleet must have in common besides the inventory, and what it is called."""
_AGAIN = "Record the slice again: tdi state fleet --slice K/N --output DIR."


@dataclass(frozen=True)
class Slice:
    """The K-th of N slices, counted from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Slice":
        """The slice that `K/N` means; raises ValueError for what is none."""
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise ValueError(f"{text!r} is no slice: K/N, K from 1 to N")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        """As it is asked for."""
        return f"{self.number}/{self.of}"

    def hosts(self, hosts: Sequence[str]) -> tuple[str, ...]:
        """Those of `hosts` that are in the slice; raises TdiError if none is."""
        mine = tuple(sorted(hosts)[self.number - 1 :: self.of])
        if not mine:
            raise TdiError(f"The slice {self} has no host: the inventory has {len(hosts)}.", "Take fewer slices.")
        return mine


@dataclass(frozen=True)
class Settings:
    """What a slice is recorded with: the options of `record_hosts`, and those that choose hosts."""

    text: Sequence[str] = ()
    become: bool | None = None
    limit: str | None = None
    include: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Everything that decides what the records of a slice hold."""
        collector = hashlib.sha256(program()).hexdigest()
        return {
            "text": sorted({*self.text}),
            "include": sorted({*self.include}),
            "become": self.become,
            "limit": self.limit,
            "collector": collector,
        }


@dataclass(frozen=True)
class Merged:
    """All slices of a fleet: what came of recording its hosts, and the inventory as each slice saw it."""

    recording: Recording
    inventory: Inventory
    limited: bool
    """Whether hosts were left out on purpose."""


def write_slice(work: Path, part: Slice, inventory: Inventory, recording: Recording, settings: Settings) -> None:
    """Say in `work` what slice is there, for whoever compares all of them."""
    said = {
        "schema": _SCHEMA,
        "slice": part.number,
        "of": part.of,
        "settings": settings.as_json(),
        "inventory": list(inventory.hosts),
        "groups": {name: list(members) for name, members in inventory.groups.items()},
        "records": {host: path.name for host, path in recording.records.items()},
        "failures": dict(recording.failures),
    }
    write_atomically(work / FILE, json.dumps(said) + "\n")


def read_slices(directories: Sequence[Path]) -> Merged:
    """What all slices of one fleet recorded; the hosts of one that is missing were not recorded.

    Raises TdiError for what is no slice or a damaged one, for one that is there twice, and where two are not of one
    fleet. A record that is gone or damaged costs its host alone.
    """
    found = _of_one_fleet([(directory, _read(directory)) for directory in directories])
    records: dict[str, Path] = {}
    failures: dict[str, str] = {}
    _, first = next(iter(found.values()))
    for directory, said in found.values():
        failures |= said["failures"]
        for host, name in said["records"].items():
            path = directory / "records" / name
            problem = _problem(path, host)
            if problem:
                failures[host] = problem
            else:
                records[host] = path
    of = first["of"]
    for position, host in enumerate(first["inventory"]):
        number = position % of + 1
        if number not in found:
            failures[host] = f"the slice {number}/{of} is missing"
    groups = {name: tuple(members) for name, members in first["groups"].items()}
    return Merged(
        Recording(dict(sorted(records.items())), dict(sorted(failures.items()))),
        Inventory(tuple(first["inventory"]), groups),
        limited=first["settings"]["limit"] is not None,
    )


def _of_one_fleet(slices: Sequence[tuple[Path, Mapping[str, Any]]]) -> dict[int, tuple[Path, Mapping[str, Any]]]:
    """Number of a slice → where it is and what it says of itself; raises TdiError where two do not go together."""
    first, one = slices[0]
    found: dict[int, tuple[Path, Mapping[str, Any]]] = {}
    for directory, said in slices:
        differ = [name for name in _SETTINGS if said["settings"][name] != one["settings"][name]]
        for what, differs in (
            ("number of slices", said["of"] != one["of"]),
            *((_SETTINGS[name], True) for name in differ),
            ("inventory", any(said[name] != one[name] for name in ("inventory", "groups"))),
        ):
            if differs:
                raise TdiError(f"{first} and {directory} are of another {what}: they are not of one fleet.", _AGAIN)
        number = said["slice"]
        if number in found:
            raise TdiError(
                f"{found[number][0]} and {directory} are the same slice, {number}/{said['of']}.", "Name one."
            )
        found[number] = (directory, said)
    for directory, said in found.values():
        own = {*said["inventory"][said["slice"] - 1 :: said["of"]]}
        strange = sorted(own ^ {*said["records"], *said["failures"]})
        if strange:
            where = "lacks its own host" if strange[0] in own else "has the host of another slice,"
            raise TdiError(f"{directory / FILE} is damaged: it {where} {strange[0]}.", _AGAIN)
    return found


def _read(directory: Path) -> Mapping[str, Any]:
    """What a slice says of itself; raises TdiError unless all of it is what `write_slice` writes."""
    file = directory / FILE
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        whole = _is_whole(said)
    except (FileNotFoundError, NotADirectoryError):
        raise TdiError(f"{directory} is no slice of a fleet: it has no {FILE}.", _AGAIN) from None
    except (json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
        raise TdiError(f"{file} cannot be read: {error}", _AGAIN) from None
    except DAMAGE:
        whole = False
    if not whole:
        raise TdiError(f"{file} is damaged, or of another version.", _AGAIN)
    return dict(said)


def _is_whole(said: Any) -> bool:
    """Whether all parts are there, each of its type; raises one of DAMAGE where one is not even near it."""
    return (
        said["schema"] == _SCHEMA
        and all(type(said[name]) is int for name in ("slice", "of"))
        and 1 <= said["slice"] <= said["of"]
        and said["settings"].keys() == _SETTINGS.keys()
        and len(said["inventory"]) > 0
        and all(map(_are_names, (said["inventory"], *said["groups"].values())))
        and all(isinstance(why, str) for why in said["failures"].values())
        and all(Path(name).name == name for name in said["records"].values())
        and said["failures"].keys().isdisjoint(said["records"])
    )


def _are_names(names: Any) -> bool:
    """Whether they are as an inventory has them: sorted, and none twice."""
    return isinstance(names, list) and all(isinstance(name, str) for name in names) and names == sorted({*names})


def _problem(path: Path, host: str) -> str | None:
    """Why a file cannot be the record of a host, as far as its first lines say: the comparison reads the rest."""
    try:
        with gzip.open(path) as opened:
            opened.readline(of_machines.META_LINE)
            line = opened.readline(of_machines.META_LINE)
        if not line.startswith(META):
            raise ValueError
        target = json.loads(line[len(META) :].rstrip(b",\n"))["target"]
    except FileNotFoundError:
        return f"its record {path} is not there"
    except (*DAMAGE, OSError, EOFError, zlib.error):
        return f"its record {path} is truncated or damaged"
    return None if target == host else f"its record {path} is that of another host, {target}"
