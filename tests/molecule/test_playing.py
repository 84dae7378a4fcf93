"""What Ansible is run with: the content, the settings that hold, and whether one run does for both machines."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tdi.errors import TdiError
from tdi.molecule import playing, scenario
from tdi.outside import ansible
from tdi.outside.ansible import AnsibleSettings, Failure, Outcome, Pass
from tdi.project import Project


def _say(project: Project, text: str, name: str = "fresh") -> None:
    """Add to what molecule.yml says of Ansible."""
    file = project.scenario(name) / "molecule.yml"
    file.write_text(file.read_text().replace("provisioner:\n", f"provisioner:\n{text}"))


@pytest.fixture
def settings(checkout: Project, tmp_path: Path) -> Callable[..., AnsibleSettings]:
    """What Ansible is run with for a machine of fresh."""

    def call(**words: Any) -> AnsibleSettings:
        state = playing.as_checked_out(checkout)
        return playing.settings(state, scenario.load(checkout, "fresh"), tmp_path / "content", **words)

    return call


def test_what_ansible_is_run_with_is_the_scenario_and_where_the_content_is(settings, checkout: Project):
    found = settings()
    assert replace(found, environment={}) == scenario.load(checkout, "fresh").ansible
    assert str(checkout.root / "roles") in found.environment["ANSIBLE_ROLES_PATH"].split(os.pathsep)
    assert found.environment.items() >= ansible.FOR_MACHINES.items()


def test_another_playbook_or_host_takes_the_place_of_the_scenarios(settings, tmp_path: Path):
    found = settings(playbook=tmp_path / "other.yml", host="machine-3")
    assert (found.playbook, found.inventory.host) == (tmp_path / "other.yml", "machine-3")


def test_settings_hold_from_the_most_general_to_the_scenarios_own(settings, checkout: Project):
    (checkout.root / "ansible.cfg").write_text(
        "[defaults]\nhash_behaviour = merge\njinja2_native = true\ngathering = smart\n"
    )
    _say(checkout, "  config_options: {defaults: {hash_behaviour: replace}}\n  env: {ANSIBLE_GATHERING: explicit}\n")
    found = settings()
    # An environment variable would win over the scenario's ansible.cfg.
    assert "ANSIBLE_HASH_BEHAVIOUR" not in found.environment
    assert found.config == {"defaults": {"hash_behaviour": "replace"}}
    assert found.environment["ANSIBLE_JINJA2_NATIVE"] == "true"
    assert found.environment["ANSIBLE_GATHERING"] == "explicit"


def test_what_holds_for_machines_can_be_said_otherwise_by_the_scenario(settings, checkout: Project):
    _say(checkout, "  config_options: {defaults: {timeout: 5}}\n")
    assert "ANSIBLE_TIMEOUT" not in settings().environment


def test_what_a_scenario_says_of_where_content_lies_comes_after_where_it_is_known_to_lie(settings, checkout: Project):
    known = settings().environment
    _say(checkout, "  env: {ANSIBLE_ROLES_PATH: '../shared/roles::/usr/share/x', ANSIBLE_COLLECTIONS_PATH: ''}\n")
    found = settings().environment
    assert (
        found["ANSIBLE_ROLES_PATH"] == f"{known['ANSIBLE_ROLES_PATH']}:{checkout.scenarios}/shared/roles:/usr/share/x"
    )
    assert found["ANSIBLE_COLLECTIONS_PATH"] == known["ANSIBLE_COLLECTIONS_PATH"]


def test_that_requirements_are_there_already_is_said(settings, checkout: Project, capsys: pytest.CaptureFixture[str]):
    (checkout.root / "requirements.yml").write_text("collections: [ansible.posix]\n")
    settings()
    assert "Requirements are satisfied: collection ansible.posix" in capsys.readouterr().err


def test_requirements_of_the_scenario_that_a_playbook_is_taken_from_count(settings, checkout: Project):
    (checkout.scenarios / "shared" / "requirements.yml").write_text("- a: b\n")
    with pytest.raises(TdiError, match="an entry of `roles` has no name") as error:
        settings()
    assert str(checkout.scenarios / "shared" / "requirements.yml") in error.value.what


def test_what_a_verdict_would_fetch_is_that_of_the_scenarios_too(checkout: Project):
    assert playing.missing_requirements(checkout) == []
    (checkout.scenarios / "shared" / "requirements.yml").write_text("- them.no_such_role\n")
    assert playing.missing_requirements(checkout) == ["role them.no_such_role"]


@pytest.fixture
def prepared(
    settings, checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Pass | None]:
    """Prepare a machine with a playbook that ends so."""

    def call(only: Pass, *, code: int = 0, recap: bool = True, log: str = "") -> Pass | None:
        (checkout.scenario("fresh") / "prepare.yml").write_text("[]\n")
        (tmp_path / "log").write_text(log)

        def converge(given: dict[str, AnsibleSettings], *_: Path, **options: Any) -> Outcome:
            assert [each.playbook.name for each in given.values()] == ["prepare.yml"]
            assert options == {"times": 1, "first": "prepare"}
            return Outcome({"a": [only]}, recap, code, tmp_path / "log")

        monkeypatch.setattr(playing.ansible, "converge", converge)
        of = scenario.load(checkout, "fresh")
        return playing.prepare({"a": settings()}, of, tmp_path / "work", tmp_path / "log")

    return call


def test_what_the_prepare_playbook_did_is_returned(prepared):
    only = Pass(results=1, wrote={"/etc/app": "Write"})
    assert prepared(only) is only


def test_without_a_prepare_playbook_nothing_is_run(settings, checkout: Project, tmp_path: Path):
    of = scenario.load(checkout, "fresh")
    assert playing.prepare({"a": settings()}, of, tmp_path / "work", tmp_path / "log") is None
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("only", "ended", "said"),
    [
        (Pass(Failure("Refresh", "", "no mirror")), {"code": 2}, "task 'Refresh': no mirror"),
        (Pass(), {"code": 1, "recap": False, "log": "[ERROR]: no such role\n"}, "no such role"),
        (Pass(), {"code": 1, "recap": False}, "Ansible did not finish"),
        (Pass(), {"code": 0, "recap": False}, "Ansible did not finish"),
    ],
)
def test_a_machine_that_cannot_be_prepared_is_no_fault_of_the_role(prepared, only: Pass, ended: dict, said: str):
    with pytest.raises(TdiError, match=r"prepare\.yml, which comes before the role, failed: ") as error:
        prepared(only, **ended)
    assert error.value.what.endswith(said)
    assert "The log: " in error.value.remedy


@pytest.fixture
def shares(checkout: Project) -> Callable[[], bool]:
    """Whether one run of Ansible does for both machines of the checkout."""

    def call() -> bool:
        return playing.can_share_a_run(checkout, {name: scenario.load(checkout, name) for name in scenario.NAMES})

    return call


def test_machines_that_are_told_the_same_share_a_run(shares):
    assert shares()


@pytest.mark.parametrize("text", ["  env: {A: b}\n", "  inventory: {group_vars: {all: {a: 1}}}\n"])
def test_machines_that_are_told_otherwise_have_a_run_each(shares, checkout: Project, text: str):
    _say(checkout, text)
    assert not shares()


def test_a_playbook_before_the_role_on_one_machine_only_asks_for_a_run_each(shares, checkout: Project):
    (checkout.scenario("upgrade") / "prepare.yml").write_text("[]\n")
    assert not shares()


@pytest.mark.parametrize("place", ["roles/nginx/tasks/main.yml", "molecule/shared/converge.yml", "vars/main.yml"])
def test_whatever_looks_at_other_hosts_asks_for_a_run_each(shares, checkout: Project, place: str):
    file = checkout.root / place
    file.parent.mkdir(exist_ok=True)
    with file.open("a") as text:
        text.write("# run_once\n")
    assert not shares()


def test_a_role_that_was_fetched_counts_too(shares, checkout: Project):
    file = checkout.artifacts / "requirements" / "0123" / "roles" / "cluster" / "tasks" / "main.yml"
    file.parent.mkdir(parents=True)
    file.write_text("- ansible.builtin.command: id\n  run_once: true\n")
    assert not shares()


def test_what_decides_on_a_machine_is_its_scenario_playbooks_and_variables(checkout: Project):
    found = playing.what_decides(checkout)
    assert found == [checkout.scenario("fresh") / "molecule.yml", checkout.scenarios / "shared" / "converge.yml"]
    (checkout.scenario("fresh") / "prepare.yml").write_text("[]\n")
    _say(checkout, "  inventory: {links: {group_vars: ../../group_vars}}\n")
    found = playing.what_decides(checkout)
    assert found[2:] == [checkout.scenario("fresh") / "prepare.yml", checkout.root / "group_vars"]
