"""Molecule's driver and verifier of ours: what Molecule is told of the machine, and that its hooks are still there."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from molecule.exceptions import ScenarioFailureError

from molecule import api
from tdi.molecule import driver, scenario, verifier
from tdi.molecule.driver import Tdi
from tdi.project import Project


@pytest.fixture
def config() -> mock.MagicMock:
    """Molecule's configuration of the scenario fresh."""
    made = mock.MagicMock()
    made.scenario.name = "fresh"
    return made


@pytest.fixture
def taken_over(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened to the process: each time that it was to become a supervisor."""
    seen: list[str] = []
    monkeypatch.setattr(driver.supervision, "take_over", lambda: seen.append("taken over"))
    return seen


def test_molecule_finds_the_driver_by_the_name_that_molecule_yml_says():
    (point,) = (each for each in metadata.entry_points(group="molecule.driver") if each.name == scenario.DRIVER)
    assert point.load() is Tdi
    assert Tdi().name == scenario.DRIVER


def test_a_driver_that_is_only_looked_at_takes_nothing_over(taken_over: list[str]):
    made = Tdi()
    made.name = scenario.DRIVER
    assert not taken_over


def test_a_driver_that_is_chosen_takes_over_and_brings_its_verifier(
    config: mock.MagicMock, taken_over: list[str], monkeypatch: pytest.MonkeyPatch
):
    verifiers: dict[str, Any] = {}
    monkeypatch.setattr(api, "verifiers", lambda asked: verifiers if asked is config else {})
    made = Tdi(config)
    assert not taken_over
    made.name = scenario.DRIVER
    assert taken_over == ["taken over"]
    assert isinstance(verifiers["testinfra"], verifier.TestinfraAndPlaybook)


def test_the_machine_is_reached_by_its_container(config: mock.MagicMock, monkeypatch: pytest.MonkeyPatch):
    made = Tdi(config)
    assert made.ansible_connection_options("machine-1")["ansible_host"] == "tdi-plain-fresh"
    monkeypatch.setenv("TDI_RUN_ID", "0123abcd")
    assert made.login_options("machine-1") == {"instance": "tdi-0123abcd-fresh"}
    assert made.ansible_connection_options("machine-1") == {
        "ansible_connection": "docker",
        "ansible_host": "tdi-0123abcd-fresh",
    }
    assert made.testinfra_options == {"connection": "docker", "hosts": "tdi-0123abcd-fresh"}
    monkeypatch.setenv("TDI_ARTIFACTS", "/somewhere")
    assert made.testinfra_options["junitxml"] == "/somewhere/junit-fresh.xml"


def test_what_makes_and_removes_the_machine_is_beside_the_driver(config: mock.MagicMock):
    made = Tdi(config)
    for step in ("create", "destroy"):
        assert (Path(made._path) / "playbooks" / f"{step}.yml").is_file()
    assert made.required_collections == {}


def test_the_schema_knows_the_keys_of_a_platform_that_are_understood():
    schema = json.loads(Path(Tdi().schema_file()).read_text(encoding="utf-8"))
    platform = schema["properties"]["platforms"]["items"]
    assert set(platform["properties"]) == {*scenario._OPTIONS, *scenario._ELSEWHERE}
    assert platform["properties"]["image"]["enum"] == list(scenario.IMAGES)


@pytest.fixture
def verify(config: mock.MagicMock, monkeypatch: pytest.MonkeyPatch):
    """Verify with tests that end so and a playbook that ends so; what was run, in order."""

    def call(tests: Exception | None = None, playbook: Exception | None = None, path: str | None = "verify.yml"):
        ran: list[str] = []

        def run(what: str, error: Exception | None) -> Any:
            def act(*_: object) -> None:
                ran.append(what)
                if error:
                    raise error

            return act

        monkeypatch.setattr(verifier.Testinfra, "execute", run("tests", tests))
        config.provisioner.playbooks.verify = path
        config.provisioner.verify = run("playbook", playbook)
        made = verifier.TestinfraAndPlaybook(config)
        try:
            made.execute()
        except ScenarioFailureError as error:
            ran.append(str(error))
        return ran

    return call


def test_the_playbook_runs_after_the_tests_where_there_is_one(verify):
    assert verify() == ["tests", "playbook"]
    assert verify(path=None) == ["tests"]


def test_a_failure_of_either_is_one_of_the_step_and_both_are_run(verify):
    assert verify(tests=ScenarioFailureError(message="tests")) == ["tests", "playbook", "tests"]
    assert verify(playbook=ScenarioFailureError(message="playbook")) == ["tests", "playbook", "playbook"]
    assert verify(tests=ScenarioFailureError(message="tests"), path=None) == ["tests", "tests"]


def test_the_tests_are_given_records_and_the_comparison(config: mock.MagicMock, monkeypatch: pytest.MonkeyPatch):
    def bake(self: Any) -> None:
        self._testinfra_command = ["pytest", "--hosts", "x"]

    monkeypatch.setattr(verifier.Testinfra, "bake", bake)
    made = verifier.TestinfraAndPlaybook(config)
    made.bake()
    assert made._testinfra_command == ["pytest", "-p", "tdi.verifier.plugin", "--hosts", "x"]


def _molecule(project: Project, *words: str) -> subprocess.CompletedProcess[str]:
    variables = {
        **os.environ,
        "XDG_CACHE_HOME": str(project.root / ".cache"),
        "ANSIBLE_HOME": str(project.root / "home"),
        "NO_COLOR": "1",
    }
    command = [sys.executable, "-m", "molecule", *words]
    return subprocess.run(command, cwd=project.root, env=variables, capture_output=True, text=True, check=False)


def test_molecule_itself_runs_the_scenarios_under_supervision(checkout: Project):
    # The hooks of Molecule that are used: with the next release of it, what has moved shows here.
    done = _molecule(checkout, "syntax", "-s", "fresh")
    assert done.returncode == 0, done.stderr
    assert checkout.records.is_dir()  # which the supervisor makes
    listed = _molecule(checkout, "list", "--format", "plain")
    assert [line.split()[:4] for line in listed.stdout.splitlines() if "machine-" in line] == [
        ["machine-1", "molecule-tdi", "ansible", "fresh"],
        ["machine-2", "molecule-tdi", "ansible", "upgrade"],
    ]


def test_a_scenario_that_cannot_be_used_ends_molecule_with_code_2(checkout: Project):
    (checkout.scenario("fresh") / "molecule.yml").write_text(
        f"driver: {{name: {scenario.DRIVER}}}\nplatforms: [{{name: machine-1, image: base}}]\n"
        "provisioner: {name: ansible}\n"
    )
    done = _molecule(checkout, "syntax", "-s", "fresh")
    assert done.returncode == 2
    assert "there is no converge playbook" in done.stderr
    assert not done.stdout
    assert "Traceback" not in done.stderr
