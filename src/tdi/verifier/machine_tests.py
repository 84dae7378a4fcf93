"""The tests that a project takes into its verifier as they are (test_state.py): the machine as a whole."""

import pytest

from tdi import settings
from tdi.project import Project
from tdi.same_state import comparing
from tdi.state import invariants
from tdi.state.finding import Severity
from tdi.state.record import RecordFile
from tdi.verifier.plugin import Comparer, Recorder


def test_the_machine_can_be_recorded(host: object, machine: str, recorder: Recorder) -> None:  # noqa: ARG001 (names the machine)
    assert recorder(machine).stat().st_size > 0


def test_nothing_on_the_machine_is_broken(
    host: object,  # noqa: ARG001 (names the machine)
    machine: str,
    project: Project,
    recorder: Recorder,
) -> None:
    # What is wrong in the same way on both machines compares as equal. `allow` in rules.yml can accept it.
    rules = comparing.rules(project)
    with RecordFile(recorder(machine)) as record:
        wrong = [each for each in invariants.check(record) if rules.accepting(each.differences[0]) is None]
    # What was left lying about, as a package's own version of a file that the role wrote first, breaks nothing: where
    # production alone has it, that is a difference.
    found = [each for each in wrong if each.severity is not Severity.LEFT_OVER]
    if found:
        pytest.fail("\n".join(f"{each.scope} {each.key}: {each.why} {each.action}" for each in found), pytrace=False)


@pytest.mark.parametrize("case", comparing.CASES)
def test_same_state_as_a_new_machine(
    host: object,  # noqa: ARG001 (names the machine)
    machine: str,
    case: str,
    comparer: Comparer,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if settings.compares_later():
        pytest.skip("NOT COMPARED: TDI_COMPARE=later leaves the comparison to a later job (tdi state diff)")
    with capfd.disabled():  # where the record of fresh has to be made, that is said
        comparison = comparer(machine)
    failures = comparing.failures(comparison, case)
    if failures:
        pytest.fail("\n".join(failures), pytrace=False)
    reason = comparing.why_not_compared(comparison, case)
    if reason:
        pytest.skip(reason)
