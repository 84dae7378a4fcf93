"""The verifier, run on machines with pytest. Nothing else starts pytest on machines."""

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdi import ansible, process
from tdi.project import write_atomically

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


def verify(
    verifier: Path,
    machines: Sequence[str],
    work: Path,
    log: Path,
    variables: Mapping[str, str],
    observe: Callable[[TestOutcome], None] = lambda _: None,
    junit: Path | None = None,
) -> Verification:
    """Run the tests in `verifier` on `machines` in one pytest, and return how each ended.

    `junit` is where pytest's report for a CI server is kept. Raises TdiError where that cannot be written.
    """
    events, report = work / "tests.jsonl", work / "junit.xml"
    events.touch()
    tests: list[TestOutcome] = []
    broken: list[str] = []
    offset = 0

    def read() -> None:
        nonlocal offset
        with events.open("rb") as handle:
            handle.seek(offset)
            fresh = handle.read()
        whole = fresh.rfind(b"\n") + 1
        offset += whole
        for line in fresh[:whole].splitlines():
            facts: dict[str, Any] = json.loads(line)
            if facts["event"] == "broken":
                broken.append(facts["message"])
            elif facts["event"] == "test":
                tests.append(_outcome(facts, machines))
                observe(tests[-1])

    command = [
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no", "--connection=docker"),
        f"--hosts={','.join(machines)}",
        f"--junitxml={report}",
        str(verifier),
    ]
    environment = {
        **ansible.environment(work / "home"),
        **variables,
        "TDI_TEST_EVENTS": str(events),
        "PYTHONDONTWRITEBYTECODE": "1",  # the verifier's directory is part of the checkout
    }
    done = process.run(command, check=False, cwd=work, log=log, env={**os.environ, **environment}, tick=read)
    if junit and report.exists():
        write_atomically(junit, report.read_text(encoding="utf-8"))
    return Verification(tuple(tests), tuple(broken), done.code, log)


def _outcome(facts: Mapping[str, Any], machines: Sequence[str]) -> TestOutcome:
    name, _, parameters = facts["id"].rsplit("::", 1)[-1].partition("[")
    # Other parameters follow the machine's after a dash, which is part of its name as well.
    words = parameters.removesuffix("]")
    mine = [each for each in machines if re.search(rf"(?:^|-)docker://{re.escape(each)}(?:-|$)", words)]
    machine = max(mine, key=len, default="")
    case = re.sub(rf"-?docker://{re.escape(machine)}(?=-|$)", "", words).removeprefix("-") if machine else words
    return TestOutcome(name, machine, facts["outcome"], facts["message"], case)
