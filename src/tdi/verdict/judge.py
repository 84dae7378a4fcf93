"""What the results of the steps mean: a pass, a failure of the change, or trouble of the test bed."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tdi.errors import TdiError
from tdi.images import base_image
from tdi.machines import lifecycle
from tdi.machines.lifecycle import Machine
from tdi.molecule.scenario import Scenario
from tdi.outside import ansible, docker, process, pytest_run
from tdi.state.compare import Comparison
from tdi.state.compare import Result as ComparisonResult
from tdi.state.finding import Finding
from tdi.verdict.outcome import MachineOutcome, Result, SameState, Step, Verdict
from tdi.verifier import plugin

_ABOUT_PACKAGES = re.compile(r"\bapt\b|fetch|resolv|connect|timed out|network|package|mirror|cache", re.IGNORECASE)
"""A failed task that says one of these may have failed for the mirror's sake; that is then asked without the role."""

_NO_DIFFERENCE = (
    "the record shows no difference: such a task only acts, as for a restart, or its `changed_when` is wrong"
)
_NO_SPACE = "No space left on device"


def converge(
    outcome: ansible.Outcome,
    started: Sequence[Machine],
    settings: Scenario,
    work: Path,
    verdict: Verdict,
    base: base_image.BaseImage,
) -> None:
    """Judge the two converges of each machine.

    Raises TdiError where Ansible ended without a word, though nothing is wrong with the playbook or the role.
    """
    error: str | None = None
    for machine in started:
        mine = verdict.machines[machine.scenario]
        first, *rest = outcome.passes[machine.name]
        if first.failure:
            mine.set(Step.CONVERGE, *_failure(first.failure, machine, base, settings))
        elif not outcome.recap or not first.results:
            # The one run is of both machines, and what ended it is said of both.
            error = error or _end(outcome, started, settings, work)
            mine.set(Step.CONVERGE, *((Result.PASS, "") if rest else (Result.FAIL, error)))
            if rest:
                mine.set(Step.IDEMPOTENCE, Result.FAIL, f"the second run failed: {error}")
        else:
            mine.set(Step.CONVERGE, Result.PASS)
            mine.set(Step.IDEMPOTENCE, *_idempotence(rest[0] if rest else ansible.Pass(), machine, base, settings))


def _end(outcome: ansible.Outcome, started: Sequence[Machine], settings: Scenario, work: Path) -> str:
    """Why Ansible ended before its recap, where the playbook or the role is to blame; else TdiError is raised."""
    error = ansible.syntax_error(settings, work)
    if error is None and not any(map(lifecycle.trouble, started)):
        error = ansible.last_error(outcome)
    if error is None or _NO_SPACE in error:
        raise TdiError(
            f"Ansible ended with exit code {outcome.code} and no recap.", f"It said why in logs/{outcome.log.name}."
        )
    return error


def _idempotence(
    second: ansible.Pass, machine: Machine, base: base_image.BaseImage, settings: Scenario
) -> tuple[Result, str]:
    if not second.results:
        return Result.ERROR, "the second run reported nothing"
    if second.failure:
        result, detail = _failure(second.failure, machine, base, settings)
        return result, f"the second run failed: {detail}"
    if second.changed:
        tasks = process.joined(f"'{task}'" for task in second.changed)
        return Result.FAIL, f"the second run changed something again: {tasks}"
    return Result.PASS, ""


def _failure(
    failure: ansible.Failure, machine: Machine, base: base_image.BaseImage, settings: Scenario
) -> tuple[Result, str]:
    """A failed task: a failure of the change, or trouble of the test bed where that can be shown."""
    place = ansible.within(settings.root, failure.path)
    said = f"task '{failure.task}'{f' ({place})' if place else ''} failed: {failure.message}"
    trouble = lifecycle.trouble(machine)
    if trouble is None and _NO_SPACE in failure.message:
        trouble = "the disk is full"
    if trouble is None and failure.unreachable:
        trouble = f"{machine.name} could not be reached"
    if trouble is None and _ABOUT_PACKAGES.search(failure.message):
        trouble = _mirror_trouble(base)
    return (Result.ERROR, f"{trouble}: {said}") if trouble else (Result.FAIL, said)


def _mirror_trouble(base: base_image.BaseImage) -> str | None:
    """What is wrong with the mirror, asked from an empty machine that knows nothing of the role; None if it answers."""
    options = ("APT::Update::Error-Mode=any", "Acquire::Retries=0", "Acquire::http::Timeout=15")
    command = ["apt-get", "update", "--quiet", *(f"-o{option}" for option in options)]
    asked = docker.run_once(base.id, command, lifecycle.labels_of_this_run())
    return None if asked.ok else f"the package mirror cannot be used ({asked.last_line})"


def tests(verification: pytest_run.Verification, machine: Machine, mine: MachineOutcome) -> None:
    """Judge the verifier's tests of a machine, and whether it was recorded. The comparison is judged apart."""
    mine_all = [test for test in verification.of(machine.name) if test.test != plugin.SAME_STATE_TEST]
    checks = [test for test in mine_all if test.test != plugin.RECORD_TEST]
    failed = [test for test in checks if test.outcome == "failed"]
    if verification.broken:
        mine.set(Step.VERIFY, Result.FAIL, "the tests cannot be run: " + "; ".join(verification.broken))
    elif failed:
        trouble = lifecycle.trouble(machine) or next((test.message for test in failed if test.is_trouble), None)
        said = "\n".join(f"{test.title}: {test.message}" for test in failed)
        mine.set(Step.VERIFY, Result.ERROR if trouble else Result.FAIL, f"{trouble}: {said}" if trouble else said)
    elif not any(test.outcome == "passed" and test.machine == machine.name for test in checks):
        mine.set(Step.VERIFY, Result.ERROR, f"no test ran (pytest's exit code {verification.code})")
    else:
        mine.set(Step.VERIFY, Result.PASS)
    recorded = [test for test in mine_all if test.test == plugin.RECORD_TEST]
    if any(test.outcome == "passed" for test in recorded):
        mine.set(Step.RECORD, Result.PASS)
    elif not verification.broken:
        mine.set(Step.RECORD, Result.ERROR, "; ".join(test.message for test in recorded) or "it was not recorded")


def same_state(
    comparison: dict[str, Any] | None, verification: pytest_run.Verification, verdict: Verdict, *, both: bool
) -> None:
    """Judge the comparison that the verifier made (the contract's JSON); `both` says whether both got that far."""
    if not both:
        verdict.not_compared = "only one machine got as far as its record"
    elif comparison is None:
        cases = [test for test in verification.tests if test.test == plugin.SAME_STATE_TEST]
        # Every case fails then, and the first of them says why.
        said = next((test.message for test in cases if test.outcome == "failed"), "")
        verdict.not_compared = said or "the machines were not compared"
    else:
        verdict.same_state = SameState(comparison["result"])
        verdict.findings = comparison["findings"]
        verdict.problems = comparison.get("problems", [])
        verdict.from_bases = len(comparison.get("from_bases", []))
        if verdict.same_state is SameState.UNKNOWN:
            gone = [f"{scope}: {reason}" for scope, reason in comparison["not_compared"].items()]
            verdict.not_compared = "; ".join(gone)


def second_run(comparison: Comparison, second: ansible.Pass, mine: MachineOutcome) -> None:
    """Judge what the second run did to a machine, whatever its tasks reported: `changed_when` can be wrong.

    Names the tasks that reported wrongly: a change that they did not make, or none though they made one.
    """
    if second.failure or Step.IDEMPOTENCE not in mine.steps:
        return
    what = "\n".join(f"{found.why}{_unreported(found, second)}" for found in comparison.findings)
    if not second.changed:
        if what:
            said = f"the second run changed the machine, and no task reported it:\n{what}"
            mine.set(Step.IDEMPOTENCE, Result.FAIL, said)
        return
    said = mine.details.get(Step.IDEMPOTENCE, "")
    if what:
        mine.set(Step.IDEMPOTENCE, Result.FAIL, f"{said}\n{what}")
    elif comparison.result is not ComparisonResult.UNKNOWN:
        mine.set(Step.IDEMPOTENCE, Result.FAIL, f"{said}; {_NO_DIFFERENCE}")


def _unreported(found: Finding, second: ansible.Pass) -> str:
    """Which task has to do with a finding and reported no change."""
    paths = [each.key for each in found.differences if each.scope == "files"]
    if any(path in second.wrote for path in paths):
        return ""
    task = next((second.about[path] for path in paths if path in second.about), None)
    return f" The task '{task}' names it and reported no change." if task else ""


def trouble(verdict: Verdict, started: Sequence[Machine]) -> None:
    """A run that failed because a container was killed, or Docker died, says so, whatever failed first."""
    if all(outcome.result is Result.PASS for outcome in verdict.machines.values()):
        return
    for machine in started:
        found = lifecycle.trouble(machine)
        if found:
            docker.engine()
            verdict.trouble = f"{found[0].upper()}{found[1:]}."
            return
