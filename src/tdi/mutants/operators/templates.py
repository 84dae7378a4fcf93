"""Operators on templates and files as text: lines and blocks that are gone, values that are others."""

import re
from collections.abc import Iterator

import yaml

from tdi.mutants.mutant import Edit
from tdi.mutants.operators.operator import FRESH, UPGRADE, Operator, shortened, some
from tdi.mutants.reading.jinja_text import outside
from tdi.mutants.reading.yaml_text import entries
from tdi.mutants.results import Oracle
from tdi.mutants.source import Part, Source, variables

_MOST = 30
"""Lines of a file that are mutated: a long one has the same kinds of lines again and again."""
_MOST_OF_TEXT = 3
"""Of a text within tasks or variables."""

_STATEMENT = re.compile(r"\{%[-+]?\s*(?P<word>\w+).*?[-+]?%\}", re.DOTALL)
_ENDS = {"endif": "if", "endfor": "for"}
_COMMENT = re.compile(r"\s*(?:#|//|;|--|<!|\*|/\*|\"\s)")
_NUMBER = re.compile(r"(?<![\w.:/$%-])(?<!\d,)[1-9]\d*(?=(?:ms|[smhdwkKMGT])?(?![\w.:/%-]))")
_SWITCHES = {
    "on": "off",
    "yes": "no",
    "true": "false",
    "enable": "disable",
    "enabled": "disabled",
    "allow": "deny",
    "accept": "drop",
}
_OTHER = {**_SWITCHES, **{value: key for key, value in _SWITCHES.items()}}
_SWITCH = re.compile(rf"(?<![\w.$/-])(?:{'|'.join(_OTHER)})(?![\w./-])", re.IGNORECASE)
_SHELL = re.compile(r"\s*(?:if|then|elif|else|fi|for|while|until|do|done|case|esac|function|def|class|try)\b")


def _is_text(source: Source) -> bool:
    return source.part in {Part.TEMPLATE, Part.FILE}


def _blocks(text: str) -> Iterator[tuple[int, int, str]]:
    """Each block of Jinja with its ends, in whole lines where it has its lines for itself, and its first statement."""
    opened: list[re.Match[str]] = []
    for statement in _STATEMENT.finditer(text):
        word = statement["word"]
        if word in _ENDS.values():
            opened.append(statement)
        elif word in _ENDS and opened and opened[-1]["word"] == _ENDS[word]:
            first = opened.pop()
            start, end = text.rfind("\n", 0, first.start()) + 1, text.find("\n", statement.end()) + 1
            alone = not text[start : first.start()].strip() and not text[statement.end() : end].strip()
            yield (start, end, first.group()) if alone and end else (first.start(), statement.end(), first.group())


def _drop_block(source: Source) -> Iterator[Edit]:
    for start, end, first in _blocks(source.text) if source.part is Part.TEMPLATE else ():
        yield Edit(start, end, "", f"the block `{shortened(first)}` is gone")


def _narrow_loop(source: Source) -> Iterator[Edit]:
    if source.part is Part.TEMPLATE:
        for loop in re.finditer(r"\{%[-+]?\s*for\s+[\w\s,]+?\s+in\s+([\w.]+)(?=[^%]*%\})", source.text):
            yield Edit(loop.end(1), loop.end(1), "[:1]", f"only the first of {loop[1]} is written")


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """The lines that say something by themselves, without those that open or close what others say."""
    at = 0
    hidden = [
        (match.start(), match.end()) for match in re.finditer(r"(?s)\{%.*?%\}|\{#.*?#\}|\{\{[^}]*\n.*?\}\}", text)
    ]
    rows = text.splitlines(keepends=True)
    for number, line in enumerate(rows):
        start, at = at, at + len(line)
        plain = re.sub(r"\{\{.*?\}\}", "", line).strip()
        following = next((row for row in rows[number + 1 :] if row.strip()), "")
        deeper = len(following) - len(following.lstrip()) > len(line) - len(line.lstrip())
        says = (
            line.strip()
            and not _COMMENT.match(line)
            and not _SHELL.match(line)
            and "ansible_managed" not in line
            and all(plain.count(one) == plain.count(other) for one, other in ("()", "[]", "{}"))
            and not (deeper and not plain.endswith((";", ",")))
            and not any(begin < at and start < end for begin, end in hidden)
        )
        if says:
            yield start, at


def _drop_line(source: Source) -> Iterator[Edit]:
    for start, end in some(list(_lines(source.text)), _MOST) if _is_text(source) else ():
        yield Edit(start, end, "", f"the line `{shortened(source.text[start:end])}` is gone")


def _numbers(source: Source) -> Iterator[Edit]:
    for start, end, found in _first_in_lines(source, _NUMBER):
        other = str(int(found) + 1)
        yield Edit(start, end, other, f"{found} is {other} in {_line(source.text, start)}")


def _switches(source: Source) -> Iterator[Edit]:
    for start, end, found in _first_in_lines(source, _SWITCH):
        other = _OTHER[found.lower()]
        like = other.upper() if found.isupper() else other.capitalize() if found[0].isupper() else other
        yield Edit(start, end, like, f"{found} is {like} in {_line(source.text, start)}")


def _first_in_lines(source: Source, pattern: re.Pattern[str]) -> list[tuple[int, int, str]]:
    """The first match outside of Jinja and comments in each line that has one."""
    if not _is_text(source):
        return []
    text, found = source.text, {}
    for begin, end in outside(text):
        for match in pattern.finditer(text, begin, end):
            start = text.rfind("\n", 0, match.start()) + 1
            if not _COMMENT.match(text, start) and start not in found:
                found[start] = (*match.span(), match.group())
    return list(some(list(found.values()), _MOST))


def _line(text: str, at: int) -> str:
    start, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
    return f"`{shortened(text[start : end if end >= 0 else len(text)])}`"


def _drop_text_line(source: Source) -> Iterator[Edit]:
    """In the texts that tasks write to files, and in those of variables."""
    found = [argument.node for task in source.tasks for argument in task.given("content", "block") if not argument.span]
    if source.part in {Part.DEFAULTS, Part.VARIABLES}:
        found += [node for value in variables(source).values() for node in _texts(value)]
    for node in found:
        inside = source.yaml.inside(node)
        if inside and isinstance(node, yaml.ScalarNode) and node.style == "|":
            start = source.text.rfind("\n", 0, inside[0]) + 1
            text = f"{source.text[start : inside[1]]}\n"
            lines = list(_lines(text)) if text.count("\n") > 1 else []
            for begin, end in some(lines, _MOST_OF_TEXT):
                last = min(start + end, len(source.text))
                yield Edit(start + begin, last, "", f"the line `{shortened(text[begin:end])}` is gone")


def _texts(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    for value in entries(node).values() if isinstance(node, yaml.MappingNode) else ():
        yield from _texts(value)
    if isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _texts(value)


TEMPLATE_OPERATORS = (
    Operator(
        "drop-template-block",
        "What a condition or a loop wrote is not written at all.",
        "a\n{% for server in servers %}\nb {{ server }}\n{% endfor %}\nc\n",
        "a\nc\n",
        (*FRESH, *UPGRADE, Oracle.PLAN),
        _drop_block,
        Part.TEMPLATE,
    ),
    Operator(
        "narrow-template-loop",
        "Only the first of several is written.",
        "{% for server in servers %}\nb {{ server }}\n{% endfor %}\n",
        "{% for server in servers[:1] %}\nb {{ server }}\n{% endfor %}\n",
        (*FRESH, Oracle.PLAN),
        _narrow_loop,
        Part.TEMPLATE,
    ),
    Operator(
        "drop-template-line",
        "A line of a configuration or of a script got lost.",
        "# A server.\nlisten {{ port }};\n",
        "# A server.\n",
        (*FRESH, *UPGRADE, Oracle.PLAN),
        _drop_line,
        Part.TEMPLATE,
    ),
    Operator(
        "change-template-number",
        "A number in a configuration is another one than was meant.",
        "timeout 30s;\n",
        "timeout 31s;\n",
        (*FRESH, Oracle.PLAN),
        _numbers,
        Part.TEMPLATE,
    ),
    Operator(
        "flip-template-switch",
        "A switch in a configuration is the wrong way round.",
        "PasswordAuthentication no\n",
        "PasswordAuthentication yes\n",
        (*FRESH, Oracle.PLAN),
        _switches,
        Part.TEMPLATE,
    ),
    Operator(
        "drop-text-line",
        "A line of a text that a task writes, or that a variable holds, got lost.",
        "- copy:\n    content: |\n      # A server.\n      listen 80;\n    dest: /etc/a\n",
        "- copy:\n    content: |\n      # A server.\n    dest: /etc/a\n",
        (*FRESH, Oracle.PLAN),
        _drop_text_line,
    ),
)
