"""The checkout that is worked on: where its parts are, and fingerprints of what goes into a machine."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tdi import settings
from tdi.errors import TdiError
from tdi.outside.files import make_directory


@dataclass(frozen=True)
class Project:
    """A checkout, by its root directory; `artifacts` is where results of a run are kept."""

    root: Path
    artifacts: Path

    @classmethod
    def find(cls, start: Path | None = None) -> "Project":
        """The checkout that holds `start` (the working directory). Raises TdiError outside of one."""
        here = (start or Path.cwd()).resolve()
        for directory in (here, *here.parents):
            if (directory / "molecule" / "shared" / "platforms.yml").is_file():
                return cls(directory, (settings.artifacts() or directory / "artifacts").absolute())
        raise TdiError(f"{here} is not inside a checkout of the project.", "Change into one, or clone it first.")

    @property
    def roles(self) -> Path:
        """The roles under test."""
        return self.root / "roles"

    @property
    def shared(self) -> Path:
        """What the scenarios share: the table of platforms, the Dockerfile, the playbooks."""
        return self.root / "molecule" / "shared"

    @property
    def verifier(self) -> Path:
        """The Testinfra tests, and the rules of the comparison beside them."""
        return self.root / "molecule" / "verifier"

    @property
    def records(self) -> Path:
        """Where the records of machines are kept between steps and runs."""
        return self.artifacts / "records"

    def scenario(self, name: str) -> Path:
        """The directory of a Molecule scenario."""
        return self.root / "molecule" / name

    def prepare_artifacts(self) -> None:
        """Create the directory for results. Raises TdiError where it cannot be written."""
        try:
            make_directory(self.records)
            with tempfile.TemporaryFile(dir=self.artifacts):
                pass
        except OSError as error:
            raise TdiError(
                f"Results cannot be written to {self.artifacts}: {error.strerror}.",
                "Make the directory writable, or name another one in TDI_ARTIFACTS.",
            ) from None


def fingerprint(paths: Iterable[Path]) -> str:
    """A hash of files and of all files below directories: their relative names, modes and contents.

    Byte code is left out, for it comes and goes with the tools that ran. The order of `paths` counts.
    """
    digest = hashlib.sha256()
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            missing = not file.exists() and not file.is_symlink()
            if missing or "__pycache__" in file.parts or (file.is_dir() and not file.is_symlink()):
                continue
            content = str(file.readlink()).encode() if file.is_symlink() else file.read_bytes()
            name = file.relative_to(path.parent).as_posix()
            executable = bool(file.lstat().st_mode & 0o100)
            digest.update(f"{name}\0{executable}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()[:32]


@contextmanager
def kept(temporary: Path, final: Path) -> Iterator[None]:
    """Keep what is written to `temporary` in `final` at the end, in place of what was there; runs never mix."""
    make_directory(temporary)
    try:
        yield
    finally:
        shutil.rmtree(final, ignore_errors=True)
        shutil.copytree(temporary, final, dirs_exist_ok=True)
