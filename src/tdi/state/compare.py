"""Compares two records: pair, compare, fold and explain, allow, classify.

The objects of a scope are read in the order of their keys and merged, and only lines that are not equal are parsed, so
that what it costs depends on what differs.
"""

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from tdi.state import explain
from tdi.state.allowances import Allowance, Allowances
from tdi.state.bases import Bases
from tdi.state.bases import tell_apart as bases_apart
from tdi.state.finding import MORE, MUST_DIFFER, Difference, Finding, Kind, Names
from tdi.state.fold.facts import FEW
from tdi.state.fold.steps import fold
from tdi.state.noise import NoiseRule
from tdi.state.own_secrets import secrets_of
from tdi.state.pairs import pairs
from tdi.state.record import RecordFile, ScopeStatus
from tdi.state.rules import Rules
from tdi.state.scopes.probes import meanings_of
from tdi.state.scopes.registry import known
from tdi.state.varying.apart import Witnesses, shared_secrets, tell_apart
from tdi.state.varying.taken import Varying, grouped
from tdi.state.walked import Walked, left_out

SCHEMA = 1
"""Version of the JSON form of a comparison."""

TWIN = "twin"
"""What the other new machine is called in sentences."""

MOST = 100_000
"""Differences of one scope that are explained; further ones are counted. Bounds time and memory."""


class Result(StrEnum):
    """What a comparison says."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"
    """Something could not be compared, and no rule says why that is acceptable."""


@dataclass(frozen=True)
class Comparison:
    """The outcome of comparing two records."""

    names: Names
    findings: tuple[Finding, ...]
    """Worst first."""
    from_bases: tuple[Finding, ...]
    """What the machines differ in because their base images do; it does not count."""
    suppressed: Mapping[str, int]
    """Rule → the number of differences that it took, or took a part of."""
    reasons: Mapping[str, str]
    """Rule of `suppressed` → why it may take them."""
    compared: Mapping[str, int]
    """Scope → the number of objects that were compared."""
    not_compared: Mapping[str, str]
    """Scope → why."""
    not_acceptable: tuple[str, ...]
    """The scopes of `not_compared` for which the rules give no reason."""
    problems: tuple[str, ...]
    """Allowances that nothing needed, or that have expired."""
    varying: tuple[Varying, ...] = ()
    """What was not compared because it varies: it makes no difference, and is not said to be equal."""
    not_walked: Mapping[str, str] = field(default_factory=dict)
    """Directory that was not looked into on one of the machines, so that what is in it was not compared → why."""
    about: tuple[str, str] = ("", "")
    """What each record is of, and when it was made."""

    @property
    def result(self) -> Result:
        """The verdict: unknown as soon as something is missing, else different as soon as something stands out."""
        if self.not_acceptable:
            return Result.UNKNOWN
        return Result.DIFFERENT if self.findings or self.problems else Result.SAME

    def as_json(self) -> dict[str, Any]:
        """The contract of `tdi state diff --format json`, and what else there is to say, where there is any."""
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "result": self.result.value,
            "findings": [finding.as_json() for finding in self.findings],
            "suppressed": dict(self.suppressed),
            "compared": dict(self.compared),
            "not_compared": dict(self.not_compared),
        }
        if self.reasons:
            document["suppressed_reasons"] = dict(self.reasons)
        if self.not_walked:
            document["not_walked"] = dict(self.not_walked)
        if self.varying:
            document["varying"] = [group.as_json() for group in self.varying]
        if self.from_bases:
            document["from_bases"] = [finding.as_json() for finding in self.from_bases]
        if self.problems:
            document["problems"] = list(self.problems)
        return document


def compare(
    a: RecordFile,
    b: RecordFile,
    rules: Rules | None = None,
    *,
    names: Names | None = None,
    blame: explain.Blame | None = None,
    today: dt.date | None = None,
    every_allowance_needed: bool = True,
    needed_otherwise: Collection[str] = (),
    bases: Bases | None = None,
    twin: RecordFile | None = None,
    later: Sequence[tuple[RecordFile, RecordFile]] = (),
    booted: RecordFile | None = None,
    written: Collection[str] = (),
) -> Comparison:
    """Compare two records.

    `blame` gives for a finding who made it, as a clause for its explanation. `today` decides which allowances
    have expired (default: the date in UTC). `every_allowance_needed` is turned off for comparisons that the
    allowances were not written for; `needed_otherwise` are the ids of those that something else needs. With `bases`,
    what differs because the machines stand on different base images is told apart, and does not make them different.
    `twin` is another new machine that should be like `a`; `later` are pairs of records of one of the machines, made one
    a little after the other: what varies there is told apart as well (see tdi.state.varying). `booted` is the twin
    after its next boot. `written` are the files that tasks wrote: they are no service's data, whoever owns them.
    Raises TdiError for a record that turns out to be damaged.
    """
    rules = rules or Rules()
    names = names or Names()
    not_compared, not_acceptable = _not_compared(a, b, rules, names)
    compared: dict[str, int] = {}
    suppressed: Counter[str] = Counter()
    differences: list[Difference] = []
    for scope in sorted({*a.scopes, *b.scopes} - {*not_compared}):
        unequal = Walked(pairs(a, b, scope))
        noise = rules.noise_for(scope)
        differences += _differences(scope, unequal, noise, suppressed)
        compared[scope] = unequal.compared
    one_machine = _same_machine(a, b)
    if "files" in compared and not one_machine:
        differences += _shared_secrets(a, b, rules)
    inherited: list[Difference] = []
    if bases:
        differences, inherited = bases_apart(differences, bases)
    varies = partial(_unequal, scopes=compared, rules=rules)
    from_twin = list(varies(a, twin)) if twin else []
    from_later = [each for pair in later for each in varies(*pair)]
    from_boot = list(varies(twin, booted)) if twin and booted else []
    witnesses = Witnesses(from_twin, from_later, from_boot, written, one_machine=one_machine)
    apart = tell_apart(differences, witnesses)
    differences = [*apart.left, *shared_secrets(from_twin, differences)]
    allowances = Allowances(rules.allow, today)
    bare = _bare_directories(differences, {Kind.ONLY_A: b, Kind.ONLY_B: a})
    groups = [left for group in fold(differences, bare) if (left := allowances.apply(group, suppressed))]
    owners = explain.owners_of(groups, (a, b))
    meanings = meanings_of(a, b) if groups else {}
    findings = [explain.describe(group, names, owners, blame, meanings) for group in groups]
    unsteady = [left for group in fold(apart.unsteady) if (left := allowances.apply(group, suppressed))]
    findings += [explain.describe(group, Names(names.a, TWIN), {}) for group in unsteady]
    return Comparison(
        names=names,
        findings=_worst_first(findings),
        from_bases=_worst_first(explain.describe(group, names, {}) for group in fold(inherited)),
        suppressed=dict(sorted(suppressed.items())),
        reasons=_reasons(rules, suppressed),
        compared=compared,
        not_compared=not_compared,
        not_acceptable=tuple(not_acceptable),
        problems=(*allowances.expired, *(allowances.unneeded(needed_otherwise) if every_allowance_needed else ())),
        varying=grouped(apart.taken),
        not_walked=left_out(a, b) if "files" in compared else {},
        about=(_about(a, names.a), _about(b, names.b)),
    )


def _about(record: RecordFile, name: str) -> str:
    """What a record says of itself, as far as it does."""
    system = record.meta.get("os") or {}
    said = (
        str(record.meta.get("target") or ""),
        f"{system.get('id', '')} {system.get('version_id', '')}".strip(),
        re.sub(r"(.*)T(.*)Z", r"recorded \1 \2 UTC", str(record.meta.get("recorded_at") or "")),
    )
    return f"{name}: {', '.join(filter(None, said))}" if any(said) else ""


def _bare_directories(
    differences: Iterable[Difference], others: Mapping[Kind, RecordFile]
) -> frozenset[tuple[str, Kind]]:
    """The directories of which one machine has more than a few files, and the other the directory with nothing in it.

    `others`: kind of a difference → the record that does not have it. It is read again where there may be such ones.
    """
    files = {difference.key: difference.kind for difference in differences if difference.scope == "files"}
    places = Counter((key.rpartition("/")[0], kind) for key, kind in files.items() if kind is not Kind.CHANGED)
    many = {place for place, count in places.items() if count > FEW and place[0] not in files}
    found = set()
    for kind, record in others.items():
        wanted = {directory for directory, each in many if each is kind}
        there = set()
        for key, _ in record.objects("files") if wanted else ():
            wanted.discard(key.rpartition("/")[0])
            if key in wanted:
                there.add(key)
        found |= {(directory, kind) for directory in wanted & there}
    return frozenset(found)


def _reasons(rules: Rules, suppressed: Iterable[str]) -> dict[str, str]:
    """Rule → why it may take what it took; allowances for one thing share a name, and have a reason each."""
    reasons: dict[str, list[str]] = {}
    every: tuple[NoiseRule | Allowance, ...] = (*rules.noise, *rules.allow)
    for rule in every:
        named = reasons.setdefault(rule.id, [])
        if rule.reason not in named:
            named.append(rule.reason)
    return {name: "; ".join(reasons[name]) for name in sorted(suppressed) if name in reasons}


def _worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda found: (found.severity.rank, found.scope, found.key, found.id)))


def _not_compared(a: RecordFile, b: RecordFile, rules: Rules, names: Names) -> tuple[dict[str, str], list[str]]:
    """Scope → why it is not compared, and those of them for which the rules give no reason."""
    reasons: dict[str, str] = {}
    missing = []
    for scope in sorted({*a.scopes, *b.scopes}):
        problems = []
        for record, name in ((a, names.a), (b, names.b)):
            header = record.scopes.get(scope)
            if header is None:
                problems.append(f"not recorded on the {name} machine")
            elif header.status is not ScopeStatus.OK:
                problems.append(f"{header.status} on the {name} machine ({header.reason or 'no reason given'})")
        if not problems:
            continue
        accepted = rules.acceptable_unavailable.get(scope)
        reasons[scope] = "; ".join(problems) + (f"; acceptable: {accepted}" if accepted else "")
        if not accepted:
            missing.append(scope)
    return reasons, missing


def _differences(
    scope: str,
    unequal: Iterable[tuple[str, str | None, str | None]],
    noise: tuple[NoiseRule, ...],
    suppressed: Counter[str],
) -> Iterator[Difference]:
    """What is left of the objects that are not equal once the built-in rules have taken theirs."""
    evidence = known(scope).evidence
    noisy = re.compile("|".join(f"(?:{rule.match})" for rule in noise) or "(?!)")
    kept = beyond = 0
    for key, left, right in unequal:
        if kept >= MOST:
            # Two machines that have nothing in common: what there is to say has been said.
            beyond += 1
            continue
        a: dict[str, Any] | None = None if left is None else json.loads(left)
        b: dict[str, Any] | None = None if right is None else json.loads(right)
        attributes: tuple[str, ...] = ()
        kind = Kind.ONLY_B if a is None else Kind.ONLY_A
        if a is not None and b is not None:
            kind = Kind.CHANGED
            names = sorted((a.keys() | b.keys()) - evidence)
            attributes = tuple([name for name in names if a.get(name) != b.get(name)])
            if not attributes:
                continue
        if noisy.fullmatch(key):
            rest = _without_noise(Difference(scope, key, kind, attributes, a, b), noise, suppressed)
            if rest is None:
                continue
            attributes = rest
        kept += 1
        yield Difference(scope, key, kind, attributes, a, b)
    if beyond:
        yield Difference(scope, MORE, Kind.CHANGED, ("objects",), {}, {"objects": beyond})


def _unequal(a: RecordFile, b: RecordFile, scopes: Collection[str], rules: Rules) -> Iterator[Difference]:
    """What two records differ in within `scopes`, as far as both have them."""
    for scope in scopes:
        if all(scope in each.scopes and each.scopes[scope].status is ScopeStatus.OK for each in (a, b)):
            yield from _differences(scope, Walked(pairs(a, b, scope)), rules.noise_for(scope), Counter())


def _without_noise(
    difference: Difference, noise: tuple[NoiseRule, ...], suppressed: Counter[str]
) -> tuple[str, ...] | None:
    """Return the attributes that no rule takes, None if the rules take the difference as a whole."""
    attributes = difference.attributes
    a, b = difference.a or {}, difference.b or {}
    for rule in noise:
        if not rule.matches(difference.key) or (rule.attributes and difference.kind is not Kind.CHANGED):
            continue
        if not rule.attributes and not rule.leaves_out(difference.a, difference.b):
            continue
        rest = tuple(name for name in attributes if not rule.takes(name, a, b))
        if not rule.attributes or len(rest) < len(attributes):
            suppressed[rule.id] += 1
        attributes = rest
        if not attributes:
            return None
    return attributes


def _same_machine(a: RecordFile, b: RecordFile) -> bool:
    """Whether one machine was recorded twice. Containers that share a name have other host names, as a rule."""
    names = [(record.meta.get("target"), record.meta.get("hostname")) for record in (a, b)]
    return all(names[0]) and names[0] == names[1]


def _shared_secrets(a: RecordFile, b: RecordFile, rules: Rules) -> Iterator[Difference]:
    """The files that hold the same on both machines although each must have its own."""
    first, second = (dict(secrets_of(record, rules)) for record in (a, b))
    for key in sorted(first.keys() & second.keys()):
        if first[key]["hash"] == second[key]["hash"]:
            yield Difference("files", key, Kind.CHANGED, (MUST_DIFFER,), first[key], second[key])
