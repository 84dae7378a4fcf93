"""The content before the change: which revision production was provisioned from, and the tree as it stood there."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tdi.content import roles
from tdi.errors import TdiError
from tdi.outside import git
from tdi.project import CONTENT, Project

_MAIN = ("main", "master", "origin/HEAD", "origin/main", "origin/master")
"""Where production is deployed from, the first of them that is there."""

_RELEASE = re.compile(r"(?:.*[-_/])?[vV]?(\d+)\.(\d+)(?:\.(\d+))?(?:\.(\d+))?")
"""A tag that names a release, with whatever stands before its number; no release candidate."""

_WHAT_COUNTS = (*CONTENT, ":(glob)*.yml", ":(glob)*.yaml")
"""What makes a tree another one than its commit: not its scenarios, which `tdi init` may just have written."""

_NO_CONTENT = {".github", "benchmarks", "changes", "doc", "docs", "examples", "src", "tests"}
"""Directories at the top of repositories that hold other things; a large repository is not unpacked for them."""

_ITSELF = "production is provisioned with the role as checked out"


@dataclass(frozen=True)
class Before:
    """The role before the change: a revision, or None for the role as checked out; and why it is this one."""

    revision: str | None
    reason: str
    repository: Path | None = None
    """The project that has the history, if it is another: a throw-away copy of it has none."""


@dataclass(frozen=True)
class Former:
    """The content as it stood: where it lies, and the roles that lie elsewhere than their name says."""

    root: Path
    moved: Mapping[str, Path] = field(default_factory=dict)


def checked_out(project: Project) -> str | None:
    """The commit that is checked out, or None where the tree differs from it, new files included, or has no history."""
    root = project.root
    head = git.commit(root, "HEAD") if git.top(root) else None
    # Results are no change, whether git ignores them or not.
    results = [f":(exclude){project.artifacts.relative_to(root)}"] if project.artifacts.is_relative_to(root) else []
    return None if head is None or git.is_dirty(root, [".", *results]) else head


def before_the_change(project: Project) -> Before:
    """The revision that production was provisioned from.

    For a role or a collection, which people deploy by release, it is the last release before the change; else the tip
    of main for a branch or a dirty tree, the first parent for a clean main. Where there is none (no git, a shallow
    clone, the first commit, a revision without the role), the role as checked out is taken, and `reason` says so.
    """
    root = project.root
    head = git.commit(root, "HEAD") if git.top(root) else None
    if head is None:
        return Before(None, f"no git history here: {_ITSELF}")
    before = _last_release(project, head) or _from_main(root, head)
    if before.revision and not _has_content(project, before.revision, head):
        return Before(None, f"{before.reason} ({before.revision[:7]}) has no role yet: {_ITSELF}")
    return before


def named(project: Project, word: str) -> Before:
    """The state of the content at the revision that `word` names: a tag, a branch or a commit.

    Raises TdiError where there is no such revision, or no content in it.
    """
    root = project.root
    head = git.commit(root, "HEAD") if git.top(root) else None
    found = git.commit(root, word) if head else None
    if found is None or head is None:
        raise TdiError(
            f"Production cannot be taken from {word}: there is no such revision here.",
            "Name a tag, a branch or a commit (git tag; git fetch --tags).",
        )
    if not _has_content(project, found, head):
        raise TdiError(f"Production cannot be taken from {word}: the role is not in that revision.")
    return Before(found, f"{word}, as asked for")


def knows(project: Project, word: str) -> bool:
    """Whether `word` names a revision of the project's history."""
    return git.top(project.root) is not None and git.commit(project.root, word) is not None


def releases(project: Project) -> list[tuple[str, Before]]:
    """The tag and state of each release before the change, oldest first: those that the history of HEAD has.

    A revision without the content is left out; the one that is checked out is no past, unless it was changed since.
    """
    head = git.commit(project.root, "HEAD") if git.top(project.root) else None
    if head is None:
        return []
    found = sorted(_releases(project, head))
    return [
        (tag, Before(commit, f"the release {tag}")) for _, tag, commit in found if _has_content(project, commit, head)
    ]


def _releases(project: Project, head: str) -> list[tuple[tuple[int, ...], str, str]]:
    """Number, tag and commit of each release before the change."""
    clean = not git.is_dirty(project.root, _WHAT_COUNTS)
    return [
        (tuple(int(part or 0) for part in match.groups()), tag, commit)
        for tag, commit in git.releases(project.root, head)
        if (match := _RELEASE.fullmatch(tag)) and not (clean and commit == head)
    ]


def _last_release(project: Project, head: str) -> Before | None:
    if not (roles.is_role(project.root) or (project.root / "galaxy.yml").is_file()):
        return None
    found = _releases(project, head)
    if not found:
        return None
    _, tag, commit = max(found)
    return Before(commit, f"the release {tag}")


def _from_main(root: Path, head: str) -> Before:
    tip = next((found for name in _MAIN if (found := git.commit(root, name))), None)
    if tip is None:
        return Before(None, f"there is no main branch here: {_ITSELF}")
    if head != tip or git.is_dirty(root, _WHAT_COUNTS):
        return Before(tip, "the tip of main")
    parent = git.commit(root, "HEAD^1")
    if parent is None:
        why = "this clone is shallow" if git.is_shallow(root) else "this is the first commit"
        return Before(None, f"{why}, nothing came before: {_ITSELF}")
    return Before(parent, "the commit before this one on main")


def _has_content(project: Project, revision: str, head: str) -> bool:
    root = project.root
    here = git.names_in(root, revision, git.prefix(root))
    if roles.is_role(root):
        return "tasks" in here or _where_it_was(root, revision, head, root) is not None
    return bool(set(CONTENT) & set(here))


def as_it_stood(project: Project, before: Before, playbooks: Iterable[Path], directory: Path) -> Former:
    """The content at the revision of `before`, below `directory`; the project itself where that is None.

    `playbooks` are those that will be played: a role that they call and that was moved or renamed since is found.
    """
    if before.revision is None:
        return Former(project.root)
    root = before.repository or project.root
    top, prefix = git.top(root) or root, git.prefix(root)
    head = git.commit(root, "HEAD") or before.revision
    copy = directory / top.resolve().name
    used = {prefix.partition("/")[0], *_first_parts(project, playbooks)}
    git.extract(top, before.revision, _what_may_matter(top, before.revision, used), copy)
    tree = copy / prefix
    if roles.is_role(project.root):
        if not roles.is_role(tree):
            was = _where_it_was(root, before.revision, head, project.root)
            names = sorted(roles.names_of(project.root, root.name))
            found = copy / was if was is not None else next(_by_name(copy, names), None)
            tree = found or tree
        return Former(tree)
    called = {name for playbook in playbooks for name in roles.called_by(playbook)}
    moved: dict[str, Path] = {}
    for name in sorted(called):
        if roles.is_role(project.root / "roles" / name) and not roles.is_role(tree / "roles" / name):
            was = _where_it_was(root, before.revision, head, root / "roles" / name)
            found = copy / was if was is not None else next(_by_name(copy, [name]), None)
            if found:
                moved[name] = found
    return Former(tree, moved)


def _what_may_matter(top: Path, revision: str, used: set[str]) -> list[str]:
    """What of a revision a converge may need: what is `used`, and all but what is known to hold other things."""
    return [name for name in git.names_in(top, revision, "") if name not in _NO_CONTENT or name in used] or ["."]


def _first_parts(project: Project, playbooks: Iterable[Path]) -> Iterator[str]:
    """The names at the project's root below which playbooks are."""
    root = project.root.resolve()
    yield from (path.resolve().relative_to(root).parts[0] for path in playbooks if path.resolve().is_relative_to(root))


def _by_name(tree: Path, names: Iterable[str]) -> Iterator[Path]:
    yield from (found for name in names if (found := roles.find(tree, name)))


def _where_it_was(root: Path, former: str, head: str, role: Path) -> str | None:
    """The directory (from the top, which is "") that a role had at `former`, where git sees that it was moved since."""
    top = git.top(root)
    if top is None:
        return None
    below = role.resolve().relative_to(top.resolve()).as_posix() if role.resolve().is_relative_to(top.resolve()) else ""
    path = f"{below}/tasks/main.yml".removeprefix("./").removeprefix("/")
    found = git.renamed_from(root, former, head, path)
    return found.removesuffix("tasks/main.yml") if found and found.endswith("tasks/main.yml") else None
