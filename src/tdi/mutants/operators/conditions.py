"""Operators on when a task is done, and on what Ansible makes of its result."""

import re
from collections.abc import Iterator

import yaml

from tdi.mutants.mutant import Edit
from tdi.mutants.operators.operator import FRESH, UPGRADE, Find, Operator, in_tasks
from tdi.mutants.reading.tasks import COMMANDS, PACKAGES, READING, SERVICES, Task
from tdi.mutants.reading.yaml_text import items, scalar_value
from tdi.mutants.results import Oracle

_FACTS = {
    "os_family": "distribution",
    "distribution_release": "distribution_version",
    "distribution_version": "distribution_major_version",
    "distribution_major_version": "distribution_version",
    "distribution": "os_family",
}
_FACT = re.compile(rf"(?<=ansible_)(?:{'|'.join(_FACTS)})\b|(?<=ansible_facts\[')(?:{'|'.join(_FACTS)})(?='\])")
_ENDS_RUN = {"assert", "fail", "uri", "wait_for", "wait_for_connection", "get_url"}


def _listed(task: Task, keyword: str) -> list[yaml.Node]:
    node = task.entries.get(keyword)
    return items(node) or ([] if node is None else [node])


def _without(keyword: str) -> Find:
    """Takes a condition from a task: all of it, or one of several that all must hold."""

    def find(task: Task) -> Iterator[Edit]:
        listed = task.entries.get(keyword)
        if isinstance(listed, yaml.SequenceNode) and len(listed.value) > 1:
            for index, node in enumerate(listed.value):
                clause = f"`{' '.join(scalar_value(node).split())}` is gone from the {keyword} of {task.label}"
                yield from task.text.without_item(listed, index, clause)
        else:
            yield from task.without(keyword, f"the {keyword} of {task.label} is gone")

    return in_tasks(find)


def _negate_when(task: Task) -> Iterator[Edit]:
    for node in _listed(task, "when"):
        clause = f"the when of {task.label} is the other way round"
        inside, raw = task.text.inside(node), task.text.written(node)
        yield from task.text.opposite(node, clause)
        if not inside or raw.lower() in {"true", "false", "yes", "no"} or "{{" in raw:
            continue
        if raw.startswith("not ") and not re.search(r"\b(?:and|or|if)\b", raw):
            yield Edit(inside[0], inside[0] + 4, "", clause)
        else:
            yield Edit(*inside, f"not ({raw})", clause)


def _swap_fact(task: Task) -> Iterator[Edit]:
    for node in _listed(task, "when"):
        inside = task.text.inside(node)
        for fact in list(_FACT.finditer(task.text.text, *inside))[:1] if inside else ():
            clause = f"the when of {task.label} asks for {_FACTS[fact.group()]} instead of {fact.group()}"
            yield Edit(*fact.span(), _FACTS[fact.group()], clause)


def _becomes(keyword: str, word: str) -> Find:
    """Has a condition that is there be the same always."""

    def find(task: Task) -> Iterator[Edit]:
        node = task.entries.get(keyword)
        clause = f"the {keyword} of {task.label} is {word}"
        if isinstance(node, yaml.ScalarNode) and node.value != word:
            yield from task.text.becomes(node, word, clause)
        elif isinstance(node, yaml.SequenceNode) and node.value and not node.flow_style:
            start, end = node.start_mark.index, task.text.end(node)
            before = task.text.text[:start].rstrip()
            if before.endswith(":"):
                yield Edit(len(before), end, f" {word}", clause)

    return in_tasks(find)


def _changed_when(word: str) -> Find:
    """Has a task say that it changed, or that it did not, where somebody takes note of it."""
    there = _becomes("changed_when", word)

    def find(task: Task) -> Iterator[Edit]:
        noted = "notify" in task.entries or task.module in COMMANDS
        if noted and "changed_when" not in task.entries:
            yield from task.also("changed_when", word, f"{task.label} says that it is {_SAID[word]}")

    also = in_tasks(find)
    return lambda source: [*there(source), *also(source)]


_SAID = {"true": "changed at each run", "false": "never changed"}


def _failed_when(task: Task) -> Iterator[Edit]:
    if task.module in COMMANDS and "failed_when" not in task.entries and "ignore_errors" not in task.entries:
        yield from task.also("failed_when", "false", f"{task.label} never fails")


def _ignore_errors(task: Task) -> Iterator[Edit]:
    matters = task.module in _ENDS_RUN | PACKAGES | SERVICES or "validate" in task.arguments
    own = "." not in task.called and task.module not in READING and "_" in task.called
    if (matters or (own and not task.called.startswith(("import_", "include_")))) and "failed_when" not in task.entries:
        yield from task.also("ignore_errors", "true", f"the run goes on where {task.label} fails")


def _drop_assertion(task: Task) -> Iterator[Edit]:
    for argument in task.given("that") if task.module == "assert" else ():
        if isinstance(argument.node, yaml.SequenceNode) and len(argument.node.value) > 1:
            for index, node in enumerate(argument.node.value):
                clause = f"{task.label} does not look whether {' '.join(scalar_value(node).split())}"
                yield from task.text.without_item(argument.node, index, clause)


CONDITION_OPERATORS = (
    Operator(
        "drop-when",
        "A task is done on machines that it is not for.",
        "- apt:\n    name: less\n  when:\n    - wanted\n    - not there\n",
        "- apt:\n    name: less\n  when:\n    - not there\n",
        (*FRESH, *UPGRADE),
        _without("when"),
    ),
    Operator(
        "negate-when",
        "A condition is the wrong way round.",
        "- apt:\n    name: less\n  when: a or b # one of them\n",
        "- apt:\n    name: less\n  when: not (a or b) # one of them\n",
        (*FRESH, *UPGRADE),
        in_tasks(_negate_when),
    ),
    Operator(
        "swap-fact",
        "A condition asks for the family where it means the distribution, or for another kind of version.",
        "- apt:\n    name: less\n  when: ansible_os_family == 'Debian'\n",
        "- apt:\n    name: less\n  when: ansible_distribution == 'Debian'\n",
        (*FRESH, *UPGRADE),
        in_tasks(_swap_fact),
    ),
    Operator(
        "changed-when-false",
        "A task hides its changes: no handler hears of them, and no report.",
        "- command: /bin/make\n  changed_when: answer.rc == 2\n  register: answer\n",
        "- command: /bin/make\n  changed_when: false\n  register: answer\n",
        (Oracle.INVARIANTS, *UPGRADE, Oracle.SECOND_RUN),
        _changed_when("false"),
    ),
    Operator(
        "changed-when-true",
        "A task says at each run that it changed something, and the handlers run each time.",
        "- command: /bin/ask\n  changed_when: false\n",
        "- command: /bin/ask\n  changed_when: true\n",
        (Oracle.SECOND_RUN, Oracle.LOAD),
        _changed_when("true"),
    ),
    Operator(
        "drop-changed-when",
        "A command that only asks is taken for a change at each run.",
        "- command: /bin/ask\n  changed_when: false\n",
        "- command: /bin/ask\n",
        (Oracle.LINT, Oracle.SECOND_RUN),
        _without("changed_when"),
    ),
    Operator(
        "failed-when-false",
        "A command may fail, and nobody hears of it.",
        "- command: /bin/make\n",
        "- command: /bin/make\n  failed_when: false\n",
        (*FRESH, *UPGRADE, Oracle.SAME_STATE),
        lambda source: [*_becomes("failed_when", "false")(source), *in_tasks(_failed_when)(source)],
    ),
    Operator(
        "drop-failed-when",
        "What is no failure ends the run, or what is one does not.",
        "- command: /bin/ask\n  failed_when: answer.rc > 1\n",
        "- command: /bin/ask\n",
        (*FRESH, *UPGRADE),
        _without("failed_when"),
    ),
    Operator(
        "ignore-errors",
        "The run goes on after a failure, and ends as if it had worked.",
        "- uri:\n    url: http://localhost # itself\n",
        "- uri:\n    url: http://localhost # itself\n  ignore_errors: true\n",
        (Oracle.LINT, *FRESH, *UPGRADE),
        in_tasks(_ignore_errors),
    ),
    Operator(
        "drop-assertion",
        "One of the things that a check looked at is not looked at any more.",
        "- assert:\n    that:\n      - port > 0\n      - port < 65536\n",
        "- assert:\n    that:\n      - port < 65536\n",
        FRESH,
        in_tasks(_drop_assertion),
    ),
)
