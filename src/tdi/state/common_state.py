"""The most common state of machines: a record in which each object is as most machines have it.

The records are read one after the other; in memory stay a number for each object and form of it, never a record. An
object is in the common state if most machines have it, in the form that most of those have; in a tie the first machine
decides on all that is tied, so that the state is one that hangs together. What legitimately differs between machines
is left out of the count, so that the content of a log does not outvote its owner.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tdi.state.own_names import Own, Tokened, tokened
from tdi.state.record import RecordFile, ScopeHeader, ScopeStatus, write_record
from tdi.state.rules import NoiseRule, Rules

_Form = int
"""Stands for one form of an object: a hash of its line."""


def write_common_state(records: Sequence[Path], output: Path, rules: Rules) -> None:
    """Write the most common state of at least one machine as a record; raises TdiError for a damaged one."""
    votes = _Votes(rules)
    for path in records:
        with RecordFile(path) as record:
            votes.add(record)
    wanted = votes.result()
    found: dict[str, dict[str, Mapping[str, Any]]] = {scope: {} for scope in votes.headers()}
    missing = sum(len(forms) for forms in wanted.values())
    for path in records:
        if not missing:
            break
        with RecordFile(path) as record:
            for scope, key, attributes, form in votes.forms(record):
                if wanted.get(scope, {}).get(key) == form and key not in found[scope]:
                    found[scope][key] = attributes
                    missing -= 1
    meta = {"target": "the most common state", "hostname": ""}
    write_record(
        output,
        meta,
        {scope: (header, sorted(found[scope].items())) for scope, header in votes.headers().items()},
    )


class _Votes:
    """Counts which forms of which objects the machines have."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._machines: Counter[str] = Counter()
        """Scope → the machines on which it was recorded completely."""
        self._counts: dict[str, dict[str, Counter[_Form] | tuple[_Form, int]]] = {}
        """Scope → object → its forms; a pair as long as there is only one, which takes a tenth of the memory."""
        self._of_first: dict[str, int] = {}
        """Scope → how many objects the first machine has: they come first in `_counts`."""
        self._tokened: list[tuple[str, str, _Form, str, _Form]] = []
        self._why: dict[str, ScopeHeader] = {}

    def add(self, record: RecordFile) -> None:
        """Count what a machine has."""
        for scope, header in record.scopes.items():
            if header.status is ScopeStatus.OK:
                self._machines[scope] += 1
            else:
                self._why.setdefault(scope, header)
        for scope, key, _, form in self._literal(record):
            objects = self._counts.setdefault(scope, {})
            known = objects.get(key)
            if known is None:
                objects[key] = (form, 1)
            elif isinstance(known, Counter):
                known[form] += 1
            elif known[0] == form:
                objects[key] = (form, known[1] + 1)
            else:
                objects[key] = Counter({known[0]: known[1], form: 1})
        for scope, objects in self._counts.items():
            self._of_first.setdefault(scope, len(objects))
        self._tokened += [
            (each.scope, each.key, hash(each.line), each.token_key, hash(each.token_line))
            for each in self._with_tokens(record)
        ]

    def headers(self) -> dict[str, ScopeHeader]:
        """Every scope, complete if it is complete on one machine."""
        return {**self._why, **{scope: ScopeHeader() for scope in self._machines}}

    def result(self) -> dict[str, dict[str, _Form]]:
        """Scope → object → its form in the common state."""
        chosen: dict[str, dict[str, _Form]] = {}
        for scope, objects in self._counts.items():
            machines = self._machines[scope]
            forms = chosen[scope] = {}
            for number, (key, counts) in enumerate(objects.items()):
                present = counts.total() if isinstance(counts, Counter) else counts[1]
                if present * 2 > machines or (present * 2 == machines and number < self._of_first[scope]):
                    forms[key] = counts.most_common(1)[0][0] if isinstance(counts, Counter) else counts[0]
        self._choose_tokens(chosen)
        return chosen

    def _choose_tokens(self, chosen: dict[str, dict[str, _Form]]) -> None:
        """Put an object with tokens where more machines agree on it than on any form without."""
        votes: Counter[tuple[str, str, _Form]] = Counter()
        for scope, key, form, token_key, token_form in self._tokened:
            if token_key == key or chosen.get(scope, {}).get(key) != form:
                votes[scope, token_key, token_form] += 1
        for (scope, key, form), count in votes.most_common():
            machines = self._machines[scope]
            forms = chosen.setdefault(scope, {})
            counts = self._counts[scope].get(key)
            literal = max(counts.values()) if isinstance(counts, Counter) else counts[1] if counts else machines // 2
            if count > literal and (scope, key) not in self._decided:
                forms[key] = form

    def forms(self, record: RecordFile) -> Iterator[tuple[str, str, Mapping[str, Any], _Form]]:
        """Scope, key, attributes and form of each object, and of each with tokens."""
        yield from self._literal(record)
        for each in self._with_tokens(record):
            attributes = json.loads(b"{" + each.token_line + b"}")[each.token_key]
            yield each.scope, each.token_key, attributes, hash(each.token_line)
