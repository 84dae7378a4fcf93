"""The way back: what becomes of production where a former state of the role is converged on it."""

import shutil
import tempfile
from pathlib import Path

from tdi.content import history
from tdi.content.history import Before
from tdi.errors import TdiError
from tdi.molecule import pasts
from tdi.outside import git
from tdi.outside.console import say
from tdi.project import Project
from tdi.verdict import run
from tdi.verdict.display import Display
from tdi.verdict.outcome import Verdict

WARNING = (
    "A downgrade is shown, and not supported: roles and packages are made to go forward, and nothing here makes them "
    "go back."
)


def run_downgrade(project: Project, display: Display, to: str, *, keep: bool = False) -> Verdict:
    """The verdict where production is what HEAD deploys, and the change is the content as it stood at `to`.

    The scenarios and their tests are the present ones. Raises TdiError where `to` is no former revision with content.
    """
    head = git.commit(project.root, "HEAD") if git.top(project.root) else None
    former = history.named(project, to)
    if head is None or former.revision is None:
        raise AssertionError(former)
    if former.revision == head or not git.is_ancestor(project.root, former.revision, head):
        raise TdiError(
            f"{to} does not come before HEAD, so that it is no way back.", "Name a former release or commit."
        )
    say(WARNING)
    with tempfile.TemporaryDirectory(prefix="tdi-to-") as directory:
        top = git.top(project.root) or project.root
        copy = Path(directory) / top.name
        git.extract(top, former.revision, ["."], copy)
        root = copy / git.prefix(project.root)
        scenarios = project.scenarios.relative_to(project.root)
        shutil.rmtree(root / scenarios, ignore_errors=True)
        shutil.copytree(project.scenarios, root / scenarios, symlinks=True)
        before = Before(head, f"HEAD, which goes back to {to}", project.root)
        return run.run_verdict(Project(root, project.artifacts), display, before, asked=(pasts.DEFAULT,), keep=keep)
