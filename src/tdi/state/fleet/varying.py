"""What varies on each host of a fleet: no two hosts agree on it, so it says nothing of any of them.

A fleet is its own witness: nobody needs a twin where there are at least four hosts. What a host is called, whose a file
is and who may read it never varies; nor do the keys by which somebody gets in.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from tdi.state.finding import MUST_DIFFER, Finding, Kind
from tdi.state.scopes.registry import known
from tdi.state.varying.names import shape
from tdi.state.varying.sets import what
from tdi.state.varying.taken import Taken, Varying, Witness, grouped

FEWEST = 4
"""Hosts: of three, two may differ from the third and from one another by chance."""


class OnEachHost:
    """Gathers what hosts differ in from their reference, and tells what no two of them agree on."""

    def __init__(self) -> None:
        self._contents: dict[tuple[str, str], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        """Scope and key → host → the forms that it has."""
        self._names: dict[tuple[str, str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        """Scope, shape of a name and what has it → host → the names that it has."""

    def add(self, host: str, finding: Finding, form: int) -> None:
        """Take in a finding of a host; `form` stands for the object as it is there."""
        head = finding.differences[0]
        if self._is_content(finding):
            self._contents[head.scope, head.key][host].add(form)
        elif place := self._place(finding):
            self._names[place][host].append(head.key)

    def varies(self, finding: Finding, hosts: int) -> bool:
        """Whether what a finding is about varies on each of `hosts` that were compared."""
        if hosts < FEWEST:
            return False
        head = finding.differences[0]
        if self._is_content(finding):
            forms = self._contents[head.scope, head.key]
            different = [form for own in forms.values() for form in own]
            # The host whose form the reference has does not differ from it.
            return len(forms) >= hosts - 1 and len(set(different)) == len(different)
        place = self._place(finding)
        if not place:
            return False
        names = self._names[place]
        every = [name for own in names.values() for name in own]
        same_number = len({len(own) for own in names.values()}) == 1
        return len(names) >= hosts - 1 and len(set(every)) == len(every) and same_number

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


def together(taken: Iterable[Finding], of_hosts: Iterable[Sequence[Varying]]) -> tuple[Varying, ...]:
    """What varies on the hosts: what no two agree on, and what each host's comparison left out, by owner.

    The number of objects of a group is that of the host that has most.
    """
    groups: dict[tuple[str, Witness, str], Varying] = {}
    own = grouped(Taken(finding.differences[0], Witness.FLEET) for finding in taken)
    for varying in (own, *of_hosts):
        for group in varying:
            place = (group.owner, group.witness, group.scope)
            if place not in groups or groups[place].objects < group.objects:
                groups[place] = group
    return tuple(sorted(groups.values(), key=lambda one: (-one.objects, one.owner, one.scope, one.witness)))
