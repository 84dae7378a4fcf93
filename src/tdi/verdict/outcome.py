"""The verdict: what happened to each machine, and the class that follows from it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from tdi.errors import ExitCode
from tdi.machines.machine import Part
from tdi.same_state.kept_records import Found
from tdi.state.compare import Result as SameState

SCHEMA = 1
"""The version of verdict.json."""

PRODUCTION = "production_image"
OF = "_of_"
"""What in the provenance says where production comes from; with a machine's label after it, of a further past."""

_DEFAULT = "default"


def past_of(label: str) -> str:
    """The past of a machine in production, by its label: `upgrade`, and a dash and the past's name for further ones."""
    return label.partition("-")[2] or _DEFAULT


class Result(StrEnum):
    """How a machine, or one of its steps, ended. An error is trouble of the test bed, not of the change."""

    PASS = "pass"  # noqa: S105 (not a password)
    FAIL = "fail"
    ERROR = "error"


class Class(StrEnum):
    """The classes of a verdict (the contract)."""

    PASS = "pass"  # noqa: S105 (not a password)
    BREAKS_NEW = "breaks-new"
    BREAKS_PROVISIONED = "breaks-provisioned"
    BREAKS_BOTH = "breaks-both"
    DROPS_REQUESTS = "drops-requests"
    NOT_IDEMPOTENT = "not-idempotent"
    DRIFT = "drift"
    COULD_NOT_RUN = "could-not-run"


MEANINGS = {
    Class.PASS: "a new server works, production survives, and both end in the same state",
    Class.BREAKS_NEW: "a new server does not work; production does",
    Class.BREAKS_PROVISIONED: "a new server works; production does not",
    Class.BREAKS_BOTH: "neither a new server nor production works",
    Class.DROPS_REQUESTS: "both work, but production lost requests while it was upgraded",
    Class.NOT_IDEMPOTENT: "both work, but a second run fails or changes something again",
    Class.DRIFT: "both work, but they do not end in the same state",
    Class.COULD_NOT_RUN: "nothing was found out about the change",
}
"""What each class means, as a verdict ends."""


class Step(StrEnum):
    """The steps that a machine goes through, in order."""

    CREATE = "create"
    CONVERGE = "converge"
    LOAD = "load"
    """Only of a machine in production, where the project declares a load."""
    IDEMPOTENCE = "idempotence"
    VERIFY = "verify"
    RECORD = "record"


@dataclass(frozen=True)
class Ended:
    """How a step ended, and what there is to say of it."""

    result: Result
    detail: str = ""
    evidence: tuple[str, ...] = ()
    """What the machine itself said about it, a line each."""

    @property
    def told(self) -> str:
        """All that there is to say."""
        return "\n".join((self.detail, *self.evidence))


@dataclass
class MachineOutcome:
    """What a machine went through: how each step ended that was reached, in order."""

    part: Part
    steps: dict[Step, Ended] = field(default_factory=dict)

    @property
    def results(self) -> dict[Step, Result]:
        """The result of each step that was reached."""
        return {step: ended.result for step, ended in self.steps.items()}

    @property
    def result(self) -> Result:
        """The result of the whole: an error anywhere outweighs a failure, a failure outweighs a pass."""
        found = set(self.results.values())
        if Result.ERROR in found or not found:
            return Result.ERROR
        return Result.FAIL if Result.FAIL in found else Result.PASS

    @property
    def worst(self) -> Step | None:
        """The step that decided: the first with the result of the whole; None where all passed."""
        if self.result is Result.PASS:
            return None
        return next((step for step, result in self.results.items() if result is self.result), None)

    @property
    def converged(self) -> bool:
        """Whether the first converge held, so that there is a machine to test."""
        return self.results.get(Step.CONVERGE) is Result.PASS

    @property
    def works(self) -> bool:
        """Whether the machine works in the end, idempotent or not, and whether requests were lost on the way or not."""
        aside = {Step.IDEMPOTENCE, Step.LOAD}
        return all(result is Result.PASS for step, result in self.results.items() if step not in aside)

    @property
    def idempotent(self) -> bool:
        """Whether the second run changed nothing, as far as it got."""
        return self.results.get(Step.IDEMPOTENCE, Result.PASS) is Result.PASS

    def as_json(self) -> dict[str, Any]:
        """The machine's part of verdict.json."""
        worst = self.worst
        return {
            "result": self.result.value,
            "step": worst.value if worst else None,
            "detail": self.steps[worst].told if worst else "",
            "steps": {step.value: result.value for step, result in self.results.items()},
        }


def _of_the_contract() -> dict[str, MachineOutcome]:
    return {"fresh": MachineOutcome(Part.NEW), "upgrade": MachineOutcome(Part.UPGRADED)}


def reached(results: Iterable[Mapping[Step, Any]]) -> list[Step]:
    """The steps to show: all of them, and that of the load where a machine has one."""
    loaded = any(Step.LOAD in each for each in results)
    return [step for step in Step if loaded or step is not Step.LOAD]


@dataclass(frozen=True)
class Trouble:
    """What kept the test bed from finding anything out, and what to do about it."""

    what: str
    remedy: str = ""


@dataclass
class OfPast:
    """What came of one past besides the steps of its machine."""

    same_state: Found = field(default_factory=Found)
    plan: Sequence[str] = ()


_WORST_FIRST = (
    *(Class.BREAKS_BOTH, Class.BREAKS_NEW, Class.BREAKS_PROVISIONED, Class.DROPS_REQUESTS),
    *(Class.NOT_IDEMPOTENT, Class.DRIFT),
    *(Class.COULD_NOT_RUN, Class.PASS),
)
"""Which class several pasts have together: what one of them shows holds, whether another could be run or not."""


@dataclass
class Verdict:
    """The outcome for one change on one platform."""

    platform: str = ""
    machines: dict[str, MachineOutcome] = field(default_factory=_of_the_contract)
    """By their labels, in the order in which they are shown."""
    same_state: Found = field(default_factory=Found)
    """Of the first past, as the plan."""
    plan: Sequence[str] = ()
    further: dict[str, OfPast] = field(default_factory=dict)
    """The same of further pasts, by the labels of their machines."""
    trouble: Trouble | None = None
    kept: Sequence[str] = ()
    """The containers that were left up for somebody to look at."""
    seconds: dict[str, float] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)

    def of(self, part: Part) -> list[MachineOutcome]:
        """The machines that stand for `part`."""
        return [machine for machine in self.machines.values() if machine.part is part]

    def of_past(self, label: str) -> OfPast:
        """What came of the past whose machine has this label; noted there."""
        return self.further.setdefault(label, OfPast())

    @property
    def pasts(self) -> dict[str, "Verdict"]:
        """The verdict on the new machine and each one of those in production, by the label of the latter."""
        labels = [label for label, machine in self.machines.items() if machine.part is Part.UPGRADED]
        if len(labels) <= 1:
            return dict.fromkeys(labels, self)
        new = {label: machine for label, machine in self.machines.items() if machine.part is Part.NEW}
        found = {}
        for label in labels:
            mine = self.further.get(label) or OfPast(self.same_state, self.plan)
            machines = {**new, label: self.machines[label]}
            found[label] = replace(self, machines=machines, same_state=mine.same_state, plan=mine.plan, further={})
        return found

    def came_from(self, label: str) -> str:
        """What a machine in production was provisioned with, by its label."""
        first = next(iter(self.pasts), label)
        said = self.provenance.get(PRODUCTION if label == first else f"{PRODUCTION}{OF}{label}", "")
        return said.partition(" (")[2].removesuffix(")")

    @property
    def deciding(self) -> "Verdict":
        """The verdict on the past that decides: the first of those whose class is that of the whole."""
        return next((each for each in self.pasts.values() if each.kind is self.kind), self)

    @property
    def kind(self) -> Class:
        """The class: with several pasts the worst of theirs."""
        pasts = self.pasts
        if len(pasts) <= 1 or self.trouble:
            return self._kind_of_one()
        kinds = {each.kind for each in pasts.values()}
        return next(kind for kind in _WORST_FIRST if kind in kinds)

    def _kind_of_one(self) -> Class:
        """The class. Trouble of the test bed comes first: it is never a verdict on the change."""
        if self.trouble or any(machine.result is Result.ERROR for machine in self.machines.values()):
            return Class.COULD_NOT_RUN
        breaks_new = any(not machine.works for machine in self.of(Part.NEW))
        if any(not machine.works for machine in self.of(Part.UPGRADED)):
            return Class.BREAKS_BOTH if breaks_new else Class.BREAKS_PROVISIONED
        if breaks_new:
            return Class.BREAKS_NEW
        if any(machine.results.get(Step.LOAD) is Result.FAIL for machine in self.machines.values()):
            return Class.DROPS_REQUESTS
        if not all(machine.idempotent for machine in self.machines.values()):
            return Class.NOT_IDEMPOTENT
        return {
            SameState.SAME: Class.PASS,
            SameState.DIFFERENT: Class.DRIFT,
            SameState.UNKNOWN: Class.COULD_NOT_RUN,
        }[self.same_state.result]

    @property
    def exit_code(self) -> ExitCode:
        """0 for a pass, 2 where nothing can be said, 1 otherwise."""
        return {Class.PASS: ExitCode.HOLDS, Class.COULD_NOT_RUN: ExitCode.COULD_NOT_RUN}.get(
            self.kind, ExitCode.DOES_NOT_HOLD
        )

    def as_json(self) -> dict[str, Any]:
        """verdict.json, as the contract has it; what is beyond the contract says where things came from."""
        one = self.deciding
        pasts = {label: each._of_one() for label, each in self.pasts.items()}  # noqa: SLF001
        return {
            "schema": SCHEMA,
            "platform": self.platform,
            "class": self.kind.value,
            **one._of_one(),  # noqa: SLF001
            "seconds": {key: round(value, 2) for key, value in self.seconds.items()},
            "detail": self.trouble.what if self.trouble else one.same_state.not_compared,
            "provenance": self.provenance,
            **({"pasts": pasts} if len(pasts) > 1 else {}),
        }

    def _of_one(self) -> dict[str, Any]:
        """What a past has of its own in verdict.json: its class where there are several, machines and comparison."""
        parts = {Part.NEW: "fresh", Part.UPGRADED: "upgrade"}
        return {
            "class": self.kind.value,
            **{parts[machine.part]: machine.as_json() for machine in self.machines.values()},
            "same_state": {"result": self.same_state.result.value, "findings": len(self.same_state.findings)},
        }
