"""Slices of a fleet that outgrows one controller: each is recorded by itself, and all are compared together.

A slice is every N-th host of the inventory in the order of their names, as job slices of AWX are: it depends on nothing
but the inventory, so each controller finds its own without asking another one.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdi.errors import TdiError
from tdi.outside.files import write_atomically
from tdi.state.fleet.record import Inventory, Recording
from tdi.state.program import program

FILE = "slice.json"
"""What a directory says of the slice that is in it."""

_SCHEMA = 1
_KINDS = {
    **dict.fromkeys(("slice", "of"), int),
    **dict.fromkeys(("groups", "records", "failures"), dict),
    "settings": str,
    "inventory": list,
}
"""What stands in the file, and what each is."""
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
class Merged:
    """All slices of a fleet: what came of recording its hosts, and the inventory as each slice saw it."""

    recording: Recording
    inventory: Inventory


def write_slice(work: Path, part: Slice, inventory: Inventory, recording: Recording, text: Sequence[str]) -> None:
    """Say in `work` what slice is there, for whoever compares all of them."""
    said = {
        "schema": _SCHEMA,
        "slice": part.number,
        "of": part.of,
        "settings": _settings(text),
        "inventory": list(inventory.hosts),
        "groups": {name: list(members) for name, members in inventory.groups.items()},
        "records": {host: path.name for host, path in recording.records.items()},
        "failures": dict(recording.failures),
    }
    write_atomically(work / FILE, json.dumps(said, indent=2) + "\n")


def _settings(text: Sequence[str]) -> str:
    """A hash of everything that decides what a record holds."""
    return hashlib.sha256(json.dumps([list(text), program().decode()]).encode()).hexdigest()


def read_slices(directories: Sequence[Path]) -> Merged:
    """What all slices of one fleet recorded; the hosts of one that is missing were not recorded.

    Raises TdiError for what is no slice, for one that is there twice, and where two are not of one fleet.
    """
    found = _of_one_fleet({directory: _read(directory) for directory in directories})
    records: dict[str, Path] = {}
    failures: dict[str, str] = {}
    for directory, said in found.values():
        failures |= said["failures"]
        for host, name in said["records"].items():
            path = directory / "records" / Path(name).name
            if path.is_file():
                records[host] = path
            else:
                failures[host] = f"its record {path} is not there"
    _, said = next(iter(found.values()))
    hosts = sorted(said["inventory"])
    for position, host in enumerate(hosts):
        if host not in records and host not in failures:
            number = position % said["of"] + 1
            gone = f"the slice {number}/{said['of']} is missing"
            failures[host] = gone if number not in found else "its slice does not have it"
    groups = {name: tuple(members) for name, members in said["groups"].items()}
    recording = Recording(dict(sorted(records.items())), dict(sorted(failures.items())))
    return Merged(recording, Inventory(tuple(hosts), groups))


def _of_one_fleet(directories: Mapping[Path, Mapping[str, Any]]) -> dict[int, tuple[Path, Mapping[str, Any]]]:
    """Number of a slice → where it is and what it says of itself; raises TdiError where two do not go together."""
    first, other = next(iter(directories.items()))
    found: dict[int, tuple[Path, Mapping[str, Any]]] = {}
    for directory, said in directories.items():
        for what, name in (("of", "number of slices"), ("inventory", "inventory"), ("settings", "version or --text")):
            if said[what] != other[what]:
                raise TdiError(f"{first} and {directory} are of another {name}: they are not of one fleet.", _AGAIN)
        number = said["slice"]
        if number in found:
            raise TdiError(
                f"{found[number][0]} and {directory} are the same slice, {number}/{said['of']}.", "Name one."
            )
        found[number] = (directory, said)
    return found


def _read(directory: Path) -> Mapping[str, Any]:
    file = directory / FILE
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TdiError(f"{directory} is no slice of a fleet: it has no {FILE}.", _AGAIN) from None
    except (OSError, ValueError) as error:
        raise TdiError(f"{file} cannot be read: {error}", _AGAIN) from None
    if not isinstance(said, dict) or said.get("schema") != _SCHEMA or not _KINDS.items() <= _kinds(said).items():
        raise TdiError(f"{file} is damaged, or of another version.", _AGAIN)
    return said


def _kinds(said: Mapping[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in said.items()}
