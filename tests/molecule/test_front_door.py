"""The front door to Molecule: what it does not believe, what it refuses, and which run a command belongs to."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Ended, Fakes
from tdi.errors import TdiError
from tdi.molecule import front_door as door
from tdi.project import Project

QUIET = {"fresh": {"changed": 0, "failures": 0}}
CHANGED = {"fresh": {"changed": 3, "failures": 0}}


def playbook(name: str, recap: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = [{"event": "playbook", "path": f"/x/{name}.yml"}, {"event": "task", "name": "a"}]
    return [*events, {"event": "recap", "hosts": recap}] if recap is not None else events


def one_test(outcome: str, message: str = "") -> dict[str, str]:
    return {"event": "test", "outcome": outcome, "message": message}


CREATED = playbook("create", {"localhost": {"changed": 1}})
GOOD = [*CREATED, *playbook("converge", CHANGED), *playbook("converge", QUIET), *playbook("destroy", {"localhost": {}})]


@pytest.fixture
def believe(checkout: Project, tmp_path: Path) -> Callable[..., None]:
    def call(events: list[dict[str, Any]], tests: list[dict[str, str]]) -> None:
        files = []
        for name, rows in (("events", events), ("tests", tests)):
            files.append(tmp_path / f"{name}.jsonl")
            files[-1].write_text("".join(json.dumps(row) + "\n" for row in rows))
        door._believe(checkout, *files)

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
    ],
)
def test_without_a_second_converge_that_ended_in_a_recap_success_is_not_believed(believe: Callable[..., None], events):
    with pytest.raises(TdiError, match="idempotence is not shown") as error:
        believe(events, [one_test("passed")])
    assert "test_sequence" in error.value.remedy


def test_a_second_converge_that_changed_something_is_not_believed(believe: Callable[..., None]):
    with pytest.raises(TdiError, match="second converge changed something on fresh"):
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
def front_door(
    checkout: Project,
    fakes: Fakes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    quiet_signals: None,
) -> Callable[..., tuple[Ended, list[dict[str, str]]]]:
    """The command `molecule` in a checkout, with a Molecule that notes its environment and does `happens`."""
    del quiet_signals
    fakes.docker(ps="")
    monkeypatch.chdir(checkout.root)
    # Set, so that they are put back after the test: the front door leaves them to its process.
    for name in ("TDI_RUN_ID", "TDI_ARTIFACTS"):
        monkeypatch.setenv(name, "before")
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(checkout.root.parent))
    seen: list[dict[str, str]] = []

    def run(*arguments: str, happens: Callable[[dict[str, str]], int] = lambda _: 0):
        def attached(command: list[str], variables: dict[str, str]) -> int:
            seen.append({**variables, "command": " ".join(command[3:]), "run": os.environ.get("TDI_RUN_ID", "")})
            return happens(variables)

        monkeypatch.setattr(door.process, "run_attached", attached)
        monkeypatch.setattr(sys, "argv", ["molecule", *arguments])
        with pytest.raises(SystemExit) as ended:
            door.main()
        written = capsys.readouterr()
        return Ended(int(ended.value.code or 0), written.out, written.err), seen

    return run


def _all_well(variables: dict[str, str]) -> int:
    Path(variables["TDI_EVENTS"]).write_text("".join(json.dumps(row) + "\n" for row in GOOD))
    Path(variables["TDI_TEST_EVENTS"]).write_text(json.dumps(one_test("passed")) + "\n")
    return 0


def test_each_test_run_has_an_id_and_a_home_of_its_own(front_door):
    first, _ = front_door("test", "-s", "fresh", happens=_all_well)
    second, seen = front_door("test", "-s", "fresh", happens=_all_well)
    assert (first.code, second.code) == (0, 0), first.err
    assert [each["command"] for each in seen] == ["test -s fresh"] * 2
    for name in ("TDI_RUN_ID", "ANSIBLE_HOME"):
        assert seen[0][name] != seen[1][name]
    assert not any(Path(each["ANSIBLE_HOME"]).parent.exists() for each in seen)


def test_a_success_in_which_nothing_happened_is_code_2(front_door):
    ended, _ = front_door("test", "-s", "fresh")
    assert ended.code == 2
    assert "idempotence is not shown" in ended.err


def test_a_failure_of_molecule_is_passed_on(front_door):
    assert front_door("test", happens=lambda _: 1)[0].code == 1


def test_single_steps_share_one_run_of_this_checkout(front_door):
    _, seen = front_door("converge", "-s", "fresh")
    front_door("login", "-s", "fresh")
    front_door("test", "--destroy=never")
    assert len({each["run"] for each in seen}) == 1
    assert seen[0]["run"].startswith("dev")
    assert len({each["ANSIBLE_HOME"] for each in seen}) == 1


def test_single_steps_say_where_they_cannot_keep_what_they_know(front_door, checkout: Project):
    (checkout.root.parent / ".cache").touch()
    ended, seen = front_door("converge", "-s", "fresh")
    assert ended.code == 2
    assert "XDG_CACHE_HOME" in ended.err
    assert not seen
    assert front_door("test", "-s", "fresh", happens=_all_well)[0].code == 0


def test_commands_that_need_no_machine_need_no_engine(front_door, fakes: Fakes):
    fakes.docker(info="exit 1")
    assert front_door("--version")[0].code == 0
    assert front_door("list")[0].code == 0
    ended, seen = front_door("test")
    assert ended.code == 2
    assert "Docker is unreachable" in ended.err
    assert len(seen) == 2


def test_reset_is_refused_for_it_removes_what_belongs_to_others(front_door):
    ended, seen = front_door("reset")
    assert ended.code == 2
    assert "make clean" in ended.err
    assert not seen


def test_an_interrupt_is_code_130_and_the_run_is_gone(front_door):
    def interrupted(_: dict[str, str]) -> int:
        raise KeyboardInterrupt

    ended, seen = front_door("test", happens=interrupted)
    assert ended.code == 130
    assert not Path(seen[0]["ANSIBLE_HOME"]).parent.exists()


def test_outside_of_a_checkout_it_is_plain_molecule(front_door, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    ended, seen = front_door("test", happens=lambda _: 5)
    assert ended.code == 5
    assert "TDI_EVENTS" not in seen[0]


def test_a_relative_directory_for_results_is_the_same_for_everything_below(
    front_door, checkout: Project, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TDI_ARTIFACTS", "out")
    _, seen = front_door("test", happens=_all_well)
    assert seen[0]["TDI_ARTIFACTS"] == str(checkout.root / "out")
