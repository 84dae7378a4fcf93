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
from tdi.outside import ansible, process
from tdi.project import Project

AGAIN = {"event": "play", "name": ansible.AGAIN}
CONTAINERS = {"machine-1": "fresh", "machine-2": "upgrade"}
HOSTS = {container: host for host, container in CONTAINERS.items()}


def result(host: str, outcome: str, task: str = "Write", message: str = "") -> dict[str, Any]:
    return {
        "event": "result",
        "host": HOSTS.get(host, host),
        "outcome": outcome,
        "task": task,
        "path": "a.yml:1",
        "message": message,
        "wrote": [],
    }


def recap(**failures: int) -> dict[str, Any]:
    return {"event": "recap", "hosts": {HOSTS[host]: {"failures": count} for host, count in failures.items()}}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., ansible._Reader]:
    def call(*events: dict[str, Any]) -> ansible._Reader:
        reader = ansible._Reader(tmp_path / "events.jsonl", CONTAINERS)
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


def handler(outcome: str, name: str = "Reload") -> dict[str, Any]:
    said = result("fresh", outcome, name) | {"handler": True}
    return said | {"when": "not in_container"} if outcome == "skipped" else said


def test_a_handler_that_was_skipped_is_kept_with_its_condition_and_by_pass(read):
    reader = read(result("fresh", "skipped", "Task"), handler("skipped"), handler("ok", "Other"), AGAIN, handler("ok"))
    assert [one.skipped_handlers for one in reader.passes["fresh"]] == [{"Reload": "not in_container"}, {}]
    assert reader.passes["upgrade"][0].skipped_handlers == {}


@pytest.mark.parametrize(("first", "last", "skipped"), [("skipped", "changed", False), ("ok", "skipped", True)])
def test_of_a_handler_that_was_notified_twice_the_last_time_counts(read, first: str, last: str, *, skipped: bool):
    (only,) = read(handler(first), handler(last)).passes["fresh"]
    assert bool(only.skipped_handlers) == skipped


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
    reader = read(event, {"event": "recap", "hosts": {"machine-1": {"failures": 0, "unreachable": 1}}})
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
    reader = ansible._Reader(tmp_path / "events.jsonl", CONTAINERS)
    line = json.dumps(result("fresh", "changed")) + "\n"
    for part, count in ((line[:20], 0), (line[20:], 1), (line, 2)):
        with reader.events.path.open("a") as file:
            file.write(part)
        reader.read(seen.append)
        assert len(seen) == count
    assert reader.passes["fresh"][0].results == 2


def test_mitogen_is_used_where_it_is_installed_and_plain_ansible_otherwise(monkeypatch: pytest.MonkeyPatch):
    chosen = ansible.strategy()
    assert chosen["ANSIBLE_STRATEGY"] == "mitogen_linear"
    assert (Path(chosen["ANSIBLE_STRATEGY_PLUGINS"]) / "mitogen_linear.py").is_file()
    monkeypatch.setattr(ansible.importlib.util, "find_spec", lambda _: None)
    assert ansible.strategy() == {"ANSIBLE_STRATEGY": "linear"}


def test_a_strategy_that_is_asked_for_is_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TDI_STRATEGY", "linear")
    assert ansible.strategy() == {"ANSIBLE_STRATEGY": "linear"}
    monkeypatch.setenv("TDI_STRATEGY", "")
    assert ansible.strategy()["ANSIBLE_STRATEGY"] == "mitogen_linear"


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


def test_one_run_serves_two_machines_whose_settings_are_the_same_but_for_the_hosts_name(
    checkout: Project, tmp_path: Path
):
    fresh, upgrade = (scenario.load(checkout, name).ansible for name in scenario.NAMES)
    assert fresh.agrees_with(upgrade)
    for other in (
        replace(upgrade, inventory=replace(upgrade.inventory, group_vars={"all": {"a": 1}})),
        replace(upgrade, inventory=replace(upgrade.inventory, groups=("web",))),
        replace(upgrade, inventory=replace(upgrade.inventory, host=fresh.inventory.host)),
        replace(upgrade, config={"defaults": {"forks": 1}}),
        replace(upgrade, environment={"A": "b"}),
        replace(upgrade, playbook=tmp_path),
    ):
        assert not fresh.agrees_with(other)


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
    told = {
        "group_vars": {"all": {"port": 80}},
        "host_vars": {"machine-1": {"a": 1}},
        "groups": ("web",),
        "children": ("europe",),
    }
    given = {"config": {"jinja2": {"a": "b"}}, "environment": {"ANSIBLE_STRATEGY": "free"}}
    loaded = {name: scenario.load(checkout, name).ansible for name in scenario.NAMES}
    settings = {
        f"tdi-x-{name}": replace(each, inventory=replace(each.inventory, **told), **given)
        for name, each in loaded.items()
    }
    with ansible.converging(settings, tmp_path / "work", tmp_path / "log", gate=tmp_path / "gate") as running:
        assert running.outcome().code == 0
    ((command, options),) = seen
    assert Path(command[0]).name == "ansible-playbook"
    inventory = tmp_path / "work" / "inventory"
    hosts = {"machine-1": {}, "machine-2": {}}
    assert ansible.yaml.safe_load((inventory / "machines.yml").read_text()) == {
        "all": {
            "hosts": {
                "machine-1": {"ansible_connection": "docker", "ansible_host": "tdi-x-fresh"},
                "machine-2": {"ansible_connection": "docker", "ansible_host": "tdi-x-upgrade"},
            }
        },
        "web": {"hosts": hosts, "children": {"europe": {"hosts": hosts}}},
    }
    assert (inventory / "group_vars" / "all.yml").read_text() == "port: 80\n"
    assert (inventory / "host_vars" / "machine-1.yml").read_text() == "a: 1\n"
    plays = ansible.yaml.safe_load((tmp_path / "work" / "converge.yml").read_text())
    converge = str(checkout.scenarios / "shared" / "converge.yml")
    assert [play.get("ansible.builtin.import_playbook", play["name"]) for play in plays] == [
        converge,
        ansible.AGAIN,
        converge,
    ]
    assert (tmp_path / "work" / "ansible.cfg").read_text() == "[jinja2]\na = b\n\n"
    assert options["env"]["ANSIBLE_CONFIG"] == str(tmp_path / "work" / "ansible.cfg")
    assert options["env"]["ANSIBLE_STRATEGY"] == "free"
    assert options["env"]["TDI_GATE"] == str(tmp_path / "gate")


@pytest.fixture
def anybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ansible.AnsibleSettings:
    """Settings of a machine that Ansible never reaches: `true` takes its place."""
    real = process.started
    monkeypatch.setattr(ansible.process, "started", lambda *_, **__: real(["true"]))
    monkeypatch.setattr(ansible.docker, "environment", dict)
    playbook = tmp_path / "playbook.yml"
    playbook.write_text("[]\n")
    return ansible.AnsibleSettings("fresh", {}, ansible.Inventory("machine-1"), {}, playbook)


def test_variables_of_the_project_are_linked_beside_the_inventory(anybody: ansible.AnsibleSettings, tmp_path: Path):
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text("a: 1\n")
    given = replace(anybody, inventory=replace(anybody.inventory, links={"group_vars": tmp_path / "group_vars"}))
    for _ in range(2):  # prepare, converge and verify of a machine write into one directory
        ansible.converge({"a": given}, tmp_path / "work", tmp_path / "log")
    assert (tmp_path / "work" / "inventory" / "group_vars" / "all.yml").read_text() == "a: 1\n"


def test_a_link_to_what_is_not_there_is_an_error_that_names_it(anybody: ansible.AnsibleSettings, tmp_path: Path):
    given = replace(anybody, inventory=replace(anybody.inventory, links={"hosts": tmp_path / "inventory.ini"}))
    with pytest.raises(TdiError, match=r"inventory\.ini is not there, which the inventory links \(hosts\)"):
        ansible.converge({"a": given}, tmp_path / "work", tmp_path / "log")


def test_each_event_says_which_machines_its_run_is_of(read):
    seen: list[ansible.Event] = []
    reader = read()
    with reader.events.path.open("a") as file:
        file.write(json.dumps(result("fresh", "ok")) + "\n" + json.dumps(AGAIN) + "\n")
    reader.read(seen.append)
    assert {event.machines for event in seen} == {("fresh", "upgrade")}
    assert seen[0].facts["host"] == "fresh"


def test_what_could_have_failed_for_what_it_found_is_counted(read):
    reader = read(result("fresh", "ok") | {"checks": True}, result("fresh", "ok"), result("upgrade", "ok"))
    assert [passes[0].checks for passes in reader.passes.values()] == [1, 0]


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        (1, "x\n[ERROR]: the role 'a' was not found\nOrigin: b\n", "the role 'a' was not found"),
        (1, "ERROR! the handler is not there\n", "the handler is not there"),
        (1, "nothing\n", None),
        (250, "[ERROR]: it crashed\n", None),
        (1, None, None),
    ],
)
def test_what_ansible_said_last_where_it_gave_up(tmp_path: Path, code: int, text: str | None, said: str | None):
    log = tmp_path / "log"
    if text is not None:
        log.write_text(text)
    assert ansible.last_error(ansible.Outcome({}, recap=False, code=code, log=log)) == said


PLAYBOOK = """
- hosts: all
  gather_facts: false
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
    given = scenario.load(checkout, "fresh").ansible
    # A host's own variables take the place of the connection to its container.
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "touched": str(touched)}
    settings = replace(
        given,
        inventory=replace(given.inventory, host_vars={given.inventory.host: here}),
        environment=ansible.FOR_MACHINES,
        playbook=playbook,
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

    with ansible.converging({"a": settings}, tmp_path / "w", tmp_path / "log", gate=gate) as running:
        outcome = running.outcome(observe)
    assert happened == ["Think ok", "Touch changed"] * 2, outcome.log.read_text()
    assert outcome.code == 0


CHECKS = """
- hosts: all
  gather_facts: false
  tasks:
    - {name: counts, ansible.builtin.assert: {that: true}}
    - {name: counts, ansible.builtin.command: "true", changed_when: false}
    - {name: counts, ansible.builtin.debug: {msg: x}, failed_when: false}
    - {name: counts, ansible.builtin.file: {path: /tmp, state: directory}, check_mode: true}
    - {name: does not, ansible.builtin.debug: {msg: x}}
    - {name: is skipped, ansible.builtin.assert: {that: false}, when: false}
"""


def test_a_task_checks_something_where_it_fails_for_what_it_finds(
    checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ansible.docker, "environment", dict)
    playbook = tmp_path / "verify.yml"
    playbook.write_text(CHECKS)
    given = scenario.load(checkout, "fresh").ansible
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    settings = replace(
        given,
        inventory=replace(given.inventory, host_vars={given.inventory.host: here}),
        environment=ansible.FOR_MACHINES,
        playbook=playbook,
    )
    outcome = ansible.converge({"a": settings}, tmp_path / "work", tmp_path / "log", times=1, first="verify")
    (only,) = outcome.passes["a"]
    assert (only.checks, only.results, only.failure) == (4, 6, None), outcome.log.read_text()


def test_a_playbook_that_means_no_machine_ends_well_and_without_a_result(
    checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ansible.docker, "environment", dict)
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(PLAYBOOK.replace("hosts: all", "hosts: web"))
    given = scenario.load(checkout, "fresh").ansible
    settings = replace(given, environment=ansible.FOR_MACHINES, playbook=playbook)
    outcome = ansible.converge({"a": settings}, tmp_path / "work", tmp_path / "log")
    assert (outcome.code, outcome.recap) == (0, True), outcome.log.read_text()
    assert outcome.passes == {"a": [ansible.Pass()]}


def test_a_role_that_cannot_even_be_read_is_said_in_one_line(
    checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ansible.docker, "environment", dict)
    settings = replace(
        scenario.load(checkout, "fresh").ansible, environment={"ANSIBLE_ROLES_PATH": str(checkout.root / "roles")}
    )
    assert ansible.syntax_error(settings, tmp_path) is None
    (checkout.root / "roles" / "nginx" / "tasks" / "main.yml").write_text(
        "- name: x\n  ansible.builtin.no_such_module: {a: 1}\n"
    )
    said = ansible.syntax_error(settings, tmp_path)
    assert said
    assert "no_such_module" in said
    assert "\n" not in said
