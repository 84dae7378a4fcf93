"""Operators on what a role says of itself: what it needs, and what it may be given."""

from collections.abc import Iterator

import yaml

from tdi.mutants.mutant import Edit
from tdi.mutants.operators.operator import FRESH, Operator
from tdi.mutants.reading.yaml_text import entries, index_of, is_boolean, is_text, items, scalar_value
from tdi.mutants.results import Oracle
from tdi.mutants.source import Part, Source

_WIDER = {"int": "str", "float": "str", "bool": "str", "list": "raw", "dict": "raw", "path": "str"}


def _options(source: Source) -> Iterator[tuple[str, yaml.MappingNode, int]]:
    """Each option of the specs, options of options included: its name, the mapping it is in, and where in it."""
    for root in source.yaml.roots if source.part is Part.ARGUMENTS else ():
        for entry in entries(entries(root).get("argument_specs")).values():
            yield from _options_of(entry)


def _options_of(node: yaml.Node) -> Iterator[tuple[str, yaml.MappingNode, int]]:
    options = entries(node).get("options")
    if isinstance(options, yaml.MappingNode):
        for index, (key, value) in enumerate(options.value):
            yield scalar_value(key), options, index
            yield from _options_of(value)


def _details(source: Source, detail: str) -> Iterator[tuple[str, yaml.MappingNode, yaml.Node]]:
    for name, options, index in _options(source):
        option = options.value[index][1]
        if isinstance(option, yaml.MappingNode) and detail in entries(option):
            yield name, option, entries(option)[detail]


def _drop_option(source: Source) -> Iterator[Edit]:
    for name, options, index in _options(source):
        yield from source.yaml.without_entry(options, index, f"the option {name} is not known")


def _drop_required(source: Source) -> Iterator[Edit]:
    for name, option, node in _details(source, "required"):
        if is_boolean(node) and scalar_value(node).lower() in {"true", "yes", "on"}:
            clause = f"the option {name} need not be given"
            yield from source.yaml.without_entry(option, index_of(option, "required"), clause)


def _widen_type(source: Source) -> Iterator[Edit]:
    for name, _, node in _details(source, "type"):
        if is_text(node) and (wider := _WIDER.get(scalar_value(node))):
            clause = f"the option {name} is a {wider} instead of a {scalar_value(node)}"
            yield from source.yaml.says(node, wider, clause)


def _drop_choice(source: Source) -> Iterator[Edit]:
    for name, _, node in _details(source, "choices"):
        if isinstance(node, yaml.SequenceNode):
            for index, choice in enumerate(node.value):
                yield from source.yaml.without_item(node, index, f"{name} may not be {scalar_value(choice)} any more")


def _drop_dependency(source: Source) -> Iterator[Edit]:
    for root in source.yaml.roots if source.part is Part.META else ():
        listed = entries(root).get("dependencies")
        if isinstance(listed, yaml.SequenceNode):
            for index, node in enumerate(items(listed)):
                named = entries(node)
                role = scalar_value(node) or scalar_value(named.get("role") or named.get("name"))
                yield from source.yaml.without_item(listed, index, f"the role {role} is not needed any more")


_SPECS = "argument_specs:\n  main:\n    options:\n      port:\n        type: "

META_OPERATORS = (
    Operator(
        "drop-dependency",
        "A role that this one builds on is not there unless somebody else brings it.",
        "dependencies:\n  - role: common\n",
        "dependencies: []\n",
        FRESH,
        _drop_dependency,
        Part.META,
    ),
    Operator(
        "drop-required",
        "What must be given may be left out, and the run fails in its middle.",
        f"{_SPECS}str\n        required: true\n",
        f"{_SPECS}str\n",
        (Oracle.ARGUMENTS, *FRESH),
        _drop_required,
        Part.ARGUMENTS,
    ),
    Operator(
        "widen-type",
        "A value of a wrong type is not turned away.",
        f"{_SPECS}int\n",
        f"{_SPECS}str\n",
        (Oracle.ARGUMENTS, *FRESH),
        _widen_type,
        Part.ARGUMENTS,
    ),
    Operator(
        "drop-choice",
        "A value that people use is turned away.",
        f"{_SPECS}str\n        choices: [http]\n",
        f"{_SPECS}str\n        choices: []\n",
        (Oracle.ARGUMENTS, *FRESH),
        _drop_choice,
        Part.ARGUMENTS,
    ),
    Operator(
        "drop-option",
        "An option is not described: within another one it is turned away, otherwise it is not checked.",
        f"{_SPECS}int\n      name:\n        type: str\n",
        "argument_specs:\n  main:\n    options:\n      name:\n        type: str\n",
        (Oracle.ARGUMENTS, *FRESH),
        _drop_option,
        Part.ARGUMENTS,
    ),
)
