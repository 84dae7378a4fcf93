"""How a verdict comes about: the machines through the scenarios together, then the comparison.

The steps in order: images, create (and record production before the change), converge, record, converge again, verify
(and record and compare), the verdict. Ansible starts while the machines boot and pytest beside the converges, and both
wait for their turn. What is done stands in the test bed that is handed in, what it means in `judge`: here is the order.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from tdi.machines.machine import Machine, Part
from tdi.outside import ansible
from tdi.same_state import kept_records
from tdi.verdict import judge
from tdi.verdict.bed import Bed, Playbook, Tests
from tdi.verdict.display import Display
from tdi.verdict.outcome import Ended, MachineOutcome, Result, Step, Verdict


@dataclass(frozen=True)
class _Trial:
    """What every step of one verdict works on."""

    bed: Bed
    display: Display
    verdict: Verdict

    def of(self, machine: Machine) -> MachineOutcome:
        """What a machine has gone through so far."""
        return self.verdict.machines[machine.label]

    @property
    def working(self) -> list[Machine]:
        """The machines whose first converge held."""
        return [machine for machine in self.bed.machines if self.of(machine).converged]


def take(bed: Bed, display: Display, verdict: Verdict) -> None:
    """Take the machines of `bed` through the steps and note in `verdict` what came of each.

    Raises TdiError for trouble of the test bed; what was noted until then stays.
    """
    trial = _Trial(bed, display, verdict)
    with _timed(verdict, "images"):
        images = bed.images()
    verdict.platform, verdict.provenance = images.platform, images.provenance
    display.provenance(images.provenance)
    verdict.machines = {machine.label: MachineOutcome(machine.part) for machine in bed.machines}
    display.machines(bed.machines)
    with bed.in_force():
        with _timed(verdict, "create"):
            bed.start()
        with bed.converging() as playbook:
            _boot(trial)
            playbook.begin()
            with bed.testing() as tests:
                outcome = _converge(trial, playbook)
                working = trial.working
                if working:
                    _verify(trial, working, tests)
                    for machine in working:
                        for second in outcome.passes[machine.name][1:]:
                            _compare_with_second_run(trial, machine, second)
                    _plan(trial)
        verdict.trouble = judge.trouble(verdict, bed.machines, bed)


def _boot(trial: _Trial) -> None:
    """Wait until the machines are up, and record production before the change."""

    def ready(machine: Machine) -> None:
        trial.bed.wait_until_booted(machine)
        if machine.part is Part.UPGRADED:
            trial.bed.record(machine, kept_records.BEFORE)
        trial.of(machine).steps[Step.CREATE] = Ended(Result.PASS)

    with _timed(trial.verdict, "boot"):
        _at_once(ready, trial.bed.machines)


def _converge(trial: _Trial, playbook: Playbook) -> ansible.Outcome:
    """Follow both converges of the machines; what they are after the first one is recorded in between."""
    trial.display.step(Step.CONVERGE)

    def record(machine: Machine) -> None:
        if trial.bed.trouble(machine) is None:
            trial.bed.record(machine, kept_records.CONVERGED)

    def observe(event: ansible.Event) -> None:
        trial.display.ansible(event)
        if event.name == "play" and event.facts["name"] == ansible.AGAIN:
            _at_once(record, trial.bed.machines)
            playbook.begin_again()
            trial.bed.foresee()
            trial.display.step(Step.IDEMPOTENCE)

    with _timed(trial.verdict, "converge"):
        outcome = playbook.outcome(observe)
    trial.bed.keep_wrote(_wrote(trial, outcome))
    for label, steps in judge.converge(outcome, trial.bed.machines, trial.bed).items():
        trial.verdict.machines[label].steps |= steps
    return outcome


def _wrote(trial: _Trial, outcome: ansible.Outcome) -> kept_records.Wrote:
    """Which task made what in the first converge, and where it stands in the tree under test."""
    firsts = {machine.label: outcome.passes[machine.name][0] for machine in trial.bed.machines}
    places = {
        label: {thing: ansible.within(trial.bed.root, place) for thing, place in first.places.items()}
        for label, first in firsts.items()
    }
    return kept_records.Wrote({label: first.wrote for label, first in firsts.items()}, places)


def _verify(trial: _Trial, working: Sequence[Machine], tests: Tests) -> None:
    """The tests, the records and the comparison, for the machines that work."""
    whole = len(working) == len(trial.bed.machines)
    trial.display.step(Step.VERIFY)
    with _timed(trial.verdict, "verify"):
        verification = tests.verify(working, trial.display.test, compare=whole)
    for machine in working:
        trial.of(machine).steps |= judge.tests(verification, machine, trial.bed)
    trial.verdict.same_state = judge.same_state(trial.bed.comparison(), verification) if whole else judge.NOT_BOTH


def _compare_with_second_run(trial: _Trial, machine: Machine, second: ansible.Pass) -> None:
    mine = trial.of(machine).steps
    comparison = trial.bed.second_run(machine)
    if comparison and Step.IDEMPOTENCE in mine:
        mine[Step.IDEMPOTENCE] = judge.second_run(comparison, second, mine[Step.IDEMPOTENCE])


def _plan(trial: _Trial) -> None:
    """What the change does to a server in production."""
    found = trial.bed.plan()
    if found:
        trial.verdict.plan = list(found.lines())


def _at_once(act: Callable[[Machine], None], machines: Sequence[Machine]) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(act, machines))


@contextmanager
def _timed(verdict: Verdict, what: str) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        verdict.seconds[what] = time.monotonic() - began
