"""The rules file beside the verifier: what may differ between two machines, besides what differs anyway."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tdi.errors import TdiError
from tdi.state.allowances import Allowance, Allowances, Direction
from tdi.state.finding import Difference
from tdi.state.noise import NoiseRule
from tdi.state.schema import schema
from tdi.state.scopes.registry import BUILT_IN


@dataclass(frozen=True)
class Rules:
    """Everything that may differ, and the scopes that need not be compared."""

    noise: tuple[NoiseRule, ...] = BUILT_IN
    allow: tuple[Allowance, ...] = ()
    acceptable_unavailable: Mapping[str, str] = field(default_factory=dict)
    """Scope → why it is acceptable that it could not be recorded."""

    def noise_for(self, scope: str) -> tuple[NoiseRule, ...]:
        """The noise rules of a scope, in order."""
        return tuple(rule for rule in self.noise if rule.scope == scope)

    def accepting(self, broken: Difference, today: dt.date | None = None) -> Allowance | None:
        """The allowance that takes what is wrong on a machine by itself; none that has expired before `today` (UTC)."""
        return Allowances(self.allow, today).accepting(broken)


def load_rules(path: Path | None) -> Rules:
    """The built-in rules and those in the YAML file at `path` (None: the built-in ones only).

    Raises TdiError that names the file, the entry and the key for anything that the file may not hold.
    """
    if path is None:
        return Rules()
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 (it is a safe one)
    except (OSError, UnicodeDecodeError) as error:
        raise TdiError(
            f"The rules file {path} cannot be read: {getattr(error, 'strerror', None) or error}.",
            "Name a readable YAML file.",
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date like 2030-02-31
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or (str(error) if isinstance(error, ValueError) else "not YAML")
        raise TdiError(f"The rules file {path}{line} is not valid YAML: {problem}.", "Correct that line.") from None
    if document is None:
        document = {}
    reader = _Reader(path)
    top = reader.mapping(document, "the file", {"allow", "acceptable_unavailable"})
    entries = [] if top.get("allow") is None else top["allow"]
    if not isinstance(entries, list):
        raise reader.wrong("allow", "must be a list of entries")
    accepted = {} if top.get("acceptable_unavailable") is None else top["acceptable_unavailable"]
    if not isinstance(accepted, dict) or not all(isinstance(item, str) for pair in accepted.items() for item in pair):
        raise reader.wrong("acceptable_unavailable", "must map scopes to reasons")
    for scope, reason in accepted.items():
        reader.scope(scope, "acceptable_unavailable")
        if not reason.strip():
            raise reader.wrong(f"acceptable_unavailable, scope {scope}", "has no reason")
    return Rules(
        allow=tuple(reader.allowance(entry, f"allow entry {number}") for number, entry in enumerate(entries, 1)),
        acceptable_unavailable=accepted,
    )


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice: one of its values would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 (PyYAML's signature)
        keys = [(key.value, key.start_mark) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for number, (key, mark) in enumerate(keys):
            if any(key == former for former, _ in keys[:number]):
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is there twice", mark)
        return super().construct_mapping(node, deep)


_KEYS = {"scope", "match", "attributes", "direction", "value", "reason", "until"}


@dataclass(frozen=True)
class _Reader:
    """Checks what a rules file holds; each error says where it is."""

    path: Path

    def wrong(self, where: str, problem: str, remedy: str = "") -> TdiError:
        return TdiError(
            f"The rules file {self.path}, {where}: {problem}.", remedy or "See `tdi state allow --help` for the form."
        )

    def mapping(self, value: Any, where: str, keys: set[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.wrong(where, f"must be a mapping with the keys {', '.join(sorted(keys))}")
        for key in value:
            if key not in keys:
                raise self.wrong(where, f"unknown key {key!r}", f"The keys are {', '.join(sorted(keys))}.")
        return value

    def allowance(self, value: Any, where: str) -> Allowance:
        entry = self.mapping(value, where, _KEYS)
        for key in ("scope", "match", "reason"):
            text = entry.get(key)
            if not isinstance(text, str) or not text.strip():
                raise self.wrong(where, f"{key!r} is missing or not a text", f"Say the {key} of the allowance.")
        return Allowance(
            scope=self.scope(entry["scope"], where),
            match=self.match(entry["match"], where),
            reason=entry["reason"].strip(),
            attributes=self.attributes(entry.get("attributes"), where),
            direction=self.direction(entry.get("direction", Direction.ANY), where),
            value=self.value(entry.get("value"), where),
            until=self.until(entry.get("until"), where),
        )

    def scope(self, name: str, where: str) -> str:
        known = sorted(schema()["properties"]["scopes"]["properties"])
        if name not in known:
            raise self.wrong(where, f"unknown scope {name!r}", f"The scopes are {', '.join(known)}.")
        return name

    def match(self, pattern: str, where: str) -> str:
        if not pattern.startswith("^") or not pattern.endswith("$") or pattern.endswith(r"\$"):
            raise self.wrong(where, f"'match' {pattern!r} is not anchored", "Begin it with ^ and end it with $.")
        try:
            re.compile(pattern)
        except re.error as error:
            raise self.wrong(where, f"'match' {pattern!r} is not a regular expression: {error}") from None
        return pattern

    def attributes(self, value: Any, where: str) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
            raise self.wrong(where, "'attributes' must be a list of attribute names", "Leave it out to allow all.")
        return tuple(value)

    def direction(self, value: Any, where: str) -> Direction:
        if value not in list(Direction):
            raise self.wrong(where, f"'direction' {value!r} is unknown", f"Use one of {', '.join(Direction)}.")
        return Direction(value)

    def value(self, value: Any, where: str) -> Mapping[str, Mapping[str, Any]]:
        if value is None:
            return {}
        sides = self.mapping(value, f"{where}, 'value'", {"a", "b"})
        for side, attributes in sides.items():
            if not isinstance(attributes, dict):
                raise self.wrong(where, f"'value' of {side} must map attributes to their values")
        return sides

    def until(self, value: Any, where: str) -> dt.date | None:
        if value is None:
            return None
        if isinstance(value, dt.datetime) or not isinstance(value, dt.date):
            raise self.wrong(where, f"'until' {value!r} is not a date", "Write it as YYYY-MM-DD.")
        return value


def as_yaml(entries: Iterable[Allowance]) -> str:
    """`entries` as they stand in the list `allow:` of a rules file."""
    documents = []
    for entry in entries:
        document: dict[str, Any] = {"scope": entry.scope, "match": entry.match}
        if entry.attributes:
            document["attributes"] = list(entry.attributes)
        document["direction"] = entry.direction.value
        if entry.value:
            document["value"] = {side: dict(values) for side, values in entry.value.items()}
        document["reason"] = entry.reason
        if entry.until:
            document["until"] = entry.until
        documents.append(document)
    return yaml.safe_dump(documents, sort_keys=False, allow_unicode=False, width=1000)
