"""How the role is written: its own variables are told from those that are set, and its loops from those of a caller."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from conftest import ROOT

ROLE = ROOT / "roles" / "nginx"
FILES = sorted(file for part in ("tasks", "handlers") for file in (ROLE / part).glob("*.yml"))
TASKS: list[dict[str, Any]] = [task for file in FILES for task in yaml.safe_load(file.read_text())]


def own_variables(task: dict[str, Any]) -> Iterator[str]:
    """What a task calls into being: variables, facts, its result, and the item of its loop."""
    yield from task.get("vars", {})
    yield from task.get("ansible.builtin.set_fact", {})
    if "register" in task:
        yield task["register"]
    if "loop" in task:
        yield task.get("loop_control", {}).get("loop_var", "item")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task["name"])
def test_what_a_task_calls_into_being_is_named_as_the_role_s_own(task: dict[str, Any]):
    assert [name for name in own_variables(task) if not name.startswith("__nginx_")] == []


def test_what_is_not_meant_to_be_set_is_named_as_the_role_s_own():
    names = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
    assert [name for name in names if not name.startswith("__nginx_")] == []
