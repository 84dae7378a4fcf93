"""What a project allows to differ between its machines, and whether that was needed."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from tdi.state.finding import Difference, Kind
from tdi.state.fold.tree import Group


class Direction(StrEnum):
    """On which side an allowed difference may be."""

    ONLY_A = Kind.ONLY_A.value
    ONLY_B = Kind.ONLY_B.value
    CHANGED = Kind.CHANGED.value
    ANY = "any"


@dataclass(frozen=True)
class Allowance:
    """One entry of `allow:` in the rules file."""

    scope: str
    match: str
    reason: str
    attributes: tuple[str, ...] = ()
    direction: Direction = Direction.ANY
    value: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    until: dt.date | None = None
    """The last day on which it holds."""

    @property
    def id(self) -> str:
        """What reports call it."""
        return f"allow: {self.scope} {self.match}"

    def covers(self, difference: Difference) -> tuple[str, ...] | None:
        """The attributes of `difference` that it takes (none: the object on one side), or None if it has no say."""
        if difference.scope != self.scope or self.direction not in (Direction.ANY, difference.kind.value):
            return None
        if not re.fullmatch(self.match, difference.key):
            return None
        sides = {"a": difference.a or {}, "b": difference.b or {}}
        if any(sides[side].get(name) != wanted for side in self.value for name, wanted in self.value[side].items()):
            return None
        if difference.kind is not Kind.CHANGED:
            return None if self.attributes else ()
        taken = tuple(name for name in difference.attributes if not self.attributes or name in self.attributes)
        return taken or None

    def covers_alone(self, broken: Difference) -> bool:
        """Whether it takes what is wrong on a machine by itself, though it was written for a difference."""
        # There is no other side that could be as the entry says.
        entry = replace(self, value={side: values for side, values in self.value.items() if side == "b"})
        readings = (broken, replace(broken, kind=Kind.ONLY_B, attributes=()))
        return any(entry.covers(reading) is not None for reading in readings)


class Allowances:
    """The allowances that are in force on a day (UTC; by default today), and which of them were needed."""

    def __init__(self, entries: tuple[Allowance, ...], today: dt.date | None = None) -> None:
        day = today or dt.datetime.now(dt.UTC).date()
        self._expired = tuple(entry for entry in entries if entry.until is not None and entry.until < day)
        self._valid = tuple(entry for entry in entries if entry not in self._expired)
        self._used: set[int] = set()

    def apply(self, group: Group, suppressed: Counter[str]) -> Group | None:
        """What is left of `group`. With its head goes all that follows from it; None: nothing is left."""
        if not self._valid:
            return group
        left = []
        for position, difference in enumerate(group):
            rest = self._rest(difference, suppressed)
            if rest is None and position == 0:
                for follower in group[1:]:
                    self._rest(follower, suppressed)
                return None
            if rest is not None:
                left.append(rest)
        return tuple(left)

    def _rest(self, difference: Difference, suppressed: Counter[str]) -> Difference | None:
        for entry in self._valid:
            taken = entry.covers(difference)
            if taken is None:
                continue
            self._used.add(id(entry))
            suppressed[entry.id] += 1
            if difference.kind is not Kind.CHANGED:
                return None
            left = tuple(name for name in difference.attributes if name not in taken)
            if not left:
                return None
            difference = replace(difference, attributes=left)
        return difference

    def covering(self, difference: Difference) -> Allowance | None:
        """The allowance that takes something of a difference."""
        return next((entry for entry in self._valid if entry.covers(difference) is not None), None)

    def accepting(self, broken: Difference) -> Allowance | None:
        """The allowance that takes what is wrong on a machine by itself."""
        return next((entry for entry in self._valid if entry.covers_alone(broken)), None)

    @property
    def expired(self) -> tuple[str, ...]:
        """A sentence for each allowance that has expired."""
        return tuple(f"The allowance {e.scope} {e.match} expired on {e.until} ({e.reason})." for e in self._expired)

    def unneeded(self, needed: Collection[str]) -> tuple[str, ...]:
        """A sentence for each allowance that nothing needed here, nor elsewhere: `needed` are the ids of those."""
        return tuple(
            f"Nothing needs the allowance {entry.scope} {entry.match} any more ({entry.reason}): remove it."
            for entry in self._valid
            if id(entry) not in self._used and entry.id not in needed
        )
