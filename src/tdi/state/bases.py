"""Told apart: what two machines differ in because the images differ that they were provisioned on."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tdi.state.finding import Difference, Kind
from tdi.state.record import RecordFile
from tdi.state.scopes.registry import known
from tdi.state.scopes.scope import Inherited, Objects


@dataclass(frozen=True)
class Bases:
    """The records of the base images that machine a and machine b stand on."""

    a: RecordFile
    b: RecordFile


def tell_apart(differences: Sequence[Difference], bases: Bases) -> tuple[list[Difference], list[Difference]]:
    """Return the machines' own differences, and those that come from the bases.

    A difference comes from the bases where each side is as its own base was: nobody has touched it since. What either
    machine has changed, added or kept beyond its base is its own, unless it follows from
    what was there, as its scope knows.
    Raises TdiError for a damaged record.
    """
    wanted = {(difference.scope, difference.key) for difference in differences}
    base_a, base_b = _objects(bases.a, wanted), _objects(bases.b, wanted)
    own, inherited = [], []
    for difference in differences:
        place = (difference.scope, difference.key)
        mine, from_bases = _split(difference, base_a.get(place), base_b.get(place))
        own += [mine] if mine else []
        inherited += [from_bases] if from_bases else []
    told = Inherited(own, inherited, (base_a, base_b))
    follows = (each for each in own if each.kind is Kind.CHANGED and known(each.scope).follows_bases(each, told))
    for difference in list(follows):
        own.remove(difference)
        inherited.append(difference)
    return own, inherited


def _split(
    difference: Difference, base_a: Mapping[str, Any] | None, base_b: Mapping[str, Any] | None
) -> tuple[Difference | None, Difference | None]:
    if difference.kind is not Kind.CHANGED:
        as_the_bases = difference.a == base_a and difference.b == base_b
        return (None, difference) if as_the_bases else (difference, None)
    if not (difference.a and difference.b and base_a and base_b):
        return difference, None
    inherited = tuple(
        name
        for name in difference.attributes
        if difference.a.get(name) == base_a.get(name) and difference.b.get(name) == base_b.get(name)
    )
    rest = tuple(name for name in difference.attributes if name not in inherited)
    return (
        replace(difference, attributes=rest) if rest else None,
        replace(difference, attributes=inherited) if inherited else None,
    )


def _objects(record: RecordFile, wanted: Iterable[tuple[str, str]]) -> Objects:
    by_scope: dict[str, set[str]] = {}
    for scope, key in wanted:
        by_scope.setdefault(scope, set()).add(key)
    return {
        (scope, key): json.loads(text)
        for scope, keys in by_scope.items()
        if scope in record.scopes
        for key, text in record.objects(scope)
        if key in keys
    }
