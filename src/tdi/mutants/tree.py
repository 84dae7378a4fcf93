"""A throw-away copy of the tree under test, in which one file after the other is mutated and put right again."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tdi.content.history import Before
from tdi.errors import TdiError
from tdi.mutants.mutant import Mutant
from tdi.outside import git
from tdi.project import Project

SHARED = ("baselines", "bases", "requirements", "twins")
"""What a project keeps among its results that holds for its mutants as well, and is dear to make."""


@dataclass(frozen=True)
class Tree:
    """The copy, with results of its own, and what production is provisioned with: the role that is deployed."""

    project: Project
    before: Before

    @contextmanager
    def mutated(self, mutant: Mutant) -> Iterator[None]:
        """The copy with a mutant in it, for the length of a `with` block."""
        file = self.project.root / mutant.path
        original = file.read_bytes()
        file.write_bytes(mutant.mutated.encode())
        try:
            yield
        finally:
            file.write_bytes(original)


def deployed(project: Project) -> Before:
    """What production is before a mutant: what HEAD deploys. Raises TdiError where the project has no git history."""
    head = git.commit(project.root, "HEAD") if git.top(project.root) else None
    if head is None:
        raise TdiError(
            "`tdi mutants` needs the checkout's git history: production is what HEAD deploys.",
            "Clone the project with git, and commit the role.",
        )
    return Before(head, "HEAD, which the mutants are of", project.root)


def files(project: Project) -> list[Path]:
    """The files of the repository's work tree as it is, but for what git ignores and for results.

    Raises TdiError where git cannot say.
    """
    top = git.top(project.root) or project.root
    found = (top / name for name in git.work_tree(top))
    return [
        path for path in found if (path.is_symlink() or path.is_file()) and not path.is_relative_to(project.artifacts)
    ]


def copied(project: Project, before: Before, directory: Path, artifacts: Path) -> Tree:
    """Copy the work tree of `project`, as it is, below `directory`; its results go to `artifacts`.

    What git ignores is left behind. Raises OSError where it cannot be written.
    """
    top = git.top(project.root) or project.root
    copy = directory / top.name
    for source in files(project):
        target = copy / source.relative_to(top)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    artifacts.mkdir(parents=True, exist_ok=True)
    for name in SHARED:
        kept = project.artifacts / name
        kept.mkdir(parents=True, exist_ok=True)
        link = artifacts / name
        if not link.is_symlink():
            link.symlink_to(kept.absolute(), target_is_directory=True)
    return Tree(Project(copy / git.prefix(project.root), artifacts), before)
