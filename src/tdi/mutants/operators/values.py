"""Operators on defaults and variables: a value is another one, or is not there."""

import re
from collections.abc import Callable, Iterator

import yaml

from tdi.mutants.mutant import Edit
from tdi.mutants.operators.operator import FRESH, UPGRADE, Find, Operator, shortened, some
from tdi.mutants.reading.yaml_text import is_number, is_text, place, scalar_value
from tdi.mutants.results import Oracle
from tdi.mutants.source import Part, Source, variables

_MOST_ITEMS = 6
_OTHER_WORDS = {
    "present": "latest",
    "latest": "present",
    "absent": "present",
    "started": "stopped",
    "enabled": "disabled",
    "disabled": "enabled",
    "yes": "no",
    "no": "yes",
    "on": "off",
    "off": "on",
    "tcp": "udp",
    "udp": "tcp",
    "allow": "deny",
    "deny": "allow",
    "root": "nobody",
}
_ANCHOR = re.compile(r"\A\^|(?<!\\)\$\Z|\\Z\Z")
_VERSION = re.compile(r"\d+(?:\.\d+)+\Z")


def _files(source: Source) -> bool:
    return source.part in {Part.DEFAULTS, Part.VARIABLES}


def _leaves(source: Source) -> Iterator[tuple[str, yaml.Node]]:
    """Each scalar that a variable is made of, with the way to it: `sites.name`."""
    for name, node in variables(source).items() if _files(source) else ():
        yield from _below(name, node)


def _below(name: str, node: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _below(f"{name}.{scalar_value(key)}", value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _below(name, value)
    else:
        yield name, node


def _nodes(node: yaml.Node, name: str) -> Iterator[tuple[str, yaml.Node]]:
    """A node and all lists and mappings in it."""
    yield name, node
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _nodes(value, f"{name}.{scalar_value(key)}")
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _nodes(value, name)


def _in_leaves(find: Callable[[Source, str, yaml.Node], Iterator[Edit]]) -> Find:
    def over(source: Source) -> Iterator[Edit]:
        for name, node in _leaves(source):
            yield from find(source, name, node)

    return over


def _drop_variable(source: Source) -> Iterator[Edit]:
    for root in source.yaml.roots if _files(source) else ():
        if isinstance(root, yaml.MappingNode):
            for index, (key, _) in enumerate(root.value):
                yield from source.yaml.without_entry(root, index, f"the variable {scalar_value(key)} is not there")


def _drop_key(source: Source) -> Iterator[Edit]:
    for top, value in variables(source).items() if _files(source) else ():
        for name, node in _nodes(value, top):
            if isinstance(node, yaml.MappingNode):
                for index, (key, _) in enumerate(node.value):
                    clause = f"{scalar_value(key)} is gone from {name}"
                    yield from source.yaml.without_entry(node, index, clause)


def _drop_item(source: Source) -> Iterator[Edit]:
    for top, value in variables(source).items() if _files(source) else ():
        for name, node in _nodes(value, top):
            if isinstance(node, yaml.SequenceNode):
                for index in some(range(len(node.value)), _MOST_ITEMS):
                    yield from source.yaml.without_item(node, index, f"item {index + 1} of {name} is gone")


def _number(source: Source, name: str, node: yaml.Node) -> Iterator[Edit]:
    written = source.yaml.written(node)
    if re.fullmatch(r"[1-9]\d*|0", written) and (is_number(node) or is_text(node)):
        other = str(int(written) + 1)
        yield from source.yaml.says(node, other, f"{name} is {other} instead of {written}")


def _boolean(source: Source, name: str, node: yaml.Node) -> Iterator[Edit]:
    yield from source.yaml.opposite(node, f"{name} is the other way round")


def _pattern(source: Source, name: str, node: yaml.Node) -> Iterator[Edit]:
    inside, raw = source.yaml.inside(node), source.yaml.written(node)
    if inside and is_text(node) and "{{" not in raw and "\n" not in raw:
        for anchor in _ANCHOR.finditer(raw):
            start, end = inside[0] + anchor.start(), inside[0] + anchor.end()
            yield Edit(start, end, "", f"the pattern {name} has no {anchor.group()}")


def _path(source: Source, name: str, node: yaml.Node) -> Iterator[Edit]:
    raw = source.yaml.written(node)
    if is_text(node) and re.fullmatch(r"/[\w./@+-]*[\w@+-]", raw):
        yield from source.yaml.says(node, raw[:-1] if len(raw) > 2 else f"{raw}x", f"the path {name} is mistyped")  # noqa: PLR2004


def _word(source: Source, name: str, node: yaml.Node) -> Iterator[Edit]:
    raw = source.yaml.written(node)
    plain = is_text(node) and "\n" not in raw and not set(raw) & set("{}\\^$|(){}")
    if not plain or not raw or raw.startswith("/") or raw.isdecimal():
        return
    if _VERSION.fullmatch(raw):
        before, dot, last = raw.rpartition(".")
        other = f"{before}{dot}{int(last) + 1}"
    else:
        other = _OTHER_WORDS.get(raw.lower()) or f"{raw}x"
    yield from source.yaml.says(node, other, f"{name} is {shortened(other)} instead of {shortened(raw)}")


def _empty_list(source: Source) -> Iterator[Edit]:
    for name, node in variables(source).items() if _files(source) else ():
        if isinstance(node, yaml.SequenceNode) and len(node.value) > 1:
            start, end = place(node)[0], source.yaml.end(node)
            before = source.text[:start].rstrip()
            if node.flow_style:
                yield Edit(start, end, "[]", f"{name} is empty")
            elif before.endswith(":"):
                yield Edit(len(before), end, " []", f"{name} is empty")


VALUE_OPERATORS = (
    Operator(
        "mistype-default-path",
        "A path in a variable has a typing error, or is the one of another release.",
        "place: /etc/a.conf\n",
        "place: /etc/a.con\n",
        (*FRESH, Oracle.SAME_STATE, *UPGRADE),
        _in_leaves(_path),
        Part.VARIABLES,
    ),
    Operator(
        "loosen-pattern",
        "A pattern that should match the whole of a text matches its beginning.",
        "name_pattern: '[a-z]+$'\n",
        "name_pattern: '[a-z]+'\n",
        FRESH,
        _in_leaves(_pattern),
        Part.VARIABLES,
    ),
    Operator(
        "change-number",
        "A number is another one than was meant: a port, a size, a time.",
        'port: "80" # of all\n',
        'port: "81" # of all\n',
        (*FRESH, Oracle.PLAN),
        _in_leaves(_number),
        Part.DEFAULTS,
    ),
    Operator(
        "flip-default",
        "A switch is on by default that should be off, or the other way round.",
        "use_ipv6: True\n",
        "use_ipv6: False\n",
        (*FRESH, Oracle.PLAN, Oracle.SAME_STATE),
        _in_leaves(_boolean),
        Part.DEFAULTS,
    ),
    Operator(
        "change-word",
        "A value is another one than was meant: of another environment, of an older release.",
        "package_state: latest\n",
        "package_state: present\n",
        (*FRESH, Oracle.PLAN, Oracle.SAME_STATE),
        _in_leaves(_word),
        Part.DEFAULTS,
    ),
    Operator(
        "empty-list",
        "A list that was never empty is now.",
        "packages: # of all\n  - less\nports: [22, 80]\n",
        "packages: # of all\n  - less\nports: []\n",
        FRESH,
        _empty_list,
        Part.DEFAULTS,
    ),
    Operator(
        "drop-list-item",
        "A line of a list got lost.",
        "packages:\n  - less\n",
        "packages: []\n",
        (*FRESH, Oracle.PLAN, Oracle.SAME_STATE),
        _drop_item,
        Part.DEFAULTS,
    ),
    Operator(
        "drop-key",
        "An entry of a structure got lost.",
        "sites:\n  # The first one.\n  - name: a\n    port: 80\n",
        "sites:\n  # The first one.\n  - port: 80\n",
        (*FRESH, Oracle.PLAN),
        _drop_key,
        Part.DEFAULTS,
    ),
    Operator(
        "drop-variable",
        "A variable has no default any more, and who never set it has none.",
        "port: 80\nowner: app\n",
        "owner: app\n",
        FRESH,
        _drop_variable,
        Part.DEFAULTS,
    ),
)
