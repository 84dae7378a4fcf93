"""How what happened is judged: a fault of the change, or trouble of the test bed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import ENGINE, Ended, Fakes, Program
from tdi.errors import TdiError
from tdi.images import base_image
from tdi.machines.lifecycle import Machine
from tdi.molecule import scenario
from tdi.outside.ansible import Failure, Outcome, Pass
from tdi.outside.pytest_run import TestOutcome as OneTest
from tdi.outside.pytest_run import Verification
from tdi.project import Project
from tdi.state.compare import compare
from tdi.state.record import RecordFile, ScopeHeader, write_record
from tdi.verdict import judge as judging
from tdi.verdict.outcome import Class, MachineOutcome, Result, SameState, Step, Verdict
from tdi.verifier import plugin

FRESH, UPGRADE = MACHINES = (Machine("tdi-x-fresh", "fresh"), Machine("tdi-x-upgrade", "upgrade"))
BASE = base_image.BaseImage("debian-13", "sha256:base", "tdi-base", "debian:13", "")
DONE = Pass(results=5)
RUNNING = "echo running 0"


@pytest.fixture
def docker(fakes: Fakes) -> Callable[..., Program]:
    """An engine whose machines run and whose mirror answers, unless a test says otherwise."""
    return lambda **answers: fakes.docker(**{"container_inspect": RUNNING, "run": "true", **answers})


@pytest.fixture
def judge(checkout: Project, tmp_path: Path) -> Callable[..., Verdict]:
    def call(fresh: list[Pass], upgrade: list[Pass], *, recap: bool = True, code: int = 0) -> Verdict:
        verdict = Verdict()
        outcome = Outcome({FRESH.name: fresh, UPGRADE.name: upgrade}, recap, code, tmp_path / "log")
        settings = scenario.load(checkout, "fresh")
        judging.converge(outcome, MACHINES, settings, tmp_path, verdict, BASE)
        return verdict

    return call


def failing(message: str, *, unreachable: bool = False) -> list[Pass]:
    return [Pass(Failure("Install", "a.yml:1", message, unreachable), results=3)]


def test_two_quiet_passes_are_idempotent(docker, judge):
    docker()
    verdict = judge([DONE, DONE], [DONE, DONE])
    for machine in (verdict.fresh, verdict.upgrade):
        assert machine.steps == {Step.CONVERGE: Result.PASS, Step.IDEMPOTENCE: Result.PASS}


def test_a_failed_task_is_a_fault_of_the_change_and_is_quoted(docker, judge):
    docker()
    verdict = judge(failing("chown failed: no such file"), [DONE, DONE])
    assert verdict.fresh.result is Result.FAIL
    assert verdict.fresh.details[Step.CONVERGE] == "task 'Install' failed: chown failed: no such file"
    assert verdict.upgrade.result is Result.PASS


@pytest.mark.parametrize(
    ("place", "told"),
    [("roles/web/tasks/main.yml:3", " (roles/web/tasks/main.yml:3)"), ("/usr/share/ansible/x.yml:1", ""), ("", "")],
)
def test_where_a_failed_task_stands_is_told(docker, judge, checkout: Project, place: str, told: str):
    docker()
    path = str(checkout.root / place) if place else ""
    verdict = judge([Pass(Failure("Install", path, "no"), results=3)], [DONE, DONE])
    assert verdict.fresh.details[Step.CONVERGE] == f"task 'Install'{told} failed: no"


def test_a_task_that_changes_again_is_named(docker, judge):
    docker()
    verdict = judge([DONE, Pass(changed=["Write", "Reload"], results=5)], [DONE, DONE])
    assert verdict.fresh.steps[Step.IDEMPOTENCE] is Result.FAIL
    assert "'Write' and 'Reload'" in verdict.fresh.details[Step.IDEMPOTENCE]
    assert verdict.fresh.works


def test_a_second_run_that_fails_says_that_it_was_the_second(docker, judge):
    docker()
    verdict = judge([DONE, *failing("port in use")], [DONE, DONE])
    assert verdict.fresh.details[Step.IDEMPOTENCE].startswith("the second run failed: task 'Install'")


@pytest.mark.parametrize("rest", [[], [Pass()]])
def test_a_second_run_that_was_not_seen_proves_nothing(docker, judge, rest: list[Pass]):
    docker()
    assert judge([DONE, *rest], [DONE, DONE]).fresh.steps[Step.IDEMPOTENCE] is Result.ERROR


@pytest.mark.parametrize(
    ("state", "cause"),
    [("echo exited 137", r"stopped (exited, exit code 137)"), ("exit 1", "is gone")],
)
def test_a_killed_container_is_trouble(docker, judge, state: str, cause: str):
    docker(container_inspect=f'case "$*" in *fresh) {state};; *) {RUNNING};; esac')
    verdict = judge(failing("Broken pipe", unreachable=True), [DONE, DONE])
    assert verdict.kind is Class.COULD_NOT_RUN
    assert f"the container tdi-x-fresh {cause}" in verdict.fresh.details[Step.CONVERGE]


@pytest.mark.parametrize(
    ("message", "unreachable", "cause"),
    [
        ("cp: No space left on device", False, "the disk is full"),
        ("Authentication or permission failure", True, "could not be reached"),
    ],
)
def test_other_trouble_is_told_by_what_the_task_said(docker, judge, message: str, unreachable, cause: str):
    docker()
    verdict = judge(failing(message, unreachable=unreachable), [DONE, DONE])
    assert verdict.kind is Class.COULD_NOT_RUN
    assert cause in verdict.fresh.details[Step.CONVERGE]


def test_a_dead_mirror_is_trouble(docker, judge):
    docker(run="echo 'E: Failed to fetch http://deb.example.org' >&2; exit 100")
    verdict = judge(failing("Failed to update apt cache: unknown reason"), [DONE, DONE])
    assert verdict.kind is Class.COULD_NOT_RUN
    assert "the package mirror cannot be used (E: Failed to fetch" in verdict.fresh.details[Step.CONVERGE]


def test_a_package_that_a_working_mirror_lacks_is_a_fault_of_the_change(docker, judge):
    program = docker()
    assert judge(failing("No package matching 'ngnix' is available"), [DONE, DONE]).fresh.result is Result.FAIL
    assert any(call.startswith("run --rm") and "sha256:base" in call for call in program.calls)


def test_a_failure_that_has_nothing_to_do_with_packages_does_not_ask_the_mirror(docker, judge):
    program = docker()
    judge(failing("nginx: configuration file test failed"), [DONE, DONE])
    assert not any(call.startswith("run") for call in program.calls)


def test_the_machine_that_asks_the_mirror_belongs_to_the_run(docker, judge, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TDI_RUN_ID", "x")
    program = docker()
    judge(failing("apt"), [DONE, DONE])
    (asked,) = [call for call in program.calls if call.startswith("run")]
    assert "--label tdi.run=x" in asked


def test_a_run_without_a_recap_is_a_fault_where_the_role_cannot_be_read(docker, judge, monkeypatch):
    docker()
    monkeypatch.setattr(judging.ansible, "syntax_error", lambda *_: "ERROR! no such module")
    verdict = judge([Pass()], [Pass()], recap=False)
    assert verdict.kind is Class.BREAKS_BOTH
    assert verdict.fresh.details[Step.CONVERGE] == "ERROR! no such module"


def test_a_run_without_a_recap_is_trouble_where_nothing_is_wrong_with_the_role(docker, judge, monkeypatch):
    docker()
    monkeypatch.setattr(judging.ansible, "syntax_error", lambda *_: None)
    with pytest.raises(TdiError, match="no recap"):
        judge([Pass()], [Pass()], recap=False)


def ended(judge, tmp_path: Path, second: list[Pass], code: int, said: str) -> Verdict:
    (tmp_path / "log").write_text(f"TASK [a]\nok: [x]\n{said}\n")
    return judge([DONE, *second], [DONE, *second], recap=False, code=code)


def test_what_ansible_gives_up_on_is_a_fault_of_the_change(docker, judge, monkeypatch, tmp_path: Path):
    docker()
    monkeypatch.setattr(judging.ansible, "syntax_error", lambda *_: None)
    said = "[ERROR]: The requested handler 'Relaod' was not found"
    verdict = ended(judge, tmp_path, [], 1, said)
    assert verdict.kind is Class.BREAKS_BOTH
    assert verdict.upgrade.details == {Step.CONVERGE: "The requested handler 'Relaod' was not found"}
    verdict = ended(judge, tmp_path, [Pass()], 1, said)
    assert verdict.kind is Class.NOT_IDEMPOTENT
    assert verdict.fresh.details[Step.IDEMPOTENCE].startswith("the second run failed: The requested handler")


@pytest.mark.parametrize(
    ("code", "said", "state"),
    [
        (250, "[ERROR]: Unexpected Exception", RUNNING),
        (1, "[ERROR]: No space left on device", RUNNING),
        (1, "[ERROR]: Connection reset", "exit 1"),
        (1, "Killed", RUNNING),
    ],
)
def test_what_ended_ansible_otherwise_is_trouble(
    docker, judge, monkeypatch, tmp_path: Path, code: int, said: str, state: str
):
    docker(container_inspect=state)
    monkeypatch.setattr(judging.ansible, "syntax_error", lambda *_: None)
    with pytest.raises(TdiError, match="no recap"):
        ended(judge, tmp_path, [], code, said)


GOOD_TESTS = (
    OneTest("test_site", FRESH.name, "passed", ""),
    OneTest(plugin.RECORD_TEST, FRESH.name, "passed", ""),
    OneTest(plugin.SAME_STATE_TEST, FRESH.name, "skipped", ""),
)


def judged_tests(*tests: OneTest, broken: tuple[str, ...] = (), code: int = 0) -> MachineOutcome:
    mine = MachineOutcome()
    judging.tests(Verification(tests, broken, code, Path("log")), FRESH, mine)
    return mine


def test_passing_tests_and_a_record_are_passes():
    assert judged_tests(*GOOD_TESTS).steps == {Step.VERIFY: Result.PASS, Step.RECORD: Result.PASS}


def test_a_failing_test_is_named_with_what_it_said(docker):
    docker()
    mine = judged_tests(*GOOD_TESTS, OneTest("test_port", FRESH.name, "failed", "no answer"))
    assert mine.steps[Step.VERIFY] is Result.FAIL
    assert mine.details[Step.VERIFY] == "test_port: no answer"


def test_a_failing_comparison_is_not_a_failure_of_one_machine(docker):
    docker()
    mine = judged_tests(*GOOD_TESTS, OneTest(plugin.SAME_STATE_TEST, FRESH.name, "failed", "different"))
    assert mine.result is Result.PASS


def test_a_test_that_ended_in_trouble_is_an_error(docker):
    docker()
    mine = judged_tests(*GOOD_TESTS, OneTest("test_port", FRESH.name, "failed", "tdi.errors.TdiError: no engine"))
    assert mine.steps[Step.VERIFY] is Result.ERROR


def test_tests_that_fail_because_the_container_was_killed_are_an_error(docker):
    docker(container_inspect="echo exited 137")
    mine = judged_tests(*GOOD_TESTS, OneTest("test_port", FRESH.name, "failed", "no answer"))
    assert mine.steps[Step.VERIFY] is Result.ERROR
    assert "exit code 137" in mine.details[Step.VERIFY]


@pytest.mark.parametrize(
    "tests", [(), GOOD_TESTS[1:], (*GOOD_TESTS[1:], OneTest("test_site", FRESH.name, "skipped", "why"))]
)
def test_a_verifier_that_tested_nothing_proves_nothing(tests: tuple[OneTest, ...]):
    assert judged_tests(*tests).steps[Step.VERIFY] is Result.ERROR


def test_a_verifier_that_cannot_be_imported_is_a_fault_of_the_change():
    mine = judged_tests(broken=("test_a.py: SyntaxError",), code=2)
    assert mine.result is Result.FAIL
    assert "SyntaxError" in mine.details[Step.VERIFY]


@pytest.mark.parametrize("recorded", [(), (OneTest(plugin.RECORD_TEST, FRESH.name, "failed", "the collector ended"),)])
def test_a_machine_that_was_not_recorded_proves_nothing(recorded: tuple[OneTest, ...]):
    assert judged_tests(GOOD_TESTS[0], *recorded).steps[Step.RECORD] is Result.ERROR


def test_a_failing_test_of_no_machine_is_not_lost(docker):
    docker()
    mine = judged_tests(*GOOD_TESTS, OneTest("test_without_host", "", "failed", "no"), code=1)
    assert mine.result is not Result.PASS


def compared(comparison: dict[str, Any] | None, *, both: bool = True, failed: tuple[str, ...] = ()) -> Verdict:
    verdict = Verdict()
    tests = tuple(OneTest(plugin.SAME_STATE_TEST, UPGRADE.name, "failed", said, said) for said in failed)
    judging.same_state(comparison, Verification(tests, (), 1, Path("log")), verdict, both=both)
    return verdict


FOUND = {"result": "different", "findings": [{"id": "1"}], "not_compared": {"files": "gone"}}


def test_the_comparison_that_the_verifier_wrote_is_the_verdicts():
    verdict = compared(FOUND)
    assert (verdict.same_state, verdict.findings) == (SameState.DIFFERENT, [{"id": "1"}])


def test_a_comparison_that_does_not_know_says_what_was_not_compared():
    verdict = compared({**FOUND, "result": "unknown", "findings": []})
    assert (verdict.same_state, verdict.not_compared) == (SameState.UNKNOWN, "files: gone")


def test_no_comparison_is_unknown_and_says_why():
    cases = ("the record is truncated", "not compared: the record is truncated")
    assert compared(None, failed=cases).not_compared == "the record is truncated"
    assert compared(None).not_compared == "the machines were not compared"
    alone = compared(FOUND, both=False)
    assert alone.same_state is SameState.UNKNOWN
    assert "only one machine" in alone.not_compared


def test_a_killed_container_outweighs_whatever_failed_first(docker):
    docker(container_inspect="echo exited 137")
    verdict = Verdict(fresh=MachineOutcome({Step.VERIFY: Result.FAIL}))
    judging.trouble(verdict, MACHINES)
    assert verdict.kind is Class.COULD_NOT_RUN
    assert verdict.trouble == "The container tdi-x-fresh stopped (exited, exit code 137)."


def test_an_engine_that_died_meanwhile_is_the_cause(docker):
    docker(container_inspect="exit 1", info="echo 'Cannot connect' >&2; exit 1")
    verdict = Verdict(fresh=MachineOutcome({Step.VERIFY: Result.FAIL}))
    with pytest.raises(TdiError, match="Cannot connect"):
        judging.trouble(verdict, MACHINES)


@pytest.mark.parametrize(
    ("info", "cause"),
    [
        ("echo 'Cannot connect to the Docker daemon' >&2; exit 1", "Cannot connect"),
        (f"echo '{ENGINE}'", "there is no platform 'debian-99'"),
    ],
)
def test_trouble_before_the_first_machine_is_a_verdict_too(
    tdi: Callable[..., Ended], checkout: Project, fakes: Fakes, monkeypatch: pytest.MonkeyPatch, info: str, cause: str
):
    fakes.docker(info=info, ps="")
    monkeypatch.chdir(checkout.root)
    if "platform" in cause:
        monkeypatch.setenv("TDI_PLATFORM", "debian-99")
    ended = tdi("verdict", "--json", checkout.root / "mine.json")
    assert ended.code == 2
    assert "verdict: could-not-run" in ended.out
    assert "Traceback" not in ended.err
    document = json.loads((checkout.artifacts / "verdict.json").read_text())
    assert document["class"] == "could-not-run"
    assert cause in document["detail"]
    assert json.loads((checkout.root / "mine.json").read_text()) == document


@pytest.fixture
def second_run(tmp_path: Path) -> Callable[..., MachineOutcome]:
    """What is said of a second run that ended like `second` and changed some files."""

    def recorded(moment: str, *others: str) -> RecordFile:
        paths = ("/etc/app", "/etc/other")
        files = [(path, {"type": "file", "hash": moment if path in others else "same"}) for path in paths]
        write_record(tmp_path / moment, {}, {"files": (ScopeHeader(), files)})
        return RecordFile(tmp_path / moment)

    def call(second: Pass, *changed: str) -> MachineOutcome:
        mine = MachineOutcome()
        mine.set(Step.IDEMPOTENCE, Result.FAIL if second.changed else Result.PASS, "reported" if second.changed else "")
        judging.second_run(compare(recorded("once"), recorded("twice", *changed)), second, mine)
        return mine

    return call


def test_a_change_that_no_task_reported_is_told_with_the_task_that_names_it(second_run):
    mine = second_run(Pass(results=5, about={"/etc/app": "Append", "/etc/x": "Other"}), "/etc/app", "/etc/other")
    assert mine.steps[Step.IDEMPOTENCE] is Result.FAIL
    first, app, other = mine.details[Step.IDEMPOTENCE].splitlines()
    assert first == "the second run changed the machine, and no task reported it:"
    assert app == "file /etc/app: its content differs. The task 'Append' names it and reported no change."
    assert other == "file /etc/other: its content differs."


def test_a_reported_change_does_not_hide_another(second_run):
    second = Pass(changed=["Write"], results=5, wrote={"/etc/other": "Write"}, about={"/etc/app": "Append"})
    told = second_run(second, "/etc/app", "/etc/other").details[Step.IDEMPOTENCE]
    assert told.startswith("reported\n")
    assert "The task 'Append' names it and reported no change." in told
    assert told.count("reported no change") == 1


def test_a_change_that_was_reported_and_not_made_is_told(second_run):
    mine = second_run(Pass(changed=["Ask"], results=5))
    assert mine.steps[Step.IDEMPOTENCE] is Result.FAIL
    assert mine.details[Step.IDEMPOTENCE].startswith("reported; the record shows no difference")


def test_a_quiet_second_run_that_changed_nothing_stays_a_pass(second_run):
    mine = second_run(Pass(results=5))
    assert (mine.steps, mine.details) == ({Step.IDEMPOTENCE: Result.PASS}, {})


def test_a_second_run_that_failed_is_not_said_to_be_anything_else(second_run):
    mine = second_run(Pass(Failure("Install", "a.yml:1", "no", unreachable=False), results=3), "/etc/app")
    assert mine.details == {}
