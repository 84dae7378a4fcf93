"""Files that are written whole or not at all."""

import os
import tempfile
from pathlib import Path

from tdi.errors import TdiError


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
        path.parent.mkdir(parents=True, exist_ok=True)
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
