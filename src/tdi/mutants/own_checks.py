"""Checks of the project's own that need no machine, such as a linter or tests of wrong input: `mutants.yml` names them.

They stand beside the scenarios. What a verdict never gives a role, as wrong input, only they can notice.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from tdi.errors import TdiError
from tdi.outside import process
from tdi.project import Project

NAME = "mutants.yml"

_REMEDY = "It says `own_checks:`, a list of {run: COMMAND, files: [PATTERN, …]}."


@dataclass(frozen=True)
class Check:
    """A command line, and the files whose mutants it may notice: patterns of paths from the project's root."""

    run: str
    files: tuple[str, ...] = ("*",)

    def is_of(self, path: str) -> bool:
        """Whether it may notice a mutant of this file."""
        return any(fnmatchcase(path, pattern) for pattern in self.files)


def declared(project: Project) -> list[Check]:
    """The checks of a project, none where it has no such file. Raises TdiError for what cannot be used."""
    file = project.settings_file(NAME)
    if not file.is_file():
        return []
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
        return _read(said)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError, TypeError) as error:
        raise TdiError(f"{file} cannot be used: {' '.join(str(error).split())}.", _REMEDY) from None


def _read(said: object) -> list[Check]:
    """What a file says. Raises ValueError or TypeError where it says something else."""
    if not isinstance(said, dict) or set(said) != {"own_checks"}:
        raise ValueError("it says something else")
    return [_check(entry) for entry in said["own_checks"]]


def _check(entry: object) -> Check:
    if not isinstance(entry, dict) or not {"run"} <= set(entry) <= {"run", "files"}:
        raise ValueError(f"{entry} is no check")
    files = entry.get("files", ["*"])
    if not isinstance(entry["run"], str) or not isinstance(files, list):
        raise TypeError(f"{entry} is no check")
    return Check(entry["run"], tuple(map(str, files)))


def failed(checks: Sequence[Check], root: Path, seconds: float) -> str:
    """Run checks in the tree at `root` until one fails, and return what it said; nothing where all hold.

    Raises TdiError where one takes longer than `seconds`.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TDI_")}
    for check in checks:
        command = ["/bin/sh", "-c", check.run]
        with tempfile.TemporaryDirectory(prefix="tdi-check-", ignore_cleanup_errors=True) as temporary:
            variables = {**environment, "PATH": path, "TMPDIR": temporary}
            done = process.run(command, check=False, cwd=root, env=variables, timeout=seconds)
        if not done.ok:
            said = process.first_line("\n".join(reversed((done.stdout or done.stderr).splitlines())))
            return f"`{check.run}` failed: {said or f'exit code {done.code}'}"
    return ""
