"""What is made of Ansible's events, which strategy is used, and one run for both machines."""

import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tdi.errors import TdiError
from tdi.molecule import scenario
from tdi.outside import ansible, ansible_plugins, process
from tdi.project import Project

AGAIN = {"event": "play", "name": ansible.AGAIN}


def result(host: str, outcome: str, task: str = "Write", message: str = "") -> dict[str, Any]:
    return {
        "event": "result",
        "host": host,
        "outcome": outcome,
        "task": task,
        "path": "a.yml:1",
        "message": message,
        "wrote": [],
    }


def recap(**failures: int) -> dict[str, Any]:
    return {"event": "recap", "hosts": {host: {"failures": count} for host, count in failures.items()}}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., ansible._Reader]:
    def call(*events: dict[str, Any]) -> ansible._Reader:
        reader = ansible._Reader(tmp_path / "events.jsonl", ["fresh", "upgrade"])
        reader.events.path.write_text("".join(json.dumps(event) + "\n" for event in events))
        reader.read(lambda _: None)
        return reader

    return call


def test_two_passes_are_told_apart(read):
    reader = read(
        {"event": "play", "name": "Converge"},
        result("fresh", "changed"),
        result("upgrade", "ok"),
        AGAIN,
        result("fresh", "ok"),
        result("upgrade", "changed", "Reload"),
        recap(fresh=0, upgrade=0),
    )
    assert reader.recap
    assert [one.changed for one in reader.passes["fresh"]] == [["Write"], []]
    assert [one.changed for one in reader.passes["upgrade"]] == [[], ["Reload"]]
    assert not any(one.failure for passes in reader.passes.values() for one in passes)


def test_what_each_task_made_and_where_it_stands_is_kept(read):
    reader = read(
        result("fresh", "changed") | {"wrote": ["/etc/x", "packages:y"], "path": "roles/a.yml:3"},
        result("fresh", "ok", "Append") | {"about": ["/etc/z"]},
        result("fresh", "ok", "Reload"),
    )
    (only,) = reader.passes["fresh"]
    assert only.wrote == {"/etc/x": "Write", "packages:y": "Write"}
    assert only.places == dict.fromkeys(only.wrote, "roles/a.yml:3")
    assert only.about == {"/etc/z": "Append"}


def test_a_failure_ends_the_passes_of_its_machine_only(read):
    reader = read(
        result("fresh", "failed", "Install", "no such package"),
        result("upgrade", "ok"),
        AGAIN,
        result("upgrade", "ok"),
        recap(fresh=1, upgrade=0),
    )
    (only,) = reader.passes["fresh"]
    assert only.failure == ansible.Failure("Install", "a.yml:1", "no such package")
    assert [one.failure for one in reader.passes["upgrade"]] == [None, None]


def test_a_failure_that_was_rescued_is_none(read):
    reader = read(
        result("fresh", "failed", "Try"),
        result("fresh", "changed", "Rescue"),
        AGAIN,
        result("fresh", "ok"),
        recap(fresh=0),
    )
    assert [one.failure for one in reader.passes["fresh"]] == [None, None]
    assert reader.passes["fresh"][0].changed == ["Rescue"]


def test_a_failure_of_the_second_pass_leaves_the_first_one_alone(read):
    reader = read(result("fresh", "failed", "Rescued"), AGAIN, result("fresh", "failed", "Real"), recap(fresh=1))
    first, second = reader.passes["fresh"]
    assert first.failure is None
    assert second.failure
    assert second.failure.task == "Real"


def test_a_machine_out_of_reach_is_told_from_a_task_that_failed(read):
    event = result("fresh", "unreachable", "Install", "gone")
    reader = read(event, {"event": "recap", "hosts": {"fresh": {"failures": 0, "unreachable": 1}}})
    assert reader.passes["fresh"][0].failure == ansible.Failure("Install", "a.yml:1", "gone", unreachable=True)


def test_a_run_that_died_keeps_its_failures_and_has_no_recap(read):
    reader = read(result("fresh", "failed"))
    assert reader.passes["fresh"][0].failure
    assert not reader.recap


def test_other_hosts_and_ignored_failures_do_not_count(read):
    reader = read(result("localhost", "failed"), result("fresh", "ignored"), recap(fresh=0))
    assert reader.passes["fresh"][0].failure is None
    assert "localhost" not in reader.passes


def test_a_line_that_is_half_written_waits_for_its_rest(tmp_path: Path):
    seen: list[ansible.Event] = []
    reader = ansible._Reader(tmp_path / "events.jsonl", ["fresh"])
    line = json.dumps(result("fresh", "changed")) + "\n"
    for part, count in ((line[:20], 0), (line[20:], 1), (line, 2)):
        with reader.events.path.open("a") as file:
            file.write(part)
        reader.read(seen.append)
        assert len(seen) == count
    assert reader.passes["fresh"][0].results == 2


def test_mitogen_is_used_where_it_is_installed_and_plain_ansible_otherwise(monkeypatch: pytest.MonkeyPatch):
    chosen = ansible.strategy()
    assert chosen["TDI_STRATEGY"] == "mitogen_linear"
    assert (Path(chosen["ANSIBLE_STRATEGY_PLUGINS"]) / "mitogen_linear.py").is_file()
    monkeypatch.setattr(ansible.importlib.util, "find_spec", lambda _: None)
    assert ansible.strategy() == {"TDI_STRATEGY": "linear"}


def test_a_strategy_that_is_asked_for_is_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TDI_STRATEGY", "linear")
    assert ansible.strategy() == {"TDI_STRATEGY": "linear"}
    monkeypatch.setenv("TDI_STRATEGY", "")
    assert ansible.strategy()["TDI_STRATEGY"] == "mitogen_linear"


def test_settings_of_whoever_runs_it_do_not_reach_ansible(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("ANSIBLE_CONFIG", "/elsewhere/ansible.cfg")
    monkeypatch.setenv("ANSIBLE_NOCOWS", "0")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(ansible.docker, "environment", lambda: {"DOCKER_HOST": "unix:///x"})
    variables = ansible.environment(tmp_path, {"ANSIBLE_ROLES_PATH": "roles", "ANSIBLE_HOME": "lost"})
    assert "ANSIBLE_CONFIG" not in variables
    assert "ANSIBLE_NOCOWS" not in variables
    assert "PYTHONDONTWRITEBYTECODE" not in variables
    assert variables["ANSIBLE_HOME"] == str(tmp_path)
    assert variables["ANSIBLE_ROLES_PATH"] == "roles"
    assert variables["DOCKER_HOST"] == "unix:///x"
    assert variables["PATH"].startswith(str(Path(sys.executable).parent))


def test_scenarios_that_disagree_in_their_settings_are_refused(checkout: Project, tmp_path: Path):
    fresh, upgrade = (scenario.load(checkout, name).ansible for name in scenario.NAMES)
    for other in (
        replace(upgrade, variables={"a": 1}),
        replace(upgrade, config={}),
        replace(upgrade, environment={}),
        replace(upgrade, playbook=tmp_path),
    ):
        with pytest.raises(TdiError, match="fresh and upgrade have different Ansible settings"):
            ansible.converge({"a": fresh, "b": other}, tmp_path / "work", tmp_path / "log")


def test_both_machines_go_through_one_run_with_the_scenarios_settings(
    checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen = []

    def started(command: list[str], **options: Any) -> AbstractContextManager[process.Started]:
        seen.append((command, options))
        return real(["true"])

    real = process.started
    monkeypatch.setattr(ansible.process, "started", started)
    monkeypatch.setattr(ansible.docker, "environment", dict)
    settings = {f"tdi-x-{name}": scenario.load(checkout, name).ansible for name in scenario.NAMES}
    with ansible.converging(settings, tmp_path / "work", tmp_path / "log", gate=tmp_path / "gate") as running:
        assert running.outcome().code == 0
    ((command, options),) = seen
    assert Path(command[0]).name == "ansible-playbook"
    inventory = ansible.yaml.safe_load((tmp_path / "work" / "inventory.yml").read_text())
    assert set(inventory["all"]["hosts"]) == set(settings)
    assert inventory["all"]["vars"] == {"ansible_connection": "docker"}
    plays = ansible.yaml.safe_load((tmp_path / "work" / "converge.yml").read_text())
    converge = str(checkout.shared / "converge.yml")
    assert [play.get("ansible.builtin.import_playbook", play["name"]) for play in plays] == [
        converge,
        ansible.AGAIN,
        converge,
    ]
    config = (tmp_path / "work" / "ansible.cfg").read_text()
    assert "pipelining = True" in config
    assert options["env"]["TDI_GATE"] == str(tmp_path / "gate")


PLAYBOOK = """
- hosts: all
  gather_facts: false
  strategy: "{{ lookup('ansible.builtin.env', 'TDI_STRATEGY') }}"
  tasks:
    - {name: Think, ansible.builtin.assert: {that: true}}
    - {name: Touch, ansible.builtin.command: {cmd: "sh -c 'echo >> {{ touched }}'"}}
"""


@pytest.mark.parametrize("strategy", ["", "linear"])
def test_a_machine_is_touched_only_when_its_gate_is_open(
    checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str
):
    monkeypatch.setenv("TDI_STRATEGY", strategy)
    monkeypatch.setattr(ansible.docker, "environment", dict)
    gate, touched, playbook = (tmp_path / name for name in ("gate", "touched", "playbook.yml"))
    touched.touch()
    playbook.write_text(PLAYBOOK)
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "touched": str(touched)}
    settings = replace(
        scenario.load(checkout, "fresh").ansible,
        variables=here,
        environment={"ANSIBLE_CALLBACK_PLUGINS": str(ansible_plugins.CALLBACKS)},
    )
    gates = [gate, ansible.second_gate(gate)]
    happened: list[str] = []

    def observe(event: ansible.Event) -> None:
        if event.name == "result":
            happened.append(f"{event.facts['task']} {event.facts['outcome']}")
            # What needs no machine is not held up; what does is.
            assert len(touched.read_text()) == happened.count("Touch changed")
            if event.facts["task"] == "Think":
                time.sleep(0.5)
                assert len(touched.read_text()) == happened.count("Touch changed")
                gates.pop(0).touch()

    with ansible.converging({"a": settings}, tmp_path / "w", tmp_path / "log", playbook=playbook, gate=gate) as running:
        outcome = running.outcome(observe)
    assert happened == ["Think ok", "Touch changed"] * 2, outcome.log.read_text()
    assert outcome.code == 0


def test_a_role_that_cannot_even_be_read_is_said_in_one_line(
    checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ansible.docker, "environment", dict)
    settings = scenario.load(checkout, "fresh").ansible
    assert ansible.syntax_error(settings, tmp_path) is None
    (checkout.roles / "nginx" / "tasks" / "main.yml").write_text(
        "- name: x\n  ansible.builtin.no_such_module: {a: 1}\n"
    )
    said = ansible.syntax_error(settings, tmp_path)
    assert said
    assert "no_such_module" in said
    assert "\n" not in said
