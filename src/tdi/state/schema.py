"""The JSON Schema of a record (`record.schema.json`), and which record does not fit it."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from tdi.state.record import DAMAGE, DamagedRecordError, RecordFile, split


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of a record."""
    text = resources.files("tdi.state").joinpath("record.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def validate(path: Path) -> list[str]:
    """Hold a record against the JSON Schema object by object; return what does not fit, nothing if all does.

    Raises TdiError for a file that is no whole record.
    """
    return list(_problems(path))


def _problems(path: Path, *, whole_meta: bool = True) -> Iterator[str]:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 (recording a machine needs the schema, and not this)

    whole = schema()
    meta = {name: part for name, part in whole["properties"]["meta"].items() if whole_meta or name != "required"}
    definitions = whole["$defs"]

    def check(part: Mapping[str, Any], value: Any, where: str) -> Iterator[str]:
        validator = Draft202012Validator({**part, "$defs": definitions})
        return (f"{where}: {error.message[:300]}" for error in validator.iter_errors(value))

    with RecordFile(path) as record:
        yield from check(meta, record.meta, "meta")
        scopes = whole["properties"]["scopes"]["properties"]
        for name in record.scopes:
            if name not in scopes:
                yield f"{name}: the schema knows no such scope"
                continue
            objects = Draft202012Validator({**scopes[name]["properties"]["objects"], "$defs": definitions})
            last: str | None = None
            for line in record.lines(name):
                try:
                    key, end = split(line)
                    value = json.loads(line[end:])
                except DAMAGE:
                    yield f"{name}: {line[:100].decode('utf-8', 'replace')!r}… is not an object"
                    continue
                if last is not None and key <= last:
                    yield f"{name} {key!r}: not in order"
                last = key
                for error in objects.iter_errors({key: value}):
                    yield f"{name} {key!r}: {error.message[:300]}"


@contextlib.contextmanager
def blaming(*paths: Path) -> Iterator[None]:
    """Say which record is damaged where working with them fails for what is in one of them.

    Holding each object against the schema takes a hundred times as long as comparing them, so it is done only where
    something went wrong. An error that no record explains is a mistake of ours, and stays as it is.
    """
    try:
        yield
    except DAMAGE:
        for path in paths:
            # The most common state of a fleet has little to say of itself.
            problem = next(_problems(path, whole_meta=False), None)
            if problem:
                raise DamagedRecordError(path, problem[:500]) from None
        raise
