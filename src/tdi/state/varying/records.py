"""Whether a record may be a witness of what varies."""

from typing import Any

from tdi.errors import TdiError
from tdi.state.record import RecordFile

_IDENTITY = ("target", "hostname", "recorded_at")


def check_twin(a: RecordFile, b: RecordFile, twin: RecordFile) -> None:
    """Raise TdiError unless `twin` is of another machine than `a` and `b`, and of what `a` is of.

    What b differs in from itself would be said to vary, and so would what another platform or role differs in.
    """
    for record in (a, b):
        if _identity(record) == _identity(twin):
            raise TdiError(f"The twin {twin.path} is the record {record.path} itself.", "Record another new machine.")
    for what, first, second in (
        ("platform", _platform(a), _platform(twin)),
        ("key", a.meta.get("key"), twin.meta.get("key")),
    ):
        if first and second and first != second:
            raise TdiError(
                f"{twin.path} is no twin of {a.path}: it is of another {what} ({_differing(first, second)}).",
                "Record another new machine that was made as the first one was.",
            )


def check_later(a: RecordFile, b: RecordFile, later: RecordFile) -> RecordFile:
    """Return the record, `a` or `b`, of the machine that `later` is of; raises TdiError where it is of neither."""
    for record in (a, b):
        if _identity(record)[:2] == _identity(later)[:2] and record.meta.get("recorded_at") != later.meta.get(
            "recorded_at"
        ):
            return record
    raise TdiError(
        f"{later.path} is no later record of {a.path} or {b.path}: it is of another machine, or one of these records.",
        "Record one of the two machines again, while nobody acts.",
    )


def _identity(record: RecordFile) -> tuple[Any, ...]:
    return tuple(record.meta.get(part) for part in _IDENTITY)


def _platform(record: RecordFile) -> dict[str, Any]:
    system = record.meta.get("os") or {}
    said = {"os": system.get("id"), "version": system.get("version_id"), "machine": record.meta.get("architecture")}
    return {name: value for name, value in said.items() if value}


def _differing(first: dict[str, Any], second: dict[str, Any]) -> str:
    names = sorted(name for name in {*first, *second} if first.get(name) != second.get(name))
    return "; ".join(
        f"{name.replace('_', ' ')}: {_short(first.get(name))}, {_short(second.get(name))}" for name in names
    )


def _short(value: Any) -> str:
    return str(value)[:20] if value else "none"
