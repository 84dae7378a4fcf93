"""Follows a verdict on a mutant as it comes about, and ends it as soon as something noticed that the role is broken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from tdi.machines.machine import Machine, Part
from tdi.molecule.pasts import DEFAULT
from tdi.mutants.results import Kill, Oracle
from tdi.outside.ansible import AGAIN, Event, Failure, failure_of
from tdi.outside.pytest_run import TestOutcome
from tdi.verdict import judge
from tdi.verdict.display import Display
from tdi.verdict.outcome import Ended, Result, Step, Verdict
from tdi.verifier.own_tests import BROKEN_TEST, RECORD_TEST, SAME_STATE_TEST

if TYPE_CHECKING:
    from tdi.verdict.bed import Witness

_ARGUMENT_SPECS = "Validating arguments against arg spec"
"""How Ansible calls the task that it puts before a role which has argument specs."""

IN_FIRST_RUN = " in the first run: "
"""What a line on a handler says where it was not the second run."""

_LONGEST = 500
"""Characters of the line that proves a kill."""


class NoticedError(Exception):
    """Something noticed the mutant: there is no need to go on."""

    def __init__(self, kill: Kill) -> None:
        super().__init__(kill.evidence)
        self.kill = kill


class TroubleError(Exception):
    """The test bed is in trouble: nothing was found out about the mutant."""


@dataclass
class Seen:
    """What a verdict went through that its records do not show."""

    handlers: list[str] = field(default_factory=list)
    """What each handler did in which run of which machine, a line each."""
    tests: list[TestOutcome] = field(default_factory=list)
    """The tests that failed."""


class Watch(Display):
    """Takes the place of a verdict's display. Raises NoticedError, and TroubleError, unless it is to see everything."""

    def __init__(self, pasts: Sequence[str], *, full: bool, rescues: bool) -> None:
        """Of a verdict on `pasts`; `rescues` says that a task that fails may be caught by the role itself."""
        super().__init__()
        self.seen = Seen()
        self.witness: Witness | None = None
        """Whom to ask whether the test bed is to blame."""
        self._pasts, self._full, self._rescues = pasts, full, rescues
        self._again: set[str] = set()

    def provenance(self, platform: str, facts: Mapping[str, str]) -> None:
        """Say nothing: it is the same for all mutants."""

    def step(self, step: Step) -> None:
        """Say nothing."""

    def ansible(self, event: Event) -> None:
        """Something happened in Ansible: decide on it where it is final."""
        facts = event.facts
        if event.name == "play" and facts["name"] == AGAIN:
            self._again.update(event.machines)
        if event.name != "result" or facts["host"] not in {machine.name for machine in self._machines}:
            return
        machine, outcome = self._machine(facts["host"]), facts["outcome"]
        again = machine.name in self._again
        if facts.get("handler"):
            run = " in the second run: " if again else IN_FIRST_RUN
            self.seen.handlers.append(f"{machine.label}{run}{facts['task']}: {outcome}")
        if self._full:
            return
        if outcome in {"failed", "unreachable"} and not self._rescues:
            self._failed(machine, failure_of(facts), again=again)
        if outcome == "changed" and again:
            said = f"the second run changed something again: '{facts['task']}'"
            raise NoticedError(Kill(Oracle.SECOND_RUN, said, self._past(machine)))

    def _failed(self, machine: Machine, failure: Failure, *, again: bool) -> NoReturn:
        assert self.witness is not None  # noqa: S101 (set before the steps begin; this is for the type checker)
        ended = judge.failure(failure, machine, self.witness)
        if ended.result is Result.ERROR:
            raise TroubleError(ended.detail)
        if again:
            raise NoticedError(Kill(Oracle.SECOND_RUN, _line(ended.detail), self._past(machine)))
        raise NoticedError(self._of_converge(machine.label, machine.part, ended))

    def test(self, test: TestOutcome) -> None:
        """A test ended: one that failed is final, but for the one that records."""
        if test.outcome != "failed":
            return
        self.seen.tests.append(test)
        if self._full or test.test == RECORD_TEST:
            return
        if test.is_trouble:
            raise TroubleError(test.message)
        machine = self._machine(test.machine) if test.machine else self._machines[0]
        if self.witness and (found := self.witness.trouble(machine)):
            raise TroubleError(found)
        raise NoticedError(self._of_test(test))

    def kills(self, verdict: Verdict) -> list[Kill]:
        """All that noticed a mutant whose verdict came to its end, from cheap to dear."""
        found = [self._of_test(test) for test in self.seen.tests if test.test != RECORD_TEST and not test.is_trouble]
        for label, outcome in verdict.machines.items():
            past = self._past_of(label, outcome.part)
            for step, ended in outcome.steps.items():
                if ended.result is not Result.FAIL:
                    continue
                if step is Step.CONVERGE:
                    found.append(self._of_converge(label, outcome.part, ended))
                elif step in {Step.LOAD, Step.IDEMPOTENCE}:
                    oracle = Oracle.LOAD if step is Step.LOAD else Oracle.SECOND_RUN
                    found.append(Kill(oracle, _line(ended.detail), past))
                elif step is Step.VERIFY and not any(kill.past == past for kill in found):
                    # The scenario's own verify playbook, or tests that cannot even be collected.
                    found.append(Kill(_tests_of(outcome.part), _line(ended.detail), past))
        # One kill for an oracle and a past: a role that is broken fails many tests.
        distinct = {(kill.oracle, kill.past): kill for kill in reversed(found)}
        return sorted(distinct.values(), key=lambda kill: ([*Oracle].index(kill.oracle), kill.past))

    def _of_converge(self, label: str, part: Part, ended: Ended) -> Kill:
        oracle = Oracle.FRESH_CONVERGE if part is Part.NEW else Oracle.UPGRADE_CONVERGE
        if _ARGUMENT_SPECS in ended.detail:
            oracle = Oracle.ARGUMENTS
        elif not ended.detail.startswith("task '"):
            # No task failed: Ansible could not read the role.
            oracle = Oracle.SYNTAX
        return Kill(oracle, _line(ended.detail), self._past_of(label, part))

    def _of_test(self, test: TestOutcome) -> Kill:
        machine = self._machine(test.machine) if test.machine else self._machines[0]
        oracle = {SAME_STATE_TEST: Oracle.SAME_STATE, BROKEN_TEST: Oracle.INVARIANTS}.get(test.test)
        said = test.message if test.test == SAME_STATE_TEST else f"{test.title}: {test.message}"
        return Kill(oracle or _tests_of(machine.part), _line(said), self._past(machine))

    def _machine(self, name: str) -> Machine:
        return next(machine for machine in self._machines if machine.name == name)

    def _past(self, machine: Machine) -> str:
        return self._past_of(machine.label, machine.part)

    def _past_of(self, label: str, part: Part) -> str:
        """The past of a machine in production: the name in its label, or the only one that there is."""
        if part is Part.NEW:
            return ""
        named = label.partition("-")[2]
        return named or (self._pasts[0] if len(self._pasts) == 1 else DEFAULT)


def _tests_of(part: Part) -> Oracle:
    return Oracle.FRESH_TESTS if part is Part.NEW else Oracle.UPGRADE_TESTS


def _line(text: str) -> str:
    """The first line that says something, and no more of it than a report can hold."""
    line = next((each.strip() for each in text.splitlines() if each.strip()), "")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
