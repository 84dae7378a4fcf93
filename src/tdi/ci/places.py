"""Where in the repository a sentence points: the FILE:LINE that a blame or a failed task names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

_LINE = re.compile(r":([1-9]\d{0,6})\)")
_BEGIN = "' ("
"""Stands between a task's name and its place: the task 'NAME' (FILE:LINE)."""
_TRIED = 5
"""Names and paths may hold what stands between them: as many of the last ones before a line's number are tried."""
_LONGEST = 1000
"""Characters of a path."""
_MOST = 100
"""Tries for one text: a blame names two places at most, and what a test says may be endless."""


@dataclass(frozen=True)
class Place:
    """A line of a file of the repository."""

    file: str
    """Relative to the root of the checkout, as a forge wants it."""
    line: int


@dataclass(frozen=True)
class Tree:
    """The checkout that a forge shows, and the directory in it that the verdict was asked for."""

    workspace: Path
    directory: Path

    def place(self, text: str) -> Place | None:
        """The first place that `text` names and that is in the checkout; None where there is none.

        The tool names files from the root of its project, which is `directory` or one of those above it. What is not a
        file there is no place: what a machine or a test said may look like one.
        """
        for name, line in islice(_named(text), _MOST):
            found = self.at(name, line)
            if found:
                return found
        return None

    def at(self, name: str, line: int) -> Place | None:
        """The line of the file that the tool calls `name`; None where there is no such file in the checkout."""
        file = self._file(name)
        return Place(file, line) if file else None

    def _file(self, name: str) -> str | None:
        workspace, start = self.workspace.resolve(), self.directory.resolve()
        for root in (start, *start.parents):
            if not root.is_relative_to(workspace):
                break
            try:
                file = (root / name).resolve()
                if file.is_file() and file.is_relative_to(workspace):
                    return file.relative_to(workspace).as_posix()
            except (OSError, RuntimeError, ValueError):  # too long a name, a circle of links, a null byte
                return None
        return None


def _named(text: str) -> Iterator[tuple[str, int]]:
    """What may be the file and the line of a task, in the order of the text."""
    for line in text.splitlines():
        first = line.find("task '")
        for found in _LINE.finditer(line):
            end = found.start()
            for _ in range(_TRIED):
                end = line.rfind(_BEGIN, max(0, found.start() - _LONGEST), end)
                if end < 0 or not 0 <= first < end:
                    break
                yield line[end + len(_BEGIN) : found.start()], int(found[1])
