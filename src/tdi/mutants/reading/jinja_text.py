"""The expressions and statements of Jinja in a text, cut into words that know where they stand."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_PARTS = re.compile(
    r"\{#.*?#\}|\{%[-+]?\s*raw\s*[-+]?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\}"
    r"|\{\{[-+]?(?P<expression>.*?)[-+]?\}\}|\{%[-+]?(?P<statement>.*?)[-+]?%\}",
    re.DOTALL,
)
_WORDS = re.compile(
    r"(?P<space>\s+)|(?P<string>'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<number>\d+(?:\.\d+)?)|(?P<operator>==|!=|>=|<=|//|\*\*|[-+*/%~|.,:()\[\]{}<>=])|(?P<other>.)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Word:
    """A word of an expression: a name, number, string or operator, and in how many brackets it stands."""

    kind: str
    text: str
    start: int
    end: int
    depth: int


@dataclass(frozen=True)
class Expression:
    """What stands between two delimiters of Jinja, or a condition of Ansible that has none."""

    words: tuple[Word, ...]
    text: str
    """The whole text that it is in."""
    is_statement: bool = False

    @property
    def keyword(self) -> str:
        """`if`, `for`, `set` and such for a statement, nothing for an expression."""
        return self.words[0].text if self.is_statement and self.words else ""

    def call_end(self, index: int) -> int:
        """Where a call ends whose name is the word at `index`: behind its closing bracket, if it has any."""
        if index + 1 < len(self.words) and self.words[index + 1].text == "(":
            depth = self.words[index].depth
            return next(word.end for word in self.words[index + 2 :] if word.text == ")" and word.depth == depth)
        return self.words[index].end


def expressions(text: str, start: int = 0, end: int | None = None) -> Iterator[Expression]:
    """Each expression and statement between delimiters in a part of a text; comments and what is raw is none."""
    for part in _PARTS.finditer(text, start, len(text) if end is None else end):
        kind = part.lastgroup
        if kind and (words := _words(text, *part.span(kind))):
            yield Expression(words, text, kind == "statement")


def condition(text: str, start: int, end: int) -> Iterator[Expression]:
    """A part of a text as one expression without delimiters, as Ansible takes conditions."""
    if words := _words(text, start, end):
        yield Expression(words, text)


def outside(text: str) -> Iterator[tuple[int, int]]:
    """The parts of a text that stand outside of Jinja."""
    at = 0
    for part in _PARTS.finditer(text):
        yield at, part.start()
        at = part.end()
    yield at, len(text)


def _words(text: str, start: int, end: int) -> tuple[Word, ...]:
    """The words of an expression; nothing where it is cut off in the middle, or is written in a way not known here."""
    found, depth = [], 0
    for match in _WORDS.finditer(text, start, end):
        kind, said = str(match.lastgroup), match.group()
        if kind == "other":
            return ()
        if said in {")", "]", "}"}:
            depth -= 1
        if kind != "space":
            found.append(Word(kind, said, *match.span(), depth))
        if said in {"(", "[", "{"}:
            depth += 1
        if depth < 0:
            return ()
    return tuple(found) if depth == 0 else ()
