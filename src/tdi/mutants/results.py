"""What came of mutants: the oracles that can kill one, its status, and the file that a run keeps as it goes on."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tdi.mutants.mutant import Mutant


class Oracle(StrEnum):
    """What can notice that a role is broken, from cheap to dear: the order in which a verdict comes to them."""

    SYNTAX = "syntax"
    ARGUMENTS = "argument specs"
    LINT = "lint"
    OWN_CHECKS = "own checks"
    """What the project itself checks without a machine: tests of wrong input, a linter (mutants.yml)."""
    FRESH_CONVERGE = "fresh converge"
    UPGRADE_CONVERGE = "upgrade converge"
    LOAD = "load"
    FRESH_TESTS = "fresh tests"
    UPGRADE_TESTS = "upgrade tests"
    SAME_STATE = "same state"
    SECOND_RUN = "second run"
    INVARIANTS = "invariants"
    """What holds on any machine: no failed unit, no restart owed."""
    CHECK_MODE = "check mode"
    PLAN = "plan"
    """What the change does to production is another thing than what the unmutated role does: a person confirms it."""


class Status(StrEnum):
    """How the trial of a mutant ended."""

    KILLED = "killed"
    SURVIVED = "survived"
    EQUIVALENT = "equivalent"
    """Every record, the second run and what the handlers did are those of the unmutated role."""
    TIMED_OUT = "timed out"
    NOT_VIABLE = "not viable"
    """No such role can be: what it says is not valid, before any machine was asked."""
    COULD_NOT_RUN = "could not run"


@dataclass(frozen=True)
class Kill:
    """An oracle that noticed a mutant, and the line that proves it."""

    oracle: Oracle
    evidence: str
    past: str = ""
    """The past of the machine in production on which it showed; nothing for a new machine."""


@dataclass(frozen=True)
class MutantResult:
    """What came of one mutant."""

    id: str
    operator: str
    path: str
    line: int
    last_line: int
    says: str
    diff: str
    status: Status
    kills: tuple[Kill, ...] = ()
    """With `--full` all that noticed it, otherwise those of the step that it did not get beyond."""
    seconds: float = 0.0
    why: str = ""
    """Why it could not run, was not viable or survived."""
    log: str = ""
    """Its directory below artifacts/mutants."""

    @classmethod
    def of(cls, mutant: Mutant, status: Status, kills: tuple[Kill, ...], seconds: float, why: str) -> "MutantResult":
        """The result of a mutant, with what there is to show of it."""
        return cls(
            mutant.id,
            mutant.operator,
            mutant.path,
            mutant.line,
            mutant.last_line,
            mutant.edit.says,
            mutant.diff,
            status,
            kills,
            seconds,
            why,
        )

    def as_json(self) -> dict[str, Any]:
        """One line of the file of results."""
        return {
            **{name: getattr(self, name) for name in ("id", "operator", "path", "line", "last_line", "says", "diff")},
            "status": self.status.value,
            "kills": [{"oracle": k.oracle.value, "evidence": k.evidence, "past": k.past} for k in self.kills],
            "seconds": round(self.seconds, 2),
            "why": self.why,
            "log": self.log,
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "MutantResult":
        """The result that a line tells. Raises KeyError, TypeError or ValueError for something else."""
        kills = tuple(Kill(Oracle(k["oracle"]), str(k["evidence"]), str(k["past"])) for k in said["kills"])
        plain = {name: str(said[name]) for name in ("id", "operator", "path", "says", "diff", "why", "log")}
        return cls(
            **plain,
            line=int(said["line"]),
            last_line=int(said["last_line"]),
            status=Status(said["status"]),
            kills=kills,
            seconds=float(said["seconds"]),
        )


@dataclass(frozen=True)
class Results:
    """What a run, or several shards of one, found out."""

    revision: str
    """The commit under test; nothing where the tree is another one."""
    tree: str
    """The fingerprint of the tree: results of another one are not gone on with."""
    platform: str
    full: bool
    """Whether every oracle was asked, also after the first that noticed the mutant."""
    made: int
    """How many mutants there are, in all shards."""
    mutants: tuple[MutantResult, ...] = ()
    seconds: float = 0.0
    sources: Mapping[str, str] = field(default_factory=dict)
    """The text of every file that has a mutant: path → text."""

    def of(self, *statuses: Status) -> list[MutantResult]:
        """The mutants with one of these statuses."""
        return [each for each in self.mutants if each.status in statuses]

    @property
    def to_confirm(self) -> list[MutantResult]:
        """The mutants that only the plan shows: both machines are wrong in the same way, and a person has to see it."""
        return [each for each in self.of(Status.KILLED) if {kill.oracle for kill in each.kills} == {Oracle.PLAN}]

    @property
    def counted(self) -> int:
        """How many there are that the suite should notice: those that are equivalent or say nothing are left out."""
        return len(self.of(Status.KILLED, Status.TIMED_OUT, Status.SURVIVED))

    @property
    def noticed(self) -> int:
        """How many of those it noticed by itself; what a person has to confirm is not among them."""
        return len(self.of(Status.KILLED, Status.TIMED_OUT)) - len(self.to_confirm)

    @property
    def score(self) -> float | None:
        """The share that was noticed, from 0 to 1; None where there is nothing to notice."""
        return self.noticed / self.counted if self.counted else None

    def by_oracle(self) -> list[tuple[Oracle, int, int]]:
        """For each oracle how many it noticed, and how many it alone; the latter says something of a full run only."""
        oracles = [{kill.oracle for kill in each.kills} for each in self.of(Status.KILLED)]
        rows = ((one, sum(one in each for each in oracles), sum(each == {one} for each in oracles)) for one in Oracle)
        return [row for row in rows if row[1]]

    def by_operator(self) -> dict[str, Counter[Status]]:
        """For each operator how many of its mutants ended how."""
        found: dict[str, Counter[Status]] = {}
        for each in sorted(self.mutants, key=lambda each: each.operator):
            found.setdefault(each.operator, Counter())[each.status] += 1
        return found
