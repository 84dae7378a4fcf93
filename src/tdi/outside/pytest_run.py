"""The verifier, run on machines with pytest. Nothing else starts pytest on machines."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdi.outside import ansible, process
from tdi.outside.files import write_atomically
from tdi.outside.json_lines import JsonLines

_TEST_BED = re.compile(r"tdi\.[\w.]+Error: ")
"""How the message of a test begins that ended in one of our own errors: nothing was found out about the machine."""


@dataclass(frozen=True)
class TestOutcome:
    """How one test ended on one machine."""

    test: str
    machine: str
    outcome: str
    message: str
    case: str = ""
    """Which of the cases of a parametrized test."""

    @property
    def title(self) -> str:
        """The test, with its case where it has several."""
        return f"{self.test}[{self.case}]" if self.case else self.test

    @property
    def is_trouble(self) -> bool:
        """Whether it ended in trouble of the test bed instead of a result."""
        return self.outcome == "failed" and _TEST_BED.match(self.message) is not None


@dataclass(frozen=True)
class Verification:
    """All tests that ran, what could not even be collected, and pytest's exit code and log."""

    tests: tuple[TestOutcome, ...]
    broken: tuple[str, ...]
    code: int
    log: Path

    def of(self, machine: str) -> list[TestOutcome]:
        """The tests of one machine, and those that are of no machine: they count for each."""
        return [test for test in self.tests if test.machine in {machine, ""}]


@dataclass(frozen=True)
class Ready:
    """A pytest that has everything loaded and waits to be told which machines to test."""

    program: process.Started
    work: Path
    log: Path
    junit: Path | None

    def verify(
        self,
        machines: Sequence[str],
        variables: Mapping[str, str],
        observe: Callable[[TestOutcome], None] = lambda _: None,
    ) -> Verification:
        """Let it test `machines`, with `variables` added to its environment, and return how each test ended.

        Raises TdiError where the report for a CI server cannot be written.
        """
        order = {"hosts": list(machines), "environment": dict(variables)}
        write_atomically(_order(self.work), json.dumps(order))
        tests: list[TestOutcome] = []
        broken: list[str] = []
        events = JsonLines(_events(self.work))

        def read() -> None:
            for facts in events.fresh():
                if facts["event"] == "broken":
                    broken.append(facts["message"])
                elif facts["event"] == "test":
                    tests.append(_outcome(facts, machines))
                    observe(tests[-1])

        done = self.program.wait(tick=read)
        report = _report(self.work)
        if self.junit and report.exists():
            write_atomically(self.junit, report.read_text(encoding="utf-8"))
        return Verification(tuple(tests), tuple(broken), done.code, self.log)


@contextmanager
def ready(
    verifier: Path, work: Path, log: Path, variables: Mapping[str, str], junit: Path | None = None
) -> Iterator[Ready]:
    """Start a pytest for the tests in `verifier`, which waits until it is told what to test (tdi.verifier.await_order).

    It needs a second to load, and does so while the machines converge. `junit` is where its report for a CI server is
    kept.
    """
    _events(work).touch()
    command = [
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "tdi.verifier.await_order"),
        *("-p", "tdi.verifier.plugin"),
        *("--color=no", "--connection=docker"),
        f"--junitxml={_report(work)}",
        str(verifier),
    ]
    environment = {
        **os.environ,
        **ansible.environment(work / "home"),
        **variables,
        "TDI_TEST_ORDER": str(_order(work)),
        "TDI_TEST_EVENTS": str(_events(work)),
        "PYTHONDONTWRITEBYTECODE": "1",  # the verifier's directory is part of the checkout
    }
    with process.started(command, cwd=work, log=log, env=environment) as program:
        yield Ready(program, work, log, junit)


def _order(work: Path) -> Path:
    return work / "tests-order.json"


def _events(work: Path) -> Path:
    return work / "tests.jsonl"


def _report(work: Path) -> Path:
    return work / "junit.xml"


def _outcome(facts: Mapping[str, Any], machines: Sequence[str]) -> TestOutcome:
    name, _, parameters = facts["id"].rsplit("::", 1)[-1].partition("[")
    # Other parameters follow the machine's after a dash, which is part of its name as well.
    words = parameters.removesuffix("]")
    mine = [each for each in machines if re.search(rf"(?:^|-)docker://{re.escape(each)}(?:-|$)", words)]
    machine = max(mine, key=len, default="")
    case = re.sub(rf"-?docker://{re.escape(machine)}(?=-|$)", "", words).removeprefix("-") if machine else words
    return TestOutcome(name, machine, facts["outcome"], facts["message"], case)
