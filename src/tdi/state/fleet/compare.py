"""Compares every host of a fleet with a reference, and groups the hosts by what was found on them.

What must hold on every machine is checked on each by itself, for a whole fleet can be wrong in the same way.

One record and the reference are open at a time; what is kept of a host are its findings, each held once for all hosts
that share it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from tdi.errors import TdiError
from tdi.machines.run import Run
from tdi.state import explain, invariants
from tdi.state.allowances import Allowances
from tdi.state.compare import Comparison, Result
from tdi.state.finding import MUST_DIFFER, Difference, Finding, Kind, Names
from tdi.state.fleet.common_state import write_common_state
from tdi.state.fleet.own_names import Adaptable, Reference, compare_machines
from tdi.state.fleet.record import Inventory, Recording, read_inventory, record_hosts
from tdi.state.fleet.slices import FILE, Settings, Slice, read_slices, write_slice
from tdi.state.fleet.varying import OnEachHost
from tdi.state.noise import CONTENT
from tdi.state.own_secrets import secrets_of
from tdi.state.record import DamagedRecordError, RecordFile, not_walked
from tdi.state.rules import Rules
from tdi.state.schema import blaming
from tdi.state.varying.taken import Varying

SCHEMA = 1
"""Version of the JSON form of a fleet's report."""

NAMES = Names("reference", "other")
"""What the two sides are called in sentences: the same for each host, so that equal findings read alike."""

_TOLD_OF_ONE_SIDE = ("version", "status", "target", "mode", "capability")
_CONTENT = frozenset({*CONTENT, "text_hash", "origin"})


class Status(StrEnum):
    """What became of a host."""

    REFERENCE = "reference"
    SAME = "same"
    """Nothing differs from the reference; what is wrong on the host by itself is among the findings nevertheless."""
    DIFFERENT = "different"
    INCOMPLETE = "incomplete"
    """Something of it could not be compared, and no rule says why that is acceptable."""
    NOT_RECORDED = "not-recorded"


@dataclass(frozen=True)
class Host:
    """A host of the fleet: what became of it, and why where that is not plain."""

    name: str
    status: Status
    why: str = ""

    @property
    def compared(self) -> bool:
        """Whether what was found on it is in the report."""
        return self.status is not Status.NOT_RECORDED


@dataclass(frozen=True)
class Shared:
    """A finding, and the hosts that share it."""

    finding: Finding
    """As the first of these hosts has it; what was folded into it is only counted."""
    differences: int
    hosts: tuple[str, ...]
    variants: int
    """In how many ways they differ from the reference: above 1 where each has, say, another content."""

    def as_json(self) -> dict[str, Any]:
        """As `tdi state diff` has a finding, with the hosts."""
        return {
            **self.finding.as_json(),
            "differences": self.differences,
            "hosts": list(self.hosts),
            "variants": self.variants,
        }


@dataclass(frozen=True)
class Fleet:
    """What comparing a fleet says."""

    reference: str
    """What the hosts were compared with, for a sentence."""
    hosts: tuple[Host, ...]
    findings: tuple[Shared, ...]
    """Worst first, and of those of equal severity the ones on the most hosts first."""
    suppressed: Mapping[str, int]
    """Rule → the number of differences that it took on all hosts together."""
    compared: int
    """The number of objects that were compared on all hosts together."""
    not_compared: Mapping[str, tuple[str, ...]]
    """Scope and why it was not compared → the hosts."""
    problems: tuple[str, ...]
    """Allowances that nothing needed, or that have expired."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Rule of `suppressed` → why it may take them."""
    varying: tuple[Varying, ...] = ()
    """What was not compared because it varies from host to host."""
    not_walked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Directory that was not looked into, and why → the hosts."""

    @property
    def result(self) -> Result:
        """Unknown as soon as something of a host is missing, else different as soon as something stands out."""
        if any(host.status in {Status.INCOMPLETE, Status.NOT_RECORDED} for host in self.hosts):
            return Result.UNKNOWN
        return Result.DIFFERENT if self.findings or self.problems else Result.SAME

    def with_status(self, *statuses: Status) -> tuple[Host, ...]:
        """The hosts of which this became."""
        return tuple(host for host in self.hosts if host.status in statuses)

    def as_json(self) -> dict[str, Any]:
        """The machine-readable report."""
        return {
            "schema": SCHEMA,
            "result": self.result.value,
            "reference": self.reference,
            "hosts": {host.name: {"status": host.status.value, "why": host.why} for host in self.hosts},
            "findings": [shared.as_json() for shared in self.findings],
            "suppressed": dict(self.suppressed),
            "compared": self.compared,
            "not_compared": {why: list(hosts) for why, hosts in self.not_compared.items()},
            "problems": list(self.problems),
            **({"not_walked": {why: list(hosts) for why, hosts in self.not_walked.items()}} if self.not_walked else {}),
            **({"varying": [group.as_json() for group in self.varying]} if self.varying else {}),
        }


def run_fleet(
    sources: Sequence[str],
    work: Path,
    *,
    reference: str | None = None,
    limit: str | None = None,
    rules: Rules | None = None,
    text: Sequence[str] = (),
    include: Sequence[str] = (),
    forks: int | None = None,
    become: bool | None = None,
    run: Run,
) -> Fleet:
    """Record the hosts of an inventory and compare each with `reference`.

    `reference` is the path of a record, a host, or a group, whose most common state it then is; by default that of all
    hosts. In `work` are afterwards the records, that state, and Ansible's log. Raises TdiError for an inventory or
    reference that cannot be used; what happens on single hosts is in the result.
    """
    inventory = read_inventory(sources, limit)
    record, asked = _asked(reference, read_inventory(sources) if reference and limit else inventory)
    hosts = tuple(sorted({*inventory.hosts, *asked}))
    _check_number(hosts, record)
    recording = record_hosts(sources, hosts, work, text=text, include=include, forks=forks, become=become, run=run)
    return _compared(recording, hosts, work, reference, record, asked, rules, every_allowance_needed=not limit)


def record_slice(
    sources: Sequence[str],
    work: Path,
    part: Slice,
    *,
    limit: str | None = None,
    text: Sequence[str] = (),
    include: Sequence[str] = (),
    forks: int | None = None,
    become: bool | None = None,
    run: Run,
) -> Recording:
    """Record a slice of an inventory in `work`, where `merge_slices` finds it. Raises TdiError as `run_fleet` does."""
    inventory = read_inventory(sources, limit)
    hosts = part.hosts(inventory.hosts)
    # A slice that is not recorded to its end is none, whatever was there before.
    (work / FILE).unlink(missing_ok=True)
    recording = record_hosts(sources, hosts, work, text=text, include=include, forks=forks, become=become, run=run)
    write_slice(work, part, inventory, recording, Settings(text, become, limit, include))
    return recording


def merge_slices(
    directories: Sequence[Path], work: Path, *, reference: str | None = None, rules: Rules | None = None
) -> Fleet:
    """Compare the hosts of all slices as if one run had recorded them; see `run_fleet` and `read_slices`."""
    merged = read_slices(directories)
    hosts = merged.inventory.hosts
    record, asked = _asked(reference, merged.inventory)
    _check_number(hosts, record)
    whole = not merged.limited
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _compared(merged.recording, hosts, work, reference, record, asked, rules, every_allowance_needed=whole)


def _check_number(hosts: Sequence[str], record: Path | None) -> None:
    """Raise TdiError where a host would be compared with itself."""
    if len(hosts) == 1 and not record:
        raise TdiError(f"{hosts[0]} is the only host: there is nothing to compare it with.", "Name a --reference.")


def _compared(
    recording: Recording,
    hosts: Sequence[str],
    work: Path,
    reference: str | None,
    record: Path | None,
    asked: tuple[str, ...],
    rules: Rules | None,
    *,
    every_allowance_needed: bool = True,
) -> Fleet:
    """Compare what was recorded with a record, a host, or the most common state of hosts, which is kept in `work`."""
    if record:
        said = f"the record {record}"
        return compare_fleet(recording, Reference(record), said, rules, every_allowance_needed=every_allowance_needed)
    known = _recorded(recording, asked or hosts)
    if reference and asked == (reference,):
        opened, said = Reference(recording.records[known[0]]), f"the host {reference}"
        return compare_fleet(
            recording, opened, said, rules, itself=reference, every_allowance_needed=every_allowance_needed
        )
    common = work / "common-state.json.gz"
    recording = _with_common_state(recording, asked or hosts, common, rules or Rules())
    known = _recorded(recording, asked or hosts)
    of = f"the group {reference}" if reference else "the fleet"
    said = f"the most common state of the {len(known)} recorded hosts of {of}"
    return compare_fleet(recording, Reference(common), said, rules, every_allowance_needed=every_allowance_needed)


def _recorded(recording: Recording, hosts: Sequence[str]) -> list[str]:
    """Those of `hosts` that were recorded; raises TdiError if none was."""
    known = [host for host in hosts if host in recording.records]
    if not known:
        first = next(iter(recording.failures))
        raise TdiError(f"No host of the reference could be recorded; {first}: {recording.failures[first]}")
    return known


def _with_common_state(recording: Recording, hosts: Sequence[str], common: Path, rules: Rules) -> Recording:
    """Write the most common state of `hosts`; return what was recorded without the hosts that sent nonsense."""
    while True:
        records = [recording.records[host] for host in _recorded(recording, hosts)]
        try:
            with blaming(*records):
                write_common_state(records, common, rules)
        except DamagedRecordError as error:
            recording = recording.without(error.path, _nonsense(error))
        else:
            return recording


def _nonsense(error: DamagedRecordError) -> str:
    # It was whole when it was recorded: what was cut off since then is in no line.
    return f"what it sends is not a record: {error.where}" if error.where else "its record is truncated or damaged"


def _asked(reference: str | None, inventory: Inventory) -> tuple[Path | None, tuple[str, ...]]:
    """What `reference` means: a record, or hosts; neither: the whole fleet. Raises TdiError if it means nothing."""
    if reference is None:
        return None, ()
    if reference in inventory.hosts:
        return None, (reference,)
    if inventory.groups.get(reference):
        return None, inventory.groups[reference]
    if Path(reference).is_file():
        RecordFile(Path(reference)).close()
        return Path(reference), ()
    raise TdiError(
        f"The reference {reference} is no host and no group of the inventory, and there is no such record.",
        "Name one of these.",
    )


def compare_fleet(
    recording: Recording,
    reference: Reference,
    described: str,
    rules: Rules | None = None,
    *,
    itself: str | None = None,
    every_allowance_needed: bool = True,
) -> Fleet:
    """Compare each recorded host with a reference, which is closed afterwards; `itself` is the host that it is of."""
    rules = rules or Rules()
    found = _Findings(rules)
    failures = dict(recording.failures)
    with reference, blaming(reference.path):
        for name, path in recording.records.items():
            comparison = None
            try:
                with Adaptable(path) as record, blaming(path):
                    broken = invariants.check(record)
                    if name != itself:
                        comparison = compare_machines(
                            reference, record, rules, names=NAMES, every_allowance_needed=False
                        )
                    found.add_secrets(name, record)
                    found.add_not_walked(name, comparison.not_walked if comparison else not_walked(record))
            except DamagedRecordError as error:
                if error.path != path:
                    raise
                failures[name] = _nonsense(error)
                continue
            if comparison is None:
                found.hosts.append(Host(name, Status.REFERENCE))
            else:
                found.add(name, comparison)
            found.add_broken(name, broken, comparison)
    for name, why in failures.items():
        found.hosts.append(Host(name, Status.NOT_RECORDED, why))
    return found.fleet(described, every_allowance_needed=every_allowance_needed and not failures)


@dataclass(slots=True)
class _Gathered:
    """A finding and the hosts that share it so far."""

    finding: Finding
    differences: int
    hosts: list[str] = field(default_factory=list)
    forms: set[int] = field(default_factory=set)

    def shared(self) -> Shared:
        """The same once all hosts are there."""
        return Shared(self.finding, self.differences, tuple(self.hosts), len(self.forms))


class _Findings:
    """Gathers what is found host by host."""

    def __init__(self, rules: Rules) -> None:
        self.hosts: list[Host] = []
        self.suppressed: Counter[str] = Counter()
        self._allow = Allowances(rules.allow)
        self._rules = rules
        self._shared: dict[tuple[str, str], _Gathered] = {}
        self._secrets: dict[tuple[str, str], list[str]] = {}
        self._compared = 0
        self._not_compared: dict[str, list[str]] = {}
        self._not_walked: dict[str, list[str]] = {}
        self._problems: dict[str, None] = {}
        self._reasons: dict[str, str] = {}
        self._on_each = OnEachHost()

    def add(self, name: str, comparison: Comparison) -> None:
        """Take in the comparison of a host."""
        # What hosts must not share is looked for among all of them.
        findings = [finding for finding in comparison.findings if MUST_DIFFER not in finding.attributes]
        for finding in findings:
            self._add(finding, (name,))
            self._on_each.add(name, finding, _form(finding))
        self._on_each.add_groups(comparison.varying)
        self.suppressed.update(comparison.suppressed)
        self._reasons |= comparison.reasons
        self._compared += sum(comparison.compared.values())
        for scope, why in comparison.not_compared.items():
            self._not_compared.setdefault(f"{scope}: {why}", []).append(name)
        self._problems |= dict.fromkeys(comparison.problems)
        if comparison.not_acceptable:
            why = f"not recorded completely: {', '.join(comparison.not_acceptable)}"
            self.hosts.append(Host(name, Status.INCOMPLETE, why))
        else:
            self.hosts.append(Host(name, Status.DIFFERENT if findings else Status.SAME))

    def add_broken(self, name: str, broken: Iterable[Finding], comparison: Comparison | None = None) -> None:
        """Take in what is wrong on a host by itself, but for what its comparison with the reference says already."""
        said: set[tuple[str, str, str | None]] = set()
        taken: Iterable[str] = comparison.suppressed if comparison else ()
        for finding in comparison.findings if comparison else ():
            said |= {(each.scope, each.key, attribute) for each in finding.differences for attribute in each.attributes}
            if finding.kind is Kind.ONLY_B:
                said.add((finding.scope, finding.key, None))
        for finding in {(finding.id, finding.why): finding for finding in broken}.values():
            entry = self._allow.accepting(finding.differences[0])
            if entry:
                self.suppressed[entry.id] += entry.id not in taken
            elif not said & {(finding.scope, finding.key, attribute) for attribute in (None, *finding.attributes)}:
                self._add(finding, (name,))

    def _add(self, finding: Finding, hosts: tuple[str, ...]) -> None:
        head = finding.differences[0]
        key = (finding.id, _sides(finding, head))
        known = self._shared.get(key)
        if known is None:
            kept = replace(finding, differences=(head,))
            known = self._shared[key] = _Gathered(kept, len(finding.differences))
        known.hosts += hosts
        known.forms.add(_form(finding))

    def add_secrets(self, name: str, record: RecordFile) -> None:
        """Note the hashes of the files of a host that no other host may share."""
        for key, attributes in secrets_of(record, self._rules):
            self._secrets.setdefault((key, attributes["hash"]), []).append(name)

    def add_not_walked(self, name: str, directories: Mapping[str, str]) -> None:
        """Note where on a host nobody looked, and why."""
        for path, why in directories.items():
            self._not_walked.setdefault(f"{path} ({why})", []).append(name)

    def fleet(self, reference: str, *, every_allowance_needed: bool) -> Fleet:
        """Everything together."""
        for (key, value), hosts in sorted(self._secrets.items()):
            if len(hosts) > 1:
                self._add_shared_secret(key, value, hosts)
        varying = self._on_each.together(self._take_varying())
        if every_allowance_needed:
            self._problems |= dict.fromkeys(self._allow.unneeded(self.suppressed))
        return Fleet(
            reference=reference,
            hosts=tuple(sorted(self.hosts, key=lambda host: host.name)),
            findings=tuple(sorted((gathered.shared() for gathered in self._shared.values()), key=_worst_first)),
            suppressed={rule: count for rule, count in sorted(self.suppressed.items()) if count},
            compared=self._compared,
            not_compared={why: tuple(hosts) for why, hosts in sorted(self._not_compared.items())},
            not_walked={why: tuple(hosts) for why, hosts in sorted(self._not_walked.items())},
            problems=tuple(self._problems),
            varying=varying,
            reasons=self._reasons,
        )

    def _take_varying(self) -> list[tuple[Finding, str]]:
        """Take out what varies on each host, and return it, each with the first host that has it.

        A host that differs in nothing else is the same.
        """
        compared = sum(host.compared for host in self.hosts)
        taken = [key for key, shared in self._shared.items() if self._on_each.varies(shared.finding, compared)]
        found = [(gathered.finding, gathered.hosts[0]) for gathered in map(self._shared.pop, taken)]
        left = {host for shared in self._shared.values() if _is_compared(shared.finding) for host in shared.hosts}
        if taken:
            self.hosts = [
                replace(host, status=Status.SAME) if host.status is Status.DIFFERENT and host.name not in left else host
                for host in self.hosts
            ]
        return found

    def _add_shared_secret(self, key: str, value: str, hosts: list[str]) -> None:
        side = {"type": "file", "hash": value}
        difference = Difference("files", key, Kind.CHANGED, (MUST_DIFFER,), side, side)
        if entry := self._allow.covering(difference):
            self.suppressed[entry.id] += 1
            return
        finding = explain.describe((difference,), NAMES, {})
        why = f"{key} is the same on these hosts, and it must be one machine's own."
        self._add(replace(finding, why=why), tuple(hosts))
        self.hosts = [
            replace(host, status=Status.DIFFERENT) if host.name in hosts and host.status is Status.SAME else host
            for host in self.hosts
        ]


def _form(finding: Finding) -> int:
    """Stands for an object as it is on the other machine."""
    return hash(json.dumps(finding.differences[0].b, sort_keys=True))


def _is_compared(finding: Finding) -> bool:
    """Whether it was found by comparing, and not on a host by itself."""
    return finding.kind is not Kind.CHANGED or finding.differences[0].a is not None


def _sides(finding: Finding, head: Difference) -> str:
    """What two hosts must agree in besides the finding's id to share it: what the report says, but no content."""
    if finding.kind is Kind.CHANGED and head.a is None:  # wrong by itself: there is nothing that it differs from
        return json.dumps([finding.why, finding.severity, finding.owner])
    sides: Iterable[Mapping[str, Any]] = (head.a or {}, head.b or {})
    if MUST_DIFFER in finding.attributes:
        return str(head.b)
    names = finding.attributes if finding.kind is Kind.CHANGED else _TOLD_OF_ONE_SIDE
    told = [[side.get(name) for name in names if name not in _CONTENT] for side in sides]
    return json.dumps([told, finding.severity, finding.owner], sort_keys=True)


def _worst_first(shared: Shared) -> tuple[int, int, str, str, str]:
    finding = shared.finding
    return finding.severity.rank, -len(shared.hosts), finding.scope, finding.key, shared.hosts[0]
