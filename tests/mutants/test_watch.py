"""What ends a trial as soon as it happens, and which oracle it counts for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tdi.machines.machine import Machine, Part
from tdi.mutants.results import Kill, Oracle
from tdi.mutants.watch import NoticedError, TroubleError, Watch
from tdi.outside.ansible import AGAIN, Event
from tdi.outside.pytest_run import TestOutcome as Tested
from tdi.verdict.outcome import Ended, MachineOutcome, Result, Step, Verdict

FRESH = Machine("c-fresh", "fresh", "fresh", Part.NEW)
UPGRADE = Machine("c-upgrade", "upgrade", "upgrade", Part.UPGRADED)
FORMER = Machine("c-former", "upgrade-former", "upgrade", Part.UPGRADED)


class Witness:
    """A test bed with nothing wrong, but for what a test says."""

    root = Path("/project")
    wrong: str | None = None

    def trouble(self, _machine: Machine) -> str | None:
        return self.wrong

    def mirror_trouble(self) -> str | None:
        return None

    def journal(self, _machine: Machine, _unit: str) -> list[str]:
        return []


@pytest.fixture
def watch() -> Callable[..., Watch]:
    """A watch on three machines."""

    def made(*, full: bool = False, rescues: bool = False, wrong: str | None = None) -> Watch:
        watch = Watch(["default", "former"], full=full, rescues=rescues)
        watch.machines([FRESH, UPGRADE, FORMER])
        watch.witness = Witness()  # type: ignore[assignment]
        watch.witness.wrong = wrong  # type: ignore[attr-defined]
        return watch

    return made


def result(machine: Machine, outcome: str, **facts: Any) -> Event:
    said = {"host": machine.name, "outcome": outcome, "task": "a task", "path": "", "message": "no", **facts}
    return Event("result", said, ("c-fresh", "c-upgrade", "c-former"))


SECOND = Event("play", {"name": AGAIN}, ("c-fresh", "c-upgrade", "c-former"))


def kill_of(act: Callable[[], None]) -> Kill:
    with pytest.raises(NoticedError) as raised:
        act()
    return raised.value.kill


@pytest.mark.parametrize(
    ("machine", "oracle", "past"),
    [
        (FRESH, Oracle.FRESH_CONVERGE, ""),
        (UPGRADE, Oracle.UPGRADE_CONVERGE, "default"),
        (FORMER, Oracle.UPGRADE_CONVERGE, "former"),
    ],
)
def test_a_task_that_fails_is_noticed_at_once(watch: Callable[..., Watch], machine: Machine, oracle: Oracle, past: str):
    assert kill_of(lambda: watch().ansible(result(machine, "failed"))) == Kill(oracle, "task 'a task' failed: no", past)


def test_argument_specs_are_an_oracle_of_their_own(watch: Callable[..., Watch]):
    task = "nginx : Validating arguments against arg spec 'main'"
    assert kill_of(lambda: watch().ansible(result(FRESH, "failed", task=task))).oracle is Oracle.ARGUMENTS


def test_a_task_that_fails_may_be_rescued(watch: Callable[..., Watch]):
    watch(rescues=True).ansible(result(FRESH, "failed"))


@pytest.mark.parametrize("outcome", ["ok", "skipped", "ignored", "changed"])
def test_what_is_no_failure_is_not_noticed(watch: Callable[..., Watch], outcome: str):
    watch().ansible(result(FRESH, outcome))


def test_a_change_in_the_second_run_is_noticed(watch: Callable[..., Watch]):
    watching = watch()
    watching.ansible(SECOND)
    kill = kill_of(lambda: watching.ansible(result(UPGRADE, "changed")))
    assert (kill.oracle, kill.past) == (Oracle.SECOND_RUN, "default")


def test_a_failure_in_the_second_run_is_the_second_runs(watch: Callable[..., Watch]):
    watching = watch()
    watching.ansible(SECOND)
    assert kill_of(lambda: watching.ansible(result(UPGRADE, "failed"))).oracle is Oracle.SECOND_RUN


def test_a_machine_that_was_killed_says_nothing_of_the_mutant(watch: Callable[..., Watch]):
    with pytest.raises(TroubleError, match="it was killed"):
        watch(wrong="it was killed").ansible(result(FRESH, "failed"))
    with pytest.raises(TroubleError, match="it was killed"):
        watch(wrong="it was killed").test(Tested("test_a", FRESH.name, "failed", "no"))


@pytest.mark.parametrize(
    ("test", "machine", "oracle"),
    [
        ("test_a", FRESH, Oracle.FRESH_TESTS),
        ("test_a", FORMER, Oracle.UPGRADE_TESTS),
        ("test_same_state_as_a_new_machine", FORMER, Oracle.SAME_STATE),
        ("test_nothing_on_the_machine_is_broken", UPGRADE, Oracle.INVARIANTS),
    ],
)
def test_a_test_that_fails_is_noticed(watch: Callable[..., Watch], test: str, machine: Machine, oracle: Oracle):
    assert kill_of(lambda: watch().test(Tested(test, machine.name, "failed", "\nno"))).oracle is oracle


def test_a_test_that_ends_in_our_own_error_says_nothing_of_the_mutant(watch: Callable[..., Watch]):
    with pytest.raises(TroubleError):
        watch().test(Tested("test_a", FRESH.name, "failed", "tdi.errors.TdiError: no engine"))


def test_tests_that_hold_are_not_noticed(watch: Callable[..., Watch]):
    watch().test(Tested("test_a", FRESH.name, "passed", ""))


def test_everything_is_seen_where_that_is_asked_for(watch: Callable[..., Watch]):
    watching = watch(full=True)
    watching.ansible(result(FRESH, "failed"))
    watching.test(Tested("test_a", UPGRADE.name, "failed", "one"))
    watching.test(Tested("test_b", UPGRADE.name, "failed", "two"))
    watching.test(Tested("test_same_state_as_a_new_machine", FORMER.name, "failed", "a file"))
    failed = Ended(Result.FAIL, "task 'a task' failed: no")
    steps = {Step.CONVERGE: Ended(Result.PASS), Step.LOAD: Ended(Result.FAIL, "3 lost"), Step.VERIFY: failed}
    verdict = Verdict(
        machines={
            "fresh": MachineOutcome(Part.NEW, {Step.CONVERGE: failed}),
            "upgrade": MachineOutcome(Part.UPGRADED, steps),
            "upgrade-former": MachineOutcome(Part.UPGRADED, {Step.IDEMPOTENCE: Ended(Result.FAIL, "again")}),
        }
    )
    assert [(kill.oracle, kill.past) for kill in watching.kills(verdict)] == [
        (Oracle.FRESH_CONVERGE, ""),
        (Oracle.LOAD, "default"),
        (Oracle.UPGRADE_TESTS, "default"),
        (Oracle.SAME_STATE, "former"),
        (Oracle.SECOND_RUN, "former"),
    ]


def test_a_role_that_ansible_cannot_read_is_noticed_by_its_syntax(watch: Callable[..., Watch]):
    ended = {Step.CONVERGE: Ended(Result.FAIL, "[ERROR]: the handler 'b' was not found")}
    verdict = Verdict(machines={"fresh": MachineOutcome(Part.NEW, ended)})
    assert [kill.oracle for kill in watch(full=True).kills(verdict)] == [Oracle.SYNTAX]


def test_what_handlers_did_is_seen(watch: Callable[..., Watch]):
    watching = watch()
    watching.ansible(result(FRESH, "changed", handler=True, task="reload"))
    watching.ansible(SECOND)
    watching.ansible(result(FRESH, "skipped", handler=True, task="reload"))
    assert watching.seen.handlers == [
        "fresh in the first run: reload: changed",
        "fresh in the second run: reload: skipped",
    ]
