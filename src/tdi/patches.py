"""Verdicts for patches: each is applied to a throw-away copy of HEAD, and goes through the scenarios there."""

import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tdi import display, git, production, verdict_run
from tdi.errors import ExitCode, TdiError
from tdi.project import Project
from tdi.verdict import Verdict


def try_all(project: Project, patches: Sequence[Path], write: Callable[[Any], None]) -> int:
    """Give each patch its verdict, print it, and hand all of them to `write` as one document.

    Returns the exit code: the worst of the verdicts. Raises TdiError for a patch that is missing, empty or does not
    apply, before anything is run.
    """
    head = git.commit(project.root, "HEAD")
    if head is None or not git.is_checkout(project.root):
        raise TdiError(
            "`tdi try` needs the checkout's git history: a patch is against HEAD.", "Clone the project with git."
        )
    for patch in patches:
        with tempfile.TemporaryDirectory(prefix="tdi-try-") as directory:
            _patched_copy(project, head, patch, Path(directory))
    verdicts: dict[str, Verdict] = {}
    for patch in patches:
        verdicts[str(patch)] = try_one(project, patch, head)
        display.show(verdicts[str(patch)], project.artifacts / "try" / patch.stem, str(patch))
    write({"schema": 1, "patches": {name: verdict.as_json() for name, verdict in verdicts.items()}})
    return max((verdict.exit_code for verdict in verdicts.values()), default=ExitCode.HOLDS)


def try_one(project: Project, patch: Path, head: str) -> Verdict:
    """The verdict for one patch against `head`; its logs and records are kept in artifacts/try/NAME."""
    with tempfile.TemporaryDirectory(prefix="tdi-try-") as directory:
        copy = Path(directory) / "checkout"
        copy.mkdir()
        _patched_copy(project, head, patch, copy)
        # The copy has no history: production is what HEAD deploys, and that is said.
        former = production.Before(head, "HEAD, which the patch is against", project.root)
        with display.Display(f"{patch.name}: ") as progress:
            return verdict_run.run_verdict(Project(copy, project.artifacts / "try" / patch.stem), progress, former)


def _patched_copy(project: Project, head: str, patch: Path, copy: Path) -> None:
    if not patch.is_file():
        raise TdiError(f"There is no patch {patch}.")
    if not patch.read_bytes().strip():
        raise TdiError(f"The patch {patch} is empty.", "Make one with: git diff > my.patch")
    git.extract(project.root, head, ["."], copy)
    applied = git.apply(copy, patch.resolve())
    if applied.ok:
        return
    said = applied.stderr
    hunk = re.search(r"^error: patch failed: (.+)$", said, re.MULTILINE)
    missing = re.search(
        r"^error: (.+: (?:No such file or directory|already exists in working directory))$", said, re.MULTILINE
    )
    if hunk:
        what = f"the hunk at {hunk.group(1)} does not match"
    elif missing:
        what = missing.group(1)
    else:
        errors = [line for line in said.splitlines() if line.startswith("error:")]
        what = errors[0].removeprefix("error: ") if errors else applied.last_line
    raise TdiError(f"The patch {patch} does not apply to HEAD ({head[:7]}): {what}.", "Make it anew against HEAD.")
