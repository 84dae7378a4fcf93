"""What was taken out of a comparison because it varies, and how reports group it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tdi.state.finding import Difference
from tdi.state.fold.facts import package_of

DATA_OF = "data_of"
"""The attribute of a file that names the unit whose data it is."""

_EXAMPLES = 5
"""Objects of a group that a report names."""

_DEPTH = 3
"""Parts of a path that name the directory of what nobody owns: /var/lib/mysql."""


class Witness(StrEnum):
    """Who says that something varies."""

    DATA = "data"
    TWIN = "twin"
    LATER = "later"
    BOOT = "boot"
    BACKUP = "backup"
    FLEET = "fleet"


_REASONS = {
    Witness.DATA: "a running service writes it",
    Witness.TWIN: "it varies between two new machines",
    Witness.LATER: "it changes while nobody acts",
    Witness.BOOT: "a new machine is like this after its next boot",
    Witness.FLEET: "no two hosts agree on it",
    Witness.BACKUP: "Ansible keeps a copy of what it replaces, under a name of its own each time",
}

REMEDY = "To have it compared after all, declare a probe that says what counts of it."


@dataclass(frozen=True, slots=True)
class Taken:
    """A difference, or what of it (its `attributes`) was taken out, and who says that it varies."""

    difference: Difference
    witness: Witness


@dataclass(frozen=True, slots=True)
class Varying:
    """What was taken out and belongs together: it was not compared, and nobody says that it is equal."""

    owner: str
    """The unit whose data it is, the package that it comes from, or the directory where it is."""
    witness: Witness
    scope: str
    objects: int
    attributes: tuple[str, ...]
    """What of them was not compared; nothing for objects of which each machine has its own."""
    examples: tuple[str, ...]
    """The first keys."""

    @property
    def why(self) -> str:
        """Why it may be taken out."""
        return _REASONS[self.witness]

    @property
    def what(self) -> str:
        """What was not compared, in a few words."""
        return ", ".join(self.attributes) or "each machine has its own"

    def as_json(self) -> dict[str, Any]:
        """Return it as `tdi state diff --format json` has it."""
        return {
            "owner": self.owner,
            "witness": self.witness.value,
            "scope": self.scope,
            "objects": self.objects,
            "attributes": list(self.attributes),
            "examples": list(self.examples),
            "why": self.why,
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Varying":
        """The group that `as_json` gave."""
        return cls(
            said["owner"],
            Witness(said["witness"]),
            said["scope"],
            said["objects"],
            tuple(said["attributes"]),
            tuple(said["examples"]),
        )


def grouped(taken: Iterable[Taken]) -> tuple[Varying, ...]:
    """Return what was taken out by owner, the largest groups first."""
    groups: dict[tuple[str, Witness, str], list[Difference]] = defaultdict(list)
    for each in taken:
        groups[_owner(each.difference), each.witness, each.difference.scope].append(each.difference)
    found = []
    for (owner, witness, scope), members in groups.items():
        keys = sorted({each.key for each in members})
        attributes = tuple(sorted({name for each in members for name in each.attributes}))
        found.append(Varying(owner, witness, scope, len(keys), attributes, tuple(keys[:_EXAMPLES])))
    return tuple(sorted(found, key=lambda one: (-one.objects, one.owner, one.scope, one.witness)))


def _owner(difference: Difference) -> str:
    unit = difference.either(DATA_OF) or difference.either("unit")
    if unit or difference.scope != "files":
        return str(unit or difference.scope)
    directory = difference.key.rpartition("/")[0]
    return package_of(difference) or "/".join(directory.split("/")[: _DEPTH + 1]) or "/"
