"""What a comparison finds: a difference in one place, and a finding that explains one or more of them as one thing."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MUST_DIFFER = "must-differ"
"""Stands among the attributes of a finding about a secret that both machines share."""

UNSTEADY = "unsteady"
"""Stands among the attributes of a finding about two new machines that differ in what must not vary."""

MORE = "…"
"""The key of the finding that stands for differences which were only counted."""


class Kind(StrEnum):
    """On which of the two machines an object is."""

    ONLY_A = "only-a"
    ONLY_B = "only-b"
    CHANGED = "changed"


class Severity(StrEnum):
    """How bad a finding is at the least, worst first."""

    SECURITY = "security"
    SERVICE = "service"
    CONFIGURATION = "configuration"
    LEFT_OVER = "left-over"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True)
class Names:
    """What the two machines are called in sentences: "the `a` machine"."""

    a: str = "A"
    b: str = "B"


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """Two records disagree about one object.

    `attributes` names what differs of an object that both have; it is empty where only one has it. `a` and `b` are the
    object's attributes as recorded, None on the side that does not have it.
    """

    scope: str
    key: str
    kind: Kind
    attributes: tuple[str, ...]
    a: Mapping[str, Any] | None
    b: Mapping[str, Any] | None

    @property
    def present(self) -> Mapping[str, Any]:
        """The object where it is; of an object on both sides the one of B."""
        return self.b if self.b is not None else self.a or {}

    def either(self, attribute: str) -> Any:
        """The value of `attribute` on B, else on A, else None."""
        value = (self.b or {}).get(attribute)
        return (self.a or {}).get(attribute) if value is None else value


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that differs: what, why and what to do about it."""

    id: str
    """Stable: the same disagreement has the same id in every run."""
    scope: str
    key: str
    kind: Kind
    severity: Severity
    owner: str
    """The package that accounts for it, else how it came to be (enablement, generated, …), else "nobody"."""
    attributes: tuple[str, ...]
    why: str
    action: str
    differences: tuple[Difference, ...] = field(default=())
    """Everything folded into it; the first one is the finding itself."""

    def as_json(self) -> dict[str, Any]:
        """The finding as the contract has it in `tdi state diff --format json`."""
        return {
            "id": self.id,
            "scope": self.scope,
            "key": self.key,
            "kind": self.kind.value,
            "severity": self.severity.value,
            "owner": self.owner,
            "attributes": list(self.attributes),
            "why": self.why,
            "action": self.action,
            "differences": len(self.differences),
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Finding":
        """The finding that `as_json` gave; its differences are only counted there, and are none here."""
        return cls(
            said["id"],
            said["scope"],
            said["key"],
            Kind(said["kind"]),
            Severity(said["severity"]),
            said["owner"],
            tuple(said["attributes"]),
            said["why"],
            said["action"],
        )


def finding_id(scope: str, key: str, kind: Kind, attributes: tuple[str, ...]) -> str:
    """Twelve hex digits that depend on nothing but the arguments."""
    text = "\0".join((scope, key, kind.value, *sorted(attributes)))
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()
