"""Files that are written whole or not at all, and read by their owner alone: they say something of a server."""

import os
import tempfile
from pathlib import Path

from tdi.errors import TdiError


def make_directory(path: Path) -> None:
    """Make a directory, and those above it that are missing; a directory that is there stays as it is. Raises OSError.

    What is made is its owner's alone, whatever the umask, as the records and reports are that will be in it.
    """
    for missing in [each for each in reversed(path.parents) if not each.exists()]:
        missing.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)


def by_owner_alone(path: str, flags: int) -> int:
    """Open a file for `open`, whose `opener` this is; where it is made, its owner alone may read it."""
    return os.open(path, flags, 0o600)


def write_atomically(path: Path, text: str) -> None:
    """Write a file whole or not at all: readers beside us never see half of it. Raises TdiError where it cannot be.

    Its owner alone may read it, whatever the umask and whatever was there before: reports list accounts, schedules and
    open doors of a server.
    """
    try:
        if path.exists() and not path.is_file():
            # A device or a pipe is written to: a file in its place would be no use to anybody.
            path.write_text(text, encoding="utf-8")
            return
        make_directory(path.parent)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
                handle.write(text)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise TdiError(
            f"{path} cannot be written: {error.strerror}.", "Check its directory and the free space."
        ) from None
