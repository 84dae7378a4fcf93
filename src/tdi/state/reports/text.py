"""What differs between two texts, in bounded time: a machine may send lines that difflib takes minutes to compare."""

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal

PAIRS = 50_000
"""Pairs of equal lines; where there are more, the texts count as replaced between their common begin and end."""

Opcode = tuple[Literal["replace", "delete", "insert", "equal"], int, int, int, int]
"""What became of lines, and where they begin and end on the left and on the right, as difflib has it."""


class _Matcher(SequenceMatcher[str]):
    """Its cost grows with the pairs of equal lines, times how often it has to divide the texts."""

    def __init__(self, left: Sequence[str], right: Sequence[str]) -> None:
        super().__init__(None, left, right)
        self._left, self._right = left, right

    def get_opcodes(self) -> list[Opcode]:
        return super().get_opcodes() if self._pairs() <= PAIRS else list(self._coarse())

    def _pairs(self) -> int:
        """How many pairs difflib looks at: it passes over what more than one in a hundred lines of a long text are."""
        left, right = Counter(self._left), Counter(self._right)
        most = len(self._right) // 100 + 1 if len(self._right) >= 200 else len(self._right)  # noqa: PLR2004
        return sum(count * left[line] for line, count in right.items() if count <= most)

    def _coarse(self) -> Iterator[Opcode]:
        left, right = len(self._left), len(self._right)
        shorter = min(left, right)
        begin = next((i for i in range(shorter) if self._left[i] != self._right[i]), shorter)
        rest = shorter - begin
        end = next((i for i in range(rest) if self._left[left - 1 - i] != self._right[right - 1 - i]), rest)
        if begin:
            yield "equal", 0, begin, 0, begin
        if begin + end < max(left, right):
            tag: Literal["insert", "delete", "replace"] = "replace"
            if begin + end == shorter:
                tag = "insert" if left < right else "delete"
            yield tag, begin, left - end, begin, right - end
        if end:
            yield "equal", left - end, left, right - end, right


def groups(left: Sequence[str], right: Sequence[str], context: int) -> Iterator[list[tuple[str, int, int, int, int]]]:
    """Yield what differs in groups, each with `context` equal lines around it; nothing for equal texts."""
    yield from _Matcher(left, right).get_grouped_opcodes(context)


def unified(left: Sequence[str], right: Sequence[str], names: tuple[str, str], context: int = 2) -> Iterator[str]:
    """Yield the lines of a unified diff, without line ends; nothing for equal texts."""
    for number, group in enumerate(groups(left, right, context)):
        if not number:
            yield f"--- {names[0]}"
            yield f"+++ {names[1]}"
        (_, i, _, j, _), (_, _, i_end, _, j_end) = group[0], group[-1]
        yield f"@@ -{_range(i, i_end)} +{_range(j, j_end)} @@"
        for tag, i, i_end, j, j_end in group:
            if tag == "equal":
                yield from (f" {line}" for line in left[i:i_end])
                continue
            yield from (f"-{line}" for line in left[i:i_end])
            yield from (f"+{line}" for line in right[j:j_end])


def _range(begin: int, end: int) -> str:
    """Lines as diff counts them: from 1, without a length of one, and after the line before an empty range."""
    length = end - begin
    return str(begin + 1) if length == 1 else f"{begin + 1 if length else begin},{length}"
