"""Values of a record as they stand in a sentence."""

from collections.abc import Mapping
from typing import Any

from tdi.state.finding import Difference, Kind, Names

TYPES = {"dir": "directory", "link": "link", "char": "character device", "block": "block device"}
"""Type of a file → what a sentence calls it."""

_SHOWN = 80
"""Characters of a value in a sentence; the rest is in the verbose report."""


def show(value: Any) -> str:
    """A value of a record as it stands in a sentence."""
    if value is None:
        text = "nothing"
    elif value == "":
        text = "empty"
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, list):
        text = ", ".join(str(part) for part in value) or "none"
    elif isinstance(value, dict):
        text = ", ".join(f"{name}: {part}" for name, part in sorted(value.items())) or "none"
    else:
        text = str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def values(name: str, first: Any, second: Any, names: Names) -> str:
    """A clause for two values; one that does not apply is not recorded, and neither is what does not hold."""
    if bool in (type(first), type(second)):
        first, second = first or False, second or False
    if first is None or second is None:
        here = names.b if first is None else names.a
        return f"{name} is {show(second if first is None else first)} on the {here} machine only"
    return f"{name} is {show(first)} on the {names.a} machine and {show(second)} on the {names.b} machine"


def members(first: list[Any], second: list[Any], names: Names) -> str:
    """A clause for two lists: what only one of them has."""
    only = [
        f"has {show(left)} only on the {name} machine"
        for left, name in (
            ([item for item in first if item not in second], names.a),
            ([item for item in second if item not in first], names.b),
        )
        if left
    ]
    return " and ".join(only) or "is in another order"


def kind_of(side: Mapping[str, Any] | None, name: str) -> str:
    """What an object is on the machine `name`: "a directory on the new machine"."""
    kind = str((side or {}).get("type", "nothing"))
    to = f" to {show((side or {}).get('target'))}" if kind == "link" else ""
    return f"a {TYPES.get(kind, kind)}{to} on the {name} machine"


def in_plan(head: Difference) -> str:
    """What changes of an object, in the few words of a plan; empty for what comes or goes as a whole."""
    present = head.present
    if head.kind is not Kind.CHANGED:
        if present.get("type") == "link":
            return f"→ {present.get('target')}"
        return str(present.get("type", "")) if present.get("type") == "dir" else ""
    return changes(head, {"size", "hash", "text", "text_hash", "origin"}) or "content"


def changes(head: Difference, without: set[str]) -> str:
    """What each attribute became, but for those `without`."""
    first, second = dict(head.a or {}), dict(head.b or {})
    names = [name for name in head.attributes if name not in without]
    if "properties" in names:
        names.remove("properties")
        for side in (first, second):
            side.update(side.get("properties") or {})
        inner = {*(head.a or {}).get("properties", {}), *(head.b or {}).get("properties", {})}
        names += [name for name in sorted(inner) if first.get(name) != second.get(name)]
    return "; ".join(f"{name} {_became(first.get(name), second.get(name))}" for name in names)


def _became(first: Any, second: Any) -> str:
    """What a value became; of a list what came and went."""
    if isinstance(first, list) and isinstance(second, list):
        marks = (("-", first, second), ("+", second, first))
        moved = [f"{mark} {each}" for mark, mine, other in marks for each in mine if each not in other]
        if moved:
            return show(moved)
    return f"{show(first)} → {show(second)}"
