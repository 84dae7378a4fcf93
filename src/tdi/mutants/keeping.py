"""The results of mutants, kept as they come: a file of JSON lines, of which the first says what they are of."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from tdi.errors import TdiError
from tdi.mutants.results import MutantResult, Results, Status
from tdi.outside.files import by_owner_alone, make_directory

SCHEMA = 1
"""The version of results.jsonl."""

NAME = "results.jsonl"
_OF = ("revision", "tree", "platform", "full", "made")
"""What the first line says of all results."""


class Keeper:
    """Adds results to a file; each is on the disk before the next is begun."""

    def __init__(self, handle: IO[str], known: dict[str, MutantResult]) -> None:
        self._handle = handle
        self.known = known
        """What is known by now, by the id of the mutant."""

    def add(self, result: MutantResult) -> None:
        """Keep a result. Raises TdiError where it cannot be written."""
        self.known[result.id] = result
        try:
            self._handle.write(json.dumps(result.as_json()) + "\n")
            self._handle.flush()
            os.fsync(self._handle.fileno())
        except OSError as error:
            raise TdiError(
                f"Results cannot be kept: {error.strerror}.", "Free space, then go on: tdi mutants --resume"
            ) from None


@contextmanager
def keeper(directory: Path, of: Results, shard: tuple[int, int], *, resume: bool) -> Iterator[Keeper]:
    """A keeper of results in `directory`; with `resume` it knows those that are there, but for what could not be run.

    Raises TdiError where those are of another tree, or were made in another way.
    """
    file = directory / NAME
    known: dict[str, MutantResult] = {}
    if resume and file.exists():
        found = read(file)
        odd = [name for name in _OF if getattr(found, name) != getattr(of, name)]
        if odd:
            there, here = getattr(found, odd[0]), getattr(of, odd[0])
            raise TdiError(
                f"The results in {file} are of another {odd[0]}: {there!r}, not {here!r}.",
                "Leave --resume out to begin anew.",
            )
        known = {each.id: each for each in found.mutants if each.status is not Status.COULD_NOT_RUN}
    make_directory(directory)
    first = {"schema": SCHEMA, **{name: getattr(of, name) for name in _OF}, "shard": shard, "sources": of.sources}
    temporary = file.with_suffix(".new")
    with open(temporary, "w", encoding="utf-8", opener=by_owner_alone) as handle:
        handle.writelines(json.dumps(line) + "\n" for line in (first, *(each.as_json() for each in known.values())))
        handle.flush()
        temporary.replace(file)
        yield Keeper(handle, known)


def read(file: Path) -> Results:
    """What a file of results says. A last line that was cut off is left out. Raises TdiError for anything else."""
    try:
        first, *rest = file.read_text(encoding="utf-8").splitlines(keepends=True)
        said = json.loads(first)
        if said["schema"] != SCHEMA:
            raise TdiError(f"{file} is of another version of tdi (schema {said['schema']}).", "Make it anew.")
        found = Results(**{name: said[name] for name in _OF}, sources=said["sources"])
        results = [MutantResult.from_json(json.loads(line)) for line in rest if line.endswith("\n")]
    except OSError as error:
        raise TdiError(f"{file} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise TdiError(f"{file} has no results of mutants.", "Name a results.jsonl that `tdi mutants` wrote.") from None
    # A later line on a mutant is the newer one.
    return replace(found, mutants=tuple({each.id: each for each in results}.values()))


def shard_of(file: Path) -> tuple[int, int]:
    """Which shard of how many a file of results is of. Raises TdiError where it says nothing of it."""
    try:
        with file.open(encoding="utf-8") as handle:
            said: Any = json.loads(handle.readline())["shard"]
        return int(said[0]), int(said[1])
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        raise TdiError(f"{file} has no results of mutants.", "Name a results.jsonl that `tdi mutants` wrote.") from None
