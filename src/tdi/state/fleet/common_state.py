"""The most common state of machines: a record in which each object is as most machines have it.

The records are read one after the other; what stays in memory is a number for each object and form of it, never a
record. An object is in the common state if most machines have it, in the form that most of those have. In a tie the
first machine decides, so that what is tied hangs together. What legitimately differs between machines is left out of
the count: the content of a log must not outvote its owner.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tdi.collector.encoding import encode
from tdi.state.fleet.own_names import COMMON_STATE, Own, tokened
from tdi.state.record import RecordFile, ScopeHeader, ScopeStatus, write_record
from tdi.state.rules import Rules

_Form = int
"""Stands for one form of an object: a hash of its attributes."""


def write_common_state(records: Sequence[Path], output: Path, rules: Rules) -> None:
    """Write the most common state of at least one machine as a record; raises TdiError for a damaged one."""
    votes = _Votes(rules)
    for path in records:
        with RecordFile(path) as record:
            votes.add(record)
    chosen = votes.result()
    found: dict[str, dict[str, str]] = {scope: {} for scope in votes.headers}
    missing = sum(len(forms) for forms in chosen.values())
    for path in records:
        if not missing:
            break
        with RecordFile(path) as record:
            for scope, key, text, form in votes.forms(record):
                if chosen[scope].get(key) == form and key not in found[scope]:
                    found[scope][key] = text
                    missing -= 1
    write_record(
        output,
        {"target": COMMON_STATE},
        {
            scope: (header, ((key, json.loads(text)) for key, text in sorted(found[scope].items())))
            for scope, header in votes.headers.items()
        },
    )


class _Votes:
    """Counts how many machines have which form of each object."""

    def __init__(self, rules: Rules) -> None:
        self.headers: dict[str, ScopeHeader] = {}
        """Each scope of any machine; complete if it is so on one of them."""
        self._noise = {
            scope: (re.compile("|".join(f"(?:{rule.match})" for rule in noise)), noise)
            for scope in {rule.scope for rule in rules.noise}
            if (noise := [rule for rule in rules.noise_for(scope) if rule.attributes])
        }
        self._machines: Counter[str] = Counter()
        """Scope → the machines on which it was recorded completely."""
        self._counts: dict[str, dict[str, tuple[_Form, int] | Counter[_Form]]] = {}
        """Scope → key → forms. As long as there is only one, a pair stands for it: it takes a tenth of the memory."""
        self._first: dict[str, int] = {}
        """Scope → how many objects the first machine has. In `_counts` they come before those of others."""
        self._tokened: list[tuple[str, str, _Form, str, _Form]] = []

    def add(self, record: RecordFile) -> None:
        """Count what a machine has."""
        for scope, header in record.scopes.items():
            complete = header.status is ScopeStatus.OK
            self._machines[scope] += complete
            if complete or scope not in self.headers:
                self.headers[scope] = header
        for scope, key, _, form in self._literal(record):
            forms = self._counts.setdefault(scope, {})
            known = forms.get(key)
            if known is None:
                forms[key] = (form, 1)
            elif isinstance(known, Counter):
                known[form] += 1
            elif known[0] == form:
                forms[key] = (form, known[1] + 1)
            else:
                forms[key] = Counter({known[0]: known[1], form: 1})
        for scope in record.scopes:
            self._first.setdefault(scope, len(self._counts.get(scope, {})))
        self._tokened += [
            (each.scope, each.key, hash(each.text), each.token_key, hash(each.token_text))
            for each in tokened(record, Own.of(record))
        ]

    def forms(self, record: RecordFile) -> Iterator[tuple[str, str, str, _Form]]:
        """Scope, key, attributes as JSON text, and form of each object; once more with tokens where it has them."""
        yield from self._literal(record)
        for each in tokened(record, Own.of(record)):
            yield each.scope, each.token_key, each.token_text, hash(each.token_text)

    def _literal(self, record: RecordFile) -> Iterator[tuple[str, str, str, _Form]]:
        for scope, header in record.scopes.items():
            if header.status is not ScopeStatus.OK:
                continue
            pattern, noise = self._noise.get(scope, (re.compile("(?!)"), []))
            for key, text in record.objects(scope):
                if not pattern.fullmatch(key):
                    yield scope, key, text, hash(text)
                    continue
                attributes = json.loads(text)
                kept = text
                for rule in (rule for rule in noise if rule.matches(key)):
                    whole = attributes
                    attributes = {name: whole[name] for name in whole if not rule.takes(name, whole, whole)}
                    # Nobody has a secret in common with the common state.
                    kept = encode(attributes) if rule.must_differ else kept
                yield scope, key, kept, hash(encode(attributes))

    def result(self) -> dict[str, dict[str, _Form]]:
        """Scope → key → its form in the common state."""
        chosen: dict[str, dict[str, _Form]] = {scope: {} for scope in self.headers}
        for scope, objects in self._counts.items():
            machines = self._machines[scope]
            for number, (key, forms) in enumerate(objects.items()):
                present = forms.total() if isinstance(forms, Counter) else forms[1]
                if present * 2 > machines or (present * 2 == machines and number < self._first[scope]):
                    chosen[scope][key] = forms.most_common(1)[0][0] if isinstance(forms, Counter) else forms[0]
        self._choose_tokens(chosen)
        return chosen

    def _choose_tokens(self, chosen: dict[str, dict[str, _Form]]) -> None:
        """Take the form with tokens where more machines agree on it than on any form without."""
        voters: dict[tuple[str, str, _Form], list[tuple[str, _Form]]] = {}
        for scope, key, form, token_key, token_form in self._tokened:
            if chosen[scope].get(key) != form or self._count(scope, key, form) * 2 <= self._machines[scope]:
                voters.setdefault((scope, token_key, token_form), []).append((key, form))
        for (scope, token_key, token_form), votes in sorted(voters.items(), key=lambda item: len(item[1])):
            now = chosen[scope].get(token_key)
            against = self._machines[scope] / 2 if now is None else self._count(scope, token_key, now)
            if len(votes) > against:
                for key, form in votes:
                    if chosen[scope].get(key) == form:
                        del chosen[scope][key]
                chosen[scope][token_key] = token_form

    def _count(self, scope: str, key: str, form: _Form) -> int:
        """How many machines have this form without tokens."""
        forms = self._counts.get(scope, {}).get(key)
        if isinstance(forms, Counter):
            return forms[form]
        return forms[1] if forms and forms[0] == form else 0
