"""What must hold on every machine, looked at on its own: two that are wrong in the same way compare as equal."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tdi.state.finding import Difference, Finding, Kind, finding_id
from tdi.state.fold.facts import package_of
from tdi.state.record import RecordFile, ScopeStatus
from tdi.state.scopes.registry import SCOPES
from tdi.state.scopes.scope import Check, Mark, Wrong


def check(record: RecordFile) -> tuple[Finding, ...]:
    """Return what is wrong on one machine, worst first; only in scopes that were recorded completely.

    Raises TdiError for a record that turns out to be damaged.
    """
    findings = [
        finding
        for name, scope in SCOPES.items()
        if scope.checks and name in record.scopes and record.scopes[name].status is ScopeStatus.OK
        for finding in _apply(record, name, scope.checks)
    ]
    for scope in SCOPES.values():
        for look in scope.looks:
            findings += [_finding(found.scope, found.key, found.attributes, found.wrong) for found in look(record)]
    return tuple(sorted(findings, key=lambda found: (found.severity.rank, found.scope, found.key)))


def _apply(record: RecordFile, scope: str, checks: tuple[tuple[Mark, Check], ...]) -> Iterator[Finding]:
    """Parse an object only where one of the marks says that a check may have something to say."""
    words = [(mark, look) for mark, look in checks if isinstance(mark, str)]
    patterns = [(mark.search, look) for mark, look in checks if isinstance(mark, re.Pattern)]
    for key, text in record.objects(scope):
        called = [look for mark, look in words if mark in text or mark in key]
        called += [look for search, look in patterns if search(text)]
        # Several marks may call for one check.
        for look in dict.fromkeys(called):
            attributes = json.loads(text)
            wrong = look(key, attributes)
            if wrong is not None:
                yield _finding(scope, key, attributes, wrong)


def _finding(scope: str, key: str, attributes: Mapping[str, Any], wrong: Wrong) -> Finding:
    difference = Difference(scope, key, Kind.CHANGED, (wrong.attribute,), None, attributes)
    return Finding(
        id=finding_id(f"invariant:{scope}", key, Kind.CHANGED, (wrong.attribute,)),
        scope=scope,
        key=key,
        kind=Kind.CHANGED,
        severity=wrong.severity,
        owner=package_of(difference) or attributes.get("origin", {}).get("kind") or "nobody",
        attributes=(wrong.attribute,),
        why=wrong.why,
        action=wrong.action,
        differences=(difference,),
    )
