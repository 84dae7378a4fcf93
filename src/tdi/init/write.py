"""Writes the files of a verdict into a project: whole or not at all, and nothing over what is there."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tdi.errors import TdiError
from tdi.init import files


class Deed(StrEnum):
    """What becomes of a file."""

    WRITE = "write"
    REPLACE = "replace"
    SAME = "same"
    KEEP = "keep"
    """It is there and says something else."""


@dataclass(frozen=True)
class Step:
    """One file, and what becomes of it."""

    path: Path
    deed: Deed
    text: str


def plan(root: Path, texts: Mapping[Path, str], *, force: bool) -> list[Step]:
    """What would become of each file. Raises TdiError where one cannot be read."""
    steps = []
    for path, text in texts.items():
        there = _read(root / path)
        if there is None:
            deed = Deed.WRITE
        elif there == text:
            deed = Deed.SAME
        else:
            deed = Deed.REPLACE if force else Deed.KEEP
        steps.append(Step(path, deed, text))
    steps.append(_ignored(root))
    return steps


def _ignored(root: Path) -> Step:
    path = Path(".gitignore")
    there = _read(root / path) or ""
    lines = {line.strip().strip("/") for line in there.splitlines()}
    missing = [line for line in files.IGNORED if line.strip("/") not in lines]
    if not missing:
        return Step(path, Deed.SAME, there)
    text = there + ("" if not there or there.endswith("\n") else "\n") + "".join(f"{line}\n" for line in missing)
    return Step(path, Deed.REPLACE if there else Deed.WRITE, text)


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise TdiError(f"{file} cannot be read: {error}.", "Move it away.") from None


def perform(root: Path, steps: list[Step]) -> None:
    """Write what is to be written. Raises TdiError where that cannot be; then nothing of it stays."""
    todo = [step for step in steps if step.deed in {Deed.WRITE, Deed.REPLACE}]
    made: list[Path] = []
    waiting: list[tuple[Path, Path]] = []
    try:
        for step in todo:
            final = root / step.path
            made += _make_directories(final.parent)
            temporary = final.with_name(f".{final.name}.tdi-init")
            waiting.append((temporary, final))
            temporary.write_text(step.text, encoding="utf-8")
        for temporary, final in waiting:
            temporary.replace(final)
    except OSError as error:
        for temporary, _ in waiting:
            temporary.unlink(missing_ok=True) if os.access(temporary.parent, os.W_OK) else None
        for directory in reversed(made):
            directory.rmdir()
        raise TdiError(
            f"{error.filename or root} cannot be written: {error.strerror}. Nothing was.",
            "Make the project writable for this user.",
        ) from None


def _make_directories(directory: Path) -> list[Path]:
    """Make a directory and those above it, and return those that were not there."""
    missing = [each for each in (directory, *directory.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
    return list(reversed(missing))
