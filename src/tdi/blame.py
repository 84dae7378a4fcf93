"""Who made what only one machine has: a task of this run, or one that the role had until a commit.

What is known for certain comes first: the tasks that Ansible reported as having written a path, in this run and when
production was provisioned. Only what the role no longer makes is looked up in git, and a commit is named only where
exactly one fits. No git, no history, a shallow clone: nothing is said, and nothing fails.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tdi import docker, git, production, records, scenario
from tdi.errors import TdiError
from tdi.project import Project
from tdi.state.explain import referred_paths
from tdi.state.finding import Kind
from tdi.state.fold import Group

_COPY_OF = "TDI_COPY_OF"
_COPY_AT = "TDI_COPY_AT"
"""The repository and the commit that a throw-away copy of the checkout was taken of: the copy has no history."""

_PLACES = ("roles", "molecule/shared", *(f"molecule/{name}" for name in scenario.NAMES))
"""What decides on what a machine becomes: the roles, the playbook, and the scenarios' variables."""
_SOURCES = (*_PLACES, ":(exclude,glob)**/*.md")
"""The same without what only describes it."""

_SECONDS = 5.0
"""That git may take for one comparison, all its findings together: an explanation is not worth more."""
_MOST_COMMITS = 50
"""That a search looks at."""
_SUBJECT = 60
"""Characters of a commit's subject in a sentence."""
_NAMED = {"packages": "installed", "users": "made", "groups": "made"}
"""Scopes whose objects a role calls by their key, and what a task did to make them."""
_DISTINCTIVE = re.compile(r".{3,}[._-].|.+\d.+|.{10,}")
"""A file's bare name that hardly stands in a role for another reason."""
_HOLD_TASKS = ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers")

_Task = dict[str, Any]


def blame_for(project: Project, machine: str) -> Callable[[Group], str | None]:
    """What to say of who made a finding's object: a clause, or None.

    It is known from the tasks of this run, those that provisioned production, and the history of the role.
    """
    wrote = records.read_wrote(project)
    labels = docker.image_facts(docker.image_of(machine))["Config"]["Labels"] or {}
    former: dict[str, str] = json.loads(labels.get(production.WROTE_LABEL, "{}"))
    revision = labels.get("tdi.revision", "")
    history: list[History | None] = []

    def blame(group: Group) -> str | None:
        paths = _paths(group)
        for scenario_name in scenario.NAMES:
            for path in paths:
                task = wrote.get(scenario_name, {}).get(path)
                if task:
                    return f"the task '{task}' writes it"
        if group[0].kind is not Kind.ONLY_B:
            return None
        if not history:
            history.append(History.of(project))
        known = next((path for path in paths if path in former), None)
        if known:
            return _former_task(former[known], known, revision, history[0])
        return _former_mention(group, paths, history[0])

    return blame


def of_copy(before: production.Before | None) -> dict[str, str]:
    """The environment that says where the history of a copy is; nothing for what is no copy."""
    if before is None or before.repository is None or before.revision is None:
        return {}
    return {_COPY_OF: str(before.repository), _COPY_AT: before.revision}


def _paths(group: Group) -> list[str]:
    """The files that a finding is about: its own, those that its object comes from, those folded into it."""
    head = group[0]
    own = [head.key] if head.scope == "files" else [*referred_paths(group)]
    inside = [member.key for member in group if member.scope == "files" and member.kind is head.kind]
    return list(dict.fromkeys([*own, *inside]))


def _former_task(task: str, path: str, revision: str, history: "History | None") -> str:
    """The clause for a path that `task` wrote when production was provisioned."""
    known = re.fullmatch(r"[0-9a-f]{40}", revision) is not None
    until = history.end_of_task(task.rpartition(" : ")[2], _needles(path, its_own=True), revision) if history else None
    if known and until:
        return f"the task '{task}' wrote it until {until.words}"
    when = f"in revision {revision[:7]}, which provisioned production" if known else "when production was provisioned"
    return f"the task '{task}' wrote it {when}"


def _former_mention(group: Group, paths: list[str], history: "History | None") -> str | None:
    """The clause for what no known task wrote, where the role once named it."""
    head = group[0]
    if head.scope in _NAMED:
        # A package's files are the package's doing.
        needles = [head.key.partition(":")[0]]
    else:
        made = {each.key for each in group if (each.present.get("origin") or {}).get("kind") == "package"}
        needles = [needle for path in paths[:1] if path not in made for needle in _needles(path, its_own=False)]
    until = history.end_of(needles) if history else None
    if until is None:
        return None
    if until.task:
        return f"the task '{until.task}' {_NAMED.get(head.scope, 'wrote')} it until {until.words}"
    return f"the role named it until {until.words}"


def _needles(path: str, *, its_own: bool) -> list[str]:
    """What a role may call a path by, from the whole path to its bare name.

    With `its_own`, where the path is known to be the role's, parts of the name too: "old" of "ansible-old.conf".
    """
    parts = path.strip("/").split("/")
    name = parts[-1]
    found = [path, *("/".join(parts[at:]) for at in range(1, len(parts) - 1))]
    if its_own or _DISTINCTIVE.fullmatch(name):
        found += [name, f"{name}.j2"]
    if its_own:
        pieces = re.split(r"[_-]", name.partition(".")[0] or name)
        found += [piece for piece in pieces if len(pieces) > 1 and len(piece) > 2]  # noqa: PLR2004 (shorter ones are everywhere)
    return list(dict.fromkeys(found))


def _pattern(needle: str) -> str:
    """An extended regular expression, for git and for Python, that finds `needle` where it is not part of a word."""
    escaped = re.sub(r"([.^$*+?()\[\]{}|\\])", r"\\\1", needle)
    return rf"(^|[^A-Za-z0-9_.-]){escaped}($|[^A-Za-z0-9_.-]|\.$|\.[^A-Za-z0-9_])"


@dataclass(frozen=True)
class Until:
    """The change since which the role no longer makes something."""

    words: str
    """The commit, or "this change"."""
    task: str | None = None
    """The one task that named it before."""


@dataclass(frozen=True)
class History:
    """The history of the role under test."""

    repository: Path
    tip: str
    """The commit that the tree under test stands on."""
    root: Path
    """The tree under test."""
    is_copy: bool
    """Whether the tree is a patched copy."""
    _deadline: list[float] = field(default_factory=list)
    _known: dict[str, list[Until]] = field(default_factory=dict)
    """Commit → what changed since."""

    @classmethod
    def of(cls, project: Project) -> "History | None":
        """The history of a checkout or of the copy of one; None where there is none, or not all of it."""
        original, at = os.environ.get(_COPY_OF), os.environ.get(_COPY_AT, "HEAD")
        repository = Path(original) if original else project.root
        with suppress(TdiError):
            if git.is_checkout(repository) and not git.is_shallow(repository):
                tip = git.commit(repository, at if original else "HEAD")
                if tip:
                    return cls(repository, tip, project.root, is_copy=bool(original))
        return None

    def end_of_task(self, task: str, needles: Iterable[str], since: str) -> Until | None:
        """The one change that made `task` no longer write what it wrote at the commit `since`.

        It is the only change of the role since then, or the one that took away what the role called the path by
        (`needles`), or the task itself. None where no change fits or several do.
        """
        with suppress(TdiError):
            if since not in self._known:
                self._known[since] = self._changes(since)
            changes = self._known[since]
            if not changes or len(changes) == 1:
                return changes[0] if changes else None
            until = self._end_of(needles, since)
            if until is None:
                gone = [one for one in self._candidates(_pattern(task), since) if self._took_away(one, task)]
                until = Until(_words(gone[0])) if len(gone) == 1 else None
            return until
        return None

    def end_of(self, needles: Iterable[str]) -> Until | None:
        """The one change in all history that took from the role what it called by one of `needles`.

        The first needle that the role ever knew decides. None where no change fits or several do.
        """
        with suppress(TdiError):
            return self._end_of(needles, None)
        return None

    def _end_of(self, needles: Iterable[str], since: str | None) -> Until | None:
        for needle in needles:
            self._seconds()
            pattern = _pattern(needle)
            if self._in_tree(pattern):
                continue
            if self._files_with(pattern, self.tip):
                return Until("this change", self._task(pattern, self.tip))
            ended = [
                one
                for one in self._candidates(pattern, since)
                if self._files_with(pattern, f"{one.id}^") and not self._files_with(pattern, one.id)
            ]
            if ended:
                return Until(_words(ended[0]), self._task(pattern, f"{ended[0].id}^")) if len(ended) == 1 else None
        return None

    def _changes(self, since: str) -> list[Until]:
        """Everything that changed since: commits, and what is not committed; nothing of what did not come before."""
        if not git.commit(self.repository, since) or not git.is_ancestor(self.repository, since, self.tip):
            return []
        revisions = f"{since}..{self.tip}"
        made = git.commits(self.repository, revisions, _PLACES, most=_MOST_COMMITS, seconds=self._seconds())
        local = self.is_copy or git.is_dirty(self.root, _PLACES)
        return [*(Until(_words(one)) for one in made), *([Until("this change")] if local else [])]

    def _candidates(self, pattern: str, since: str | None) -> list[git.Commit]:
        """The commits that changed how often the role has something."""
        revisions = f"{since}..{self.tip}" if since else self.tip
        seconds = self._seconds()
        return git.commits(self.repository, revisions, _SOURCES, pattern=pattern, most=_MOST_COMMITS, seconds=seconds)

    def _files_with(self, pattern: str, revision: str) -> list[str]:
        return git.files_with(self.repository, revision, pattern, _SOURCES, seconds=self._seconds())

    def _took_away(self, one: git.Commit, task: str) -> bool:
        """Whether a commit removed a task, and did not merely call it something else."""
        before, after = (
            [
                each
                for name in git.changed_files(self.repository, one.id, _SOURCES)
                for each in self._tasks_of(name, revision)
            ]
            for revision in (f"{one.id}^", one.id)
        )
        former = [_told(each) for each in before if each["name"] == task]
        return bool(former) and not any(each["name"] == task or _told(each) in former for each in after)

    def _in_tree(self, pattern: str) -> bool:
        """Whether the tree under test still has it."""
        wanted = re.compile(pattern, re.MULTILINE)
        return any(wanted.search(text) for text in self._texts)

    @cached_property
    def _texts(self) -> list[str]:
        """What stands in the tree under test."""
        texts = []
        for place in _PLACES:
            for file in (self.root / place).rglob("*"):
                if file.is_file() and file.suffix not in {".md", ".pyc"}:
                    with suppress(OSError, UnicodeDecodeError):
                        texts.append(file.read_text(encoding="utf-8"))
        return texts

    def _task(self, pattern: str, revision: str) -> str | None:
        """The name of the one task that had it at `revision`."""
        wanted = re.compile(pattern, re.MULTILINE)
        tasks = (each for name in self._files_with(pattern, revision) for each in self._tasks_of(name, revision))
        names = {each["name"] for each in tasks if wanted.search(_told(each))}
        return names.pop() if len(names) == 1 else None

    def _tasks_of(self, name: str, revision: str) -> list[_Task]:
        """The tasks of a file at `revision`; none where it is not one of tasks."""
        text = git.text_of(self.repository, revision, name) if name.endswith((".yml", ".yaml")) else None
        with suppress(yaml.YAMLError):
            return list(_tasks(yaml.safe_load(text or "")))
        return []

    def _seconds(self) -> float:
        """How long git may still take. Raises TdiError where that is over."""
        now = time.monotonic()
        if not self._deadline:
            self._deadline.append(now + _SECONDS)
        if now >= self._deadline[0]:
            raise TdiError("The history of the role takes too long to search.")
        return self._deadline[0] - now


def _words(commit: git.Commit) -> str:
    subject = commit.subject if len(commit.subject) <= _SUBJECT else commit.subject[: _SUBJECT - 1] + "…"
    return f"revision {commit.id[:7]} ({subject})"


def _tasks(document: Any) -> Iterator[_Task]:
    """The named tasks of a task file or playbook, those in blocks too."""
    for entry in document if isinstance(document, list) else []:
        if isinstance(entry, dict):
            inside = [entry[key] for key in _HOLD_TASKS if key in entry]
            if isinstance(entry.get("name"), str) and not inside:
                yield entry
            for part in inside:
                yield from _tasks(part)


def _told(task: _Task) -> str:
    """What a task says beside its name, a value a line."""
    return "\n".join(_values({key: value for key, value in task.items() if key != "name"}))


def _values(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _values(part)
    else:
        yield str(value)
