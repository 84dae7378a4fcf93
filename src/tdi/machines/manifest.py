"""The manifest of a run: what each of its processes has to know, in one file that TDI_MANIFEST names.

Where there is none, as in plain Molecule, the checkout says where things are, and containers say what they are.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tdi.machines.machine import Machine, Part
from tdi.outside.files import make_directory

_VARIABLE = "TDI_MANIFEST"


@dataclass(frozen=True)
class Manifest:
    """What the processes of a run have to know."""

    root: Path
    """The tree under test."""
    artifacts: Path
    """Where results are kept."""
    records: Path
    """Where the records of this run are while it lasts."""
    machines: tuple[Machine, ...] = ()
    copy_of: Path | None = None
    copy_at: str | None = None
    """The repository and the commit that `root` is a throw-away copy of: the copy has no history."""
    twin: Path | None = None
    """The record of a twin to go by, in place of one of this very tree: what may vary is decided by another tree."""

    def machine(self, name: str) -> Machine | None:
        """The machine of the run whose container is called `name`."""
        return next((each for each in self.machines if each.name == name), None)


@contextmanager
def in_force(manifest: Manifest, directory: Path) -> Iterator[None]:
    """Let this process and every one below it go by `manifest`, which is written below `directory`."""
    make_directory(manifest.records)
    file = directory / "manifest.json"
    file.write_text(json.dumps(asdict(manifest), default=str), encoding="utf-8")
    former = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = str(file)
    try:
        yield
    finally:
        if former is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = former


def current() -> Manifest | None:
    """The manifest that this process goes by, or None where it belongs to no run that has one."""
    file = os.environ.get(_VARIABLE)
    if not file:
        return None
    said: dict[str, Any] = json.loads(Path(file).read_text(encoding="utf-8"))
    return Manifest(
        root=Path(said["root"]),
        artifacts=Path(said["artifacts"]),
        records=Path(said["records"]),
        machines=tuple(Machine(**{**each, "part": Part(each["part"])}) for each in said["machines"]),
        copy_of=Path(said["copy_of"]) if said["copy_of"] else None,
        copy_at=said["copy_at"],
        twin=Path(said["twin"]) if said["twin"] else None,
    )
