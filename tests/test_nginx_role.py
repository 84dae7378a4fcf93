"""How the role is written: its own variables are named so, and what it makes of templates says whose it is."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import plays
from conftest import ROOT

ROLE = ROOT / "roles" / "nginx"
FILES = sorted(file for part in ("tasks", "handlers") for file in (ROLE / part).glob("*.yml"))
TASKS: list[dict[str, Any]] = [task for file in FILES for task in yaml.safe_load(file.read_text())]
TEMPLATES = sorted((ROLE / "templates").iterdir())


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


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_a_template_says_first_that_ansible_writes_the_file(template: Path):
    assert template.read_text().startswith("{{ ansible_managed | comment }}\n")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_a_file_is_the_same_whenever_its_template_was_checked_out(tmp_path: Path, template: Path):
    # Ansible can be told to put the template's time into the header; every checkout would then change every machine.
    for name, seconds in (("early", 1), ("late", 2_000_000_000)):
        (tmp_path / name).write_text(template.read_text())
        os.utime(tmp_path / name, (seconds, seconds))
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
    variables |= yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    task = {"ansible.builtin.template": {"src": "{{ item }}", "dest": f"{tmp_path}/made-{{{{ item }}}}"}}
    plays.run(
        tmp_path, [task | {"loop": ["early", "late"]}], vars=variables | {"__nginx_site": "{{ __nginx_sites | first }}"}
    )
    made = (tmp_path / "made-early").read_text()
    assert made.startswith("#\n# Ansible managed\n#\n")
    assert made == (tmp_path / "made-late").read_text()
