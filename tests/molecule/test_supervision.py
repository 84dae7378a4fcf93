"""Molecule under supervision: what is not believed, what is refused, and which run a command belongs to."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Ended, Fakes
from tdi.errors import TdiError
from tdi.molecule import supervision
from tdi.project import Project

QUIET = {"machine-1": {"changed": 0, "failures": 0}}
CHANGED = {"machine-1": {"changed": 3, "failures": 0}}


def playbook(name: str, recap: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = [{"event": "playbook", "path": name}, {"event": "task", "name": "a"}]
    return [*events, {"event": "recap", "hosts": recap}] if recap is not None else events


def one_test(outcome: str, message: str = "") -> dict[str, str]:
    return {"event": "test", "outcome": outcome, "message": message}


CREATED = playbook("create", {"localhost": {"changed": 1}})
GOOD = [*CREATED, *playbook("converge", CHANGED), *playbook("converge", QUIET), *playbook("destroy", {"localhost": {}})]


def _lines(project: Project, rows: list[dict[str, Any]]) -> str:
    """Events as a file has them; a playbook's name becomes its path in the scenarios."""
    places = {"converge": project.scenarios / "shared" / "converge.yml"}
    placed = [
        row | {"path": str(places.get(row["path"], f"/x/{row['path']}.yml"))} if "path" in row else row for row in rows
    ]
    return "".join(json.dumps(row) + "\n" for row in placed)


@pytest.fixture
def believe(checkout: Project, tmp_path: Path) -> Callable[..., None]:
    def call(events: list[dict[str, Any]], tests: list[dict[str, str]]) -> None:
        files = []
        for name, rows in (("events", events), ("tests", tests)):
            files.append(tmp_path / f"{name}.jsonl")
            files[-1].write_text(_lines(checkout, rows))
        supervision._believe(checkout, *files)

    return call


def test_two_converges_and_a_test_are_believed(believe: Callable[..., None]):
    believe(GOOD, [one_test("skipped", "why"), one_test("passed")])


@pytest.mark.parametrize(
    "events",
    [
        [],
        CREATED,
        [*CREATED, *playbook("converge", CHANGED)],
        [*CREATED, *playbook("converge", CHANGED), *playbook("converge")],
        [*CREATED, *playbook("converge", CHANGED), *playbook("converge", {})],
        [*CREATED, *playbook("converge", CHANGED), *playbook("destroy", QUIET)],
        [*CREATED, *playbook("prepare", QUIET), *playbook("converge", CHANGED), *playbook("verify", QUIET)],
    ],
)
def test_without_a_second_converge_that_ended_in_a_recap_success_is_not_believed(believe: Callable[..., None], events):
    with pytest.raises(TdiError, match="idempotence is not shown") as error:
        believe(events, [one_test("passed")])
    assert "test_sequence" in error.value.remedy


def test_a_second_converge_that_changed_something_is_not_believed(believe: Callable[..., None]):
    with pytest.raises(TdiError, match="second converge changed something on machine-1"):
        believe([*CREATED, *playbook("converge", CHANGED), *playbook("converge", CHANGED)], [one_test("passed")])


@pytest.mark.parametrize("tests", [[], [{"event": "collected", "tests": 0}], [one_test("skipped", "why")]])
def test_a_run_that_executed_no_test_is_not_believed(believe: Callable[..., None], tests):
    with pytest.raises(TdiError, match="not one test was executed") as error:
        believe(GOOD, tests)
    assert "verifier.directory" in error.value.remedy


def test_a_comparison_that_was_left_for_later_is_said(believe: Callable[..., None], capsys: pytest.CaptureFixture[str]):
    believe(GOOD, [one_test("passed"), *[one_test("skipped", "NOT COMPARED: later")] * 3])
    assert capsys.readouterr().err.count("NOT COMPARED: later") == 1


@pytest.fixture
def molecule(
    checkout: Project,
    fakes: Fakes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    quiet_signals: None,
) -> Callable[..., tuple[Ended, list[dict[str, str]]]]:
    """`molecule` in a checkout, whose driver takes over; what that runs notes its environment and `happens`."""
    del quiet_signals
    fakes.docker(ps="")
    monkeypatch.chdir(checkout.root)
    # Set, so that they are put back after the test: the supervisor leaves them to its process.
    for name in ("TDI_RUN_ID", "TDI_ARTIFACTS"):
        monkeypatch.setenv(name, "before")
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(checkout.root.parent))
    seen: list[dict[str, str]] = []

    def run(*arguments: str, happens: Callable[[dict[str, str]], int] = lambda _: 0):
        def attached(command: list[str], variables: dict[str, str]) -> int:
            seen.append({**variables, "command": " ".join(command), "run": os.environ.get("TDI_RUN_ID", "")})
            return happens(variables)

        monkeypatch.setattr(supervision.process, "run_attached", attached)
        monkeypatch.setattr(sys, "argv", ["molecule", *arguments])
        monkeypatch.setattr(os, "_exit", sys.exit)  # a process that ends at once would take the tests along
        with pytest.raises(SystemExit) as ended:
            supervision.take_over()
        written = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, written.out, written.err), seen

    return run


def _all_well(variables: dict[str, str]) -> int:
    Path(variables["TDI_EVENTS"]).write_text(_lines(Project.find(), GOOD))
    Path(variables["TDI_TEST_EVENTS"]).write_text(json.dumps(one_test("passed")) + "\n")
    return 0


def test_each_test_run_has_an_id_and_a_home_of_its_own(molecule):
    first, _ = molecule("test", "-s", "fresh", happens=_all_well)
    second, seen = molecule("test", "-s", "fresh", happens=_all_well)
    assert (first.code, second.code) == (0, 0), first.err
    assert all(each["command"].endswith(" test -s fresh") for each in seen)
    for name in ("TDI_RUN_ID", "ANSIBLE_HOME"):
        assert seen[0][name] != seen[1][name]
    assert not any(Path(each["ANSIBLE_HOME"]).parent.exists() for each in seen)


def test_a_success_in_which_nothing_happened_is_code_2(molecule):
    ended, _ = molecule("test", "-s", "fresh")
    assert ended.code == 2
    assert "idempotence is not shown" in ended.err


def test_a_failure_of_molecule_is_passed_on(molecule):
    assert molecule("test", happens=lambda _: 1)[0].code == 1


def test_single_steps_share_one_run_of_this_checkout(molecule):
    _, seen = molecule("converge", "-s", "fresh")
    molecule("login", "-s", "fresh")
    molecule("test", "--destroy=never")
    assert len({each["run"] for each in seen}) == 1
    assert seen[0]["run"].startswith("dev")
    assert len({each["ANSIBLE_HOME"] for each in seen}) == 1


def test_single_steps_say_where_they_cannot_keep_what_they_know(molecule, checkout: Project):
    (checkout.root.parent / ".cache").touch()
    ended, seen = molecule("converge", "-s", "fresh")
    assert ended.code == 2
    assert "XDG_CACHE_HOME" in ended.err
    assert not seen
    assert molecule("test", "-s", "fresh", happens=_all_well)[0].code == 0


def test_commands_that_need_no_machine_need_no_engine(molecule, fakes: Fakes):
    fakes.docker(info="exit 1")
    assert molecule("--version")[0].code == 0
    assert molecule("list")[0].code == 0
    ended, seen = molecule("test")
    assert ended.code == 2
    assert "Docker is unreachable" in ended.err
    assert len(seen) == 2


def test_reset_is_refused_for_it_removes_what_belongs_to_others(molecule):
    ended, seen = molecule("reset")
    assert ended.code == 2
    assert "tdi clean" in ended.err
    assert not seen


def test_an_interrupt_is_code_130_and_the_run_is_gone(molecule):
    def interrupted(_: dict[str, str]) -> int:
        raise KeyboardInterrupt

    ended, seen = molecule("test", happens=interrupted)
    assert ended.code == 130
    assert not Path(seen[0]["ANSIBLE_HOME"]).parent.exists()


def test_outside_of_a_project_it_says_so(molecule, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    ended, seen = molecule("test")
    assert ended.code == 2
    assert "not inside a project" in ended.err
    assert not seen


def test_under_supervision_nobody_takes_over(monkeypatch: pytest.MonkeyPatch, fakes: Fakes):
    docker = fakes.docker()
    monkeypatch.setenv("TDI_SUPERVISED", "yes")
    monkeypatch.setattr(sys, "argv", ["molecule", "test"])
    monkeypatch.setattr(os, "_exit", sys.exit)
    supervision.take_over()
    assert not docker.calls


def test_what_is_run_is_molecule_itself_under_supervision_with_our_defaults(molecule, checkout: Project):
    _, seen = molecule("test", "-s", "fresh", happens=_all_well)
    command = seen[0]["command"]
    assert command.startswith(f"{sys.executable} -m molecule --base-config ")
    assert command.count("--base-config") == 1
    assert Path(command.split()[4]).name == "defaults.yml"
    assert seen[0]["TDI_SUPERVISED"] == "yes"
    own = checkout.root / ".config" / "molecule" / "config.yml"
    own.parent.mkdir(parents=True)
    own.write_text("---\n")
    _, seen = molecule("test", "-s", "fresh", happens=_all_well)
    assert f"--base-config {own} test" in seen[1]["command"]  # after ours, so that it has the last word


def test_molecule_finds_the_content_and_has_the_settings_of_a_verdict(molecule, checkout: Project):
    (checkout.root / "ansible.cfg").write_text("[defaults]\nroles_path = lost\nhash_behaviour = merge\n")
    _, seen = molecule("test", happens=_all_well)
    assert str(checkout.root / "roles") in seen[0]["ANSIBLE_ROLES_PATH"].split(os.pathsep)
    assert seen[0]["ANSIBLE_HASH_BEHAVIOUR"] == "merge"
    assert seen[0]["ANSIBLE_CALLBACKS_ENABLED"] == "tdi_events"
    assert seen[0]["ANSIBLE_STRATEGY"] == "mitogen_linear"


def test_a_scenario_that_cannot_be_used_is_said_before_molecule_is_run(molecule, checkout: Project):
    (checkout.scenario("fresh") / "molecule.yml").write_text("driver: {name: docker}\n")
    ended, seen = molecule("test")
    assert ended.code == 2
    assert "its driver is docker" in ended.err
    assert not seen


def test_a_relative_directory_for_results_is_the_same_for_everything_below(
    molecule, checkout: Project, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TDI_ARTIFACTS", "out")
    _, seen = molecule("test", happens=_all_well)
    assert seen[0]["TDI_ARTIFACTS"] == str(checkout.root / "out")
