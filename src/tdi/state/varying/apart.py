"""Tells apart what varies: of each difference the part that a witness speaks for."""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any

from tdi.state.finding import MORE, MUST_DIFFER, UNSTEADY, Difference, Finding, Kind
from tdi.state.own_secrets import SMALLEST
from tdi.state.scopes.registry import known
from tdi.state.varying.names import shape
from tdi.state.varying.sets import backups, sets
from tdi.state.varying.taken import DATA_OF, Taken, Witness

_RIGHTS = frozenset({"type", "mode", "owner", "group", "acl", "acl_default", "capability"})
"""What a file is and who may do what with it: two new machines that differ in it have a defect."""

_SECRET = re.compile(r"key|secret|passw|cookie|token|credential|private|\.(pem|p12|pfx|jks|tdb)$", re.IGNORECASE)
"""Names of files that hold what one machine alone may know."""

_EVERYBODY = 0o007

_KEY_BYTES = 16
"""What an RSA key of 4,096 bits as PEM may have more than another: each of its nine numbers may begin with a zero."""


_COMES_AND_GOES = ("/var/", "/run/", "/tmp/")  # noqa: S108 (paths of the machine that was recorded)
"""Where files appear and go without anybody acting."""

_Place = tuple[str, str]


@dataclass(frozen=True)
class Witnesses:
    """What the witnesses say of two machines, a and b."""

    twin: Sequence[Difference] = ()
    """What the twin differs in from machine a."""
    later: Sequence[Difference] = ()
    """What one of the machines differs in from itself a little later."""
    boot: Sequence[Difference] = ()
    """What the twin differs in from itself after its next boot."""
    written: Collection[str] = ()
    """Files that are no service's data although they lie among it: tasks wrote them."""
    one_machine: bool = False
    """Whether a and b are the same machine at two times."""


@dataclass(frozen=True)
class Apart:
    """Differences told apart."""

    left: list[Difference]
    """What stays."""
    taken: list[Taken]
    unsteady: list[Difference]
    """What a new machine (a) and its twin (b) differ in and must not."""


def tell_apart(differences: Sequence[Difference], witnesses: Witnesses) -> Apart:
    """Take what varies out of the differences of two machines."""
    unsteady = list(_unsteady(witnesses.twin))
    taken = [
        *(() if witnesses.one_machine else backups(differences)),
        *sets(differences, witnesses.twin, Witness.TWIN),
        *sets(differences, witnesses.later, Witness.LATER),
    ]
    done = {each.difference for each in taken}
    telling = _Telling(
        _by_place(witnesses.twin),
        _by_place(witnesses.later),
        _by_place(witnesses.boot),
        _by_place(unsteady),
        witnesses.written,
    )
    left = []
    for difference in differences:
        if difference in done:
            continue
        mine = list(telling.of(difference))
        taken += mine
        rest = _without(difference, mine)
        if rest:
            left.append(rest)
    return Apart(left, taken, unsteady)


def may_vary(finding: Finding) -> bool:
    """Whether a witness could speak for a finding: to ask one costs time."""
    head = finding.differences[0]
    scope = known(head.scope)
    if MUST_DIFFER in head.attributes or head.key == MORE:
        return False
    if head.kind is Kind.CHANGED:
        pristine = all((side or {}).get("origin", {}).get("state") == "pristine" for side in (head.a, head.b))
        return not pristine and not scope.content.isdisjoint(head.attributes)
    if scope.names is None:
        return False
    return scope.names(head.key, shape) != head.key or head.key.startswith(_COMES_AND_GOES)


def may_come_of_a_boot(finding: Finding) -> bool:
    """Whether a finding may be of a machine that has booted since it was provisioned, and one that has not."""
    head = finding.differences[0]
    if head.kind is Kind.CHANGED:
        return not known(head.scope).started.isdisjoint(head.attributes)
    return known(head.scope).is_started


def _same_sides(name: str, difference: Difference, boot: Difference) -> bool:
    """Whether machine a is as the twin was before its boot, and machine b as it was after."""
    mine, twins = ((difference.a, difference.b), (boot.a, boot.b))
    return all((one or {}).get(name) == (other or {}).get(name) for one, other in zip(mine, twins, strict=True))


def shared_secrets(twin: Iterable[Difference], differences: Iterable[Difference]) -> Iterator[Difference]:
    """The secrets that machine a made for itself, and machine b has the same.

    The twin has another one, so each machine makes its own: one that is the same was given to both, and whoever has
    what it was given with can pose as either.
    """
    unequal = _by_place(differences)
    for each in twin:
        first = each.a or {}
        if each.scope != "files" or "hash" not in each.attributes or (each.scope, each.key) in unequal:
            continue
        private = not int(str(first.get("mode", "0")), 8) & _EVERYBODY
        if private and first.get("size", 0) >= SMALLEST // 2 and _SECRET.search(each.key.rpartition("/")[2]):
            yield Difference("files", each.key, Kind.CHANGED, (MUST_DIFFER,), first, first)


@dataclass(frozen=True)
class _Telling:
    """What the witnesses say of one object."""

    twin: Mapping[_Place, Difference]
    later: Mapping[_Place, Difference]
    boot: Mapping[_Place, Difference]
    unsteady: Mapping[_Place, Difference]
    written: Collection[str]

    def of(self, difference: Difference) -> Iterator[Taken]:
        """What may be taken out of a difference, each part with its witness."""
        if difference.key == MORE or MUST_DIFFER in difference.attributes:
            return
        if difference.kind is not Kind.CHANGED:
            witness = self._of_existence(difference)
            if witness:
                yield Taken(difference, witness)
            return
        by_witness: dict[Witness, list[str]] = defaultdict(list)
        for name in difference.attributes:
            found = self._of_attribute(difference, name)
            if found:
                by_witness[found].append(name)
        for witness, names in by_witness.items():
            yield Taken(replace(difference, attributes=tuple(names)), witness)

    def _of_existence(self, difference: Difference) -> Witness | None:
        """Who says that an object which one machine has comes and goes."""
        boot = self.boot.get(_place(difference))
        if boot and known(difference.scope).is_started and boot.kind is difference.kind:
            return Witness.BOOT
        if difference.scope != "files":
            return None
        # A log that a server in production has not got is missing; one that it has got more may have come with time.
        gone = difference.kind is Kind.ONLY_A and difference.key.startswith("/var/log/")
        if difference.present.get(DATA_OF) and difference.key not in self.written and not gone:
            return Witness.DATA
        later = self.later.get(_place(difference))
        goes = later and later.kind is not Kind.CHANGED and difference.key.startswith(_COMES_AND_GOES)
        return Witness.LATER if goes else None

    def _of_attribute(self, difference: Difference, name: str) -> Witness | None:  # noqa: PLR0911 (a return for each who speaks)
        """Who says that an attribute of an object that both machines have varies."""
        place = _place(difference)
        unsteady = self.unsteady.get(place)
        if unsteady and name in unsteady.attributes:
            return Witness.TWIN  # it is told of the new machines
        if name in known(difference.scope).started:
            boot = self.boot.get(place)
            return Witness.BOOT if boot and _same_sides(name, difference, boot) else None
        if name not in known(difference.scope).content or "type" in difference.attributes:
            return None
        data = all((side or {}).get(DATA_OF) for side in (difference.a, difference.b))
        if data and difference.key not in self.written:
            return Witness.DATA
        later, twin = self.later.get(place), self.twin.get(place)
        if later and name in later.attributes:
            return Witness.LATER
        if twin and (name in twin.attributes or _is_rounding(name, difference, twin)):
            return Witness.TWIN if _varies_alike(name, difference, twin) else None
        return None


def _is_rounding(name: str, difference: Difference, twin: Difference) -> bool:
    """Whether a size is another one only because the content is: keys and certificates vary by a few bytes."""
    if name != "size" or "hash" not in twin.attributes or not _SECRET.search(difference.key.rpartition("/")[2]):
        return False
    first, second = (int((side or {}).get("size", 0)) for side in (difference.a, difference.b))
    return abs(first - second) <= min(_KEY_BYTES, first // 64)


def _varies_alike(name: str, difference: Difference, twin: Difference) -> bool:
    """Whether machine b differs from machine a in nothing of an attribute but what differs from the twin as well."""
    first, second, third = ((side or {}).get(name) for side in (difference.a, difference.b, twin.b))
    if _masked(first) == _masked(second):
        return True
    if all(isinstance(value, str) for value in (first, second, third)):
        return _changed_lines(str(first), str(second)) <= _changed_lines(str(first), str(third))
    items, others, twins = map(_items, (first, second, third))
    return len(items) == len(others) and items - others <= items - twins


def _masked(value: Any) -> Any:
    """A value with what varies in it masked: numbers, and in texts also what is random."""
    if isinstance(value, str):
        return shape(value)
    if isinstance(value, list):
        return sorted({json.dumps(_masked(item), sort_keys=True) for item in value})
    if isinstance(value, dict):
        return {name: _masked(item) for name, item in value.items()}
    return value if isinstance(value, bool) or not isinstance(value, int | float) else 0


def _items(value: Any) -> set[str]:
    """The members of a list or a mapping."""
    members = value.items() if isinstance(value, dict) else value if isinstance(value, list) else (value,)
    return {json.dumps(member, sort_keys=True) for member in members}


def _changed_lines(first: str, second: str) -> set[int]:
    """The numbers of the lines of `first` that are others in `second`; -1 if there are more or fewer of them."""
    left, right = first.splitlines(), second.splitlines()
    found: set[int] = set()
    for tag, i, i_end, j, j_end in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag != "equal":
            found.update(range(i, i_end))
            if i_end - i != j_end - j:
                found.add(-1)
    return found


def _unsteady(twin: Iterable[Difference]) -> Iterator[Difference]:
    """What the files of two new machines are, whose and for whom, where they do not agree."""
    for each in twin:
        rights = tuple(name for name in each.attributes if name in _RIGHTS)
        if each.scope == "files" and each.kind is Kind.CHANGED and rights:
            yield replace(each, attributes=(*rights, UNSTEADY))


def _without(difference: Difference, taken: Iterable[Taken]) -> Difference | None:
    """What is left of a difference; None if nothing is."""
    parts = [each.difference.attributes for each in taken]
    if not parts:
        return difference
    gone = {name for part in parts for name in part}
    rest = tuple(name for name in difference.attributes if name not in gone)
    return replace(difference, attributes=rest) if rest else None


def _by_place(differences: Iterable[Difference]) -> dict[_Place, Difference]:
    return {_place(each): each for each in differences}


def _place(difference: Difference) -> _Place:
    return difference.scope, difference.key
