"""Operators on what modules are given, whatever modules they are: after those that know the argument's meaning."""

import re
from collections.abc import Iterator

import yaml

from tdi.mutants.mutant import Edit
from tdi.mutants.operators.operator import FRESH, UPGRADE, Operator, in_tasks, opposite, without_argument
from tdi.mutants.reading.tasks import Task
from tdi.mutants.reading.yaml_text import is_number, scalar_value
from tdi.mutants.results import Oracle
from tdi.mutants.source import Part, Source

_SAY_ONLY = {"assert", "fail", "debug", "set_fact", "pause", "meta", "setup", "add_host", "group_by", "include_vars"}
_NEEDED = frozenset(
    (
        *("name", "pkg", "package", "path", "paths", "dest", "src", "content", "cmd", "argv"),
        *("_raw_params", "free_form", "url", "repo", "line", "regexp", "block", "key", "value"),
        *("file", "tasks_from", "vars_from", "msg", "that", "fail_msg", "success_msg", "quiet"),
        *("apply", "role", "state"),
    )
)
"""What a module cannot do without, or what other operators take."""


def _acts(task: Task) -> bool:
    return task.module not in _SAY_ONLY


def _drop(task: Task) -> Iterator[Edit]:
    for argument in task.arguments.values() if _acts(task) else ():
        if argument.name not in _NEEDED:
            yield from argument.dropped(f"the {argument.name} of {task.label} is gone")


def _drop_item(task: Task) -> Iterator[Edit]:
    for argument in task.arguments.values() if _acts(task) else ():
        if argument.span is None and isinstance(argument.node, yaml.SequenceNode) and argument.name != "argv":
            for index, node in enumerate(argument.node.value if len(argument.node.value) > 1 else ()):
                clause = f"`{' '.join(scalar_value(node).split())}` is gone from the {argument.name} of {task.label}"
                yield from task.text.without_item(argument.node, index, clause)


def _flip(task: Task) -> Iterator[Edit]:
    for argument in task.arguments.values() if _acts(task) else ():
        yield from argument.opposite(f"the {argument.name} of {task.label} is the other way round")


def _change_number(task: Task) -> Iterator[Edit]:
    for argument in task.arguments.values() if _acts(task) else ():
        number = argument.value if argument.span or is_number(argument.node) else ""
        if argument.name not in {"mode", "directory_mode"} and re.fullmatch(r"[1-9]\d*", number):
            other = str(int(number) + 1)
            clause = f"the {argument.name} of {task.label} is {other} instead of {number}"
            yield from argument.says(other, clause)


def _without_tls(source: Source) -> Iterator[Edit]:
    """Only where something is fetched or named: a comment and the text of a page may say what they like."""
    if source.part.is_yaml and source.part not in {Part.META, Part.ARGUMENTS}:
        for found in re.finditer(r"(?m)^[^#\n]*?[\s'\"=\[](https)://(?!\*)", source.text):
            yield Edit(*found.span(1), "http", "an address is http instead of https")


ARGUMENT_OPERATORS = (
    Operator(
        "skip-verification",
        "What is fetched is not checked any more, and can come from anybody.",
        "- get_url:\n    url: a\n    validate_certs: true\n",
        "- get_url:\n    url: a\n    validate_certs: false\n",
        (Oracle.LINT, *FRESH, Oracle.PLAN),
        opposite("validate_certs", "gpgcheck", "repo_gpgcheck", "allow_unauthenticated", "trusted", "sslverify"),
    ),
    Operator(
        "drop-signature",
        "A download or an archive is not held to the key or the checksum that it was tried with.",
        "- get_url:\n    url: a\n    checksum: sha256:00\n",
        "- get_url:\n    url: a\n",
        (*FRESH, Oracle.PLAN, Oracle.SAME_STATE),
        without_argument("checksum", "signed_by", "gpgkey", "keyring", "fingerprint"),
    ),
    Operator(
        "https-to-http",
        "Something is fetched so that anybody on the way can change it.",
        "- get_url:\n    url: https://example.com/a\n",
        "- get_url:\n    url: http://example.com/a\n",
        (*FRESH, Oracle.PLAN),
        _without_tls,
    ),
    Operator(
        "flip-argument",
        "A switch of a module is the wrong way round.",
        "- unarchive:\n    src: a\n    remote_src: yes\n",
        "- unarchive:\n    src: a\n    remote_src: no\n",
        (*FRESH, *UPGRADE, Oracle.SAME_STATE),
        in_tasks(_flip),
    ),
    Operator(
        "change-argument-number",
        "A number is another one than was meant.",
        "- sysctl:\n    name: vm.swappiness\n    value: 10\n",
        "- sysctl:\n    name: vm.swappiness\n    value: 11\n",
        (*FRESH, Oracle.PLAN),
        in_tasks(_change_number),
    ),
    Operator(
        "drop-argument-item",
        "A line of a list that a module is given got lost.",
        "- apt:\n    name:\n      - less\n      - vim\n",
        "- apt:\n    name:\n      - vim\n",
        (*FRESH, Oracle.SAME_STATE),
        in_tasks(_drop_item),
    ),
    Operator(
        "drop-argument",
        "A module is not told something, and does what it does by default.",
        "- cron:\n    name: a\n    job: /bin/a\n",
        "- cron:\n    name: a\n",
        (*FRESH, *UPGRADE, Oracle.SAME_STATE),
        in_tasks(_drop),
    ),
)
