"""How a verdict comes about: the machines through the scenarios together, then the comparison.

The steps in order: images, create (and record production before the change), converge, record, converge again, verify
(and record and compare), the verdict. Ansible starts while the machines boot and pytest beside the converges, and both
wait for their turn. What is done stands in the test bed that is handed in, what it means in `judge`: here is the order.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from tdi.machines.machine import Machine, Part
from tdi.outside import ansible
from tdi.same_state import kept_records
from tdi.same_state.kept_records import Found
from tdi.verdict import judge
from tdi.verdict.bed import Bed, Loading, Playbook, Tests
from tdi.verdict.display import Display
from tdi.verdict.outcome import Ended, MachineOutcome, Result, Step, Verdict


@dataclass(frozen=True)
class _Trial:
    """What every step of one verdict works on."""

    bed: Bed
    display: Display
    verdict: Verdict
    prepared: dict[str, ansible.Pass] = field(default_factory=dict)
    """What came before the role, by the label of the machine."""

    def of(self, machine: Machine) -> MachineOutcome:
        """What a machine has gone through so far."""
        return self.verdict.machines[machine.label]

    def found(self, machine: Machine, found: Found) -> None:
        """Note how the end of a machine in production compares with that of the new one."""
        if machine.label in self.verdict.further:
            self.verdict.of_past(machine.label).same_state = found
        else:
            self.verdict.same_state = found

    def planned(self, machine: Machine, lines: Sequence[str]) -> None:
        """Note what the change does to a machine in production."""
        if machine.label in self.verdict.further:
            self.verdict.of_past(machine.label).plan = lines
        else:
            self.verdict.plan = lines

    def states_of(self, machine: Machine) -> Iterator[Found]:
        """The comparisons that a machine has a part in."""
        for label, each in self.verdict.pasts.items():
            if machine.part is Part.NEW or label == machine.label:
                yield each.same_state

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
    display.provenance(images.platform, images.provenance)
    verdict.machines = {machine.label: MachineOutcome(machine.part) for machine in bed.machines}
    upgraded = [machine.label for machine in bed.machines if machine.part is Part.UPGRADED] + [*images.failed]
    for label in upgraded[1:]:
        verdict.of_past(label)
    for label, why in images.failed.items():
        verdict.machines[label] = MachineOutcome(Part.UPGRADED, {Step.CREATE: Ended(Result.ERROR, why)})
    display.machines(bed.machines)
    with bed.in_force():
        with _timed(verdict, "create"):
            bed.start()
        with bed.converging() as playbook:
            _boot(trial)
            with bed.loading() as load:
                playbook.begin()
                with bed.testing() as tests:
                    passes = _converge(trial, playbook, load)
                    working = trial.working
                    if working:
                        _verify(trial, working, tests, passes)
                        for machine in working:
                            for second in passes[machine.name][1:]:
                                _compare_with_second_run(trial, machine, second)
                        _plan(trial)
        verdict.trouble = judge.trouble(verdict, bed.machines, bed)


def converge_once(bed: Bed, display: Display) -> bool:
    """Take the machines of `bed` through one converge, and record each before and after; whether all of them held.

    Raises TdiError for trouble of the test bed.
    """
    images = bed.images()
    if images.failed:
        return False
    display.machines(bed.machines)
    trial = _Trial(bed, display, Verdict(machines={each.label: MachineOutcome(each.part) for each in bed.machines}))
    with bed.in_force():
        bed.start()
        with bed.converging(times=1) as playbook:
            _boot(trial)
            playbook.begin()
            outcomes = playbook.outcomes(display.ansible)
            passes = {name: each for outcome in outcomes for name, each in outcome.passes.items()}
            held = all(outcome.recap and not outcome.code for outcome in outcomes)
            if not held or any(each.failure for one in passes.values() for each in one):
                return False
            bed.keep_wrote(_wrote(trial, passes))
            _at_once(lambda machine: bed.record(machine, kept_records.CONVERGED), bed.machines)
    return True


def _boot(trial: _Trial) -> None:
    """Wait until the machines are up and prepared, and record production before the change."""

    def ready(machine: Machine) -> None:
        trial.bed.wait_until_booted(machine)
        prepared = trial.bed.prepare(machine)
        if prepared:
            trial.prepared[machine.label] = prepared
        if machine.part is Part.UPGRADED:
            trial.bed.record(machine, kept_records.BEFORE)
        trial.of(machine).steps[Step.CREATE] = Ended(Result.PASS)

    with _timed(trial.verdict, "boot"):
        _at_once(ready, trial.bed.machines)


def _converge(trial: _Trial, playbook: Playbook, load: Loading) -> dict[str, list[ansible.Pass]]:
    """Follow both converges of the machines; what they are after the first one is recorded in between.

    Returns the passes of each machine, by its container.
    """
    trial.display.step(Step.CONVERGE)
    once: set[str] = set()
    loaded: dict[str, Ended] = {}

    def record(machine: Machine) -> None:
        # Before it is recorded: connections of clients keep what was replaced alive.
        came = load.stop(machine)
        if came:
            loaded[machine.label] = came
        if trial.bed.trouble(machine) is None:
            trial.bed.record(machine, kept_records.CONVERGED)

    def observe(event: ansible.Event) -> None:
        trial.display.ansible(event)
        if event.name == "play" and event.facts["name"] == ansible.AGAIN:
            mine = [machine for machine in trial.bed.machines if machine.name in event.machines]
            _at_once(record, mine)
            playbook.begin_again(mine)
            once.update(event.machines)
            if len(once) == len(trial.bed.machines):
                trial.bed.foresee()
                trial.display.step(Step.IDEMPOTENCE)

    with _timed(trial.verdict, "converge"):
        outcomes = playbook.outcomes(observe)
    passes = {name: each for outcome in outcomes for name, each in outcome.passes.items()}
    trial.bed.keep_wrote(_wrote(trial, passes))
    for outcome in outcomes:
        mine = [machine for machine in trial.bed.machines if machine.name in outcome.passes]
        for label, steps in judge.converge(outcome, mine, trial.bed).items():
            of_load = {Step.LOAD: loaded[label]} if label in loaded else {}
            trial.verdict.machines[label].steps |= {Step.CONVERGE: steps[Step.CONVERGE], **of_load, **steps}
    return passes


def _wrote(trial: _Trial, passes: Mapping[str, list[ansible.Pass]]) -> kept_records.Wrote:
    """Which task made what before the second converge, and where it stands in the tree under test."""
    tasks: dict[str, dict[str, str]] = {}
    places: dict[str, dict[str, str]] = {}
    for machine in trial.bed.machines:
        prepared = trial.prepared.get(machine.label, ansible.Pass())
        first = passes[machine.name][0]
        tasks[machine.label] = {**prepared.wrote, **first.wrote}
        there = {**prepared.places, **first.places}
        places[machine.label] = {thing: ansible.within(trial.bed.root, place) for thing, place in there.items()}
    return kept_records.Wrote(tasks, places)


def _verify(
    trial: _Trial, working: Sequence[Machine], tests: Tests, passes: Mapping[str, Sequence[ansible.Pass]]
) -> None:
    """The tests, the records and the comparison, for the machines that work."""
    parts = {machine.part for machine in working}
    compares = Part.UPGRADED in parts and (Part.NEW in parts or trial.bed.has_new_record)
    trial.display.step(Step.VERIFY)
    with _timed(trial.verdict, "verify"):
        verification = tests.verify(working, trial.display.test, compare=compares)
        checked = trial.bed.verify(working)
    for machine in working:
        trial.of(machine).steps |= judge.tests(verification, machine, trial.bed)
        if machine.name in checked:
            mine = trial.of(machine).steps
            mine[Step.VERIFY] = judge.verify_playbook(checked[machine.name], machine, trial.bed, mine[Step.VERIFY])
    for machine in trial.bed.machines:
        if machine.part is Part.UPGRADED:
            found = judge.NOT_BOTH
            if compares and machine in working:
                found = judge.same_state(trial.bed.comparison(machine), verification, machine)
            trial.found(machine, found)
    for machine in working:
        mine, first = trial.of(machine).steps, passes[machine.name][0]
        mine[Step.VERIFY] = judge.with_skipped_handlers(mine[Step.VERIFY], first, trial.states_of(machine))


def _compare_with_second_run(trial: _Trial, machine: Machine, second: ansible.Pass) -> None:
    mine = trial.of(machine).steps
    comparison = trial.bed.second_run(machine)
    if comparison and Step.IDEMPOTENCE in mine:
        mine[Step.IDEMPOTENCE] = judge.second_run(comparison, second, mine[Step.IDEMPOTENCE])


def _plan(trial: _Trial) -> None:
    """What the change does to a server in production."""
    for machine in trial.working:
        found = trial.bed.plan(machine) if machine.part is Part.UPGRADED else None
        if found:
            trial.planned(machine, list(found.lines()))


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
