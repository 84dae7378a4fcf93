"""Pairs two records: what is equal is passed over without being parsed."""

import json
from collections.abc import Iterator

from tdi.state.record import DAMAGE, DamagedRecordError, RecordFile, split


class Pairs:
    """The objects of one scope in two records that are not equal, in the order of their keys.

    Iterating yields (key, attributes in a, attributes in b) as JSON text, None where a side lacks the object.
    `compared` is the number of keys seen so far, equal ones included: complete when the iteration is.
    """

    def __init__(self, a: RecordFile, b: RecordFile, scope: str) -> None:
        """Pair `scope` of two different opened records."""
        self.a = a
        self.b = b
        self.scope = scope
        self.compared = 0

    def __iter__(self) -> Iterator[tuple[str, str | None, str | None]]:
        """Walk both records side by side; equal lines are never parsed."""
        a, b = _Side(self.a, self.scope), _Side(self.b, self.scope)
        while a.line is not None or b.line is not None:
            self.compared += 1
            if a.line == b.line:
                a.advance()
                b.advance()
                continue
            (key_a, raw_a), (key_b, raw_b) = a.split(), b.split()
            if key_b is None or (key_a is not None and key_a < key_b):
                yield key_a or "", raw_a, None
                a.advance()
            elif key_a is None or key_b < key_a:
                yield key_b, None, raw_b
                b.advance()
            else:
                # A file that was edited by hand may write an equal value in another way.
                if raw_a is None or raw_b is None or json.loads(raw_a) != json.loads(raw_b):
                    yield key_a, raw_a, raw_b
                a.advance()
                b.advance()


class _Side:
    """A scope of one record, line by line; what is parsed of it must be in order, for pairing relies on that."""

    def __init__(self, record: RecordFile, scope: str) -> None:
        self._record = record
        self._scope = scope
        self._lines = record.lines(scope)
        self._before: bytes | None = None
        self._parsed: tuple[str | None, str | None] | None = None
        self.line = next(self._lines, None)

    def advance(self) -> None:
        """Go on to the next line."""
        self._before, self._parsed = self.line, None
        self.line = next(self._lines, None)

    def split(self) -> tuple[str | None, str | None]:
        """Key and attributes of the line, None for both at the end; raises TdiError for a damaged one."""
        if self._parsed is None:
            try:
                self._parsed = _split(self.line)
                before = _split(self._before)[0]
            except DAMAGE:
                raise DamagedRecordError(self._record.path, f"a line of {self._scope} is not an object") from None
            key = self._parsed[0]
            if before is not None and key is not None and key <= before:
                raise DamagedRecordError(self._record.path, f"{self._scope} is not in order")
        return self._parsed


def _split(line: bytes | None) -> tuple[str | None, str | None]:
    """Key and attributes of an object line, None for both at the end of a scope."""
    if line is None:
        return None, None
    key, end = split(line)
    return key, line[end:].decode("ascii")


def pairs(a: RecordFile, b: RecordFile, scope: str) -> Pairs:
    """Return the unequal objects of `scope` in two records, as an iterable that also counts what it compared."""
    return Pairs(a, b, scope)
