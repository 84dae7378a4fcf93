"""What varies on each host of a fleet: no two hosts agree on it, so it says nothing of any of them.

A fleet is its own witness: nobody needs a twin where there are at least four hosts. What a host is called, whose a file
is and who may read it never varies; nor do the keys by which somebody gets in.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tdi.state.finding import MUST_DIFFER, Finding, Kind
from tdi.state.scopes.registry import known
from tdi.state.varying.names import shape
from tdi.state.varying.sets import what
from tdi.state.varying.taken import Taken, Varying, Witness, grouped

FEWEST = 4
"""Hosts: of three, two may differ from the third and from one another by chance."""


@dataclass(slots=True)
class _Tally:
    """What hosts have in one place, counted as they come one after the other: no host is looked at twice."""

    hosts: int = 0
    apart: bool = True
    """Whether no two hosts have the same."""
    even: bool = True
    """Whether each host before the last one has as many."""
    first: str = ""
    many: int = 0
    """How many the first host has."""
    _last: str = ""
    _now: int = 0
    _host_of: dict[int | str, str] = field(default_factory=dict)

    def add(self, host: str, form: int | str) -> None:
        """Count that a host has something in this form, or of this name."""
        if host != self._last:
            self.even = self.even and (self.hosts < 2 or self._now == self.many)  # noqa: PLR2004 (the first is the measure)
            self.hosts += 1
            self._last, self._now = host, 0
        self._now += 1
        if self.hosts == 1:
            self.first, self.many = host, self._now
        if self.apart and self._host_of.setdefault(form, host) != host:
            self.apart = False
            self._host_of.clear()

    def as_many(self) -> bool:
        """Whether all hosts have as many."""
        return self.even and self._now == self.many


class OnEachHost:
    """Gathers what hosts differ in from their reference, and tells what no two of them agree on."""

    def __init__(self) -> None:
        self._contents: dict[tuple[str, str], _Tally] = defaultdict(_Tally)
        """Scope and key → the forms that hosts have."""
        self._names: dict[tuple[str, str, str], _Tally] = defaultdict(_Tally)
        """Scope, shape of a name and what has it → the names that hosts have."""
        self._groups: dict[tuple[str, Witness, str], Varying] = {}

    def add(self, host: str, finding: Finding, form: int) -> None:
        """Take in a finding of a host, all of one host together; `form` stands for the object as it is there."""
        head = finding.differences[0]
        if self._is_content(finding):
            self._contents[head.scope, head.key].add(host, form)
        elif place := self._place(finding):
            self._names[place].add(host, head.key)

    def add_groups(self, groups: Iterable[Varying]) -> None:
        """Take in what the comparison of a host left out, or of all hosts; of each group the largest stays."""
        for group in groups:
            place = (group.owner, group.witness, group.scope)
            if place not in self._groups or self._groups[place].objects < group.objects:
                self._groups[place] = group

    def varies(self, finding: Finding, hosts: int) -> bool:
        """Whether what a finding is about varies on each of `hosts` that were compared."""
        if hosts < FEWEST:
            return False
        # The host whose form the reference has does not differ from it.
        if self._is_content(finding):
            head = finding.differences[0]
            tally = self._contents[head.scope, head.key]
            return tally.hosts >= hosts - 1 and tally.apart
        place = self._place(finding)
        if not place:
            return False
        tally = self._names[place]
        return tally.hosts >= hosts - 1 and tally.apart and tally.as_many()

    def together(self, taken: Iterable[tuple[Finding, str]]) -> tuple[Varying, ...]:
        """What varies on the hosts, by owner: what was taken out, each with its first host, and `add_groups`.

        The number of objects of a group is that of one host, of the one that has most where they are not alike.
        """
        found = (finding for finding, host in taken if self._stands_for_all(finding, host))
        self.add_groups(grouped(Taken(finding.differences[0], Witness.FLEET) for finding in found))
        return tuple(sorted(self._groups.values(), key=lambda one: (-one.objects, one.owner, one.scope, one.witness)))

    def _stands_for_all(self, finding: Finding, host: str) -> bool:
        """Whether it is the finding by which what hosts have of their own is counted: one host's names are enough."""
        place = None if self._is_content(finding) else self._place(finding)
        return place is None or self._names[place].first == host

    def _is_content(self, finding: Finding) -> bool:
        content = known(finding.scope).content
        changed = finding.kind is Kind.CHANGED and MUST_DIFFER not in finding.attributes
        return changed and finding.differences[0].a is not None and content.issuperset(finding.attributes)

    def _place(self, finding: Finding) -> tuple[str, str, str] | None:
        head = finding.differences[0]
        form = known(head.scope).names
        if finding.kind is not Kind.ONLY_B or form is None:
            return None
        shaped = form(head.key, shape)
        return (head.scope, shaped, what(head)) if shaped != head.key else None
