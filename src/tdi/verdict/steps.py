"""How a verdict comes about: both machines through the scenarios together, then the comparison.

The steps in order: images, create (and record production before the change), converge, record, converge again, verify
(and record and compare), the verdict. Ansible starts while the machines boot and pytest beside the converges, and both
wait for their turn. Playbooks, settings and tests are the scenarios' own; `judge` says what the results mean.
"""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tdi.errors import TdiError
from tdi.images import base_image, production
from tdi.machines import lifecycle
from tdi.machines.lifecycle import Machine
from tdi.machines.run import Run, new_run
from tdi.molecule import scenario
from tdi.outside import ansible, docker, pytest_run
from tdi.project import Project, kept, write_atomically
from tdi.same_state import comparing, kept_records
from tdi.same_state.blame import of_copy
from tdi.state import plan
from tdi.state.compare import compare
from tdi.state.finding import Names
from tdi.state.record import RecordFile
from tdi.verdict import judge
from tdi.verdict.display import Display
from tdi.verdict.outcome import Result, Step, Verdict
from tdi.verifier.plugin import LATER


@dataclass(frozen=True)
class _Trial:
    """What every step of one verdict works on."""

    project: Project
    run: Run
    display: Display
    verdict: Verdict
    base: base_image.BaseImage
    scenarios: dict[str, scenario.Scenario]
    before: production.Before | None = None

    @property
    def logs(self) -> Path:
        """Where logs are written while the run lasts."""
        return self.run.directory / "logs"

    @property
    def gate(self) -> Path:
        """The file that lets the first converge begin: the machines are up, and production is recorded."""
        return self.run.directory / "machines-are-up"


def run_verdict(project: Project, display: Display, before: production.Before | None = None) -> Verdict:
    """Take both machines through the scenarios and return the verdict.

    Trouble of the test bed is in the verdict (`could-not-run`), not raised. Logs, records and the comparison are kept
    in the project's artifacts. Raises TdiError where these cannot be written.
    """
    verdict = Verdict()
    began = time.monotonic()
    project.prepare_artifacts()
    _junit(project).unlink(missing_ok=True)
    try:
        with new_run() as run, kept(run.directory / "logs", project.artifacts / "logs"):
            _steps(project, run, display, verdict, before)
    except TdiError as error:
        verdict.trouble, verdict.remedy = error.what, error.remedy
    except OSError as error:
        verdict.trouble = f"{error.strerror or error}: {error.filename}."
        verdict.remedy = "Free space, or name other directories in TMPDIR and TDI_ARTIFACTS."
    verdict.seconds["total"] = time.monotonic() - began
    return verdict


def _steps(project: Project, run: Run, display: Display, verdict: Verdict, before: production.Before | None) -> None:
    with _timed(verdict, "images"):
        base = base_image.ensure(project)
        image = production.ensure(project, base, before)
    verdict.platform = base.platform
    verdict.provenance = {
        "base_image": f"{base.name} from {base.origin} ({base.reason})",
        "production_image": f"{image.name} ({image.source})",
        "run": run.id,
        "strategy": ansible.strategy()["TDI_STRATEGY"],
    }
    display.provenance(verdict.provenance)
    scenarios = {name: scenario.load(project, name) for name in scenario.NAMES}
    trial = _Trial(project, run, display, verdict, base, scenarios, before)
    with kept_records.kept_apart(run.directory / "records"), kept(run.directory / "records", project.records):
        started = _create(trial, {"base": base.id, "production": image.id})
        with _ansible(trial) as playbook:
            _boot(trial, started)
            with _pytest(trial) as tests:
                outcome = _converge(trial, started, playbook)
                judge.converge(outcome, started, scenarios["fresh"], run.directory, verdict, base)
                working = [
                    each for each in started if verdict.machines[each.scenario].steps[Step.CONVERGE] is Result.PASS
                ]
                if working:
                    _verify(trial, working, tests, both=len(working) == len(started))
                    for machine in working:
                        for second in outcome.passes[machine.name][1:]:
                            _compare_with_second_run(trial, machine, second)
                    _plan(trial)
        judge.trouble(verdict, started)


def _ansible(trial: _Trial) -> AbstractContextManager[ansible.Converging]:
    """One Ansible for both converges of both machines; the gates say when it may touch them."""
    return ansible.converging(
        {each.machine: each for each in trial.scenarios.values()},
        trial.run.directory / "ansible",
        trial.logs / "converge.log",
        gate=trial.gate,
    )


def _pytest(trial: _Trial) -> AbstractContextManager[pytest_run.Ready]:
    """One pytest for the tests of both machines."""
    variables = {
        "TDI_ROOT": str(trial.project.root),
        "TDI_ARTIFACTS": str(trial.project.artifacts),
        "TDI_RUN_ID": trial.run.id,
        **of_copy(trial.before),
    }
    verifier = trial.scenarios["fresh"].verifier
    return pytest_run.ready(
        verifier, trial.run.directory, trial.logs / "verify.log", variables, junit=_junit(trial.project)
    )


def _create(trial: _Trial, images: dict[str, str]) -> list[Machine]:
    with _timed(trial.verdict, "create"):
        pairs = [(each, images[each.image]) for each in trial.scenarios.values()]
        return lifecycle.start_all(pairs, trial.run.id)


def _boot(trial: _Trial, started: Sequence[Machine]) -> None:
    """Wait until the machines are up, record production before the change, and let the first converge begin."""

    def ready(machine: Machine) -> None:
        docker.wait_until_booted(machine.name)
        if machine.scenario == "upgrade":
            kept_records.record_machine(trial.project, machine.name, kept_records.BEFORE)
        trial.verdict.machines[machine.scenario].set(Step.CREATE, Result.PASS)

    with _timed(trial.verdict, "boot"), ThreadPoolExecutor() as pool:
        list(pool.map(ready, started))
    trial.gate.touch()


def _converge(trial: _Trial, started: Sequence[Machine], playbook: ansible.Converging) -> ansible.Outcome:
    """Follow both converges of both machines; what they are after the first one is recorded in between."""
    trial.display.step(Step.CONVERGE)

    def observe(event: ansible.Event) -> None:
        trial.display.ansible(event)
        if event.name == "play" and event.facts["name"] == ansible.AGAIN:
            _record_between(trial, started)
            trial.display.step(Step.IDEMPOTENCE)

    with _timed(trial.verdict, "converge"):
        outcome = playbook.outcome(observe)
    firsts = {each.scenario: outcome.passes[each.name][0] for each in started}
    wrote = kept_records.Wrote(
        {name: first.wrote for name, first in firsts.items()},
        {
            name: {thing: ansible.within(trial.project.root, place) for thing, place in first.places.items()}
            for name, first in firsts.items()
        },
    )
    kept_records.write_wrote(trial.project, wrote)
    return outcome


def _record_between(trial: _Trial, started: Sequence[Machine]) -> None:
    """Record the machines after their first converge, and let the second one begin."""

    def record(machine: Machine) -> None:
        if lifecycle.trouble(machine) is None:
            kept_records.record_machine(trial.project, machine.name, kept_records.CONVERGED)

    with ThreadPoolExecutor() as pool:
        list(pool.map(record, started))
    ansible.second_gate(trial.gate).touch()


def _verify(trial: _Trial, working: Sequence[Machine], tests: pytest_run.Ready, *, both: bool) -> None:
    """The Testinfra tests, the records and the comparison, for the machines that work."""
    trial.display.step(Step.VERIFY)
    with _timed(trial.verdict, "verify"):
        verification = tests.verify(
            [machine.name for machine in working],
            {} if both else {"TDI_COMPARE": LATER},
            observe=trial.display.test,
        )
    for machine in working:
        judge.tests(verification, machine, trial.verdict.machines[machine.scenario])
    judge.same_state(kept_records.read_comparison(trial.project), verification, trial.verdict, both=both)


def _junit(project: Project) -> Path:
    """The tests' report for a CI server; without it, no test ran."""
    return project.artifacts / "junit.xml"


def _compare_with_second_run(trial: _Trial, machine: Machine, second: ansible.Pass) -> None:
    once = kept_records.path_of(trial.project, machine.scenario, kept_records.CONVERGED)
    twice = kept_records.path_of(trial.project, machine.scenario)
    if not (once.exists() and twice.exists()):
        return
    names, rules = Names("once converged", "twice converged"), comparing.rules(trial.project)
    with RecordFile(once) as a, RecordFile(twice) as b:
        comparison = compare(a, b, rules, names=names, every_allowance_needed=False)
    judge.second_run(comparison, second, trial.verdict.machines[machine.scenario])


def _plan(trial: _Trial) -> None:
    """What the change does to a server in production: from its record before to its record after."""
    before = kept_records.path_of(trial.project, "upgrade", kept_records.BEFORE)
    after = kept_records.path_of(trial.project, "upgrade")
    if before.exists() and after.exists():
        with RecordFile(before) as a, RecordFile(after) as b:
            found = plan.plan(a, b)
        trial.verdict.plan = list(found.lines())
        file = kept_records.directory(trial.project) / "plan.json"
        write_atomically(file, json.dumps(found.as_json(), indent=2) + "\n")


@contextmanager
def _timed(verdict: Verdict, what: str) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        verdict.seconds[what] = time.monotonic() - began
