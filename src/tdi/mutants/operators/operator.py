"""An operator: how a text is broken, what that imitates, an example, and who should notice it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tdi.mutants.mutant import Edit
from tdi.mutants.reading.tasks import Task
from tdi.mutants.results import Oracle
from tdi.mutants.source import Part, Source

Find = Callable[[Source], Iterable[Edit]]
"""Finds each place in a file where an operator can work, as the edit that it would make there."""

FRESH = (Oracle.FRESH_CONVERGE, Oracle.FRESH_TESTS)
UPGRADE = (Oracle.UPGRADE_CONVERGE, Oracle.UPGRADE_TESTS)

_Any = TypeVar("_Any")


@dataclass(frozen=True)
class Operator:
    """A way to break a role."""

    name: str
    imitates: str
    """The real fault that it is like, as a sentence."""
    before: str
    after: str
    """An example: the first edit that it finds in `before` makes `after` of it."""
    killed_by: tuple[Oracle, ...]
    """Who should notice such a mutant, whoever should notice it first standing first."""
    find: Find
    part: Part = Part.TASKS
    """What file of a role the example is."""


def in_tasks(find: Callable[[Task], Iterable[Edit]]) -> Find:
    """What `find` finds in each task of a file."""

    def over(source: Source) -> Iterator[Edit]:
        for task in source.tasks:
            yield from find(task)

    return over


def without_argument(*names: str, modules: Collection[str] | None = None) -> Find:
    """Takes an argument with one of these names from a task; with `modules` only from those of these."""

    def find(task: Task) -> Iterator[Edit]:
        if modules is None or task.module in modules:
            for argument in task.given(*names):
                yield from argument.dropped(f"the {argument.name} of {task.label} is gone")

    return in_tasks(find)


def other_word(name: str, word: str, other: str, *, modules: Collection[str] | None = None) -> Find:
    """Has the argument `name` say `other` where it says `word`."""

    def find(task: Task) -> Iterator[Edit]:
        if modules is None or task.module in modules:
            for argument in task.given(name):
                if argument.value == word:
                    yield from argument.says(other, f"the {name} of {task.label} is {other} instead of {word}")

    return in_tasks(find)


def opposite(*names: str) -> Find:
    """Has a boolean argument with one of these names say the other one."""

    def find(task: Task) -> Iterator[Edit]:
        for argument in task.given(*names):
            yield from argument.opposite(f"the {argument.name} of {task.label} is the other way round")

    return in_tasks(find)


def without_keyword(keyword: str) -> Find:
    """Takes a keyword from a task."""

    def find(task: Task) -> Iterator[Edit]:
        yield from task.without(keyword, f"the {keyword} of {task.label} is gone")

    return in_tasks(find)


def some(found: Sequence[_Any], most: int) -> Sequence[_Any]:
    """At most so many of them, spread evenly over all, the same ones each time."""
    if len(found) <= most:
        return found
    return [found[index * len(found) // most] for index in range(most)]


def shortened(text: str, most: int = 60) -> str:
    """A text in one line of at most so many characters, to be named in a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
