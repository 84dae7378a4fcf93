"""What class follows from what happened, and verdict.json."""

import pytest

from tdi.errors import ExitCode
from tdi.machines.machine import Part
from tdi.same_state.kept_records import Found
from tdi.state.compare import Result as SameState
from tdi.state.finding import Finding, Kind, Severity
from tdi.verdict.outcome import Class, Ended, MachineOutcome, Result, Step, Trouble, Verdict

PASS, FAIL, ERROR = Result.PASS, Result.FAIL, Result.ERROR
WORKS = dict.fromkeys(Step, PASS)
BREAKS = {Step.CREATE: PASS, Step.CONVERGE: FAIL}
BREAKS_A_TEST = {**WORKS, Step.VERIFY: FAIL}
CHANGES_AGAIN = {**WORKS, Step.IDEMPOTENCE: FAIL}
TROUBLE = {Step.CREATE: PASS, Step.CONVERGE: ERROR}
SAME, DIFFERENT, UNKNOWN = SameState
FINDING = Finding("1", "files", "/etc/app", Kind.ONLY_B, Severity.LEFT_OVER, "nobody", (), "It is there.", "Remove it.")


def verdict(fresh: dict[Step, Result], upgrade: dict[Step, Result], same_state: SameState = UNKNOWN) -> Verdict:
    machines = {
        label: MachineOutcome(part, {step: Ended(result) for step, result in results.items()})
        for label, part, results in (("fresh", Part.NEW, fresh), ("upgrade", Part.UPGRADED, upgrade))
    }
    return Verdict("debian-13", machines, Found(same_state))


@pytest.mark.parametrize(
    ("fresh", "upgrade", "same_state", "kind", "code"),
    [
        (WORKS, WORKS, SAME, Class.PASS, 0),
        (BREAKS, WORKS, UNKNOWN, Class.BREAKS_NEW, 1),
        (BREAKS_A_TEST, WORKS, DIFFERENT, Class.BREAKS_NEW, 1),
        (WORKS, BREAKS, UNKNOWN, Class.BREAKS_PROVISIONED, 1),
        (WORKS, BREAKS_A_TEST, SAME, Class.BREAKS_PROVISIONED, 1),
        (BREAKS, BREAKS_A_TEST, UNKNOWN, Class.BREAKS_BOTH, 1),
        (CHANGES_AGAIN, WORKS, SAME, Class.NOT_IDEMPOTENT, 1),
        (WORKS, CHANGES_AGAIN, DIFFERENT, Class.NOT_IDEMPOTENT, 1),
        (CHANGES_AGAIN, BREAKS, UNKNOWN, Class.BREAKS_PROVISIONED, 1),
        (WORKS, WORKS, DIFFERENT, Class.DRIFT, 1),
        (WORKS, {**WORKS, Step.LOAD: FAIL}, SAME, Class.DROPS_REQUESTS, 1),
        (WORKS, {**CHANGES_AGAIN, Step.LOAD: FAIL}, DIFFERENT, Class.DROPS_REQUESTS, 1),
        (WORKS, {**BREAKS_A_TEST, Step.LOAD: FAIL}, SAME, Class.BREAKS_PROVISIONED, 1),
        (WORKS, WORKS, UNKNOWN, Class.COULD_NOT_RUN, 2),
        (TROUBLE, WORKS, UNKNOWN, Class.COULD_NOT_RUN, 2),
        (BREAKS, TROUBLE, UNKNOWN, Class.COULD_NOT_RUN, 2),
        (WORKS, {**CHANGES_AGAIN, Step.RECORD: ERROR}, UNKNOWN, Class.COULD_NOT_RUN, 2),
        ({}, {}, SAME, Class.COULD_NOT_RUN, 2),
        (WORKS, {}, SAME, Class.COULD_NOT_RUN, 2),
    ],
)
def test_the_class_and_the_exit_code_follow_from_the_machines(
    fresh: dict[Step, Result], upgrade: dict[Step, Result], same_state: SameState, kind: Class, code: int
):
    found = verdict(fresh, upgrade, same_state)
    assert (found.kind, found.exit_code) == (kind, ExitCode(code))


@pytest.mark.parametrize(
    ("fresh", "upgrade", "same_state"),
    [(WORKS, WORKS, SAME), (BREAKS, WORKS, UNKNOWN), (CHANGES_AGAIN, WORKS, SAME), (WORKS, WORKS, DIFFERENT)],
)
def test_trouble_of_the_test_bed_is_never_a_verdict_on_the_change(fresh, upgrade, same_state):
    found = verdict(fresh, upgrade, same_state)
    found.trouble = Trouble("The disk is full.")
    assert (found.kind, found.exit_code) == (Class.COULD_NOT_RUN, ExitCode.COULD_NOT_RUN)


def test_every_class_of_the_contract_is_there():
    assert {each.value for each in Class} == {
        "pass",
        "breaks-new",
        "breaks-provisioned",
        "breaks-both",
        "not-idempotent",
        "drift",
        "could-not-run",
        # Joined the contract with the load, which a project declares.
        "drops-requests",
    }


def test_the_step_that_decided_is_the_first_with_the_worst_result():
    machine = MachineOutcome(
        Part.NEW,
        {
            Step.CREATE: Ended(PASS),
            Step.IDEMPOTENCE: Ended(FAIL, "changed again"),
            Step.VERIFY: Ended(ERROR, "gone"),
            Step.RECORD: Ended(ERROR, "gone too"),
        },
    )
    assert (machine.result, machine.worst) == (ERROR, Step.VERIFY)
    assert machine.as_json()["detail"] == "gone"


def test_verdict_json_is_as_the_contract_has_it():
    found = verdict(WORKS, CHANGES_AGAIN, DIFFERENT)
    found.machines["upgrade"].steps[Step.IDEMPOTENCE] = Ended(FAIL, "the second run changed something again")
    found.same_state = Found(DIFFERENT, (FINDING, FINDING))
    found.seconds = {"total": 12.3456}
    document = found.as_json()
    contract = {
        "schema": 1,
        "platform": "debian-13",
        "class": "not-idempotent",
        "same_state": {"result": "different", "findings": 2},
        "seconds": {"total": 12.35},
    }
    assert {key: document[key] for key in contract} == contract
    machine = ("result", "step", "detail")
    assert [document["fresh"][key] for key in machine] == ["pass", None, ""]
    assert [document["upgrade"][key] for key in machine] == [
        "fail",
        "idempotence",
        "the second run changed something again",
    ]


def test_verdict_json_says_what_the_trouble_was():
    found = Verdict(trouble=Trouble("No Docker engine."))
    document = found.as_json()
    assert (document["class"], document["detail"]) == ("could-not-run", "No Docker engine.")
    assert document["fresh"]["result"] == document["upgrade"]["result"] == "error"
    assert document["same_state"] == {"result": "unknown", "findings": 0}


def test_several_servers_in_production_are_judged_together():
    found = verdict(WORKS, WORKS, SAME)
    found.machines["upgrade-1.0"] = MachineOutcome(
        Part.UPGRADED, {Step.CREATE: Ended(PASS), Step.CONVERGE: Ended(FAIL)}
    )
    assert found.kind is Class.BREAKS_PROVISIONED
    document = found.as_json()
    assert document["upgrade"]["step"] == "converge", "the one that decides"
    assert {label: past["class"] for label, past in document["pasts"].items()} == {
        "upgrade": "pass",
        "upgrade-1.0": "breaks-provisioned",
    }


@pytest.mark.parametrize(
    ("states", "kind"),
    [
        ((SAME, SAME), Class.PASS),
        ((SAME, DIFFERENT), Class.DRIFT),
        ((DIFFERENT, SAME), Class.DRIFT),
        ((SAME, SameState.UNKNOWN), Class.COULD_NOT_RUN),
        # What one past shows holds, whether another could be run or not.
        ((SameState.UNKNOWN, DIFFERENT), Class.DRIFT),
    ],
)
def test_several_pasts_have_the_worst_of_their_classes(states: tuple[SameState, SameState], kind: Class):
    found = verdict(WORKS, WORKS, states[0])
    found.machines["upgrade-1.0"] = MachineOutcome(Part.UPGRADED, dict.fromkeys(Step, Ended(PASS)))
    found.of_past("upgrade-1.0").same_state = Found(states[1])
    assert found.kind is kind
    assert found.deciding.kind is kind
    assert found.as_json()["same_state"]["result"] == found.deciding.same_state.result


def test_a_past_that_cannot_be_provisioned_does_not_hide_the_others():
    found = verdict(WORKS, WORKS, SAME)
    found.machines["upgrade-old"] = MachineOutcome(Part.UPGRADED, {Step.CREATE: Ended(ERROR, "no such package")})
    found.of_past("upgrade-old")
    assert found.kind is Class.COULD_NOT_RUN
    assert [past.kind for past in found.pasts.values()] == [Class.PASS, Class.COULD_NOT_RUN]
    assert "no such package" in found.as_json()["upgrade"]["detail"]
