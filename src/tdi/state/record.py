"""Records on disk: read and write them as a stream.

The canonical layout has one object per line (see `record.schema.json` for the content). A file in another layout is
brought into that layout first, so that everything behind this module sees one kind of record.
"""

import contextlib
import gzip
import json
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Self

from tdi.collector.layout import META, SCHEMA, meta_line, object_line, write_layout
from tdi.errors import TdiError
from tdi.outside.files import make_directory

TEXTS = (r"^/etc/(hostname|hosts|mailname)$",)
"""Files that hold the machine's name on each server: their text is recorded, for a hash tells nothing about it."""

AGAIN = "Record the machine again."
GZIP_MAGIC = b"\x1f\x8b"
# Decompressed and re-written records up to this size stay in memory; most records are a few MB.
IN_MEMORY = 64 * 1024 * 1024
# Far beyond any machine: ten million objects. A machine that writes without end stops here, and so does a file that
# was compressed to do harm.
BYTES = 4 * 1024**3
# What is not laid out line by line is read as a whole.
WHOLE = 512 * 1024**2
_decoder = json.JSONDecoder()

# What comes of reading a part of a record as something that it is not.
DAMAGE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


class DamagedRecordError(TdiError):
    """A file was a record once, or claims to be one."""

    def __init__(self, path: Path, where: str = "") -> None:
        """Name the record, and where it is damaged if that is known."""
        self.path = path
        self.where = where
        super().__init__(f"The record {path} is truncated or damaged{where and f': {where}'}.", AGAIN)


class ScopeStatus(StrEnum):
    """Whether a scope was collected."""

    OK = "ok"
    PARTIAL = "partial"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class ScopeHeader:
    """What a record says of a scope besides its objects."""

    status: ScopeStatus = ScopeStatus.OK
    reason: str | None = None


@dataclass(frozen=True)
class _Place:
    """Where the objects of a scope are in the file."""

    begin: int
    count: int


class RecordFile:
    """An opened record: its head, and its objects as a stream. Use it in a `with` block, or call `close`."""

    def __init__(self, path: Path) -> None:
        """Open `path` and check that it is a whole record; raises TdiError if it is not."""
        self.path = path
        self._file = _open_canonical(path)
        try:
            self.schema: int = SCHEMA
            self.meta: dict[str, Any] = {}
            self.scopes: dict[str, ScopeHeader] = {}
            self.counts: dict[str, int] = {}
            self._places: dict[str, _Place] = {}
            self._reader: object = None
            self._scan()
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a record; the same as calling the class."""
        return cls(path)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        """Return the record itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def objects(self, scope: str) -> Iterator[tuple[str, str]]:
        """Yield (key, attributes as JSON text) of a scope in the order of the keys; nothing for a scope not there.

        Each iteration has its own position: several may run on one opened record.
        """
        for line in self.lines(scope):
            key, end = split(line)
            yield key, line[end:].decode("ascii")

    def lines(self, scope: str) -> Iterator[bytes]:
        """Yield the raw lines of a scope's objects, without the comma and the end of the line."""
        place = self._places.get(scope)
        if place is None:
            return
        at = place.begin
        token = object()
        for _ in range(place.count):
            if self._reader is not token:
                # Another iteration has moved the position of the file meanwhile.
                self._file.seek(at)
                self._reader = token
            line = self._file.readline()
            at += len(line)
            yield line.rstrip(b",\n")

    def _scan(self) -> None:
        """Read the head, find the scopes, and hold the number of objects against what the end says."""
        file = self._file
        file.seek(0)
        try:
            head = file.readline()
            meta = file.readline()
            begin = file.readline()
            self.meta = _member(meta, META)
            if begin != b'"scopes": {\n':
                raise ValueError
            at = len(head) + len(meta) + len(begin)
            line = file.readline()
            at += len(line)
            while line != b"},\n":
                name, header = _scope_header(line)
                begin_of_objects = at
                count = 0
                for line in file:
                    at += len(line)
                    # An object line begins with the quote of its key.
                    if line[0] != ord('"'):
                        break
                    count += 1
                if line not in (b"}},\n", b"}}\n"):
                    raise ValueError
                self.scopes[name] = header
                self._places[name] = _Place(begin_of_objects, count)
                self.counts[name] = count
                line = file.readline()
                at += len(line)
            last = file.readline()
            if not last.endswith(b"}}}\n") or file.read(1):
                raise ValueError
            if _member(last[:-2] + b"\n", b'"end": ') != {"objects": self.counts}:
                raise ValueError
        except DAMAGE:
            raise DamagedRecordError(self.path) from None


def _member(line: bytes, prefix: bytes) -> dict[str, Any]:
    """The JSON object on a line that begins with `prefix`; ValueError for another line."""
    if not line.startswith(prefix) or not line.endswith(b"\n"):
        raise ValueError
    value = json.loads(line[len(prefix) :].rstrip(b",\n"))
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - the caller makes one message of it
    return value


def extended_meta(line: bytes, extra: Mapping[str, Any]) -> bytes:
    """The meta line of a record with `extra` in it; ValueError for another line."""
    return meta_line({**_member(line, META), **extra})


def _scope_header(line: bytes) -> tuple[str, ScopeHeader]:
    """Name and header of a scope from the line on which it begins; ValueError for another line."""
    if not line.endswith(b'"objects": {\n'):
        raise ValueError
    value = json.loads(b"{" + line.rstrip(b"\n") + b"}}}")
    [(name, fields)] = value.items()
    return name, ScopeHeader(ScopeStatus(fields["status"]), fields["reason"])


def split(line: bytes) -> tuple[str, int]:
    """The key of an object line, and where its attributes begin."""
    text = line.decode("ascii")
    key, end = _decoder.raw_decode(text)
    return key, end + 2


def _open_canonical(path: Path) -> IO[bytes]:
    """Open a record for reading, decompressed and in the canonical layout."""
    file = _open_plain(path)
    try:
        head = file.readline(1 << 16)
        if head == b'{"schema": %d,\n' % SCHEMA and file.read(len(META)) == META:
            return file
        file.seek(0)
        data = _load(path, file)
    except BaseException:
        file.close()
        raise
    file.close()
    rewritten: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the caller closes it
    _rewrite(path, data, rewritten)
    return rewritten


def _open_plain(path: Path) -> IO[bytes]:
    """Open a record file, decompressed if it is compressed."""
    try:
        # A fifo would keep us waiting until somebody writes to it.
        if path.exists() and not path.is_file():
            raise TdiError(f"The record {path} cannot be read: it is not a file.", "Name a file.")
        file = path.open("rb")
    except FileNotFoundError:
        raise TdiError(f"There is no record {path}.", "Make one with `tdi state record TARGET -o FILE`.") from None
    except OSError as error:
        raise TdiError(f"The record {path} cannot be read: {error.strerror}.") from error
    try:
        magic = file.read(2)
    except OSError as error:  # a directory, for one
        file.close()
        raise TdiError(f"The record {path} cannot be read: {error.strerror}.") from error
    file.seek(0)
    if magic != GZIP_MAGIC:
        return file
    plain: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the caller closes it
    try:
        with file, gzip.GzipFile(fileobj=file) as compressed:
            while block := compressed.read(1 << 20):
                plain.write(block)
                if plain.tell() > BYTES:
                    raise EOFError  # noqa: TRY301 - see BYTES
    except (EOFError, OSError, zlib.error):
        plain.close()
        raise DamagedRecordError(path) from None
    plain.seek(0)
    return plain


def _load(path: Path, file: IO[bytes]) -> dict[str, Any]:
    """Read a record that is not in the canonical layout as a whole, and check that it is one."""
    content = file.read(WHOLE + 1)
    if len(content) > WHOLE:
        raise TdiError(f"{path} is not a record: it is not laid out as one, and too large to be another JSON.")
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        if content.lstrip().startswith(b'{"schema"'):
            raise DamagedRecordError(path) from None
        raise TdiError(f"{path} is not a record: it is not JSON.") from None
    if not isinstance(data, dict) or not isinstance(data.get("schema"), int):
        raise TdiError(f"{path} is JSON, but not a record.")
    if data["schema"] > SCHEMA:
        raise TdiError(
            f"The record {path} has schema {data['schema']}; this tdi reads schema {SCHEMA}.", "Use a newer tdi."
        )
    if data["schema"] != SCHEMA or not isinstance(data.get("scopes"), dict) or not isinstance(data.get("meta"), dict):
        raise TdiError(f"{path} is JSON, but not a record.")
    if "end" not in data:
        raise DamagedRecordError(path)
    return data


def _rewrite(path: Path, data: dict[str, Any], output: IO[bytes]) -> None:
    """Write a record that was read as a whole in the canonical layout."""
    try:
        scopes = {
            name: (ScopeHeader(ScopeStatus(scope["status"]), scope.get("reason")), sorted(scope["objects"].items()))
            for name, scope in data["scopes"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        raise TdiError(f"{path} is JSON, but not a record.") from None
    if data["end"] != {"objects": {name: len(objects) for name, (_, objects) in scopes.items()}}:
        raise DamagedRecordError(path)
    _write(output, data["meta"], scopes)


def read_meta(path: Path) -> dict[str, Any]:
    """Return the `meta` part of a record without reading the rest of a plain one; raises TdiError."""
    with _open_canonical(path) as file:
        file.seek(0)
        file.readline()
        try:
            return _member(file.readline(), META)
        except ValueError:
            raise DamagedRecordError(path) from None


def not_walked(record: RecordFile) -> dict[str, str]:
    """The directories whose contents are not in a record → why, for a sentence."""
    storage: Mapping[str, str] = record.meta.get("not_walked") or {}
    found = {path: f"storage of {engine}; --include {path} walks it" for path, engine in storage.items()}
    return dict(sorted({**found, **dict.fromkeys(excluded(record), EXCLUDED)}.items()))


def excluded(record: RecordFile) -> list[str]:
    """The directories that are not in a record because the caller did not want them."""
    return list(record.meta.get("excluded") or ())


EXCLUDED = "--exclude"
"""Why a directory that the caller did not want is not in a record."""

Scopes = Mapping[str, tuple[ScopeHeader, Iterable[tuple[str, Mapping[str, Any]]]]]


def write_record(path: Path, meta: Mapping[str, Any], scopes: Scopes) -> None:
    """Write a record in the canonical layout; objects come as (key, attributes) sorted by key.

    A name that ends in `.gz` is compressed. The file appears only when it is complete. Raises TdiError if it cannot
    be written, ValueError for objects that are not sorted.
    """
    with atomic_output(path) as output:
        _write(output, meta, scopes)


def _write(output: IO[bytes], meta: Mapping[str, Any], scopes: Scopes) -> None:
    lines = {
        name: (str(header.status), header.reason, _lines(name, objects)) for name, (header, objects) in scopes.items()
    }
    write_layout(output, meta, lines)


def _lines(scope: str, objects: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[bytes]:
    last = None
    for key, attributes in objects:
        if last is not None and key <= last:
            raise ValueError(f"{scope}: {key!r} is not in order")
        yield object_line(key, attributes).encode("ascii")
        last = key


_OTHER_COMPRESSION = (".zst", ".xz", ".bz2", ".lz4", ".zip")
"""Who names a file so expects what is not done; the record could not be read by what reads such files."""


@contextlib.contextmanager
def atomic_output(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write to that becomes `path` when the block ends well, and is removed when it does not.

    A name that ends in `.gz` is compressed. Its owner alone may read it (mkstemp sees to that), whatever the umask: it
    lists accounts, keys and open doors of a server. Raises TdiError if the file cannot be written.
    """
    if path.suffix in _OTHER_COMPRESSION or str(path) == "-":
        raise TdiError(f"A record cannot be written as {path}.", "Name a file that ends in .json, or .json.gz.")
    if path.exists() and not path.is_file():
        raise TdiError(f"The record {path} cannot be written: it is not a file.", "Name a file.")
    try:
        make_directory(path.parent)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise TdiError(f"The record {path} cannot be written: {error.strerror}.") from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as plain:
            if path.suffix == ".gz":
                # No name and no time in the header: equal records are equal files.
                with gzip.GzipFile("", "wb", 6, plain, mtime=0) as compressed:
                    yield compressed  # type: ignore[misc]  # GzipFile is a binary file in all but its type
            else:
                yield plain
        temporary.replace(path)
    except OSError as error:
        raise TdiError(f"The record {path} cannot be written: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)
