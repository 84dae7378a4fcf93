"""A mutant: one edit of the text of one file of a role, made by an operator."""

import hashlib
from dataclasses import dataclass
from difflib import unified_diff


@dataclass(frozen=True)
class Edit:
    """What an operator does to a text: from `start` to `end` (characters, as in a slice) it says `text` instead."""

    start: int
    end: int
    text: str
    says: str
    """What was done, in a clause: `the notify of 'Write the sites' is gone`."""

    def applied(self, text: str) -> str:
        """The text with the edit made."""
        return text[: self.start] + self.text + text[self.end :]


@dataclass(frozen=True)
class Mutant:
    """An edit of a file as it is in the tree under test."""

    operator: str
    path: str
    """The file, from the project's root, with slashes."""
    edit: Edit
    original: str
    """The whole text of the file before the edit."""
    number: int = 0
    """Which one it is of those that are alike in the words that the id is made of."""

    @property
    def id(self) -> str:
        """A short name that stays as long as the edit does, wherever in the file it stands."""
        before = self.original[self.edit.start : self.edit.end]
        words = (self.operator, self.path, before, self.edit.text, self.edit.says, str(self.number))
        return hashlib.sha256("\0".join(words).encode()).hexdigest()[:10]

    @property
    def mutated(self) -> str:
        """The whole text of the file after the edit."""
        return self.edit.applied(self.original)

    @property
    def line(self) -> int:
        """The first line that the edit is in, from 1."""
        return self.original.count("\n", 0, self.edit.start) + 1

    @property
    def last_line(self) -> int:
        """The last line of the original that the edit is in, from 1."""
        end = max(self.edit.start, self.edit.end - 1)
        return self.original.count("\n", 0, end) + 1

    @property
    def diff(self) -> str:
        """The edit as a patch of the project, from its root."""
        lines = unified_diff(
            self.original.splitlines(keepends=True),
            self.mutated.splitlines(keepends=True),
            f"a/{self.path}",
            f"b/{self.path}",
        )
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
