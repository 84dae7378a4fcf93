"""The verdict: what happened to each machine, and the class that follows from it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tdi.errors import ExitCode

SCHEMA = 1
"""The version of verdict.json."""


class Result(StrEnum):
    """How a machine, or one of its steps, ended. An error is trouble of the test bed, not of the change."""

    PASS = "pass"  # noqa: S105 (not a password)
    FAIL = "fail"
    ERROR = "error"


class SameState(StrEnum):
    """Whether the two machines ended in the same state."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


class Class(StrEnum):
    """The classes of a verdict (the contract)."""

    PASS = "pass"  # noqa: S105 (not a password)
    BREAKS_NEW = "breaks-new"
    BREAKS_PROVISIONED = "breaks-provisioned"
    BREAKS_BOTH = "breaks-both"
    NOT_IDEMPOTENT = "not-idempotent"
    DRIFT = "drift"
    COULD_NOT_RUN = "could-not-run"


class Step(StrEnum):
    """The steps that a machine goes through, in order."""

    CREATE = "create"
    CONVERGE = "converge"
    IDEMPOTENCE = "idempotence"
    VERIFY = "verify"
    RECORD = "record"


@dataclass
class MachineOutcome:
    """What a machine went through: the result of each step that was reached, and the first that did not hold."""

    steps: dict[Step, Result] = field(default_factory=dict)
    details: dict[Step, str] = field(default_factory=dict)

    def set(self, step: Step, result: Result, detail: str = "") -> None:
        """Note how a step ended."""
        self.steps[step] = result
        if detail:
            self.details[step] = detail

    @property
    def result(self) -> Result:
        """The result of the whole: an error anywhere outweighs a failure, a failure outweighs a pass."""
        found = set(self.steps.values())
        if Result.ERROR in found or not found:
            return Result.ERROR
        return Result.FAIL if Result.FAIL in found else Result.PASS

    @property
    def worst(self) -> Step | None:
        """The step that decided: the first with the result of the whole; None where all passed."""
        if self.result is Result.PASS:
            return None
        return next((step for step, result in self.steps.items() if result is self.result), None)

    @property
    def works(self) -> bool:
        """Whether the machine works, idempotent or not."""
        return all(result is Result.PASS for step, result in self.steps.items() if step is not Step.IDEMPOTENCE)

    @property
    def idempotent(self) -> bool:
        """Whether the second run changed nothing, as far as it got."""
        return self.steps.get(Step.IDEMPOTENCE, Result.PASS) is Result.PASS

    def as_json(self) -> dict[str, Any]:
        """The machine's part of verdict.json."""
        worst = self.worst
        return {
            "result": self.result.value,
            "step": worst.value if worst else None,
            "detail": self.details.get(worst, "") if worst else "",
            "steps": {step.value: result.value for step, result in self.steps.items()},
        }


@dataclass
class Verdict:
    """The outcome for one change on one platform."""

    platform: str = ""
    fresh: MachineOutcome = field(default_factory=MachineOutcome)
    upgrade: MachineOutcome = field(default_factory=MachineOutcome)
    same_state: SameState = SameState.UNKNOWN
    findings: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    from_bases: int = 0
    plan: list[str] = field(default_factory=list)
    not_compared: str = ""
    trouble: str = ""
    remedy: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)

    @property
    def machines(self) -> dict[str, MachineOutcome]:
        """The machines by their scenario."""
        return {"fresh": self.fresh, "upgrade": self.upgrade}

    @property
    def kind(self) -> Class:
        """The class. Trouble of the test bed comes first: it is never a verdict on the change."""
        if self.trouble or Result.ERROR in (self.fresh.result, self.upgrade.result):
            return Class.COULD_NOT_RUN
        broken = (not self.fresh.works, not self.upgrade.works)
        if any(broken):
            return {
                (True, True): Class.BREAKS_BOTH,
                (True, False): Class.BREAKS_NEW,
                (False, True): Class.BREAKS_PROVISIONED,
            }[broken]
        if not (self.fresh.idempotent and self.upgrade.idempotent):
            return Class.NOT_IDEMPOTENT
        return {
            SameState.SAME: Class.PASS,
            SameState.DIFFERENT: Class.DRIFT,
            SameState.UNKNOWN: Class.COULD_NOT_RUN,
        }[self.same_state]

    @property
    def exit_code(self) -> ExitCode:
        """0 for a pass, 2 where nothing can be said, 1 otherwise."""
        return {Class.PASS: ExitCode.HOLDS, Class.COULD_NOT_RUN: ExitCode.COULD_NOT_RUN}.get(
            self.kind, ExitCode.DOES_NOT_HOLD
        )

    def as_json(self) -> dict[str, Any]:
        """verdict.json, as the contract has it; what is beyond the contract says where things came from."""
        return {
            "schema": SCHEMA,
            "platform": self.platform,
            "class": self.kind.value,
            "fresh": self.fresh.as_json(),
            "upgrade": self.upgrade.as_json(),
            "same_state": {"result": self.same_state.value, "findings": len(self.findings)},
            "seconds": {key: round(value, 2) for key, value in self.seconds.items()},
            "detail": self.trouble or self.not_compared,
            "provenance": self.provenance,
        }
