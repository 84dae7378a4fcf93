"""The canonical layout of a record, by which both sides write it: its head, then a line for each object, by its key."""

from __future__ import annotations

from itertools import islice

from tdi.collector.encoding import encode, encode_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import IO, Any

SCHEMA = 1

META = b'"meta": '
"""What the meta line begins with, the second one of a record."""


def meta_line(meta: Mapping[str, Any]) -> bytes:
    """The line of a record that says what it is of."""
    return META + encode(dict(meta)).encode("ascii") + b",\n"


def object_line(key: str, attributes: Mapping[str, Any]) -> str:
    """The line of an object, without its end."""
    return encode_key(key) + ": " + encode(attributes)


def write_layout(
    output: IO[bytes],
    meta: Mapping[str, Any],
    scopes: Mapping[str, tuple[str, str | None, Iterable[bytes]]],
) -> None:
    """Write a record: of each scope its status, the reason for it, and the lines of its objects in order."""
    write = output.write
    write(b'{"schema": %d,\n%s"scopes": {\n' % (SCHEMA, meta_line(meta)))
    counts = {}
    for number, name in enumerate(sorted(scopes)):
        status, reason, lines = scopes[name]
        begin = '%s: {"status": "%s", "reason": %s, "objects": {\n' % (encode_key(name), status, encode(reason))
        write((b",\n" if number else b"") + begin.encode("ascii"))
        count = 0
        left = iter(lines)
        # By the thousand: the whole scope as one piece would take its memory once more.
        part = list(islice(left, 1000))
        while part:
            write((b",\n" if count else b"") + b",\n".join(part))
            count += len(part)
            part = list(islice(left, 1000))
        write(b"\n}}" if count else b"}}")
        counts[name] = count
    write(b'\n},\n"end": {"objects": ' + encode(counts).encode("ascii") + b"}}\n")
