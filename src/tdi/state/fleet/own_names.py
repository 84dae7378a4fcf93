"""A machine's own names and addresses, so that they alone do not make two servers of a fleet differ.

Records stay as they were taken. An object of a machine that mentions its own name or address is compared with each of
them replaced by a token, on both sides. So a hosts file that names every server of the fleet is equal as it is, one
that names only its own server is equal but for the tokens, and any further difference is still one.
"""

import hashlib
import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tdi.collector.encoding import encode
from tdi.state.compare import Comparison, compare
from tdi.state.compare import _same_machine as same_machine
from tdi.state.finding import Names
from tdi.state.record import RecordFile, split
from tdi.state.rules import Rules
from tdi.state.scopes.registry import known

NAME = "{name}"
ADDRESS = "{address}"
RULE = "own-names"
"""What reports call the suppression of a difference in nothing but the machines' own names and addresses."""
REASON = "each machine has its own name or address there; but for that they are equal"
COMMON_STATE = "the most common state"
"""What the meta part of such a record has as its target. Its objects have tokens already."""

_HOSTS = "/etc/hosts"
_COMMON = frozenset({"localhost", "ip6-localhost", "ip6-loopback"})


@dataclass(frozen=True)
class Own:
    """The names and addresses of one machine, in lower case."""

    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    @classmethod
    def of(cls, record: RecordFile) -> "Own":
        """Those of a recorded machine: its host name, what its hosts file says of it, and what its meta part has.

        `tdi state fleet` notes there under `own` what the inventory calls the machine, and its addresses.
        """
        noted: Mapping[str, list[str]] = record.meta.get("own") or {}
        given = {str(word).lower() for words in (noted.get("names", ()), noted.get("addresses", ())) for word in words}
        given.add(str(record.meta.get("hostname") or "").lower())
        names = {word for word in given if not _is_address(word)}
        for _, *called in _hosts_lines(record):
            if names & {*called}:
                names |= {*called}
        addresses = (word for word in given if _is_address(word) and not ipaddress.ip_address(word).is_loopback)
        return cls(_ordered(word for word in names if word and word not in _COMMON), _ordered(addresses))

    @cached_property
    def mark(self) -> re.Pattern[str]:
        """Matches wherever one of them may stand; most objects need no closer look."""
        return re.compile("|".join(map(re.escape, (*self.names, *self.addresses))) or "(?!)", re.IGNORECASE)

    @cached_property
    def _names(self) -> re.Pattern[str]:
        # Of a name with a domain only the first part is a machine's own.
        parts = [name.partition(".") for name in self.names]
        return _pattern(
            [f"{re.escape(first)}(?={re.escape(dot + domain)}(?![\\w-]|\\.\\w))" for first, dot, domain in parts if dot]
        )

    @cached_property
    def _short_names(self) -> re.Pattern[str]:
        return _pattern([re.escape(name) + r"(?![\w-])" for name in self.names if "." not in name])

    @cached_property
    def _addresses(self) -> re.Pattern[str]:
        # A port may follow an IPv4 address; what goes on with digits is another one.
        ends = {True: r"(?![\w:])", False: r"(?!\w|\.\d)"}
        return _pattern([re.escape(word) + ends[":" in word] for word in self.addresses], before=r"\w.:")

    def replace(self, text: str, *, short: bool = True) -> str:
        """`text` with tokens for what is the machine's own; its names without a domain only where `short` says so."""
        text = self._names.sub(NAME, self._addresses.sub(ADDRESS, text))
        return self._short_names.sub(NAME, text) if short else text


@dataclass(frozen=True)
class Tokened:
    """An object of a record, as it is and with tokens."""

    scope: str
    key: str
    text: str
    token_key: str
    token_text: str

    @property
    def line(self) -> str:
        """The object as it is on its line of the record."""
        return f"{json.dumps(self.key)}: {self.text}"

    @property
    def token_line(self) -> str:
        """The same with tokens."""
        return f"{json.dumps(self.token_key)}: {self.token_text}"


def tokened(record: RecordFile, own: Own) -> Iterator[Tokened]:
    """The objects of a record in which tokens take the place of something."""
    for scope in record.scopes:
        for line in record.lines(scope):
            if scope == "files" and b'"text":' not in line:
                continue
            key, end = split(line)
            text = line[end:].decode("ascii")
            if not own.mark.search(text) and (scope == "files" or not own.mark.search(key)):
                continue
            attributes = json.loads(text)
            if scope == "files":
                changed, token_key = _content(attributes, own), key
            else:
                short = known(scope).after_machines
                changed, token_key = _walk(attributes, own, short=short), own.replace(key, short=short)
            if changed != attributes or token_key != key:
                yield Tokened(scope, key, text, token_key, encode(changed))


def _with_tokens(record: RecordFile) -> Iterator[Tokened]:
    """The objects of a record that have tokens: from the beginning, as those of a common state, or by `tokened`."""
    if record.meta.get("target") == COMMON_STATE:
        for scope in record.scopes:
            for key, text in record.objects(scope):
                if NAME in key + text or ADDRESS in key + text:
                    yield Tokened(scope, key, text, key, text)
    yield from tokened(record, Own.of(record))


class Reference(RecordFile):
    """The record that others are compared with."""

    @cached_property
    def tokens(self) -> Mapping[tuple[str, str], Tokened]:
        """(Scope, line with tokens) → object. The record is read for it once."""
        return {(found.scope, found.token_line): found for found in _with_tokens(self)}


class Adaptable(RecordFile):
    """A record that can be adapted: what differs from a reference in nothing but own names stands as it is there."""

    def __init__(self, path: Path) -> None:
        """Open it, as it was recorded; raises TdiError if it is no whole record."""
        self._instead: dict[str, dict[bytes, Tokened]] = {}
        super().__init__(path)

    def adapt(self, reference: Reference) -> int:
        """Adapt it to a reference, and return how many objects are not as they were recorded."""
        instead: dict[str, dict[bytes, Tokened]] = {}
        self._instead = {}  # what it was adapted to before
        for found in _with_tokens(self):
            there = reference.tokens.get((found.scope, found.token_line))
            if there and there.line != found.line:
                instead.setdefault(found.scope, {})[found.line.encode()] = there
        self._instead = instead
        return sum(map(len, instead.values()))

    def lines(self, scope: str) -> Iterator[bytes]:
        """Yield the raw lines of a scope's objects in the order of their keys."""
        instead = self._instead.get(scope)
        if not instead:
            yield from super().lines(scope)
        elif scope == "files":  # paths stay as they are, and there are many
            yield from (instead[line].line.encode() if line in instead else line for line in super().lines(scope))
        else:
            found = {}
            for line in super().lines(scope):
                there = instead.get(line)
                found[there.key if there else split(line)[0]] = there.line.encode() if there else line
            yield from (found[key] for key in sorted(found))


def compare_machines(
    reference: Reference,
    other: Adaptable,
    rules: Rules | None = None,
    *,
    names: Names | None = None,
    every_allowance_needed: bool = True,
    twin: Adaptable | None = None,
    later: Sequence[tuple[RecordFile, Adaptable]] = (),
) -> Comparison:
    """Compare two machines as `compare` does, their own names and addresses left out of account.

    What that takes is counted as RULE. A machine is compared with itself, and the machines of a verdict are compared
    with one another, as they are: there a name or address that is not the same is a fault. `twin` and `later` are the
    witnesses that `compare` takes.
    """
    exact = same_machine(reference, other) or all(record.meta.get("scenario") for record in (reference, other))
    adapted = 0
    if not exact:
        adapted = other.adapt(reference)
        for witness in (*filter(None, (twin,)), *(last for _, last in later)):
            witness.adapt(reference)
    comparison = compare(
        reference,
        other,
        rules,
        names=names,
        every_allowance_needed=every_allowance_needed,
        twin=twin,
        later=later,
    )
    if not adapted:
        return comparison
    return replace(
        comparison,
        suppressed=dict(sorted({**comparison.suppressed, RULE: adapted}.items())),
        reasons=dict(sorted({**comparison.reasons, RULE: REASON}.items())),
    )


def _content(attributes: dict[str, Any], own: Own) -> dict[str, Any]:
    text = own.replace(attributes["text"])
    if text == attributes["text"] or attributes.get("hash") != _hash(attributes["text"]):
        return attributes  # where the text is not the whole content, it says nothing about the rest
    return {**attributes, "text": text, "hash": _hash(text), "size": len(text.encode("utf-8", "surrogatepass"))}


def _hash(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _walk(value: Any, own: Own, *, short: bool) -> Any:
    if isinstance(value, str):
        return own.replace(value, short=short)
    if isinstance(value, list):
        return [_walk(item, own, short=short) for item in value]
    if isinstance(value, dict):
        return {name: _walk(item, own, short=short) for name, item in value.items()}
    return value


def _hosts_lines(record: RecordFile) -> Iterator[list[str]]:
    """Address and names of each line of the machine's hosts file, where its text was recorded."""
    for key, text in record.objects("files"):
        if key >= _HOSTS:
            if key == _HOSTS:
                lines = str(json.loads(text).get("text", "")).lower().splitlines()
                yield from (words for line in lines if (words := line.partition("#")[0].split()))
            return


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _ordered(words: Iterable[str]) -> tuple[str, ...]:
    """Longest first, for a name may begin with a shorter one."""
    return tuple(sorted(words, key=lambda word: (-len(word), word)))


def _pattern(words: list[str], before: str = r"\w.-") -> re.Pattern[str]:
    """Any of the words that does not go on with `before`, a class of characters, to the left; none if there is none."""
    return re.compile(f"(?<![{before}])(?:{'|'.join(words)})" if words else "(?!)", re.IGNORECASE)
