"""A machine's own names and addresses: each stands in its record as `{name}` or `{address}`.

Without that every server of a fleet would differ from every other one. Only what is certainly the machine's own is
replaced: addresses and names with a dot wherever the record has text; a short name only in the files that hold it
(`TEXTS` and whatever else was recorded with its text), and where it cannot be mistaken for a word, which is decided by
a digit or a hyphen in it and by the scope.
"""

import hashlib
import ipaddress
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tdi.state.record import RecordFile

TEXTS = (r"^/etc/(hostname|hosts|mailname)$",)
"""Files that hold the machine's name on each server; their text is recorded so that the name can be replaced."""

NAME = "{name}"
ADDRESS = "{address}"

_HOSTS = "/etc/hosts"
_COMMON = frozenset({"localhost", "localdomain", "ip6-localhost", "ip6-loopback"})
# What these hold came from packages and accounts, and a host may be called as a package or user is.
_NO_SHORT_NAMES = frozenset({"packages", "apt", "dpkg", "alternatives", "users", "groups", "sudoers", "modules"})
_BOUNDARY = r"A-Za-z0-9_"


@dataclass(frozen=True)
class Own:
    """The names and addresses of one machine, longest first."""

    names: tuple[str, ...]
    addresses: tuple[str, ...]

    @classmethod
    def of(cls, names: Iterable[str], addresses: Iterable[str], record: RecordFile) -> "Own":
        """What is known from outside (`names` may hold addresses), the recorded host name, and its lines in hosts."""
        given = {*names, str(record.meta.get("hostname") or "")}
        found = {name.lower() for name in given if not is_address(name)}
        where = {text for text in (*given, *addresses) if is_address(text)}
        for words in _hosts_lines(record):
            if found & {word.lower() for word in words[1:]}:
                found |= {word.lower() for word in words[1:]}
        keep = {name for name in found if len(name) > 1 and name.partition(".")[0] not in _COMMON}
        kept = {text for text in where if not ipaddress.ip_address(text).is_loopback}
        return cls(tuple(sorted(keep, key=_longest)), tuple(sorted(kept, key=_longest)))

    def replace(self, text: str, *, short: bool) -> str:
        """`text` with its tokens; `short` says whether every short name is replaced, or only unmistakable ones."""
        if self._certain:
            text = self._certain.sub(self._token, text)
        if short and self._short:
            text = self._short.sub(NAME, text)
        return text

    @cached_property
    def mark(self) -> re.Pattern[str] | None:
        """Matches wherever one of them may be; most objects need no closer look."""
        words = "|".join(re.escape(word) for word in (*self.names, *self.addresses))
        return re.compile(words, re.IGNORECASE) if words else None

    @cached_property
    def _certain(self) -> re.Pattern[str] | None:
        dotted = [name for name in self.names if "." in name]
        return _words(r"\w.:-", (*dotted, *self.addresses))

    @cached_property
    def _short(self) -> re.Pattern[str] | None:
        return _words(r"\w.-", [name for name in self.names if "." not in name])

    @cached_property
    def unmistakable(self) -> bool:
        """Whether the short names can stand for themselves outside the files that are known to hold them."""
        return all(re.search(r"[0-9-]", name) for name in self.names if "." not in name)

    def _token(self, found: re.Match[str]) -> str:
        return ADDRESS if found.group().lower() in self.addresses else NAME


def is_address(text: str) -> bool:
    """Whether `text` is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def replaced(record: RecordFile, scope: str, own: Own) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a scope in the order of their keys, with tokens for what is the machine's own.

    Two objects that become one (a service on two addresses) stay one. A file's text is replaced and its hash is made
    of that, so that it equals another machine's that differs in nothing else.
    """
    if scope == "files":
        for key, text in record.objects(scope):
            attributes = json.loads(text)
            if "text" in attributes and own.mark and own.mark.search(attributes["text"]):
                _replace_content(attributes, own)
            yield key, attributes
        return
    short = own.unmistakable and scope not in _NO_SHORT_NAMES
    found: dict[str, dict[str, Any]] = {}
    for key, text in record.objects(scope):
        attributes = json.loads(text)
        if own.mark and (own.mark.search(text) or own.mark.search(key)):
            attributes = _walk(attributes, own, short=short)
            found.setdefault(own.replace(key, short=short), attributes)
        else:
            found[key] = attributes
    yield from sorted(found.items())


def _replace_content(attributes: dict[str, Any], own: Own) -> None:
    content = attributes["text"].encode("utf-8")
    if attributes.get("hash") != f"sha256:{hashlib.sha256(content).hexdigest()}":
        return  # the text is not the whole content, so nothing may be concluded from it
    text = own.replace(attributes["text"], short=True)
    content = text.encode("utf-8")
    attributes.update(text=text, size=len(content), hash=f"sha256:{hashlib.sha256(content).hexdigest()}")


def _walk(value: Any, own: Own, *, short: bool) -> Any:
    if isinstance(value, str):
        return own.replace(value, short=short)
    if isinstance(value, list):
        return [_walk(item, own, short=short) for item in value]
    if isinstance(value, dict):
        return {own.replace(name, short=short): _walk(item, own, short=short) for name, item in value.items()}
    return value


def _hosts_lines(record: RecordFile) -> Iterator[list[str]]:
    """The words of each line of the machine's hosts file, where its text was recorded."""
    for key, text in record.objects("files"):
        if key >= _HOSTS:
            if key == _HOSTS:
                lines = str(json.loads(text).get("text", "")).splitlines()
                yield from (words for line in lines if (words := line.partition("#")[0].split()))
            return


def _longest(word: str) -> tuple[int, str]:
    return -len(word), word


def _words(boundary: str, words: Iterable[str]) -> re.Pattern[str] | None:
    """Matches the words where they stand alone: not as a part of what `boundary` (a class of characters) goes on with."""
    listed = "|".join(re.escape(word) for word in words)
    return re.compile(f"(?<![{boundary}])(?:{listed})(?![{boundary}])", re.IGNORECASE) if listed else None
