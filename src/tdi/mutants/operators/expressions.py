"""Operators on expressions of Jinja: in templates, in conditions, and in the values of tasks and variables."""

from collections.abc import Callable, Iterator

import yaml

from tdi.mutants.mutant import Edit
from tdi.mutants.operators.operator import FRESH, UPGRADE, Find, Operator, shortened
from tdi.mutants.reading.jinja_text import Expression, Word, condition, expressions
from tdi.mutants.reading.yaml_text import scalar_value
from tdi.mutants.results import Oracle
from tdi.mutants.source import Part, Source

_CONDITIONS = {"when", "changed_when", "failed_when", "until", "that", "break_when"}
_SAID_ONLY = {"name", "msg", "fail_msg", "success_msg", "label", "description", "register", "prompt", "tags"}
"""What people read: a wrong word in it breaks nothing."""
_PARTS = {Part.TASKS, Part.HANDLERS, Part.PLAYBOOK, Part.DEFAULTS, Part.VARIABLES}
_OPPOSITES = {"==": "!=", "!=": "=="}
_BOUNDARIES = {">": ">=", ">=": ">", "<": "<=", "<=": "<"}
_OTHER_FILTERS = {"select": "reject", "reject": "select", "selectattr": "rejectattr", "rejectattr": "selectattr"}
_FILTERS = {
    "bool",
    "int",
    "string",
    "lower",
    "upper",
    "quote",
    "sort",
    "trim",
    "unique",
    "flatten",
    "indent",
    "b64decode",
}
_DEFAULTS = {"default", "d"}
_CLOSE = {")", "]", "}"}


def _of(source: Source) -> Iterator[Expression]:
    if source.part is Part.TEMPLATE:
        yield from expressions(source.text)
    elif source.part in _PARTS:
        for root in source.yaml.roots:
            yield from _below(source, root, "")


def _below(source: Source, node: yaml.Node, key: str) -> Iterator[Expression]:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from _below(source, value, scalar_value(name))
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _below(source, value, key)
    elif (inside := source.yaml.inside(node)) and not (key in _SAID_ONLY and _is_of_tasks(source)):
        raw = source.text[slice(*inside)]
        if "{{" in raw or "{%" in raw:
            yield from expressions(source.text, *inside)
        elif key in _CONDITIONS and _is_of_tasks(source):
            yield from condition(source.text, *inside)


def _is_of_tasks(source: Source) -> bool:
    return source.part in {Part.TASKS, Part.HANDLERS, Part.PLAYBOOK}


def _each(find: Callable[[Expression, int, Word], Iterator[tuple[int, int, str]]]) -> Find:
    """What `find` makes of each word of each expression: from where to where it says what instead."""

    def over(source: Source) -> Iterator[Edit]:
        for expression in _of(source):
            for index, word in enumerate(expression.words):
                for start, end, text in find(expression, index, word):
                    if start == end:
                        said = f"`{shortened(text)}` is added before"
                    else:
                        said = f"`{shortened(source.text[start:end])}` "
                        said += f"is `{shortened(text)}`" if text.strip() else "is gone"
                    all_of_it = source.text[expression.words[0].start : expression.words[-1].end]
                    yield Edit(start, end, text, f"{said} in `{shortened(all_of_it)}`")

    return over


Found = Iterator[tuple[int, int, str]]


def _text(expression: Expression, index: int) -> str:
    return expression.words[index].text if 0 <= index < len(expression.words) else ""


def _and_or(_expression: Expression, _index: int, word: Word) -> Found:
    if word.kind == "name" and word.text in {"and", "or"}:
        yield word.start, word.end, "or" if word.text == "and" else "and"


def _is_of_for(expression: Expression, index: int) -> bool:
    """Whether an `in` is the one of a loop."""
    before = [word.text for word in expression.words[:index] if word.depth == 0]
    return expression.keyword == "for" and "in" not in before


def _comparison(expression: Expression, index: int, word: Word) -> Found:
    before, after = _text(expression, index - 1), _text(expression, index + 1)
    if word.text in _OPPOSITES:
        yield word.start, word.end, _OPPOSITES[word.text]
    elif word.text == "in" and before == "not":
        yield expression.words[index - 1].start, word.end, "in"
    elif word.text == "in" and not _is_of_for(expression, index):
        yield word.start, word.end, "not in"
    elif word.text == "is" and word.kind == "name":
        end = expression.words[index + 1].end if after == "not" else word.end
        yield word.start, end, "is" if after == "not" else "is not"


def _boundary(_expression: Expression, _index: int, word: Word) -> Found:
    if word.text in _BOUNDARIES:
        yield word.start, word.end, _BOUNDARIES[word.text]


def _drop_not(expression: Expression, index: int, word: Word) -> Found:
    after = index + 1 < len(expression.words)
    if word.text == "not" and after and _text(expression, index + 1) != "in" and _text(expression, index - 1) != "is":
        yield word.start, expression.words[index + 1].start, ""


def _condition_end(expression: Expression, index: int) -> int:
    """Where the condition ends that stands behind the `if` at `index`."""
    depth = expression.words[index].depth
    end = expression.words[index].end
    for word in expression.words[index + 1 :]:
        if (word.text in _CLOSE and word.depth < depth) or (
            word.depth == depth and word.text in {"else", ",", "recursive"}
        ):
            break
        end = word.end
    return end


def _inline_if(expression: Expression, index: int, word: Word) -> Found:
    if word.text == "if" and word.kind == "name" and index > 0 and index + 1 < len(expression.words):
        start = expression.words[index + 1].start
        yield from _negated(expression, index, start, _condition_end(expression, index))


def _statement_if(expression: Expression, index: int, word: Word) -> Found:
    if index == 0 and expression.keyword in {"if", "elif"} and len(expression.words) > 1 and word.text:
        yield from _negated(expression, 0, expression.words[1].start, expression.words[-1].end)


def _negated(expression: Expression, index: int, start: int, end: int) -> Found:
    """The condition between start and end the other way round, without brackets where one word is all of it."""
    words = [word for word in expression.words[index + 1 :] if word.start >= start and word.end <= end]
    if words[0].text == "not" and not {"and", "or"} & {word.text for word in words} and len(words) > 1:
        yield words[0].start, words[1].start, ""
    elif not {"and", "or", "if"} & {word.text for word in words}:
        yield start, start, "not "
    else:
        yield start, end, f"not ({expression.text[start:end]})"


def _invert_filter(expression: Expression, index: int, word: Word) -> Found:
    if _text(expression, index - 1) == "|" and word.text in _OTHER_FILTERS:
        yield word.start, word.end, _OTHER_FILTERS[word.text]


def _drop_filters(names: set[str]) -> Callable[[Expression, int, Word], Found]:
    def find(expression: Expression, index: int, word: Word) -> Found:
        if index > 1 and _text(expression, index - 1) == "|" and word.text in names:
            yield expression.words[index - 2].end, expression.call_end(index), ""

    return find


def _misspell(expression: Expression, index: int, word: Word) -> Found:
    after = [_text(expression, index + step) for step in (1, 2, 3)]
    defaulted = after[0] == "|" and after[1] in _DEFAULTS
    tested = after[0] == "is" and "defined" in after[1:3]
    if word.kind == "name" and (defaulted or tested) and _text(expression, index - 1) != "|":
        yield word.end - 1, word.end, f"{word.text[-1]}_"


def _literal(_expression: Expression, _index: int, word: Word) -> Found:
    if word.kind == "number" and word.text.isdecimal():
        yield word.start, word.end, str(int(word.text) + 1)


EXPRESSION_OPERATORS = (
    Operator(
        "swap-and-or",
        "One of two conditions is taken for both, or both for one.",
        "- apt:\n    name: less\n  when: a and b\n",
        "- apt:\n    name: less\n  when: a or b\n",
        (*FRESH, *UPGRADE),
        _each(_and_or),
    ),
    Operator(
        "flip-comparison",
        "A comparison or a test is the wrong way round.",
        "- apt:\n    name: less\n  when: a is not defined\n",
        "- apt:\n    name: less\n  when: a is defined\n",
        (*FRESH, *UPGRADE),
        _each(_comparison),
    ),
    Operator(
        "shift-boundary",
        "The limit itself is on the wrong side: off by one.",
        "- apt:\n    name: less\n  when: version | int >= 12\n",
        "- apt:\n    name: less\n  when: version | int > 12\n",
        FRESH,
        _each(_boundary),
    ),
    Operator(
        "drop-not",
        "A condition is the wrong way round for want of a word.",
        "- apt:\n    name: less\n  failed_when: a and not b\n",
        "- apt:\n    name: less\n  failed_when: a and b\n",
        (*FRESH, *UPGRADE),
        _each(_drop_not),
    ),
    Operator(
        "negate-template-condition",
        "A part of a file is written where it should not be, and is not where it should.",
        "a\n{% if tls %}\nb\n{% endif %}\n",
        "a\n{% if not tls %}\nb\n{% endif %}\n",
        (*FRESH, *UPGRADE, Oracle.PLAN),
        _each(_statement_if),
        Part.TEMPLATE,
    ),
    Operator(
        "negate-inline-if",
        "The one value is taken where the other one should be.",
        'port: "{{ 443 if tls else 80 }}"\n',
        'port: "{{ 443 if not tls else 80 }}"\n',
        (*FRESH, *UPGRADE),
        _each(_inline_if),
        Part.VARIABLES,
    ),
    Operator(
        "invert-filter",
        "What should be left out is all that is taken.",
        "on: \"{{ sites | selectattr('on') }}\"\n",
        "on: \"{{ sites | rejectattr('on') }}\"\n",
        (*FRESH, *UPGRADE),
        _each(_invert_filter),
        Part.VARIABLES,
    ),
    Operator(
        "drop-default-filter",
        "What may be left unsaid must be said; where it is not, the run fails.",
        "listen {{ port | default(80) }};\n",
        "listen {{ port }};\n",
        FRESH,
        _each(_drop_filters(_DEFAULTS)),
        Part.TEMPLATE,
    ),
    Operator(
        "drop-filter",
        "A value is used as it was given: the text 'false' is true, a list has things twice, an order is of chance.",
        "listen {{ ports | sort | join(' ') }};\n",
        "listen {{ ports | join(' ') }};\n",
        FRESH,
        _each(_drop_filters(_FILTERS)),
        Part.TEMPLATE,
    ),
    Operator(
        "misspell-variable",
        "A variable has another name in one place, and what stands in for a missing one hides it.",
        "listen {{ site.port | default('any') }};\n",
        "listen {{ site.port_ | default('any') }};\n",
        (*FRESH, Oracle.PLAN),
        _each(_misspell),
        Part.TEMPLATE,
    ),
    Operator(
        "change-literal",
        "A number in an expression is another one than was meant.",
        "port: \"{{ 443 if tls else '' }}\"\n",
        "port: \"{{ 444 if tls else '' }}\"\n",
        (*FRESH, Oracle.PLAN),
        _each(_literal),
        Part.VARIABLES,
    ),
)
