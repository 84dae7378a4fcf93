"""How what happened is judged: a fault of the change, or trouble of the test bed."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conftest import ENGINE, Fakes
from conftest import Ended as EndedCommand
from tdi.errors import TdiError
from tdi.machines.machine import Machine, Part
from tdi.outside.ansible import Failure, Outcome, Pass
from tdi.outside.pytest_run import TestOutcome as OneTest
from tdi.outside.pytest_run import Verification
from tdi.project import Project
from tdi.same_state.kept_records import Found
from tdi.state.compare import Result as SameState
from tdi.state.compare import compare
from tdi.state.finding import Finding, Kind, Severity
from tdi.state.record import RecordFile, ScopeHeader, write_record
from tdi.verdict import judge as judging
from tdi.verdict.outcome import Class, Ended, MachineOutcome, Result, Step, Trouble, Verdict
from tdi.verifier.own_tests import RECORD_TEST, SAME_STATE_TEST

FRESH = Machine("tdi-x-fresh", "fresh", "fresh", Part.NEW)
UPGRADE = Machine("tdi-x-upgrade", "upgrade", "upgrade", Part.UPGRADED)
MACHINES = (FRESH, UPGRADE)
DONE = Pass(results=5)


@dataclass
class Bed:
    """A test bed that is fine, unless a test says what is wrong with it; `asked` says what it was asked."""

    root: Path
    troubles: dict[str, str] = field(default_factory=dict)
    mirror: str | None = None
    syntax: str | None = None
    engine: str | None = None
    journals: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def trouble(self, machine: Machine) -> str | None:
        return self.troubles.get(machine.label)

    def journal(self, machine: Machine, unit: str) -> list[str]:
        return self.journals.get(f"{machine.label} {unit}", [])

    def mirror_trouble(self) -> str | None:
        self.asked.append("mirror")
        return self.mirror

    def syntax_error(self) -> str | None:
        return self.syntax

    def engine_trouble(self) -> None:
        if self.engine:
            raise TdiError(self.engine)


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path / "checkout")


@pytest.fixture
def judge(bed: Bed, tmp_path: Path) -> Callable[..., Verdict]:
    def call(fresh: list[Pass], upgrade: list[Pass], *, recap: bool = True, code: int = 0) -> Verdict:
        outcome = Outcome({FRESH.name: fresh, UPGRADE.name: upgrade}, recap, code, tmp_path / "log")
        verdict = Verdict()
        for label, steps in judging.converge(outcome, MACHINES, bed).items():
            verdict.machines[label].steps |= steps
        return verdict

    return call


def failing(message: str, *, unreachable: bool = False) -> list[Pass]:
    return [Pass(Failure("Install", "a.yml:1", message, unreachable), results=3)]


def test_two_quiet_passes_are_idempotent(judge):
    verdict = judge([DONE, DONE], [DONE, DONE])
    for machine in verdict.machines.values():
        assert machine.results == {Step.CONVERGE: Result.PASS, Step.IDEMPOTENCE: Result.PASS}


def test_a_failed_task_is_a_fault_of_the_change_and_is_quoted(judge):
    verdict = judge(failing("chown failed: no such file"), [DONE, DONE])
    assert verdict.machines["fresh"].result is Result.FAIL
    assert verdict.machines["fresh"].steps[Step.CONVERGE].detail == "task 'Install' failed: chown failed: no such file"
    assert verdict.machines["upgrade"].result is Result.PASS


@pytest.mark.parametrize(
    ("place", "told"),
    [("roles/web/tasks/main.yml:3", " (roles/web/tasks/main.yml:3)"), ("/usr/share/ansible/x.yml:1", ""), ("", "")],
)
def test_where_a_failed_task_stands_is_told(judge, bed: Bed, place: str, told: str):
    path = str(bed.root / place) if place else ""
    verdict = judge([Pass(Failure("Install", path, "no"), results=3)], [DONE, DONE])
    assert verdict.machines["fresh"].steps[Step.CONVERGE].detail == f"task 'Install'{told} failed: no"


def test_a_service_that_fails_is_told_with_what_it_wrote_to_its_journal(judge, bed: Bed):
    failure = Failure("Start", "", "Job for app.service failed", units=("app.service", "other.service"))
    bed.journals["fresh app.service"] = ["Starting app", "app: port 80 is taken"]
    verdict = judge([Pass(failure, results=3)], [DONE, Pass(failure, results=3)])
    told = ("the journal of app.service ends with:", "  Starting app", "  app: port 80 is taken")
    assert verdict.machines["fresh"].steps[Step.CONVERGE].evidence == told
    assert verdict.machines["fresh"].as_json()["detail"].endswith("app: port 80 is taken")
    assert verdict.machines["upgrade"].steps[Step.IDEMPOTENCE].evidence == ()
    bed.journals["upgrade app.service"] = ["gone"]
    second = judge([DONE, DONE], [DONE, Pass(failure, results=3)]).machines["upgrade"].steps[Step.IDEMPOTENCE]
    assert second.detail.startswith("the second run failed: ")
    assert second.evidence[1:] == ("  gone",)


def test_a_task_that_changes_again_is_named(judge):
    verdict = judge([DONE, Pass(changed=["Write", "Reload"], results=5)], [DONE, DONE])
    assert verdict.machines["fresh"].results[Step.IDEMPOTENCE] is Result.FAIL
    assert "'Write' and 'Reload'" in verdict.machines["fresh"].steps[Step.IDEMPOTENCE].detail
    assert verdict.machines["fresh"].works


def test_a_second_run_that_fails_says_that_it_was_the_second(judge):
    verdict = judge([DONE, *failing("port in use")], [DONE, DONE])
    assert verdict.machines["fresh"].steps[Step.IDEMPOTENCE].detail.startswith("the second run failed: task 'Install'")


@pytest.mark.parametrize("rest", [[], [Pass()]])
def test_a_second_run_that_was_not_seen_proves_nothing(judge, rest: list[Pass]):
    assert judge([DONE, *rest], [DONE, DONE]).machines["fresh"].results[Step.IDEMPOTENCE] is Result.ERROR


def test_a_killed_container_is_trouble(judge, bed: Bed):
    bed.troubles["fresh"] = "the container tdi-x-fresh is gone"
    verdict = judge(failing("Broken pipe", unreachable=True), [DONE, DONE])
    assert verdict.kind is Class.COULD_NOT_RUN
    assert "the container tdi-x-fresh is gone" in verdict.machines["fresh"].steps[Step.CONVERGE].detail


@pytest.mark.parametrize(
    ("message", "unreachable", "cause"),
    [
        ("cp: No space left on device", False, "the disk is full"),
        ("Authentication or permission failure", True, "could not be reached"),
    ],
)
def test_other_trouble_is_told_by_what_the_task_said(judge, message: str, unreachable, cause: str):
    verdict = judge(failing(message, unreachable=unreachable), [DONE, DONE])
    assert verdict.kind is Class.COULD_NOT_RUN
    assert cause in verdict.machines["fresh"].steps[Step.CONVERGE].detail


def test_a_dead_mirror_is_trouble(judge, bed: Bed):
    bed.mirror = "the package mirror cannot be used (E: Failed to fetch http://deb.example.org)"
    verdict = judge(failing("Failed to update apt cache: unknown reason"), [DONE, DONE])
    assert verdict.kind is Class.COULD_NOT_RUN
    assert (
        "the package mirror cannot be used (E: Failed to fetch" in verdict.machines["fresh"].steps[Step.CONVERGE].detail
    )


def test_a_package_that_a_working_mirror_lacks_is_a_fault_of_the_change(judge, bed: Bed):
    assert (
        judge(failing("No package matching 'ngnix' is available"), [DONE, DONE]).machines["fresh"].result is Result.FAIL
    )
    assert bed.asked == ["mirror"]


def test_a_failure_that_has_nothing_to_do_with_packages_does_not_ask_the_mirror(judge, bed: Bed):
    judge(failing("nginx: configuration file test failed"), [DONE, DONE])
    assert not bed.asked


def test_a_run_without_a_recap_is_a_fault_where_the_role_cannot_be_read(judge, bed: Bed):
    bed.syntax = "ERROR! no such module"
    verdict = judge([Pass()], [Pass()], recap=False)
    assert verdict.kind is Class.BREAKS_BOTH
    assert verdict.machines["fresh"].steps[Step.CONVERGE].detail == "ERROR! no such module"


def test_a_run_without_a_recap_is_trouble_where_nothing_is_wrong_with_the_role(judge):
    with pytest.raises(TdiError, match="no recap"):
        judge([Pass()], [Pass()], recap=False)


def ended(judge, tmp_path: Path, second: list[Pass], code: int, said: str) -> Verdict:
    (tmp_path / "log").write_text(f"TASK [a]\nok: [x]\n{said}\n")
    return judge([DONE, *second], [DONE, *second], recap=False, code=code)


def test_what_ansible_gives_up_on_is_a_fault_of_the_change(judge, tmp_path: Path):
    said = "[ERROR]: The requested handler 'Relaod' was not found"
    verdict = ended(judge, tmp_path, [], 1, said)
    assert verdict.kind is Class.BREAKS_BOTH
    assert verdict.machines["upgrade"].steps == {
        Step.CONVERGE: Ended(Result.FAIL, "The requested handler 'Relaod' was not found")
    }
    verdict = ended(judge, tmp_path, [Pass()], 1, said)
    assert verdict.kind is Class.NOT_IDEMPOTENT
    assert (
        verdict.machines["fresh"]
        .steps[Step.IDEMPOTENCE]
        .detail.startswith("the second run failed: The requested handler")
    )


@pytest.mark.parametrize(
    ("code", "said", "state"),
    [
        (250, "[ERROR]: Unexpected Exception", None),
        (1, "[ERROR]: No space left on device", None),
        (1, "[ERROR]: Connection reset", "the container tdi-x-fresh is gone"),
        (1, "Killed", None),
    ],
)
def test_what_ended_ansible_otherwise_is_trouble(
    judge, bed: Bed, tmp_path: Path, code: int, said: str, state: str | None
):
    bed.troubles = {"fresh": state} if state else {}
    with pytest.raises(TdiError, match="no recap"):
        ended(judge, tmp_path, [], code, said)


GOOD_TESTS = (
    OneTest("test_site", FRESH.name, "passed", ""),
    OneTest(RECORD_TEST, FRESH.name, "passed", ""),
    OneTest(SAME_STATE_TEST, FRESH.name, "skipped", ""),
)


def judged_tests(
    *tests: OneTest, broken: tuple[str, ...] = (), code: int = 0, bed: Bed | None = None
) -> MachineOutcome:
    verification = Verification(tests, broken, code, Path("log"))
    return MachineOutcome(Part.NEW, judging.tests(verification, FRESH, bed or Bed(Path("checkout"))))


def test_passing_tests_and_a_record_are_passes():
    assert judged_tests(*GOOD_TESTS).results == {Step.VERIFY: Result.PASS, Step.RECORD: Result.PASS}


def test_a_failing_test_is_named_with_what_it_said():
    mine = judged_tests(*GOOD_TESTS, OneTest("test_port", FRESH.name, "failed", "no answer"))
    assert mine.results[Step.VERIFY] is Result.FAIL
    assert mine.steps[Step.VERIFY].detail == "test_port: no answer"


def test_a_failing_comparison_is_not_a_failure_of_one_machine():
    mine = judged_tests(*GOOD_TESTS, OneTest(SAME_STATE_TEST, FRESH.name, "failed", "different"))
    assert mine.result is Result.PASS


def test_a_test_that_ended_in_trouble_is_an_error():
    mine = judged_tests(*GOOD_TESTS, OneTest("test_port", FRESH.name, "failed", "tdi.errors.TdiError: no engine"))
    assert mine.results[Step.VERIFY] is Result.ERROR


def test_tests_that_fail_because_the_container_was_killed_are_an_error(bed: Bed):
    bed.troubles["fresh"] = "the container tdi-x-fresh stopped (exited, exit code 137)"
    mine = judged_tests(*GOOD_TESTS, OneTest("test_port", FRESH.name, "failed", "no answer"), bed=bed)
    assert mine.results[Step.VERIFY] is Result.ERROR
    assert "exit code 137" in mine.steps[Step.VERIFY].detail


@pytest.mark.parametrize(
    "tests", [(), GOOD_TESTS[1:], (*GOOD_TESTS[1:], OneTest("test_site", FRESH.name, "skipped", "why"))]
)
def test_a_verifier_that_tested_nothing_proves_nothing(tests: tuple[OneTest, ...]):
    assert judged_tests(*tests).results[Step.VERIFY] is Result.ERROR


def test_a_verifier_that_cannot_be_imported_is_a_fault_of_the_change():
    mine = judged_tests(broken=("test_a.py: SyntaxError",), code=2)
    assert mine.result is Result.FAIL
    assert "SyntaxError" in mine.steps[Step.VERIFY].detail


@pytest.mark.parametrize("recorded", [(), (OneTest(RECORD_TEST, FRESH.name, "failed", "the collector ended"),)])
def test_a_machine_that_was_not_recorded_proves_nothing(recorded: tuple[OneTest, ...]):
    assert judged_tests(GOOD_TESTS[0], *recorded).results[Step.RECORD] is Result.ERROR


def test_a_failing_test_of_no_machine_is_not_lost():
    mine = judged_tests(*GOOD_TESTS, OneTest("test_without_host", "", "failed", "no"), code=1)
    assert mine.result is not Result.PASS


def compared(found: Found | None, *failed: str) -> Found:
    tests = tuple(OneTest(SAME_STATE_TEST, UPGRADE.name, "failed", said, said) for said in failed)
    return judging.same_state(found, Verification(tests, (), 1, Path("log")), UPGRADE)


def test_the_comparison_that_the_verifier_wrote_is_the_verdicts():
    found = Found(SameState.DIFFERENT, problems=("Nothing needs it.",))
    assert compared(found, "Nothing needs it.") is found


def test_no_comparison_is_unknown_and_says_why():
    cases = ("the record is truncated", "not compared: the record is truncated")
    assert compared(None, *cases) == Found(SameState.UNKNOWN, not_compared="the record is truncated")
    assert compared(None) == Found(SameState.UNKNOWN, not_compared="the machines were not compared")


def failed_verdict() -> Verdict:
    verdict = Verdict()
    verdict.machines["fresh"].steps[Step.VERIFY] = Ended(Result.FAIL)
    return verdict


def test_a_killed_container_outweighs_whatever_failed_first(bed: Bed):
    bed.troubles["fresh"] = "the container tdi-x-fresh stopped (exited, exit code 137)"
    verdict = failed_verdict()
    verdict.trouble = judging.trouble(verdict, MACHINES, bed)
    assert verdict.kind is Class.COULD_NOT_RUN
    assert verdict.trouble == Trouble("The container tdi-x-fresh stopped (exited, exit code 137).")


def test_a_failure_on_containers_that_run_is_no_trouble(bed: Bed):
    assert judging.trouble(failed_verdict(), MACHINES, bed) is None


def test_an_engine_that_died_meanwhile_is_the_cause(bed: Bed):
    bed.troubles["fresh"], bed.engine = "the container tdi-x-fresh is gone", "Cannot connect"
    with pytest.raises(TdiError, match="Cannot connect"):
        judging.trouble(failed_verdict(), MACHINES, bed)


@pytest.mark.parametrize(
    ("info", "cause"),
    [
        ("echo 'Cannot connect to the Docker daemon' >&2; exit 1", "Cannot connect"),
        (f"echo '{ENGINE}'", "there is no platform 'debian-99'"),
    ],
)
def test_trouble_before_the_first_machine_is_a_verdict_too(
    tdi: Callable[..., EndedCommand],
    checkout: Project,
    fakes: Fakes,
    monkeypatch: pytest.MonkeyPatch,
    info: str,
    cause: str,
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
def second_run(tmp_path: Path) -> Callable[..., Ended]:
    """What is said of a second run that ended like `second` and changed some files."""

    def recorded(moment: str, *others: str) -> RecordFile:
        paths = ("/etc/app", "/etc/other")
        files = [(path, {"type": "file", "hash": moment if path in others else "same"}) for path in paths]
        write_record(tmp_path / moment, {}, {"files": (ScopeHeader(), files)})
        return RecordFile(tmp_path / moment)

    def call(second: Pass, *changed: str) -> Ended:
        reported = Ended(Result.FAIL, "reported") if second.changed else Ended(Result.PASS)
        return judging.second_run(compare(recorded("once"), recorded("twice", *changed)), second, reported)

    return call


def test_a_change_that_no_task_reported_is_told_with_the_task_that_names_it(second_run):
    ended = second_run(Pass(results=5, about={"/etc/app": "Append", "/etc/x": "Other"}), "/etc/app", "/etc/other")
    assert ended.result is Result.FAIL
    first, app, other = ended.detail.splitlines()
    assert first == "the second run changed the machine, and no task reported it:"
    assert app == "file /etc/app: its content differs. The task 'Append' names it and reported no change."
    assert other == "file /etc/other: its content differs."


def test_a_reported_change_does_not_hide_another(second_run):
    second = Pass(changed=["Write"], results=5, wrote={"/etc/other": "Write"}, about={"/etc/app": "Append"})
    told = second_run(second, "/etc/app", "/etc/other").detail
    assert told.startswith("reported\n")
    assert "The task 'Append' names it and reported no change." in told
    assert told.count("reported no change") == 1


def test_a_change_that_was_reported_and_not_made_is_told(second_run):
    ended = second_run(Pass(changed=["Ask"], results=5))
    assert ended.result is Result.FAIL
    assert ended.detail.startswith("reported; the record shows no difference")


def test_a_quiet_second_run_that_changed_nothing_stays_a_pass(second_run):
    ended = second_run(Pass(results=5))
    assert ended == Ended(Result.PASS)


def test_a_second_run_that_failed_is_not_said_to_be_anything_else(second_run):
    ended = second_run(Pass(Failure("Install", "a.yml:1", "no", unreachable=False), results=3), "/etc/app")
    assert ended == Ended(Result.PASS)


@pytest.fixture
def checked(bed: Bed, tmp_path: Path) -> Callable[..., Ended]:
    """How the tests of the new machine ended, whose verify playbook ended so; pytest found what `tested` says."""

    def call(only: Pass, tested: Ended | None = None, *, recap: bool = True, code: int = 0, log: str = "") -> Ended:
        (tmp_path / "log").write_text(log)
        outcome = Outcome({FRESH.name: [only]}, recap, code, tmp_path / "log")
        return judging.verify_playbook(outcome, FRESH, bed, tested or Ended(Result.PASS))

    return call


CHECKED = Pass(results=3, checks=1)
WRONG = Pass(Failure("Ask", "", "no answer"), results=1, checks=1)


def test_a_verify_playbook_that_holds_leaves_what_pytest_found(checked):
    assert checked(CHECKED) == Ended(Result.PASS)
    failed = Ended(Result.FAIL, "test_site: no answer")
    assert checked(CHECKED, failed) is failed


def test_a_verify_playbook_that_fails_is_a_fault_of_the_change(checked):
    assert checked(WRONG) == Ended(Result.FAIL, "task 'Ask' failed: no answer")


def test_a_verify_playbook_that_fails_for_the_test_beds_sake_is_trouble(checked, bed: Bed):
    bed.troubles["fresh"] = "the container is gone"
    ended = checked(WRONG)
    assert ended.result is Result.ERROR
    assert "the container is gone" in ended.detail


def test_a_verify_playbook_that_asserts_nothing_is_said_and_breaks_nothing(checked):
    ended = checked(Pass(results=3))
    assert ended.result is Result.PASS
    assert "asserts nothing" in ended.detail


@pytest.mark.parametrize(("recap", "code"), [(False, 1), (True, 1), (False, 0)])
def test_a_verify_playbook_that_did_not_end_is_a_failure(checked, *, recap: bool, code: int):
    ended = checked(Pass(results=3, checks=1), recap=recap, code=code)
    assert ended == Ended(Result.FAIL, "the verify playbook did not end")


def test_a_verify_playbook_that_ansible_gave_up_on_says_why(checked):
    ended = checked(Pass(), recap=False, code=1, log="[ERROR]: the role 'x' was not found\n")
    assert ended == Ended(Result.FAIL, "the verify playbook ended: the role 'x' was not found")


@pytest.mark.parametrize(
    ("tested", "only", "worst"),
    [
        (Ended(Result.FAIL, "tested"), Pass(results=1), Result.FAIL),
        (Ended(Result.FAIL, "tested"), WRONG, Result.FAIL),
        (Ended(Result.ERROR, "tested"), WRONG, Result.ERROR),
        (Ended(Result.PASS, ""), WRONG, Result.FAIL),
    ],
)
def test_the_worst_of_pytest_and_the_verify_playbook_counts_and_both_are_told(
    checked, tested: Ended, only: Pass, worst: Result
):
    ended = checked(only, tested)
    assert ended.result is worst
    assert ended.detail.startswith(tested.detail)
    assert ("asserts nothing" if only.failure is None else "no answer") in ended.detail


def test_journals_of_both_are_kept(checked, bed: Bed):
    bed.journals["fresh app.service"] = ["app: port 80 is taken"]
    only = Pass(Failure("Ask", "", "no", units=("app.service",)), results=1, checks=1)
    ended = checked(only, Ended(Result.FAIL, "tested", ("one",)))
    assert ended.evidence == ("one", "the journal of app.service ends with:", "  app: port 80 is taken")


def test_a_converge_that_means_no_machine_is_trouble_with_a_remedy(judge):
    with pytest.raises(TdiError, match="ran no task on the machine") as error:
        judge([Pass()], [Pass()])
    assert "`groups:`" in error.value.remedy


def test_a_converge_that_means_one_machine_only_is_trouble_too(judge):
    with pytest.raises(TdiError, match="ran no task on the machine"):
        judge([DONE, DONE], [Pass()])


SKIPPED = Pass(results=5, skipped_handlers={"Reload sshd": "not\n in_container", "Restart app": "False"})
TOLD = (
    "handler 'Reload sshd' was notified and skipped on this machine (when: not in_container)\n"
    "handler 'Restart app' was notified and skipped on this machine (when: False)"
)


def differing(attribute: str) -> Found:
    finding = Finding("1", "processes", "a", Kind.CHANGED, Severity.SERVICE, "a", (attribute,), "why", "action")
    return Found(SameState.DIFFERENT, (finding,))


@pytest.mark.parametrize(
    ("tested", "found", "detail"),
    [
        (Ended(Result.FAIL, "test_port: closed"), Found(SameState.SAME), f"test_port: closed\n{TOLD}"),
        (Ended(Result.PASS), differing("restart_debt"), TOLD),
        (Ended(Result.PASS, "it asserts nothing"), differing("restart_debt"), f"it asserts nothing\n{TOLD}"),
        (Ended(Result.PASS), differing("count"), ""),
        (Ended(Result.PASS), Found(SameState.SAME), ""),
        (Ended(Result.ERROR, "no test ran"), judging.NOT_BOTH, "no test ran"),
    ],
)
def test_a_handler_that_was_skipped_is_told_where_it_may_be_why(tested: Ended, found: Found, detail: str):
    assert judging.with_skipped_handlers(tested, SKIPPED, [found]) == Ended(tested.result, detail)


@pytest.mark.parametrize("result", [Result.PASS, Result.FAIL])
def test_where_no_handler_was_skipped_nothing_is_told_of_one(result: Result):
    tested = Ended(result, "said", ("a log",))
    assert judging.with_skipped_handlers(tested, DONE, [differing("restart_debt")]) is tested
