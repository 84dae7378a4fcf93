"""Says what a finding is, why it is there and what to do about it, how bad it is and whose it is."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tdi.state import words
from tdi.state.advice import Case
from tdi.state.finding import MORE, MUST_DIFFER, UNSTEADY, Difference, Finding, Kind, Names, Severity, finding_id
from tdi.state.fold.facts import is_modified_conffile, package_of
from tdi.state.fold.tree import Group
from tdi.state.record import RecordFile
from tdi.state.scopes.registry import known
from tdi.state.scopes.scope import Scope

Blame = Callable[[Group], str | None]
"""Gives for a finding who made its object, as a clause for the explanation."""


def describe(
    group: Group,
    names: Names,
    owners: Mapping[str, str],
    blame: Blame | None = None,
    meanings: Mapping[Kind, Mapping[str, str]] | None = None,
) -> Finding:
    """The finding that explains `group`.

    `owners`: path → package, for what refers to a file (see `owners_of`). `meanings`: what the probes say of a path
    (see `probes.meanings_of`).
    """
    head = group[0]
    told = _Telling(head, group, names)
    why = told.why()
    if text := _meaning(group, (meanings or {}).get(head.kind, {})):
        why += f"; {text}"
    if blame is not None and (text := blame(group)):
        why += f"; {text}"
    return Finding(
        id=finding_id(head.scope, head.key, head.kind, head.attributes),
        scope=head.scope,
        key=head.key,
        kind=head.kind,
        severity=min(
            (severity(member) for member in group if member is head or known(member.scope).raises(member)), key=_rank
        ),
        owner=_owner_of(group, owners),
        attributes=head.attributes,
        why=why + ".",
        action=told.action(),
        differences=group,
    )


def _rank(value: Severity) -> int:
    return value.rank


def referred_paths(group: Group) -> tuple[str, ...]:
    """The files that the finding's object says it comes from."""
    return known(group[0].scope).comes_from(group[0])


def _meaning(group: Group, said: Mapping[str, str]) -> str | None:
    """What the finding's file means to a service, else one of the files in its directory, else what it lies in."""
    head = group[0]
    for path in (head.key, *referred_paths(group)):
        if text := said.get(path) or said.get(f"{path}/"):
            return text
    if head.scope != "files":
        return None
    for member in group if said else ():
        if member.scope == "files" and member.key in said:
            return f"{said[member.key]} ({member.key})"
    above = head.key
    while above := above.rpartition("/")[0]:
        if text := said.get(f"{above}/"):
            return text
    return None


def owners_of(groups: Iterable[Group], records: Iterable[RecordFile]) -> dict[str, str]:
    """Path → package of the files that findings of other scopes refer to. Reads the records again where needed."""
    wanted = {path for group in groups for path in referred_paths(group)}
    found: dict[str, str] = {}
    for record in records:
        if not wanted or "files" not in record.scopes:
            continue
        for path, attributes in record.objects("files"):
            if path in wanted:
                package = json.loads(attributes).get("origin", {}).get("package")
                if package:
                    found[path] = str(package)
                    wanted.discard(path)
                if not wanted:
                    break
    return found


def owner(difference: Difference, owners: Mapping[str, str]) -> str:
    """The package that accounts for the object, else how it came to be, else "nobody"."""
    if known(difference.scope).accounts_for_files:
        return difference.key
    package = package_of(difference)
    if package:
        return package
    for path in referred_paths((difference,)):
        if path in owners:
            return owners[path]
    for side in (difference.b, difference.a):
        kind = (side or {}).get("origin", {}).get("kind")
        if kind:
            return str(kind)
    return "nobody"


def _owner_of(group: Group, owners: Mapping[str, str]) -> str:
    """The owner of the finding's object; of a directory that packages share, the one package of what came or went."""
    found = owner(group[0], owners)
    if found != "package" or group[0].kind is Kind.CHANGED:
        return found
    packages = {package_of(member) for member in group[1:]} - {None}
    return str(min(map(str, packages))) if len(packages) == 1 else found


def severity(difference: Difference) -> Severity:
    """How bad a difference is: security, then what a service does, then configuration, then left-overs."""
    said = known(difference.scope).severity
    return said if isinstance(said, Severity) else said(difference)


@dataclass(frozen=True)
class _Telling:
    """The sentences about one group."""

    head: Difference
    group: Group
    names: Names

    @property
    def scope(self) -> Scope:
        return known(self.head.scope)

    @property
    def thing(self) -> str:
        called = self.scope.called
        return called(self.head) if called else f"{self.scope.noun} {self.head.key}"

    @property
    def here(self) -> str:
        """The machine that has it."""
        return self.names.a if self.head.kind is Kind.ONLY_A else self.names.b

    def why(self) -> str:
        head = self.head
        if MUST_DIFFER in head.attributes:
            text = f"{head.key} is the same on both machines, and it must be one machine's own"
        elif head.key == MORE:
            text = f"{head.present.get('objects', 0):,} more objects of the scope {head.scope} differ"
        elif head.kind is Kind.CHANGED:
            text = f"{self.thing}: {'; '.join(self._change(name) for name in _told(head, self.scope))}"
        else:
            text = f"{self.thing} is only on the {self.here} machine"
            text += self.scope.detail(self.group, self.names)
        if UNSTEADY in head.attributes:
            text += "; two new machines differ in it, so what makes it is not steady"
        return text + self._inside()

    def _change(self, name: str) -> str:
        first, second = ((side or {}).get(name) for side in (self.head.a, self.head.b))
        said = self._special(name, first, second)
        if said is not None:
            return said
        if list in (type(first), type(second)):
            return f"{name} {words.members(first or [], second or [], self.names)}"
        if isinstance(first, dict) and isinstance(second, dict):
            unequal = {key for key in {*first, *second} if first.get(key) != second.get(key)}
            first = {key: value for key, value in first.items() if key in unequal}
            second = {key: value for key, value in second.items() if key in unequal}
        return words.values(name.replace("_", " "), first, second, self.names)

    def _special(self, name: str, first: Any, second: Any) -> str | None:
        """A clause for the attributes whose values say little by themselves; None for others."""
        if name in ("hash", "text", "text_hash"):
            return "its content differs"
        if name == "type":
            a, b = words.kind_of(self.head.a, self.names.a), words.kind_of(self.head.b, self.names.b)
            return f"it is {a} and {b}"
        if name == "properties":
            return "; ".join(self._properties(first or {}, second or {}))
        say = self.scope.clauses.get(name)
        return say(self.head, self.names) if say else None

    def _properties(self, first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[str]:
        for name in sorted({*first, *second}):
            if first.get(name) != second.get(name):
                yield words.values(name, first.get(name), second.get(name), self.names)

    def _inside(self) -> str:
        """What was folded into it, counted by scope."""
        counts: dict[str, int] = {}
        for member in self.group[1:]:
            counts[member.scope] = counts.get(member.scope, 0) + 1
        if not counts:
            return ""
        parts = (f"{count} in {scope}" for scope, count in sorted(counts.items()))
        total = len(self.group) - 1
        follow = "1 difference follows" if total == 1 else f"{total} differences follow"
        edited = next((member.key for member in self.group[1:] if is_modified_conffile(member)), None)
        where = f"; it stands in the edited configuration file {edited}" if edited else ""
        return f"{where}; {follow} from it ({', '.join(parts)})"

    def action(self) -> str:
        """What to do about it."""
        if MUST_DIFFER in self.head.attributes:
            return "Remove it from the image and let each machine make its own at first boot."
        if self.head.key == MORE:
            return "Mend the others and compare again."
        if UNSTEADY in self.head.attributes:
            return f"Let a task set it, after whatever else makes {self.head.key}, so that all new machines agree."
        return self.scope.advice.of(Case(self.head, self.group, self.names))


def _told(head: Difference, scope: Scope) -> list[str]:
    """The attributes to tell of: content once, its size not at all, what is implied only where nothing else differs.

    What follows from another type, from a package's removal or from a mask says nothing by itself.
    """
    for cause in scope.causes:
        if cause.holds(head):
            return [name for name in head.attributes if name in cause.told]
    names = [name for name in head.attributes if name not in ("size", "hash", "text", "text_hash", UNSTEADY)]
    if len(names) < len(head.attributes):
        names.append("hash")
    if "properties" in names and "hash" in names:
        names.remove("hash")
    return [name for name in names if name not in scope.implied] or names
