"""How a verdict comes about: both machines through the scenarios together, then the comparison.

The steps in order: images → create (and record production before the change) → converge → converge again → verify,
record and compare → the verdict. Playbooks, settings and tests are the scenarios' own.
"""

import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tdi import (
    ansible,
    base_image,
    docker,
    machines,
    process,
    production,
    pytest_run,
    records,
    same_state,
    scenario,
    verifier,
)
from tdi.display import Display
from tdi.errors import TdiError
from tdi.machines import Machine
from tdi.project import Project, write_atomically
from tdi.run import Run, new_run
from tdi.scenario import Scenario
from tdi.state import plan
from tdi.state.compare import compare
from tdi.state.finding import Names
from tdi.state.record import RecordFile
from tdi.verdict import MachineOutcome, Result, SameState, Step, Verdict

_ABOUT_PACKAGES = re.compile(r"\bapt\b|fetch|resolv|connect|timed out|network|package|mirror|cache", re.IGNORECASE)
"""A failed task that says one of these may have failed for the mirror's sake; that is then asked without the role."""

_NO_SPACE = "No space left on device"


class _Trouble(TdiError):  # noqa: N818 (it is a TdiError)
    """The test bed failed; raised where that is found out, turned into the verdict in one place."""


def run_verdict(project: Project, display: Display, before: production.Before | None = None) -> Verdict:
    """Take both machines through the scenarios and return the verdict.

    Trouble of the test bed is in the verdict (`could-not-run`), not raised. Logs, records and the comparison are kept
    in the project's artifacts.
    """
    verdict = Verdict()
    began = time.monotonic()
    project.prepare_artifacts()
    try:
        with new_run() as run:
            _steps(project, run, display, verdict, before)
    except TdiError as error:
        verdict.trouble, verdict.remedy = error.what, error.remedy
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
    kept = project.artifacts / "logs"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    with records.kept_in(run.directory / "records", project):
        _on_machines(project, run, display, verdict, base, image.id, kept)


def _on_machines(
    project: Project,
    run: Run,
    display: Display,
    verdict: Verdict,
    base: base_image.BaseImage,
    production_id: str,
    kept: Path,
) -> None:
    settings = {name: scenario.load(project, name) for name in scenario.NAMES}
    images = {"base": base.id, "production": production_id}
    gate = run.directory / "machines-are-up"
    with _timed(verdict, "create"):
        pairs = [(each, images[each.image]) for each in settings.values()]
        started = machines.start_all(pairs, run.id)
    with ThreadPoolExecutor() as pool:
        booting = pool.submit(_boot, project, started, gate, verdict)
        outcome = _converge(project, settings, started, run, kept, gate, pool, booting, display, verdict)
    written = {machine.scenario: outcome.passes[machine.name][0].wrote for machine in started}
    records.write_wrote(project, written)
    _judge_converge(outcome, started, settings["fresh"], run, verdict, base)
    working = [
        machine for machine in started if verdict.machines[machine.scenario].steps.get(Step.CONVERGE) is Result.PASS
    ]
    display.update(verdict)
    if working:
        _verify(project, settings["fresh"], started, working, run, kept, display, verdict)
    _look_for_trouble(verdict, started)


def _boot(project: Project, started: Sequence[Machine], gate: Path, verdict: Verdict) -> None:
    """Wait until the machines are up, record production before the change, and let Ansible begin."""
    began = time.monotonic()

    def ready(machine: Machine) -> None:
        docker.wait_until_booted(machine.name)
        if machine.scenario == "upgrade":
            records.record_machine(project, machine.name, records.BEFORE)
        verdict.machines[machine.scenario].set(Step.CREATE, Result.PASS)

    with ThreadPoolExecutor() as pool:
        list(pool.map(ready, started))
    verdict.seconds["boot"] = time.monotonic() - began
    gate.touch()


def _record_between(project: Project, started: Sequence[Machine], gate: Path) -> None:
    """Record the machines after their first converge, and let the second one begin."""
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda machine: records.record_machine(project, machine.name, records.CONVERGED), started))
    finally:
        gate.with_name(f"{gate.name}-again").touch()


def _converge(
    project: Project,
    settings: Mapping[str, Scenario],
    started: Sequence[Machine],
    run: Run,
    kept: Path,
    gate: Path,
    pool: ThreadPoolExecutor,
    booting: Future[None],
    display: Display,
    verdict: Verdict,
) -> ansible.Outcome:
    display.step(Step.CONVERGE)

    def stop_where_booting_failed() -> None:
        if booting.done():
            booting.result()

    def observe(event: ansible.Event) -> None:
        if event.name == "play" and event.facts["name"] == ansible.AGAIN:
            pool.submit(_record_between, project, started, gate)
            display.step(Step.IDEMPOTENCE)
        display.ansible(event)

    with _timed(verdict, "converge"):
        return ansible.converge(
            {machine.name: settings[machine.scenario] for machine in started},
            run.directory / "ansible",
            kept / "converge.log",
            gate=gate,
            observe=observe,
            tick=stop_where_booting_failed,
        )


def _judge_converge(
    outcome: ansible.Outcome,
    started: Sequence[Machine],
    settings: Scenario,
    run: Run,
    verdict: Verdict,
    base: base_image.BaseImage,
) -> None:
    for machine in started:
        mine = verdict.machines[machine.scenario]
        first, *rest = outcome.passes[machine.name]
        if first.failure:
            mine.set(Step.CONVERGE, *_judged(first.failure, machine, base))
        elif not outcome.recap or not first.results:
            error = ansible.syntax_error(settings, run.directory)
            if error is None:
                raise _Trouble(f"Ansible ended with exit code {outcome.code} and no recap.", f"The log: {outcome.log}")
            mine.set(Step.CONVERGE, Result.FAIL, error)
        else:
            mine.set(Step.CONVERGE, Result.PASS)
            if not rest or not rest[0].results:
                mine.set(Step.IDEMPOTENCE, Result.ERROR, "the second run reported nothing")
            elif rest[0].failure:
                result, detail = _judged(rest[0].failure, machine, base)
                mine.set(Step.IDEMPOTENCE, result, f"the second run failed: {detail}")
            elif rest[0].changed:
                tasks = process.joined(f"'{task}'" for task in rest[0].changed)
                mine.set(Step.IDEMPOTENCE, Result.FAIL, f"the second run changed something again: {tasks}")
            else:
                mine.set(Step.IDEMPOTENCE, Result.PASS)


def _judged(failure: ansible.Failure, machine: Machine, base: base_image.BaseImage) -> tuple[Result, str]:
    """A failed task: a failure of the change, or trouble of the test bed where that can be shown."""
    said = f"task '{failure.task}' failed: {failure.message}"
    trouble = machines.trouble(machine)
    if trouble is None and _NO_SPACE in failure.message:
        trouble = "the disk is full"
    if trouble is None and failure.unreachable:
        trouble = f"{machine.name} could not be reached"
    if trouble is None and _ABOUT_PACKAGES.search(failure.message):
        trouble = _mirror_trouble(base)
    return (Result.ERROR, f"{trouble}: {said}") if trouble else (Result.FAIL, said)


def _mirror_trouble(base: base_image.BaseImage) -> str | None:
    """What is wrong with the mirror, asked from an empty machine that knows nothing of the role; None if it answers."""
    words = ["docker", "run", "--rm", "--label", docker.LABEL, "--entrypoint", "apt-get", base.id, "update", "--quiet"]
    options = ("APT::Update::Error-Mode=any", "Acquire::Retries=0", "Acquire::http::Timeout=15")
    asked = process.run([*words, *(f"-o{option}" for option in options)], check=False, timeout=180)
    if asked.ok:
        return None
    return f"the package mirror cannot be used ({asked.last_line})"


def _verify(
    project: Project,
    settings: Scenario,
    started: Sequence[Machine],
    working: Sequence[Machine],
    run: Run,
    kept: Path,
    display: Display,
    verdict: Verdict,
) -> None:
    display.step(Step.VERIFY)
    variables = {"TDI_ROOT": str(project.root), "TDI_ARTIFACTS": str(project.artifacts), "TDI_RUN_ID": run.id}
    if len(working) < len(started):
        variables["TDI_COMPARE"] = verifier.LATER
    with _timed(verdict, "verify"):
        verification = pytest_run.verify(
            settings.verifier,
            [machine.name for machine in working],
            run.directory,
            kept / "verify.log",
            variables,
            observe=display.test,
        )
    for machine in working:
        _judge_tests(verification, machine, verdict.machines[machine.scenario])
    _judge_state(project, verification, verdict, both=len(working) == len(started))
    for machine in working:
        _judge_second_run(project, machine, verdict.machines[machine.scenario])
    _plan(project, verdict)


def _judge_tests(verification: pytest_run.Verification, machine: Machine, mine: MachineOutcome) -> None:
    tests = [test for test in verification.of(machine.name) if test.test != verifier.SAME_STATE_TEST]
    checks = [test for test in tests if test.test != verifier.RECORD_TEST]
    failed = [test for test in checks if test.outcome == "failed"]
    if verification.broken:
        mine.set(Step.VERIFY, Result.FAIL, "the tests cannot be run: " + "; ".join(verification.broken))
    elif not any(test.outcome == "passed" for test in checks) and not failed:
        mine.set(Step.VERIFY, Result.ERROR, f"no test ran (pytest's exit code {verification.code}, {verification.log})")
    elif failed:
        trouble = machines.trouble(machine) or next((test.message for test in failed if test.is_trouble), None)
        said = "\n".join(f"{test.test}: {test.message}" for test in failed)
        mine.set(Step.VERIFY, Result.ERROR if trouble else Result.FAIL, f"{trouble}: {said}" if trouble else said)
    else:
        mine.set(Step.VERIFY, Result.PASS)
    recorded = [test for test in tests if test.test == verifier.RECORD_TEST]
    if any(test.outcome == "passed" for test in recorded):
        mine.set(Step.RECORD, Result.PASS)
    elif not verification.broken:
        mine.set(Step.RECORD, Result.ERROR, "; ".join(test.message for test in recorded) or "it was not recorded")


def _judge_state(project: Project, verification: pytest_run.Verification, verdict: Verdict, *, both: bool) -> None:
    comparison = records.read_comparison(project)
    compared = [test for test in verification.tests if test.test == verifier.SAME_STATE_TEST]
    if comparison and both:
        verdict.same_state = SameState(comparison["result"])
        verdict.findings = comparison["findings"]
        gone = [f"{scope}: {reason}" for scope, reason in comparison["not_compared"].items()]
        verdict.not_compared = "; ".join(gone) if verdict.same_state is SameState.UNKNOWN else ""
        verdict.problems = comparison.get("problems", [])
        verdict.from_bases = len(comparison.get("from_bases", []))
    elif both:
        failed = [test.message for test in compared if test.outcome == "failed"]
        verdict.not_compared = "; ".join(failed) or "the machines were not compared"
    else:
        verdict.not_compared = "only one machine got as far as its record"


def _look_for_trouble(verdict: Verdict, started: Sequence[Machine]) -> None:
    """A run that failed because a container was killed, or Docker died, says so, whatever failed first."""
    if all(machine.result is Result.PASS for machine in verdict.machines.values()):
        return
    for machine in started:
        trouble = machines.trouble(machine)
        if trouble:
            docker.engine()
            verdict.trouble = f"{trouble[0].upper()}{trouble[1:]}."
            return


def _judge_second_run(project: Project, machine: Machine, mine: MachineOutcome) -> None:
    """Whether the second run left the machine as it was, whatever its tasks reported: `changed_when` can be wrong."""
    first = records.path_of(project, machine.scenario, records.CONVERGED)
    second = records.path_of(project, machine.scenario)
    if mine.steps.get(Step.IDEMPOTENCE) is not Result.PASS or not (first.exists() and second.exists()):
        return
    names = Names("once converged", "twice converged")
    with RecordFile(first) as a, RecordFile(second) as b:
        found = compare(a, b, same_state.rules(project), names=names, every_allowance_needed=False).findings
    if found:
        what = "\n".join(f"{each.scope} {each.key}: {each.why}" for each in found)
        mine.set(Step.IDEMPOTENCE, Result.FAIL, f"the second run changed the machine, and no task reported it:\n{what}")


def _plan(project: Project, verdict: Verdict) -> None:
    """What the change does to a server in production: from its record before to its record after."""
    before = records.path_of(project, "upgrade", records.BEFORE)
    after = records.path_of(project, "upgrade")
    if not (before.exists() and after.exists()):
        return
    with RecordFile(before) as a, RecordFile(after) as b:
        found = plan.plan(a, b)
    verdict.plan = list(found.lines())
    write_atomically(records.directory(project) / "plan.json", json.dumps(found.as_json(), indent=2) + "\n")


@contextmanager
def _timed(verdict: Verdict, what: str) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        verdict.seconds[what] = time.monotonic() - began
