"""What the results of the steps mean: a pass, a failure of the change, or trouble of the test bed.

Each function returns what it found; whether the test bed is to blame is asked of a `Witness`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from tdi.errors import TdiError
from tdi.machines.machine import Machine
from tdi.outside import ansible, process, pytest_run
from tdi.same_state.kept_records import Found
from tdi.state.compare import Comparison
from tdi.state.compare import Result as SameState
from tdi.state.finding import Finding
from tdi.verdict.bed import Witness
from tdi.verdict.outcome import Ended, Result, Step, Trouble, Verdict
from tdi.verifier.own_tests import RECORD_TEST, SAME_STATE_TEST

_NO_DIFFERENCE = (
    "the record shows no difference: such a task only acts, as for a restart, or its `changed_when` is wrong"
)
_NO_SPACE = "No space left on device"
_DEBT = "restart_debt"
"""The attribute of a process that is older than what it runs."""

NOT_BOTH = Found(SameState.UNKNOWN, not_compared="only one machine got as far as its record")
"""What there is to say of the same state where a machine was not converged."""

Steps = dict[Step, Ended]
"""How steps of one machine ended."""


def converge(outcome: ansible.Outcome, machines: Sequence[Machine], witness: Witness) -> dict[str, Steps]:
    """How the two converges of each machine ended, by its label.

    Raises TdiError where Ansible ended without a word, though nothing is wrong with the playbook or the role.
    """
    error: str | None = None
    found: dict[str, Steps] = {}
    for machine in machines:
        first, *rest = outcome.passes[machine.name]
        if first.failure:
            mine = {Step.CONVERGE: failure(first.failure, machine, witness)}
        elif not outcome.recap or not first.results:
            # The one run is of all machines, and what ended it is said of each.
            error = error or _end(outcome, machines, witness)
            mine = {Step.CONVERGE: Ended(Result.FAIL, error)}
            if rest:
                mine = {
                    Step.CONVERGE: Ended(Result.PASS),
                    Step.IDEMPOTENCE: Ended(Result.FAIL, f"the second run failed: {error}"),
                }
        else:
            second = _idempotence(rest[0] if rest else ansible.Pass(), machine, witness)
            mine = {Step.CONVERGE: Ended(Result.PASS), Step.IDEMPOTENCE: second}
        found[machine.label] = mine
    return found


def _end(outcome: ansible.Outcome, machines: Sequence[Machine], witness: Witness) -> str:
    """Why Ansible ended before its recap, where the playbook or the role is to blame; else TdiError is raised."""
    if outcome.recap and not outcome.code:
        raise TdiError(
            "The converge playbook ran no task on the machine: none of its `hosts:` means it.",
            "Give the machine their group: `groups:` of the platform in molecule.yml.",
        )
    error = witness.syntax_error()
    if error is None and not any(map(witness.trouble, machines)):
        error = ansible.last_error(outcome)
    if error is None or _NO_SPACE in error:
        raise TdiError(
            f"Ansible ended with exit code {outcome.code} and no recap.", f"It said why in logs/{outcome.log.name}."
        )
    return error


def _idempotence(second: ansible.Pass, machine: Machine, witness: Witness) -> Ended:
    if not second.results:
        return Ended(Result.ERROR, "the second run reported nothing")
    if second.failure:
        ended = failure(second.failure, machine, witness)
        return replace(ended, detail=f"the second run failed: {ended.detail}")
    if second.changed:
        tasks = process.joined(f"'{task}'" for task in second.changed)
        return Ended(Result.FAIL, f"the second run changed something again: {tasks}")
    return Ended(Result.PASS)


def failure(failed: ansible.Failure, machine: Machine, witness: Witness) -> Ended:
    """A failed task: a failure of the change, or trouble of the test bed where that can be shown."""
    place = ansible.within(witness.root, failed.path)
    said = f"task '{failed.task}'{f' ({place})' if place else ''} failed: {failed.message}"
    trouble = witness.trouble(machine)
    if trouble is None and _NO_SPACE in failed.message:
        trouble = "the disk is full"
    if trouble is None and failed.unreachable:
        trouble = f"{machine.name} could not be reached"
    if trouble is None and failed.about_packages:
        trouble = witness.mirror_trouble()
    if trouble:
        return Ended(Result.ERROR, f"{trouble}: {said}")
    return Ended(Result.FAIL, said, tuple(_journals(failed, machine, witness)))


def _journals(failure: ansible.Failure, machine: Machine, witness: Witness) -> Iterator[str]:
    """What the units that a failed task had to do with wrote to their journals."""
    for unit in failure.units:
        lines = witness.journal(machine, unit)
        if lines:
            yield f"the journal of {unit} ends with:"
            yield from (f"  {line}" for line in lines)


def tests(verification: pytest_run.Verification, machine: Machine, witness: Witness) -> Steps:
    """How the verifier's tests of a machine ended, and whether it was recorded. The comparison is judged apart."""
    mine = [test for test in verification.of(machine.name) if test.test != SAME_STATE_TEST]
    checks = [test for test in mine if test.test != RECORD_TEST]
    recorded = [test for test in mine if test.test == RECORD_TEST]
    steps = {Step.VERIFY: _checks(verification, checks, machine, witness)}
    if any(test.outcome == "passed" for test in recorded):
        steps[Step.RECORD] = Ended(Result.PASS)
    elif not verification.broken:
        said = "; ".join(test.message for test in recorded) or "it was not recorded"
        steps[Step.RECORD] = Ended(Result.ERROR, said)
    return steps


def _checks(
    verification: pytest_run.Verification,
    checks: Sequence[pytest_run.TestOutcome],
    machine: Machine,
    witness: Witness,
) -> Ended:
    failed = [test for test in checks if test.outcome == "failed"]
    if verification.broken:
        return Ended(Result.FAIL, "the tests cannot be run: " + "; ".join(verification.broken))
    if failed:
        trouble = witness.trouble(machine) or next((test.message for test in failed if test.is_trouble), None)
        said = "\n".join(f"{test.title}: {test.message}" for test in failed)
        return Ended(Result.ERROR, f"{trouble}: {said}") if trouble else Ended(Result.FAIL, said)
    if not any(test.outcome == "passed" and test.machine == machine.name for test in checks):
        return Ended(Result.ERROR, f"no test ran (pytest's exit code {verification.code})")
    return Ended(Result.PASS)


def verify_playbook(outcome: ansible.Outcome, machine: Machine, witness: Witness, tested: Ended) -> Ended:
    """How all tests of a machine ended: what the verifier found (`tested`), and the scenario's own playbook."""
    (only,) = outcome.passes[machine.name]
    if only.failure:
        ended = failure(only.failure, machine, witness)
    elif outcome.code or not outcome.recap:
        error = ansible.last_error(outcome) or witness.trouble(machine)
        ended = Ended(
            Result.FAIL, f"the verify playbook ended: {error}" if error else "the verify playbook did not end"
        )
    elif not only.checks:
        ended = Ended(Result.PASS, "the verify playbook asserts nothing: no task of it fails for what it finds")
    else:
        return tested
    worst = max((tested, ended), key=lambda each: [Result.PASS, Result.FAIL, Result.ERROR].index(each.result))
    said = "\n".join(each.detail for each in (tested, ended) if each.detail)
    return Ended(worst.result, said, (*tested.evidence, *ended.evidence))


def with_skipped_handlers(tested: Ended, first: ansible.Pass, states: Iterable[Found]) -> Ended:
    """How the tests of a machine ended (`tested`), and which handlers its first converge skipped where it may be why.

    Many roles skip a handler in containers: what it would have restarted then runs with its old configuration.
    """
    in_debt = any(_DEBT in finding.attributes for found in states for finding in found.findings)
    if not first.skipped_handlers or (tested.result is not Result.FAIL and not in_debt):
        return tested
    told = (
        f"handler '{name}' was notified and skipped on this machine (when: {' '.join(when.split())})"
        for name, when in first.skipped_handlers.items()
    )
    return replace(tested, detail="\n".join((*filter(None, [tested.detail]), *told)))


def same_state(comparison: Found | None, verification: pytest_run.Verification, machine: Machine) -> Found:
    """What the comparison of a machine with the new one says that the verifier made, where both got that far."""
    if comparison is None:
        cases = [test for test in verification.of(machine.name) if test.test == SAME_STATE_TEST]
        # Every case fails then, and the first of them says why.
        said = next((test.message for test in cases if test.outcome == "failed"), "")
        return Found(SameState.UNKNOWN, not_compared=said or "the machines were not compared")
    return comparison


def second_run(comparison: Comparison, second: ansible.Pass, reported: Ended) -> Ended:
    """What the second run did to a machine, whatever its tasks reported: `changed_when` can be wrong.

    Names the tasks that reported wrongly: a change that they did not make, or none though they made one. `reported` is
    how the run ended by what its tasks said.
    """
    if second.failure:
        return reported
    what = "\n".join(f"{found.why}{_unreported(found, second)}" for found in comparison.findings)
    if not second.changed:
        if not what:
            return reported
        return Ended(Result.FAIL, f"the second run changed the machine, and no task reported it:\n{what}")
    if what:
        return Ended(Result.FAIL, f"{reported.detail}\n{what}")
    if comparison.result is SameState.UNKNOWN:
        return reported
    return Ended(Result.FAIL, f"{reported.detail}; {_NO_DIFFERENCE}")


def _unreported(found: Finding, second: ansible.Pass) -> str:
    """Which task has to do with a finding and reported no change."""
    paths = [each.key for each in found.differences if each.scope == "files"]
    if any(path in second.wrote for path in paths):
        return ""
    task = next((second.about[path] for path in paths if path in second.about), None)
    return f" The task '{task}' names it and reported no change." if task else ""


def trouble(verdict: Verdict, machines: Sequence[Machine], witness: Witness) -> Trouble | None:
    """A run that failed because a container was killed, or Docker died, says so, whatever failed first.

    Raises TdiError where the engine does not answer any more.
    """
    if all(outcome.result is Result.PASS for outcome in verdict.machines.values()):
        return None
    for machine in machines:
        found = witness.trouble(machine)
        if found:
            witness.engine_trouble()
            return Trouble(f"{found[0].upper()}{found[1:]}.")
    return None
