"""Operators on handlers: who is notified, and who listens."""

from collections.abc import Iterator

import yaml

from tdi.mutants.mutant import Edit
from tdi.mutants.operators.operator import FRESH, UPGRADE, Operator, in_tasks, without_keyword
from tdi.mutants.reading.tasks import Task
from tdi.mutants.reading.yaml_text import items, scalar_value
from tdi.mutants.results import Oracle
from tdi.mutants.source import Part, Source


def _drop_notify(task: Task) -> Iterator[Edit]:
    notified = items(task.entries.get("notify"))
    if len(notified) < 2:  # noqa: PLR2004 (with one, the whole of it goes)
        yield from task.without("notify", f"the notify of {task.label} is gone")
    elif isinstance(listed := task.entries["notify"], yaml.SequenceNode):
        for index, node in enumerate(notified):
            yield from task.text.without_item(listed, index, f"{task.label} does not notify '{scalar_value(node)}'")


def _notify_another(source: Source) -> Iterator[Edit]:
    for task in source.tasks:
        notify = task.entries.get("notify")
        listed = items(notify) or ([notify] if notify is not None else [])
        notified = {scalar_value(node) for node in listed}
        for node in listed:
            other = next((name for name in _known(source) if name not in notified and "'" not in name), "")
            if other:
                clause = f"{task.label} notifies '{other}' instead of '{scalar_value(node)}'"
                yield from task.text.says(node, other, clause)


def _known(source: Source) -> list[str]:
    """What can be notified, as far as it can be written without quotes."""
    own = [scalar_value(task.entries.get("name")) for task in source.tasks if task.is_handler]
    return [name for name in (*source.handlers, *own) if name and not set(name) & set('{}:#&*!|>%@`"\\')]


def _drop_handler(task: Task) -> Iterator[Edit]:
    if task.is_handler:
        yield from task.dropped(f"the handler {task.label} is gone")


HANDLER_OPERATORS = (
    Operator(
        "drop-notify",
        "The service runs on with its old configuration until somebody restarts it.",
        "- template:\n    src: a\n    dest: /etc/a\n  notify: Restart a\n",
        "- template:\n    src: a\n    dest: /etc/a\n",
        (Oracle.INVARIANTS, *UPGRADE, Oracle.SAME_STATE),
        in_tasks(_drop_notify),
    ),
    Operator(
        "notify-another-handler",
        "The wrong service is restarted, or the right one is reloaded where it must restart.",
        "- name: Restart a\n  service:\n    name: a\n- name: Write\n  copy:\n    dest: /etc/a\n  notify: Restart b\n",
        "- name: Restart a\n  service:\n    name: a\n- name: Write\n  copy:\n    dest: /etc/a\n  notify: Restart a\n",
        (Oracle.INVARIANTS, *UPGRADE, Oracle.SAME_STATE),
        _notify_another,
        Part.HANDLERS,
    ),
    Operator(
        "drop-listen",
        "A handler does not hear any more what several are notified by.",
        "- name: Check\n  command: /bin/check\n  listen: changed\n",
        "- name: Check\n  command: /bin/check\n",
        (Oracle.INVARIANTS, *UPGRADE, *FRESH),
        without_keyword("listen"),
        Part.HANDLERS,
    ),
    Operator(
        "drop-handler",
        "A handler got lost, and what notifies it fails, or what others of its name do is all that is done.",
        "# Done last.\n- name: Restart\n  service:\n    name: a\n    state: restarted\n",
        "# Done last.\n[]\n",
        (Oracle.LINT, *FRESH, Oracle.INVARIANTS),
        in_tasks(_drop_handler),
        Part.HANDLERS,
    ),
)
