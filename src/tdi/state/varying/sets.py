"""Names that vary, compared as a set: what the objects are and how many, not what each is called."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from tdi.state.finding import Difference, Kind
from tdi.state.scopes.registry import known
from tdi.state.varying.names import BACKUP, coarse_shape, shape
from tdi.state.varying.taken import DATA_OF, Taken, Witness

_Place = tuple[str, str]
"""A scope, and the shape of a name in it."""


def backups(differences: Iterable[Difference]) -> Iterator[Taken]:
    """The copies that Ansible's `backup: true` left on both machines of the same file.

    How many there are depends on how often the file was changed. One machine's alone are a finding, and so are copies
    that one machine has more of after a second run: that one is compared with itself, and has them on one side only.
    """
    copies: dict[str, dict[Kind, list[Difference]]] = defaultdict(lambda: defaultdict(list))
    for each in differences:
        found = BACKUP.fullmatch(each.key) if each.scope == "files" else None
        if found:
            copies[found["of"]][each.kind].append(each)
    for sides in copies.values():
        kinds = {what(each) for each in sides[Kind.ONLY_A]}
        if kinds and sides[Kind.ONLY_B]:
            yield from (Taken(each, Witness.BACKUP) for each in sides[Kind.ONLY_A])
            yield from (Taken(each, Witness.BACKUP) for each in sides[Kind.ONLY_B] if what(each) in kinds)


def sets(differences: Sequence[Difference], varying: Sequence[Difference], witness: Witness) -> Iterator[Taken]:
    """The objects of one machine only whose names vary, where the other one has as many of the same kind.

    `varying` is what the witness differs in from machine a.
    """
    lone = [each for each in differences if _is_lone(each)]
    said = [each for each in varying if _is_lone(each)]
    # Names of one shape on both sides tell most; what is left may come in any number, none included.
    for form, both in ((shape, True), (coarse_shape, True), (shape, False)):
        if not lone or not said:
            return
        groups, witnessed = _by_shape(lone, form), _by_shape(said, form)
        settled: set[Difference] = set()
        for place, members in witnessed.items():
            if len({each.kind for each in members}) > 1 or not both:
                mine = groups.get(place, [])
                yield from (Taken(each, witness) for each in _matched(mine, members))
                settled.update(mine, members)
        lone, said = ([each for each in some if each not in settled] for some in (lone, said))


def _is_lone(difference: Difference) -> bool:
    return difference.kind is not Kind.CHANGED and known(difference.scope).names is not None


def _by_shape(differences: Iterable[Difference], form: Callable[[str], str]) -> Mapping[_Place, list[Difference]]:
    found: dict[_Place, list[Difference]] = defaultdict(list)
    for each in differences:
        mine = known(each.scope).names
        if mine:
            found[each.scope, mine(each.key, form)].append(each)
    return {place: members for place, members in found.items() if place[1] != members[0].key}


def _matched(group: Iterable[Difference], said: Sequence[Difference]) -> Iterator[Difference]:
    """Of the objects of one shape those that have a counterpart on the other machine, or need none.

    Machine a has what the witness says of its names, so it must be one of these. The other machine may have as many of
    each kind as machine a has, or any number where two new machines do not have as many.
    """
    own = {each.key for each in said if each.kind is Kind.ONLY_A}
    sized = _sizes_say_something(said)
    here, there = (Counter(what(each, sized=sized) for each in said if each.kind is kind) for kind in _SIDES)
    first: dict[str, list[Difference]] = defaultdict(list)
    second: dict[str, list[Difference]] = defaultdict(list)
    for each in group:
        kind = what(each, sized=sized)
        if each.kind is Kind.ONLY_B:
            second[kind].append(each)
        elif each.key in own:
            first[kind].append(each)
    for kind in first.keys() | second.keys():
        if here[kind] != there[kind]:
            yield from first[kind]
            yield from second[kind] if kind in here or kind in there else ()
        else:
            many = min(len(first[kind]), len(second[kind]))
            yield from first[kind][:many]
            yield from second[kind][:many]


_SIDES = (Kind.ONLY_A, Kind.ONLY_B)


def _sizes_say_something(said: Collection[Difference]) -> bool:
    """Whether what varies in its name has always the same size."""
    sizes = {each.present.get("size") for each in said if each.present.get("type") == "file"}
    return len(sizes) == 1 and len(said) > 1


def what(difference: Difference, *, sized: bool = False) -> str:
    """Return what an object is, its name and its content apart."""
    hidden = known(difference.scope).content | {DATA_OF} - ({"size"} if sized else set())
    kept = {name: value for name, value in difference.present.items() if name not in hidden}
    if kept.get("type") == "link":
        kept["target"] = shape(str(kept.get("target")))
    return json.dumps(kept, sort_keys=True)
