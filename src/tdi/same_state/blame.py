"""Who made what differs: a task of this run, or one that the role had until a commit.

What is known for certain comes first: the tasks that Ansible reported as having written a path or made another thing,
in this run and when production was provisioned. Only what the role no longer makes is looked up in git, and a commit is
named only where exactly one fits. No git, no history, a shallow clone: nothing is said, and nothing fails.
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tdi.errors import TdiError
from tdi.images import provisioning
from tdi.machines import manifest
from tdi.machines.machine import Machine
from tdi.outside import docker, git
from tdi.project import SOURCES, Project
from tdi.same_state import kept_records
from tdi.state.explain import referred_paths
from tdi.state.finding import Difference, Kind, Names
from tdi.state.fold.tree import Group

_SOURCES = (*SOURCES, ":(exclude,glob)**/*.md")
"""What decides on what a machine becomes, without what only describes it."""

_SECONDS = 5.0
"""That git may take for one comparison, all its findings together: an explanation is not worth more."""
_MOST_COMMITS = 50
"""That a search looks at."""
_SUBJECT = 60
"""Characters of a commit's subject in a sentence."""
_WRITES = ("writes", "wrote")
_MAKES = ("makes", "made")
_VERBS = {
    "packages": ("installs", "installed"),
    "users": _MAKES,
    "groups": _MAKES,
    "systemd": ("sets", "set"),
}
"""Scopes whose objects a role calls by their key, and what a task does to them; of a path, it writes it."""
_WHOLE = {"packages", "users", "groups"}
"""Those whose objects bring their files with them: a task that writes one of these did not make the object."""
_EFFECTS = {"processes", "listeners", "probes"}
"""Scopes whose objects nobody writes: what they come from is called by its name."""
_DISTINCTIVE = re.compile(r".{3,}[._-].|.+\d.+|.{10,}")
"""A file's bare name that hardly stands in a role for another reason."""
_HOLD_TASKS = ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers")

_Task = dict[str, Any]


def blame_for(project: Project, new: str, machine: Machine, names: Names) -> Callable[[Group], str | None]:
    """What to say of who made a finding's object: a clause, or None.

    It is known from the tasks of this run, those that provisioned production, and the history of the role. `new` is
    the new machine's label, `machine` the upgraded one; `names`: what the two are called.
    """
    wrote = kept_records.read_wrote(project)
    labels = docker.image_facts(docker.image_of(machine.name))["Config"]["Labels"] or {}
    former: dict[str, str] = json.loads(labels.get(provisioning.WROTE_LABEL, "{}"))
    revision = labels.get("tdi.revision", "")
    history: list[History | None] = []

    def blame(group: Group) -> str | None:
        on_new, on_upgraded = (
            _first(group, wrote.tasks.get(label, {}), wrote.places.get(label, {})) for label in (new, machine.label)
        )
        if on_new or on_upgraded:
            return _of_this_run(group[0].kind, on_new, on_upgraded, names)
        if group[0].kind is Kind.ONLY_A:
            return None
        if not history:
            history.append(History.of(project))
        known = _first(group, former, {})
        if known:
            return _former_task(known, revision, history[0])
        return _former_mention(group, [thing for thing in _things(group) if thing.startswith("/")], history[0])

    return blame


@dataclass(frozen=True)
class _Known:
    """A task that is known to have made something."""

    task: str
    thing: str
    what: str
    """What to call the thing in a clause: "it", or its path where the finding's object is something else."""

    verbs: tuple[str, str]
    """What the task does, and did."""
    place: str = ""
    """Where the task stands in the tree under test."""

    @property
    def named(self) -> str:
        """The task as it is called in a clause."""
        return f"the task '{self.task}'{f' ({self.place})' if self.place else ''}"


def _first(group: Group, made: Mapping[str, str], places: Mapping[str, str]) -> _Known | None:
    """What of a finding a task is known to have made."""
    known = ((made[thing], thing, what) for thing, what in _things(group).items() if thing in made)
    return next(
        (_Known(t, thing, what, _verbs(thing, group[0]), places.get(thing, "")) for t, thing, what in known), None
    )


def _of_this_run(kind: Kind, new: _Known | None, upgraded: _Known | None, names: Names) -> str:
    """The clause for what a task of this run made: which one, and, of what both machines have, where."""
    known = new or upgraded
    if known is None:
        return ""
    present, past = known.verbs
    if kind is not Kind.CHANGED or (new and upgraded and new.task == upgraded.task):
        return f"{known.named} {present} {known.what}"
    if new and upgraded:
        both = f"{new.named} {past} {new.what} on the {names.a} machine"
        return f"{both}, {upgraded.named} on the {names.b} one"
    here, there = (names.a, names.b) if new else (names.b, names.a)
    return f"{known.named} {past} {known.what} on the {here} machine and changed nothing on the {there} one"


def _verbs(thing: str, head: Difference) -> tuple[str, str]:
    """What a task does, and did, to a path or to SCOPE:NAME: a directory or a link is made, not written."""
    if thing.startswith("/"):
        return _WRITES if head.key != thing or head.present.get("type", "file") == "file" else _MAKES
    return _VERBS.get(thing.partition(":")[0], _WRITES)


def _things(group: Group) -> dict[str, str]:
    """What a finding is about, as tasks are known to have made it → what to call it.

    Its own files or name, those that its object comes from, and those folded into it.
    """
    head = group[0]
    named = {f"{head.scope}:{_name(head)}": "it"} if head.scope in _VERBS else {}
    if head.scope in _WHOLE:
        return named
    own = [head.key] if head.scope == "files" else [*referred_paths(group)]
    files = {path: path if head.scope in _EFFECTS else "it" for path in own}
    # A unit is enabled and started by its name, and made by its files.
    run = {*head.attributes} & {"enablement", "active"}
    things = {**named, **files} if run else {**files, **named}
    inside = [member for member in group[1:] if member.scope == "files"]
    if head.kind is Kind.CHANGED and head.scope != "files":
        # Where a file of it came or went, that is the difference: who wrote the rest has nothing to do with it.
        moved = {member.key: member.key for member in inside if member.kind is not Kind.CHANGED}
        things = ({**named, **moved} if run else moved) if moved else things
    return things | {m.key: m.key for m in inside if m.kind is head.kind and m.key not in things}


def _name(head: Difference) -> str:
    """What a role calls an object: a package without its architecture."""
    return head.key.partition(":")[0]


def _former_task(known: _Known, revision: str, history: "History | None") -> str:
    """The clause for what a task made when production was provisioned."""
    is_commit = re.fullmatch(r"[0-9a-f]{40}", revision) is not None
    is_path = known.thing.startswith("/")
    needles = _needles(known.thing, its_own=True) if is_path else [known.thing.partition(":")[2]]
    until = history.end_of_task(known.task.rpartition(" : ")[2], needles, revision) if history else None
    said = f"the task '{known.task}' {known.verbs[1]} {known.what}"
    if not is_commit:
        return f"{said} when production was provisioned"
    return (
        f"{said} until {until.words}" if until else f"{said} in revision {revision[:7]}, which provisioned production"
    )


def _former_mention(group: Group, paths: list[str], history: "History | None") -> str | None:
    """The clause for what no known task wrote, where the role once named it."""
    head = group[0]
    if head.scope in _WHOLE:
        # A package's files are the package's doing.
        needles = [_name(head)]
    else:
        made = {each.key for each in group if (each.present.get("origin") or {}).get("kind") == "package"}
        needles = [needle for path in paths[:1] if path not in made for needle in _needles(path, its_own=False)]
    until = history.end_of(needles) if history else None
    if until is None:
        return None
    if until.task:
        return f"the task '{until.task}' {_VERBS.get(head.scope, _WRITES)[1]} it until {until.words}"
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
        run = manifest.current()
        original = run.copy_of if run else None
        repository = original or project.root
        with suppress(TdiError):
            if git.top(repository) and not git.is_shallow(repository):
                tip = git.commit(repository, (run.copy_at if run and original else None) or "HEAD")
                if tip:
                    return cls(repository, tip, project.root, is_copy=original is not None)
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
        made = git.commits(self.repository, revisions, SOURCES, most=_MOST_COMMITS, seconds=self._seconds())
        local = self.is_copy or git.is_dirty(self.root, SOURCES)
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
        for place in SOURCES:
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
