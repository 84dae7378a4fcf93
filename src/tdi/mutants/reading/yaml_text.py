"""A YAML text with the places of what it says, and edits of one place that keep the rest as it is written."""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import yaml

from tdi.mutants.mutant import Edit

_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML has it: ten times as fast. Its marks are not relied on, so it only says what a text means."""

_SWITCH = {"true": "false", "yes": "no", "on": "off", "y": "n"}
_OPPOSITE = {**_SWITCH, **{no: yes for yes, no in _SWITCH.items()}}


class YamlText:
    """What stands where in a text of YAML, tags of any kind included."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def roots(self) -> list[yaml.Node]:
        """The node of each document. Raises yaml.YAMLError for a text that is no YAML."""
        # Nothing is constructed, so that a tag that nobody knows is none to fail on.
        return [node for node in yaml.compose_all(self.text, yaml.SafeLoader) if node is not None]

    def end(self, node: yaml.Node) -> int:
        """Where what a node says ends, comments and blank lines behind it not counted."""
        if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
            return self._entry_end(*node.value[-1])
        if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
            return self.end(node.value[-1])
        start, end = place(node)
        return start + len(self.text[start:end].rstrip())

    def _entry_end(self, key: yaml.Node, value: yaml.Node) -> int:
        # An alias is the node that it stands for, with the place of that one.
        return self.end(value) if place(value)[0] > place(key)[0] else self._line_end(place(key)[1])

    def inside(self, scalar: yaml.Node) -> tuple[int, int] | None:
        """From where to where the words of a scalar are written, without quotes; None with a tag or an anchor."""
        start, end = place(scalar)[0], self.end(scalar)
        if not isinstance(scalar, yaml.ScalarNode) or start == end or self.text[start] in "!&":
            return None
        if scalar.style in {"'", '"'}:
            return start + 1, end - 1
        if scalar.style in {"|", ">"}:
            head = re.compile(r"[|>][-+\d]*[ \t]*(?:#[^\n]*)?\s+").match(self.text, start, end)
            return (head.end(), end) if head and head.end() < end else None
        return start, end

    def written(self, scalar: yaml.Node) -> str:
        """The words of a scalar as they are written, without quotes; nothing where it has a tag or an anchor."""
        found = self.inside(scalar)
        return self.text[slice(*found)] if found else ""

    def says(self, scalar: yaml.Node, value: str, clause: str) -> Iterator[Edit]:
        """The edit by which a scalar says `value`, a word that is the same in all quotes, in the quotes that it has."""
        found = self.inside(scalar)
        if found and isinstance(scalar, yaml.ScalarNode) and scalar.style not in {"|", ">"}:
            yield Edit(*found, value, clause)

    def becomes(self, node: yaml.Node, raw: str, clause: str) -> Iterator[Edit]:
        """The edit by which `raw` stands in the place of a scalar, or of a list or mapping in brackets."""
        start, end = place(node)[0], self.end(node)
        if start < end and (isinstance(node, yaml.ScalarNode) or _in_brackets(node)) and self.text[start] not in "!&":
            yield Edit(start, end, raw, clause)

    def opposite(self, scalar: yaml.Node, clause: str) -> Iterator[Edit]:
        """The edit by which a boolean says the other one, in the same spelling."""
        word = self.written(scalar)
        other = _OPPOSITE.get(word.lower())
        if other and is_boolean(scalar):
            like = other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other
            yield from self.says(scalar, like, clause)

    def without_entry(self, mapping: yaml.MappingNode, index: int, clause: str) -> Iterator[Edit]:
        """The edit that takes an entry out of a mapping; the last one that there is stays."""
        starts = [place(key)[0] for key, _ in mapping.value]
        ends = [self._entry_end(*entry) for entry in mapping.value]
        if len(starts) == 1:
            return
        if mapping.flow_style:
            yield self._out_of_brackets(starts, ends, index, clause)
        elif self._begins_line(starts[index]):
            yield from self._without_lines(starts[index], ends[index], clause)
        elif index == 0 and self._ends_line(ends[0]):
            # The first key of an item of a list stands behind the dash, and the next one takes its place.
            rest = len(self.text) - len(self.text[self._next_line(ends[0]) :].lstrip())
            yield Edit(starts[0], rest, "", clause)

    def without_item(self, sequence: yaml.SequenceNode, index: int, clause: str) -> Iterator[Edit]:
        """The edit that takes an item out of a list; a list of one becomes `[]`."""
        starts = [place(item)[0] for item in sequence.value]
        ends = [self.end(item) for item in sequence.value]
        if sequence.flow_style:
            yield self._out_of_brackets(starts, ends, index, clause)
            return
        dash = self._dash(starts[index])
        if dash is None or not self._ends_line(ends[index]):
            return
        if len(starts) > 1:
            yield from self._without_lines(dash, ends[index], clause)
        elif (before := self.text[:dash].rstrip()).endswith(":"):
            yield Edit(len(before), ends[0], " []", clause)
        elif dash == place(sequence)[0]:
            yield Edit(dash, ends[0], "[]", clause)

    def with_entry(self, mapping: yaml.MappingNode, name: str, value: str, clause: str) -> Iterator[Edit]:
        """The edit that adds an entry at the end of a mapping that has none of this name."""
        if not mapping.value or name in entries(mapping):
            return
        end = self._entry_end(*mapping.value[-1])
        if mapping.flow_style:
            yield Edit(end, end, f", {name}: {value}", clause)
        elif self._ends_line(end):
            indent = " " * mapping.value[0][0].start_mark.column
            yield Edit(self._line_end(end), self._line_end(end), f"\n{indent}{name}: {value}", clause)

    def item_twice(self, sequence: yaml.SequenceNode, index: int, clause: str) -> Iterator[Edit]:
        """The edit that repeats an item of a list."""
        start, end = place(sequence.value[index])[0], self.end(sequence.value[index])
        if sequence.flow_style:
            yield Edit(end, end, f", {self.text[start:end]}", clause)
        elif (dash := self._dash(start)) is not None and self._ends_line(end):
            first = self._line_start(dash)
            yield Edit(self._line_end(end), self._line_end(end), f"\n{self.text[first : self._line_end(end)]}", clause)

    def items_swapped(self, sequence: yaml.SequenceNode, index: int, clause: str) -> Iterator[Edit]:
        """The edit by which an item of a list and the next one change places, each with the comment above it."""
        pair = sequence.value[index : index + 2]
        dashes = [self._dash(place(item)[0]) for item in pair]
        ends = [self.end(item) for item in pair]
        if sequence.flow_style or None in dashes or not all(map(self._ends_line, ends)):
            return
        (a, b), (a_end, b_end) = (
            [self._with_comment(dash) for dash in dashes if dash is not None],
            map(self._line_end, ends),
        )
        yield Edit(a, b_end, self.text[b:b_end] + self.text[a_end:b] + self.text[a:a_end], clause)

    def _out_of_brackets(self, starts: Sequence[int], ends: Sequence[int], index: int, clause: str) -> Edit:
        if index + 1 < len(starts):
            return Edit(starts[index], starts[index + 1], "", clause)
        return Edit(ends[index - 1] if index else starts[index], ends[index], "", clause)

    def _without_lines(self, start: int, end: int, clause: str) -> Iterator[Edit]:
        """Whole lines go, and of blank lines before and behind them only those stay that stood on one side."""
        if not self._ends_line(end):
            return
        first, last = self._line_start(start), self._next_line(end)
        before = self.text[:first]
        if not self.text[last:].strip():
            kept = before.rstrip()
            yield Edit(len(kept), len(self.text.rstrip()), "", clause)
            return
        if before.endswith("\n\n") or not before:
            rest = self.text[last:]
            last += len(rest) - len(re.sub(r"\A(?:[ \t]*\n)+", "", rest))
        yield Edit(first, last, "", clause)

    def _dash(self, start: int) -> int | None:
        """Where the dash of an item is that starts here, if it is the first thing on its line."""
        before = self.text[:start].rstrip(" \t")
        return len(before) - 1 if before.endswith("-") and self._begins_line(len(before) - 1) else None

    def _with_comment(self, dash: int) -> int:
        start = self._line_start(dash)
        while start and re.fullmatch(r"[ \t]*#[^\n]*\n", self.text[(above := self._line_start(start - 1)) : start]):
            start = above
        return start

    def _line_start(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def _line_end(self, at: int) -> int:
        end = self.text.find("\n", at)
        return len(self.text) if end < 0 else end

    def _next_line(self, at: int) -> int:
        return min(self._line_end(at) + 1, len(self.text))

    def _begins_line(self, at: int) -> bool:
        return not self.text[self._line_start(at) : at].strip()

    def _ends_line(self, at: int) -> bool:
        return re.fullmatch(r"[ \t]*(?:#.*)?", self.text[at : self._line_end(at)]) is not None


def _in_brackets(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def place(node: yaml.Node) -> tuple[int, int]:
    """From where to where the parser saw a node."""
    return node.start_mark.index, node.end_mark.index


def entries(node: yaml.Node | None) -> dict[str, yaml.Node]:
    """The entries of a mapping by their names; nothing for another node."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {str(key.value): value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def index_of(mapping: yaml.MappingNode, name: str) -> int:
    """Which entry of a mapping has this name. Raises ValueError where none has."""
    return [key.value for key, _ in mapping.value].index(name)


def items(node: yaml.Node | None) -> list[yaml.Node]:
    """The items of a list; nothing for another node."""
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def is_boolean(node: yaml.Node | None) -> bool:
    """Whether a node is `true` or `false`, in any spelling that Ansible takes for it."""
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:bool"


def is_number(node: yaml.Node | None) -> bool:
    """Whether a node is a whole number."""
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:int"


def is_text(node: yaml.Node | None) -> bool:
    """Whether a node is a text."""
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str"


def scalar_value(node: yaml.Node | None) -> str:
    """What a scalar says as text; nothing for another node."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def meaning(text: str) -> Any:
    """What a text says, comparable: equal for two texts that differ in comments and layout only.

    Raises yaml.YAMLError where it is no YAML, or has a key twice.
    """
    return [_meaning(node) for node in yaml.compose_all(text, _FAST)]


def _meaning(node: yaml.Node | None) -> Any:
    if isinstance(node, yaml.MappingNode):
        said = [(_meaning(key), _meaning(value)) for key, value in node.value]
        names = [str(key) for key, _ in said]
        if len(set(names)) < len(names):
            raise yaml.YAMLError("a key is there twice")
        return (node.tag, said)
    if isinstance(node, yaml.SequenceNode):
        return (node.tag, [_meaning(item) for item in node.value])
    return None if node is None else (node.tag, node.value)
