"""The order of events of a verdict, on a test bed that does nothing but note what was asked of it."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tdi.errors import TdiError
from tdi.machines.machine import Machine, Part
from tdi.outside.ansible import AGAIN, Event, Failure, Outcome, Pass
from tdi.outside.pytest_run import TestOutcome as OneTest
from tdi.outside.pytest_run import Verification
from tdi.same_state.kept_records import Found, Wrote
from tdi.state.compare import Comparison, compare
from tdi.state.compare import Result as SameState
from tdi.state.plan import Plan
from tdi.state.record import RecordFile, ScopeHeader, write_record
from tdi.verdict import steps
from tdi.verdict.bed import Images
from tdi.verdict.display import Display
from tdi.verdict.outcome import Class, Ended, Result, Step, Trouble, Verdict
from tdi.verifier.own_tests import RECORD_TEST

FRESH = Machine("tdi-x-fresh", "fresh", "fresh", Part.NEW)
UPGRADE = Machine("tdi-x-upgrade", "upgrade", "upgrade", Part.UPGRADED)
PAST = Machine("tdi-x-upgrade-1.0", "upgrade-1.0", "upgrade", Part.UPGRADED)
DONE = Pass(results=5)
FAILED = Pass(Failure("Install", "", "no"), results=3)


class NotesOnly:
    """A test bed whose machines, playbook and tests are only told about; `notes` says what was asked, in order."""

    def __init__(self, directory: Path) -> None:
        self.root = directory
        self.machines: Sequence[Machine] = (FRESH, UPGRADE)
        self.has_new_record = False
        self.passes = {machine.name: [DONE, DONE] for machine in (FRESH, UPGRADE, PAST)}
        self.notes: list[str] = []
        self.dead: set[str] = set()
        self.fails: dict[str, str] = {}
        """What was asked → the trouble that it ends in."""
        self.changed: set[str] = set()
        """The machines that their second run changed, whatever its tasks reported."""
        self.found: Found | None = Found(SameState.SAME)
        self.differing = Found(SameState.DIFFERENT, problems=("Nothing needs it.",))
        self.different: set[str] = set()
        """The machines in production that do not end like the new one."""
        self.not_provisioned: dict[str, str] = {}
        self.failing_tests: set[str] = set()
        self.prepared: dict[str, Pass] = {}
        """What came before the role, by container."""
        self.checked: dict[str, Pass] = {}
        """What the scenario's own verify playbook found, by container."""
        self.loads: dict[str, Ended] = {}
        """What comes of the load on a machine, by its label."""
        self.apart = False
        """Whether Ansible runs once for each machine instead of once for all."""
        self.recaps = True
        self._lock = threading.Lock()

    def note(self, what: str) -> None:
        with self._lock:
            self.notes.append(what)
        if what in self.fails:
            raise TdiError(self.fails[what])

    def images(self) -> Images:
        self.note("images")
        return Images("debian-13", {"base_image": "base", "production_image": "production"}, self.not_provisioned)

    @contextmanager
    def in_force(self) -> Iterator[None]:
        self.note("records apart")
        yield
        self.note("records kept")

    def start(self) -> None:
        self.note("start")

    def wait_until_booted(self, machine: Machine) -> None:
        self.note(f"boot {machine.label}")

    def record(self, machine: Machine, moment: str) -> None:
        self.note(f"record {machine.label} {moment}")

    def prepare(self, machine: Machine) -> Pass | None:
        self.note(f"prepare {machine.label}")
        return self.prepared.get(machine.name)

    def verify(self, machines: Sequence[Machine]) -> dict[str, Outcome]:
        self.note(f"verify playbook on {' '.join(machine.label for machine in machines)}")
        return {
            machine.name: Outcome({machine.name: [self.checked[machine.name]]}, recap=True, code=0, log=self.root / "v")
            for machine in machines
            if machine.name in self.checked
        }

    @contextmanager
    def converging(self, times: int = 2) -> Iterator["NotedPlaybook"]:
        self.note("ansible starts" if times == len(self.passes[UPGRADE.name]) else f"ansible starts, {times} times")
        yield NotedPlaybook(self)
        self.note("ansible is over")

    @contextmanager
    def loading(self) -> Iterator["NotedLoad"]:
        self.note("load begins")
        yield NotedLoad(self)

    @contextmanager
    def testing(self) -> Iterator["NotedTests"]:
        self.note("pytest starts")
        yield NotedTests(self)
        self.note("pytest is over")

    def keep_wrote(self, wrote: Wrote) -> None:
        self.note(f"keep what {' '.join(wrote.tasks)} wrote")

    def comparison(self, machine: Machine) -> Found | None:
        self.note(f"read the comparison of {machine.label}")
        return self.differing if machine.label in self.different else self.found

    def foresee(self) -> None:
        self.note("foresee a twin")

    def second_run(self, machine: Machine) -> Comparison | None:
        self.note(f"compare {machine.label} with its second run")
        files = [self.root / f"{machine.label}-{moment}" for moment in ("once", "twice")]
        for file in files:
            content = file.name if machine.label in self.changed else "same"
            write_record(file, {}, {"files": (ScopeHeader(), [("/etc/app", {"type": "file", "hash": content})])})
        with RecordFile(files[0]) as once, RecordFile(files[1]) as twice:
            return compare(once, twice)

    def plan(self, machine: Machine) -> Plan | None:
        self.note(f"plan of {machine.label}")
        return Plan((), ("packages",))

    def trouble(self, machine: Machine) -> str | None:
        self.note(f"is {machine.label} alive")
        return f"the container {machine.name} is gone" if machine.label in self.dead else None

    def journal(self, machine: Machine, unit: str) -> list[str]:
        self.note(f"journal of {unit} on {machine.label}")
        return []

    def engine_trouble(self) -> None:
        self.note("does the engine answer")

    def mirror_trouble(self) -> str | None:
        self.note("does the mirror answer")
        return None

    def syntax_error(self) -> str | None:
        self.note("syntax")
        return None


class NotedLoad:
    """A load that is only told about."""

    def __init__(self, bed: NotesOnly) -> None:
        self._bed = bed

    def stop(self, machine: Machine) -> Ended | None:
        if machine.label in self._bed.loads:
            self._bed.note(f"load on {machine.label} ends")
        return self._bed.loads.get(machine.label)


@dataclass(frozen=True)
class NotedPlaybook:
    bed: NotesOnly

    def begin(self) -> None:
        self.bed.note("converge")

    def begin_again(self, machines: Sequence[Machine]) -> None:
        mine = "" if len(machines) == len(self.bed.machines) else f" {' '.join(each.label for each in machines)}"
        self.bed.note(f"converge again{mine}")

    def outcomes(self, observe: Callable[[Event], None]) -> list[Outcome]:
        names = tuple(machine.name for machine in self.bed.machines)
        return [self._outcome(share, observe) for share in ([(name,) for name in names] if self.bed.apart else [names])]

    def _outcome(self, names: tuple[str, ...], observe: Callable[[Event], None]) -> Outcome:
        if any(len(self.bed.passes[name]) > 1 for name in names):
            observe(Event("play", {"name": "Converge"}, names))
            observe(Event("play", {"name": AGAIN}, names))
        passes = {name: self.bed.passes[name] for name in names}
        return Outcome(passes, recap=self.bed.recaps, code=0, log=self.bed.root / "log")


@dataclass(frozen=True)
class NotedTests:
    bed: NotesOnly

    def verify(self, machines: Sequence[Machine], observe: Callable[[OneTest], None], *, compare: bool) -> Verification:
        asked = " ".join(machine.label for machine in machines)
        self.bed.note(f"test {asked}, {'and compare' if compare else 'compare later'}")
        tests = [
            OneTest(name, machine.name, "failed" if name in self.bed.failing_tests else "passed", "no answer")
            for machine in machines
            for name in ("test_site", RECORD_TEST)
        ]
        for test in tests:
            observe(test)
        return Verification(tuple(tests), (), 0, self.bed.root / "log")


@dataclass(frozen=True)
class Taken:
    """A verdict that was come to on a bed, and what the bed was asked for it."""

    verdict: Verdict
    notes: list[str] = field(default_factory=list)

    def in_order(self, *wanted: str) -> bool:
        """Whether these were asked one after the other, whatever came in between."""
        rest = iter(self.notes)
        return all(one in rest for one in wanted)


@pytest.fixture
def bed(tmp_path: Path) -> NotesOnly:
    return NotesOnly(tmp_path)


def take(bed: NotesOnly) -> Taken:
    verdict = Verdict()
    steps.take(bed, Display(), verdict)
    return Taken(verdict, bed.notes)


def test_a_pass_asks_for_everything_once_and_in_order(bed: NotesOnly):
    taken = take(bed)
    assert taken.verdict.kind is Class.PASS
    assert taken.verdict.platform == "debian-13"
    assert taken.notes[:4] == ["images", "records apart", "start", "ansible starts"]
    # What is done on both machines at once has no order among the two.
    assert sorted(taken.notes[4:9]) == [
        *("boot fresh", "boot upgrade", "prepare fresh", "prepare upgrade", "record upgrade before"),
    ]
    assert taken.in_order("boot upgrade", "prepare upgrade", "record upgrade before")
    assert taken.notes[9:12] == ["load begins", "converge", "pytest starts"]
    between = sorted(taken.notes[12 : taken.notes.index("converge again")])
    assert between == [
        *("is fresh alive", "is upgrade alive", "record fresh converged", "record upgrade converged"),
    ]
    assert taken.notes[taken.notes.index("converge again") :] == [
        *("converge again", "foresee a twin", "keep what fresh upgrade wrote"),
        *("test fresh upgrade, and compare", "verify playbook on fresh upgrade", "read the comparison of upgrade"),
        *("compare fresh with its second run", "compare upgrade with its second run"),
        *("plan of upgrade", "pytest is over", "ansible is over", "records kept"),
    ]


def test_a_load_ends_before_the_machine_is_recorded_and_what_it_lost_is_a_class(bed: NotesOnly):
    bed.loads["upgrade"] = Ended(Result.FAIL, "a page: 3 of 700 lost")
    taken = take(bed)
    assert taken.in_order("record upgrade before", "load begins", "converge", "load on upgrade ends")
    assert taken.in_order("load on upgrade ends", "record upgrade converged")
    assert taken.verdict.kind is Class.DROPS_REQUESTS
    assert taken.verdict.machines["upgrade"].steps[Step.LOAD].detail == "a page: 3 of 700 lost"


def test_a_load_that_lost_nothing_is_a_step_that_passed(bed: NotesOnly):
    bed.loads["upgrade"] = Ended(Result.PASS)
    verdict = take(bed).verdict
    assert verdict.kind is Class.PASS
    assert list(verdict.machines["upgrade"].results) == list(Step)


def test_of_a_machine_that_is_not_converged_the_load_says_nothing(bed: NotesOnly):
    bed.loads["upgrade"] = Ended(Result.FAIL, "a page: 3 of 700 lost")
    bed.passes[UPGRADE.name] = [FAILED]
    assert take(bed).verdict.kind is Class.BREAKS_PROVISIONED


def test_each_step_has_its_time(bed: NotesOnly):
    assert set(take(bed).verdict.seconds) == {"images", "create", "boot", "converge", "verify"}


def test_what_a_change_does_to_production_is_in_the_verdict(bed: NotesOnly):
    plan = take(bed).verdict.plan
    assert plan
    assert any("packages" in line for line in plan)


def test_a_handler_that_the_first_converge_skipped_is_told_beside_tests_that_fail(bed: NotesOnly):
    skips = Pass(results=5, skipped_handlers={"Reload": "not in_container"})
    bed.passes |= {FRESH.name: [DONE, skips], UPGRADE.name: [skips, DONE]}
    bed.failing_tests = {"test_site"}
    machines = take(bed).verdict.machines
    assert "handler" not in machines["fresh"].steps[Step.VERIFY].detail
    assert (
        machines["upgrade"]
        .steps[Step.VERIFY]
        .detail.endswith(
            "no answer\nhandler 'Reload' was notified and skipped on this machine (when: not in_container)"
        )
    )


def test_no_machine_is_touched_before_production_is_recorded(bed: NotesOnly):
    bed.fails["record upgrade before"] = "the collector ended"
    with pytest.raises(TdiError, match="the collector ended"):
        take(bed)
    assert "converge" not in bed.notes


def test_a_record_between_the_two_runs_that_fails_is_not_taken_for_an_unchanged_machine(bed: NotesOnly):
    bed.fails["record fresh converged"] = "the collector ended"
    with pytest.raises(TdiError, match="the collector ended"):
        take(bed)
    assert "converge again" not in bed.notes


def test_a_container_that_is_gone_is_not_recorded_between_the_runs(bed: NotesOnly):
    bed.dead.add("fresh")
    assert take(bed).in_order("record upgrade converged", "converge again")
    assert "record fresh converged" not in bed.notes


def test_a_machine_that_works_is_tested_where_the_other_was_not_converged_and_compared_later(bed: NotesOnly):
    bed.passes[FRESH.name] = [FAILED]
    taken = take(bed)
    assert "test upgrade, compare later" in taken.notes
    assert "read the comparison of upgrade" not in taken.notes
    assert "compare upgrade with its second run" in taken.notes
    assert "compare fresh with its second run" not in taken.notes
    assert "plan of upgrade" in taken.notes
    assert taken.verdict.kind is Class.BREAKS_NEW
    assert taken.verdict.machines["upgrade"].results[Step.VERIFY] is Result.PASS
    assert taken.verdict.same_state == Found(not_compared="only one machine got as far as its record")


def test_where_no_machine_was_converged_nothing_is_tested_and_the_containers_are_looked_at(bed: NotesOnly):
    bed.passes = {name: [FAILED] for name in bed.passes}
    taken = take(bed)
    assert taken.verdict.kind is Class.BREAKS_BOTH
    assert not [note for note in taken.notes if note.startswith(("test ", "compare ", "plan"))]
    assert taken.notes[-3:] == ["is fresh alive", "is upgrade alive", "records kept"]


def test_a_container_that_died_is_trouble_whatever_failed_first(bed: NotesOnly):
    bed.failing_tests.add("test_site")
    bed.dead.add("upgrade")
    taken = take(bed)
    assert taken.verdict.trouble == Trouble("The container tdi-x-upgrade is gone.")
    assert taken.verdict.kind is Class.COULD_NOT_RUN
    assert taken.in_order("is upgrade alive", "does the engine answer")


def test_what_a_second_run_changed_without_a_word_is_told_of_its_machine(bed: NotesOnly):
    bed.changed.add("upgrade")
    taken = take(bed)
    assert taken.verdict.kind is Class.NOT_IDEMPOTENT
    assert taken.verdict.machines["fresh"].steps[Step.IDEMPOTENCE] == Ended(Result.PASS)
    assert "no task reported it" in taken.verdict.machines["upgrade"].steps[Step.IDEMPOTENCE].detail


def test_a_failing_test_breaks_the_machine_and_the_comparison_is_told_all_the_same(bed: NotesOnly):
    bed.failing_tests.add("test_site")
    bed.found = Found(SameState.DIFFERENT, problems=("Nothing needs it.",))
    verdict = take(bed).verdict
    assert verdict.kind is Class.BREAKS_BOTH
    assert verdict.same_state is bed.found


def test_machines_that_differ_are_drift(bed: NotesOnly):
    bed.found = Found(SameState.DIFFERENT, problems=("Nothing needs it.",))
    assert take(bed).verdict.kind is Class.DRIFT


def test_several_servers_in_production_go_through_the_same_steps(bed: NotesOnly):
    bed.machines = (FRESH, UPGRADE, PAST)
    taken = take(bed)
    assert list(taken.verdict.machines) == ["fresh", "upgrade", "upgrade-1.0"]
    assert {"record upgrade before", "record upgrade-1.0 before", "record upgrade-1.0 converged"} <= {*taken.notes}
    assert "test fresh upgrade upgrade-1.0, and compare" in taken.notes
    assert {"plan of upgrade", "plan of upgrade-1.0"} <= {*taken.notes}
    assert taken.verdict.kind is Class.PASS
    assert taken.verdict.pasts["upgrade-1.0"].plan


def test_each_past_has_a_comparison_of_its_own(bed: NotesOnly):
    bed.machines = (FRESH, UPGRADE, PAST)
    bed.different = {"upgrade-1.0"}
    verdict = take(bed).verdict
    assert {label: past.kind for label, past in verdict.pasts.items()} == {
        "upgrade": Class.PASS,
        "upgrade-1.0": Class.DRIFT,
    }
    assert verdict.kind is Class.DRIFT


def test_a_past_that_breaks_leaves_the_others_their_comparison(bed: NotesOnly):
    bed.machines = (FRESH, UPGRADE, PAST)
    bed.passes[UPGRADE.name] = [FAILED]
    taken = take(bed)
    assert "test fresh upgrade-1.0, and compare" in taken.notes
    assert {label: past.kind for label, past in taken.verdict.pasts.items()} == {
        "upgrade": Class.BREAKS_PROVISIONED,
        "upgrade-1.0": Class.PASS,
    }


def test_a_past_that_cannot_be_provisioned_is_told_and_the_others_are_judged(bed: NotesOnly):
    bed.not_provisioned = {"upgrade-1.0": "task 'Install' failed"}
    verdict = take(bed).verdict
    assert {label: past.kind for label, past in verdict.pasts.items()} == {
        "upgrade": Class.PASS,
        "upgrade-1.0": Class.COULD_NOT_RUN,
    }
    assert verdict.kind is Class.COULD_NOT_RUN
    assert "Install" in verdict.machines["upgrade-1.0"].steps[Step.CREATE].detail


def test_where_the_past_in_the_first_place_cannot_be_provisioned_the_next_has_its_own_comparison(bed: NotesOnly):
    bed.machines = (FRESH, PAST)
    bed.not_provisioned = {"upgrade": "task 'Install' failed"}
    verdict = take(bed).verdict
    assert {label: past.kind for label, past in verdict.pasts.items()} == {
        "upgrade-1.0": Class.PASS,
        "upgrade": Class.COULD_NOT_RUN,
    }


def test_ansible_that_ends_without_a_word_is_trouble(bed: NotesOnly):
    bed.recaps = False
    with pytest.raises(TdiError, match="no recap"):
        take(bed)
    assert "syntax" in bed.notes


def test_what_tasks_made_is_kept_by_machine(bed: NotesOnly, monkeypatch: pytest.MonkeyPatch):
    made = Pass(results=5, wrote={"/etc/app": "Write"}, places={"/etc/app": f"{bed.root}/roles/app/tasks/main.yml:3"})
    bed.passes[FRESH.name] = [made, DONE]
    kept: list[Wrote] = []
    monkeypatch.setattr(bed, "keep_wrote", kept.append)
    take(bed)
    (wrote,) = kept
    assert json.loads(json.dumps(wrote.tasks)) == {"fresh": {"/etc/app": "Write"}, "upgrade": {}}
    assert wrote.places["fresh"] == {"/etc/app": "roles/app/tasks/main.yml:3"}


def test_what_came_before_the_role_is_kept_too_and_the_role_has_the_last_word(
    bed: NotesOnly, monkeypatch: pytest.MonkeyPatch
):
    bed.prepared[FRESH.name] = Pass(
        results=1,
        wrote={"/etc/app": "Prepare", "/etc/lists": "Refresh"},
        places={"/etc/app": "x:1", "/etc/lists": f"{bed.root}/molecule/default/prepare.yml:2"},
    )
    bed.passes[FRESH.name] = [Pass(results=5, wrote={"/etc/app": "Write"}, places={"/etc/app": "y:1"}), DONE]
    kept: list[Wrote] = []
    monkeypatch.setattr(bed, "keep_wrote", kept.append)
    take(bed)
    assert kept[0].tasks["fresh"] == {"/etc/app": "Write", "/etc/lists": "Refresh"}
    assert kept[0].places["fresh"]["/etc/lists"] == "molecule/default/prepare.yml:2"


def test_a_machine_that_cannot_be_prepared_is_trouble_before_anything_is_recorded(bed: NotesOnly):
    bed.fails["prepare upgrade"] = "prepare.yml failed"
    with pytest.raises(TdiError, match=r"prepare\.yml failed"):
        take(bed)
    assert not {"converge", "record upgrade before"} & {*bed.notes}


def test_a_run_for_each_machine_is_recorded_and_goes_on_by_itself(bed: NotesOnly):
    bed.apart = True
    taken = take(bed)
    assert taken.verdict.kind is Class.PASS
    assert taken.in_order("record fresh converged", "converge again fresh", "record upgrade converged")
    assert taken.in_order("converge again fresh", "converge again upgrade", "foresee a twin")
    assert [taken.notes.count(note) for note in ("foresee a twin", "record fresh converged")] == [1, 1]
    for machine in taken.verdict.machines.values():
        assert machine.results[Step.IDEMPOTENCE] is Result.PASS


def test_of_runs_for_each_machine_one_can_fail_alone(bed: NotesOnly):
    bed.apart = True
    bed.passes[UPGRADE.name] = [FAILED]
    taken = take(bed)
    assert taken.verdict.kind is Class.BREAKS_PROVISIONED
    assert "foresee a twin" not in taken.notes
    assert "test fresh, compare later" in taken.notes


def test_what_the_scenarios_own_playbook_finds_breaks_the_machine(bed: NotesOnly):
    bed.checked = {
        FRESH.name: Pass(results=1, checks=1),
        UPGRADE.name: Pass(Failure("Ask", "", "no answer"), results=1, checks=1),
    }
    verdict = take(bed).verdict
    assert verdict.kind is Class.BREAKS_PROVISIONED
    assert verdict.machines["fresh"].steps[Step.VERIFY] == Ended(Result.PASS)
    assert verdict.machines["upgrade"].steps[Step.VERIFY] == Ended(Result.FAIL, "task 'Ask' failed: no answer")


def test_a_converge_that_means_no_machine_could_not_run(bed: NotesOnly):
    bed.passes = {name: [Pass()] for name in bed.passes}
    with pytest.raises(TdiError, match="none of its `hosts:` means it"):
        take(bed)
    assert not [note for note in bed.notes if note.startswith("test ")]


def test_machines_in_production_alone_are_compared_with_a_new_machine_of_another_time(bed: NotesOnly):
    bed.machines, bed.has_new_record = (UPGRADE, PAST), True
    verdict = take(bed).verdict
    assert {*verdict.machines} == {"upgrade", "upgrade-1.0"}
    assert verdict.kind is Class.PASS
    bed.notes.clear()
    bed.different = {"upgrade-1.0"}
    assert take(bed).verdict.kind is Class.DRIFT


def test_machines_in_production_alone_are_not_compared_where_no_new_one_is_known(bed: NotesOnly):
    bed.machines = (UPGRADE,)
    assert take(bed).verdict.kind is Class.COULD_NOT_RUN


def test_converged_once_nothing_is_tested_and_each_is_recorded_before_and_after(bed: NotesOnly):
    bed.machines, bed.has_new_record = (UPGRADE, PAST), True
    bed.passes = {machine.name: [DONE] for machine in bed.machines}
    assert steps.converge_once(bed, Display())
    assert not [note for note in bed.notes if note.startswith(("test", "load", "pytest"))]
    for machine in bed.machines:
        mine = [note for note in bed.notes if note.startswith(f"record {machine.label} ")]
        assert mine == [f"record {machine.label} before", f"record {machine.label} converged"]


def test_converged_once_a_failure_is_told_and_nothing_is_recorded_after_it(bed: NotesOnly):
    bed.machines = (UPGRADE, PAST)
    bed.passes = {UPGRADE.name: [DONE], PAST.name: [FAILED]}
    assert not steps.converge_once(bed, Display())
    assert "record upgrade converged" not in bed.notes


def test_converged_once_a_past_that_cannot_be_had_ends_it(bed: NotesOnly):
    bed.not_provisioned = {"upgrade-1.0": "no"}
    assert not steps.converge_once(bed, Display())
    assert bed.notes == ["images"]
