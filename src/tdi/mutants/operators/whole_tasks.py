"""Operators on tasks as a whole: those that are gone, stand elsewhere, or are done for fewer things."""

from collections.abc import Iterator

import yaml

from tdi.mutants.mutant import Edit
from tdi.mutants.operators.operator import FRESH, UPGRADE, Operator, in_tasks, without_keyword
from tdi.mutants.reading.tasks import READING, Task
from tdi.mutants.reading.yaml_text import is_text, items, scalar_value
from tdi.mutants.results import Oracle
from tdi.mutants.source import Part, Source

_CHECKS = {"assert", "fail"}
_SAY_NOTHING = {"debug", "meta", ""}


def _drop_check(task: Task) -> Iterator[Edit]:
    if task.module in _CHECKS:
        yield from task.dropped(f"the check {task.label} is gone")


def _drop_cleanup(task: Task) -> Iterator[Edit]:
    if any(argument.value == "absent" for argument in task.given("state")):
        yield from task.dropped(f"{task.label}, which removes something, is gone")


def _drop_flush(task: Task) -> Iterator[Edit]:
    if task.module == "meta" and scalar_value(task.entries[task.called]) == "flush_handlers":
        yield from task.dropped("handlers are not flushed")


def _drop_task(task: Task) -> Iterator[Edit]:
    if task.module not in _SAY_NOTHING and not task.is_handler:
        yield from task.dropped(f"{task.label} is gone")


def _swap(task: Task) -> Iterator[Edit]:
    following = items(task.siblings)[task.index + 1 : task.index + 2]
    for node in following:
        if isinstance(node, yaml.MappingNode):
            other = Task(task.text, node, task.siblings, task.index + 1)
            if {task.module, other.module} - READING - {"meta"} and "debug" not in {task.module, other.module}:
                clause = f"{other.label} comes before {task.label}"
                yield from task.text.items_swapped(task.siblings, task.index, clause)


def _run_once(source: Source) -> Iterator[Edit]:
    for task in source.tasks:
        acts = task.module not in READING | _SAY_NOTHING and "_" not in task.module
        if source.part is not Part.HANDLERS and acts and "run_once" not in task.entries:
            yield from task.also("run_once", "true", f"{task.label} is done on one host only")
            return


def _become_another(task: Task) -> Iterator[Edit]:
    user = task.entries.get("become_user")
    if is_text(user) and user is not None:
        yield from task.text.says(user, "nobody", f"{task.label} is done as nobody instead of {scalar_value(user)}")


def _fewer_retries(task: Task) -> Iterator[Edit]:
    retries = task.entries.get("retries")
    if retries is not None and scalar_value(retries).isdecimal():
        yield from task.text.says(
            retries, "1", f"{task.label} is tried again once instead of {scalar_value(retries)} times"
        )


def _rename_register(task: Task) -> Iterator[Edit]:
    register = task.entries.get("register")
    if is_text(register) and register is not None:
        name = scalar_value(register)
        yield from task.text.says(register, f"{name}_result", f"what {task.label} says is registered by another name")


def _loops(task: Task) -> Iterator[yaml.Node]:
    for name in ("loop", "with_items", "with_list", "with_flattened"):
        if name in task.entries:
            yield task.entries[name]


def _narrow_loop(task: Task) -> Iterator[Edit]:
    for loop in _loops(task):
        raw = task.text.written(loop)
        inside = task.text.inside(loop)
        if inside and raw.startswith("{{") and raw.endswith("}}") and raw.count("{{") == 1:
            inner = raw[2:-2].strip()
            taken = f"{inner}[:1]" if inner.replace(".", "").replace("_", "").isalnum() else f"({inner})[:1]"
            yield Edit(*inside, f"{{{{ {taken} }}}}", f"{task.label} is done for the first item only")


def _drop_loop_item(task: Task) -> Iterator[Edit]:
    for loop in _loops(task):
        if isinstance(loop, yaml.SequenceNode) and len(loop.value) > 1:
            for index in range(len(loop.value)):
                clause = f"{task.label} leaves item {index + 1} of its loop out"
                yield from task.text.without_item(loop, index, clause)


def _double_loop_item(task: Task) -> Iterator[Edit]:
    for loop in _loops(task):
        if isinstance(loop, yaml.SequenceNode) and loop.value:
            yield from task.text.item_twice(
                loop, len(loop.value) - 1, f"{task.label} has the last item of its loop twice"
            )


WHOLE_TASKS = (
    Operator(
        "drop-check",
        "A check of the input or of the machine gets lost when tasks are moved.",
        "- name: Check\n  assert:\n    that: port > 0\n- name: Install\n  apt:\n    name: less\n",
        "- name: Install\n  apt:\n    name: less\n",
        FRESH,
        in_tasks(_drop_check),
    ),
    Operator(
        "drop-cleanup",
        "What an earlier release wrote is not removed any more; only servers that had it keep it.",
        "- name: Remove\n  file:\n    path: /etc/old.conf\n    state: absent\n- name: Show\n  debug:\n",
        "- name: Show\n  debug:\n",
        (Oracle.SAME_STATE, *UPGRADE),
        in_tasks(_drop_cleanup),
    ),
    Operator(
        "drop-flush-handlers",
        "What follows relies on a service that still runs with its old configuration.",
        "- debug:\n- meta: flush_handlers\n",
        "- debug:\n",
        (*FRESH, *UPGRADE, Oracle.INVARIANTS),
        in_tasks(_drop_flush),
    ),
    Operator(
        "swap-tasks",
        "Two tasks stand in the wrong order: something is used before it is there.",
        "- name: Install\n  apt:\n    name: less\n\n# Why.\n- name: Write\n  copy:\n    dest: /etc/less\n",
        "# Why.\n- name: Write\n  copy:\n    dest: /etc/less\n\n- name: Install\n  apt:\n    name: less\n",
        (*FRESH, Oracle.SECOND_RUN),
        in_tasks(_swap),
    ),
    Operator(
        "drop-rescue",
        "A failure that the role knew how to survive ends the run.",
        "- block:\n    - command: /bin/new\n  rescue:\n    - command: /bin/old\n",
        "- block:\n    - command: /bin/new\n",
        (*FRESH, *UPGRADE),
        without_keyword("rescue"),
    ),
    Operator(
        "drop-always",
        "What a block must do at its end in any case is not done.",
        "- block:\n    - command: /bin/lock\n  always:\n    - command: /bin/unlock\n",
        "- block:\n    - command: /bin/lock\n",
        (*FRESH, Oracle.SAME_STATE),
        without_keyword("always"),
    ),
    Operator(
        "run-once",
        "A task was written with one server in mind and is done on the first of several only.",
        "- name: Install\n  apt:\n    name: less\n",
        "- name: Install\n  apt:\n    name: less\n  run_once: true\n",
        (*FRESH, *UPGRADE),
        _run_once,
    ),
    Operator(
        "narrow-loop",
        "The first item is taken for the only one.",
        '- user:\n    name: "{{ item }}"\n  loop: "{{ accounts }}"\n',
        '- user:\n    name: "{{ item }}"\n  loop: "{{ accounts[:1] }}"\n',
        (*FRESH, *UPGRADE),
        in_tasks(_narrow_loop),
    ),
    Operator(
        "drop-loop-item",
        "A line of a list got lost in a merge.",
        "- user:\n    name: '{{ item }}'\n  loop: [alice, bob]\n",
        "- user:\n    name: '{{ item }}'\n  loop: [bob]\n",
        (*FRESH, Oracle.SAME_STATE),
        in_tasks(_drop_loop_item),
    ),
    Operator(
        "double-loop-item",
        "A line of a list is there twice after a merge.",
        "- command: /bin/add {{ item }}\n  loop:\n    - a\n    - b\n",
        "- command: /bin/add {{ item }}\n  loop:\n    - a\n    - b\n    - b\n",
        (*FRESH, Oracle.SECOND_RUN),
        in_tasks(_double_loop_item),
    ),
    Operator(
        "drop-environment",
        "A variable that a program needs (a proxy, a switch that keeps it from asking) is not set.",
        "- command: /bin/setup\n  environment:\n    QUIET: '1'\n",
        "- command: /bin/setup\n",
        (*FRESH, *UPGRADE),
        without_keyword("environment"),
    ),
    Operator(
        "drop-become",
        "A task is done as whoever logged in.",
        "- command: /bin/setup\n  become: true\n",
        "- command: /bin/setup\n",
        FRESH,
        without_keyword("become"),
    ),
    Operator(
        "drop-become-user",
        "A task of an application's user is done as root, and what it writes is root's.",
        "- command: /bin/setup\n  become_user: app\n",
        "- command: /bin/setup\n",
        (*FRESH, Oracle.PLAN),
        without_keyword("become_user"),
    ),
    Operator(
        "become-another-user",
        "A task is done as a user who may not do it, or whose files then are somebody else's.",
        "- command: /bin/setup\n  become_user: app\n",
        "- command: /bin/setup\n  become_user: nobody\n",
        (*FRESH, Oracle.PLAN),
        in_tasks(_become_another),
    ),
    Operator(
        "drop-until",
        "The role does not wait for what takes its time.",
        "- uri:\n    url: http://localhost\n  register: answer\n  until: answer.status == 200\n",
        "- uri:\n    url: http://localhost\n  register: answer\n",
        FRESH,
        without_keyword("until"),
    ),
    Operator(
        "fewer-retries",
        "The role waits long enough on the machine of who wrote it, and nowhere else.",
        "- uri:\n    url: http://localhost\n  retries: 12\n",
        "- uri:\n    url: http://localhost\n  retries: 1\n",
        FRESH,
        in_tasks(_fewer_retries),
    ),
    Operator(
        "rename-register",
        "A registered result is renamed in one place; what asks for it takes a default, or fails.",
        "- command: /bin/ask\n  register: answer\n",
        "- command: /bin/ask\n  register: answer_result\n",
        (*FRESH, *UPGRADE),
        in_tasks(_rename_register),
    ),
    Operator(
        "drop-check-mode",
        "A command that only asks is skipped in check mode, and what relies on its answer fails.",
        "- command: /bin/ask\n  check_mode: false\n",
        "- command: /bin/ask\n",
        (Oracle.CHECK_MODE,),
        without_keyword("check_mode"),
    ),
    Operator(
        "drop-no-log",
        "A password is printed in the log of the run.",
        "- command: /bin/set secret\n  no_log: true\n",
        "- command: /bin/set secret\n",
        (Oracle.LINT,),
        without_keyword("no_log"),
    ),
)
"""From the specific to the general; `drop-task` itself is the last of all operators."""

DROP_TASK = Operator(
    "drop-task",
    "A task got lost in a merge, or nobody wrote it.",
    "- name: Install\n  apt:\n    name: less\n",
    "[]\n",
    (*FRESH, *UPGRADE, Oracle.SAME_STATE),
    in_tasks(_drop_task),
)
