"""Verdicts for patches: each is applied to a throw-away copy of HEAD, and goes through the scenarios there."""

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tdi.content.history import Before
from tdi.errors import ExitCode, TdiError
from tdi.molecule.pasts import DEFAULT
from tdi.outside import git
from tdi.outside.screen import out
from tdi.project import Project
from tdi.verdict import display, durations, page, run
from tdi.verdict.outcome import Class, Verdict


@dataclass(frozen=True)
class Expected:
    """What a kept change must get, and on which past it shows, for a trial that is to be quick."""

    kind: Class
    past: str = DEFAULT
    quick: bool = True
    """Whether it is one of those that are tried where time matters."""


def kept_changes(project: Project, *, quick: bool = False) -> dict[Path, Expected]:
    """The kept changes and what each must get, from changes/expected.yml; with `quick` but for those that are not.

    Raises TdiError where that file cannot be used, or where it and the patches beside it are not the same.
    """
    directory = project.root / "changes"
    file = directory / "expected.yml"
    try:
        rows = yaml.safe_load(file.read_text(encoding="utf-8"))
        expected = {directory / name: _expected(row) for name, row in rows.items()}
    except (OSError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise TdiError(
            f"{file} cannot be used: {error}.",
            "It says `patch: class` or `patch: {class: CLASS, past: PAST, quick: false}`, a line each.",
        ) from None
    odd = set(expected) ^ set(directory.glob("*/*.patch"))
    if odd:
        name = min(odd).relative_to(directory)
        raise TdiError(
            f"{name}: {file.name} and the patches beside it do not agree on this one.", "Add it, or remove it."
        )
    return {patch: each for patch, each in expected.items() if each.quick or not quick}


def _expected(row: Any) -> Expected:
    """What a row says. Raises ValueError or TypeError for one that says something else."""
    if not isinstance(row, dict):
        return Expected(Class(row))
    said = {"past": DEFAULT, "quick": True, **row}
    kinds = {"class": str, "past": str, "quick": bool}
    if set(said) != set(kinds) or not all(isinstance(said[key], kind) for key, kind in kinds.items()):
        raise ValueError(f"{row} is no class, and past")
    return Expected(Class(said["class"]), said["past"], said["quick"])


def try_all(
    project: Project,
    patches: Sequence[Path],
    expected: Mapping[Path, Expected],
    write: Callable[[Any], None],
    pasts: Sequence[str] = (),
) -> int:
    """Give each patch its verdict, print it, and hand all of them to `write` as one document.

    `pasts` are those that production comes from; without any, a kept change has the one on which it shows, and others
    those of the project. Returns the exit code: with `expected`, whether each patch got the class that it must get,
    otherwise the worst of the verdicts. Raises TdiError for a patch that is missing, empty or does not apply, before
    anything is run.
    """
    head = git.commit(project.root, "HEAD")
    if head is None or not git.top(project.root):
        raise TdiError(
            "`tdi try` needs the checkout's git history: a patch is against HEAD.", "Clone the project with git."
        )
    for patch in patches:
        with tempfile.TemporaryDirectory(prefix="tdi-try-") as directory:
            _patched_copy(project, head, patch, Path(directory))
    verdicts: dict[str, Verdict] = {}
    for patch, artifacts in zip(patches, _own_directories(project, patches), strict=True):
        if verdicts:
            out.print()
        asked = pasts or ([expected[patch].past] if patch in expected else ())
        verdicts[str(patch)] = try_one(project, patch, head, artifacts, asked)
        display.show(verdicts[str(patch)], artifacts, str(patch))
        if patch in expected:
            out.print(f"expected: {expected[patch].kind}")
    write({"schema": 1, "patches": {name: verdict.as_json() for name, verdict in verdicts.items()}})
    if expected:
        return _as_expected(verdicts, expected)
    return max((verdict.exit_code for verdict in verdicts.values()), default=ExitCode.HOLDS)


def _as_expected(verdicts: Mapping[str, Verdict], expected: Mapping[Path, Expected]) -> int:
    wrong = [(patch, verdicts[str(patch)]) for patch in expected if verdicts[str(patch)].kind != expected[patch].kind]
    for patch, verdict in wrong:
        out.print(f"{patch.name}: {verdict.kind}, but it must get {expected[patch].kind}", style="bold red")
    out.print(f"{len(expected) - len(wrong)} of {len(expected)} kept changes got the class that they must get")
    if any(verdict.kind is Class.COULD_NOT_RUN for _, verdict in wrong):
        return ExitCode.COULD_NOT_RUN
    return ExitCode.DOES_NOT_HOLD if wrong else ExitCode.HOLDS


def _own_directories(project: Project, patches: Sequence[Path]) -> list[Path]:
    """A directory for the results of each patch: artifacts/try/NAME, with a number where a name comes again."""
    seen: Counter[str] = Counter()
    directories = []
    for patch in patches:
        seen[patch.stem] += 1
        number = f"-{seen[patch.stem]}" if seen[patch.stem] > 1 else ""
        directories.append(project.artifacts / "try" / f"{patch.stem}{number}")
    return directories


def try_one(project: Project, patch: Path, head: str, artifacts: Path, pasts: Sequence[str] = ()) -> Verdict:
    """The verdict for one patch against `head`; its page, logs and records are kept in `artifacts`.

    `pasts` are those that production comes from (default: those of the project).
    """
    with tempfile.TemporaryDirectory(prefix="tdi-try-") as directory:
        copy = _patched_copy(project, head, patch, Path(directory))
        # The copy has no history: production is what HEAD deploys, and that is said.
        former = Before(head, "HEAD, which the patch is against", project.root)
        with display.Display(f"{patch.name}: ", durations.usual(project.artifacts)) as progress:
            verdict = run.run_verdict(Project(copy, artifacts), progress, former, asked=pasts)
    page.write(verdict, artifacts, str(patch))
    durations.keep(project.artifacts, verdict)
    return verdict


def _patched_copy(project: Project, head: str, patch: Path, directory: Path) -> Path:
    """The project in a copy of its repository below `directory`, with the patch applied there."""
    if not patch.is_file():
        raise TdiError(f"There is no patch {patch}.")
    if not patch.read_bytes().strip():
        raise TdiError(f"The patch {patch} is empty.", "Make one with: git diff > my.patch")
    top = git.top(project.root) or project.root
    copy = directory / top.name
    git.extract(top, head, ["."], copy)
    applied = git.apply(copy, patch.resolve())
    if applied.ok:
        return copy / git.prefix(project.root)
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
