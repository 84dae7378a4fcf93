"""What a verdict left in its artifacts, as far as it can be read: nothing that is missing or damaged stops a report."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from tdi.same_state.comparing import NAMES
from tdi.state.compare import Comparison
from tdi.state.compare import Result as SameState
from tdi.state.finding import Finding, Kind
from tdi.state.plan import Plan, Step
from tdi.state.varying.taken import Varying
from tdi.verdict import outcome
from tdi.verdict.outcome import SCHEMA, Class, Result, past_of

VERDICT = "verdict.json"
PLAN = "records/plan.json"
COMPARISON = "records/same-state.json"
"""Where each stands below the artifacts."""

_KINDS = {"add": Kind.ONLY_B, "remove": Kind.ONLY_A, "change": Kind.CHANGED}
_WRONG = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What reading a document that is not as it should be raises."""

_NEW, _UPGRADED = "fresh", "upgrade"
"""The labels of the machines (the contract of verdict.json)."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Machine:
    """What verdict.json says of one machine."""

    label: str
    result: Result
    step: str
    """The step that decided; empty where all passed."""
    detail: str
    steps: Mapping[str, str]
    """Step → its result, of those that were reached."""

    @property
    def recorded(self) -> bool:
        """Whether it got as far as its record."""
        return self.steps.get(outcome.Step.RECORD) == Result.PASS


@dataclass(frozen=True)
class Results:
    """A verdict, its plan and its comparison."""

    kind: Class
    platform: str = ""
    seconds: float = 0.0
    machines: tuple[Machine, ...] = ()
    cause: str = ""
    """Why there is no verdict, or why the same state is not known."""
    plan: Plan | None = None
    comparison: Comparison | None = None
    """Of the first past, as the plan."""
    further: Mapping[str, Comparison] = field(default_factory=dict)
    """Those of further pasts, by their names."""
    classes: Mapping[str, Class] = field(default_factory=dict)
    """The class of each past, where there are several."""
    damaged: tuple[str, ...] = ()
    """What should be there and could not be read, a sentence each."""


def read(artifacts: Path) -> Results:
    """Return what the verdict left in `artifacts`.

    Without a verdict that can be read nothing was found out: the class is could-not-run, and the cause says what is
    missing. A plan or a comparison is left out where the verdict says that this run got to none: it is of another run.
    """
    damaged: list[str] = []
    found = _read(artifacts / VERDICT, VERDICT, _verdict, damaged)
    if found is None:
        return Results(Class.COULD_NOT_RUN, cause=f"{' '.join(damaged)} The log of the step says more.")
    plan = comparison = None
    further: dict[str, Comparison] = {}
    whole = any(machine.recorded for machine in found.machines if machine.label == _NEW)
    upgraded = [machine for machine in found.machines if machine.label != _NEW]
    for machine in upgraded[:1]:
        if machine.recorded:
            plan = _read(artifacts / PLAN, PLAN, _plan, damaged)
            comparison = _read(artifacts / COMPARISON, COMPARISON, _comparison, damaged) if whole else None
    for machine in upgraded[1:]:
        if machine.recorded and whole:
            name = COMPARISON.replace(".json", f"-{past_of(machine.label)}.json")
            read_too = _read(artifacts / name, name, _comparison, damaged)
            further |= {past_of(machine.label): read_too} if read_too else {}
    return replace(found, plan=plan, comparison=comparison, further=further, damaged=tuple(damaged))


def _read(file: Path, name: str, parse: Callable[[Any], _T], damaged: list[str]) -> _T | None:
    """What `parse` makes of a file; None, and a note, where it is missing or damaged."""
    try:
        return parse(json.loads(file.read_bytes()))
    except FileNotFoundError:
        damaged.append(f"{name} is missing.")
    except OSError as error:
        damaged.append(f"{name} cannot be read: {error.strerror or error}.")
    except _WRONG:
        damaged.append(f"{name} is damaged, or was written by another version of tdi.")
    return None


def _verdict(said: Any) -> Results:
    if said["schema"] != SCHEMA:
        raise ValueError(said["schema"])
    pasts = said.get("pasts") or {}
    parts = {_NEW: said[_NEW], **{label: each[_UPGRADED] for label, each in pasts.items()}} if pasts else said
    machines = (_machine(label, part) for label, part in parts.items() if isinstance(part, dict) and "step" in part)
    return Results(
        Class(said["class"]),
        str(said.get("platform") or ""),
        float(said.get("seconds", {}).get("total", 0)),
        tuple(machines),
        str(said.get("detail") or ""),
        classes={past_of(label): Class(each["class"]) for label, each in pasts.items()},
    )


def _machine(label: str, said: Any) -> Machine:
    steps = {str(step): str(result) for step, result in said.get("steps", {}).items()}
    return Machine(label, Result(said["result"]), str(said["step"] or ""), str(said.get("detail") or ""), steps)


def _plan(said: Any) -> Plan:
    return Plan(
        tuple(map(_step, said["steps"])),
        _texts(said["not_compared"]),
        _texts(said["restarted"]),
        _texts(said["reloaded"]),
    )


def _step(said: Any) -> Step:
    inside = int(said["inside"])
    return Step(
        _KINDS[said["kind"]],
        str(said["scope"]),
        str(said["key"]),
        str(said["detail"]),
        {"what follows": inside} if inside else {},
        _texts(said["diff"]),
    )


def _comparison(said: Any) -> Comparison:
    unknown = SameState(said["result"]) is SameState.UNKNOWN
    missing = {str(scope): str(why) for scope, why in said["not_compared"].items()}
    return Comparison(
        names=NAMES,
        findings=tuple(map(_finding, said["findings"])),
        from_bases=tuple(map(_finding, said.get("from_bases", ()))),
        suppressed={rule: int(count) for rule, count in said["suppressed"].items()},
        reasons={rule: str(why) for rule, why in said.get("suppressed_reasons", {}).items()},
        compared={scope: int(count) for scope, count in said["compared"].items()},
        not_compared=missing,
        # Which of them the rules accept is not said; the result is.
        not_acceptable=(tuple(missing) or ("all",)) if unknown else (),
        problems=_texts(said.get("problems", ())),
        varying=tuple(map(_varying, said.get("varying", ()))),
        not_walked={path: str(why) for path, why in said.get("not_walked", {}).items()},
    )


def _finding(said: Any) -> Finding:
    texts = ("id", "scope", "key", "owner", "why", "action")
    return Finding.from_json({**said, **{name: str(said[name]) for name in texts}})


def _varying(said: Any) -> Varying:
    texts = {name: str(said[name]) for name in ("owner", "scope")}
    lists = {name: _texts(said[name]) for name in ("attributes", "examples")}
    return Varying.from_json({**said, **texts, **lists, "objects": int(said["objects"])})


def _texts(said: Any) -> tuple[str, ...]:
    if not isinstance(said, list | tuple):
        raise TypeError(said)
    return tuple(map(str, said))
