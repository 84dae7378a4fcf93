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

_TEST_BED = "tdi.errors."
"""How the message of a test begins that ended in one of our own errors: nothing was found out about the machine."""


@dataclass(frozen=True)
class TestOutcome:
    """How one test ended on one machine."""

    test: str
    machine: str
    outcome: str
    message: str

    @property
    def is_trouble(self) -> bool:
        """Whether it ended in trouble of the test bed instead of a result."""
        return self.outcome == "failed" and self.message.startswith(_TEST_BED)


@dataclass(frozen=True)
class Verification:
    """All tests that ran, what could not even be collected, and pytest's exit code and log."""

    tests: tuple[TestOutcome, ...]
    broken: tuple[str, ...]
    code: int
    log: Path

    def of(self, machine: str) -> list[TestOutcome]:
        """The tests of one machine."""
        return [test for test in self.tests if test.machine == machine]


def verify(
    verifier: Path,
    machines: Sequence[str],
    work: Path,
    log: Path,
    variables: Mapping[str, str],
    observe: Callable[[TestOutcome], None] = lambda _: None,
) -> Verification:
    """Run the tests in `verifier` on `machines` in one pytest, and return how each ended."""
    events = work / "tests.jsonl"
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
                tests.append(_outcome(facts))
                observe(tests[-1])

    command = [
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no", "--connection=docker"),
        f"--hosts={','.join(machines)}",
        str(verifier),
    ]
    environment = {
        **ansible.environment(work / "home"),
        **variables,
        "TDI_TEST_EVENTS": str(events),
        "PYTHONDONTWRITEBYTECODE": "1",  # the verifier's directory is part of the checkout
    }
    done = process.run(command, check=False, cwd=work, log=log, env={**os.environ, **environment}, tick=read)
    return Verification(tuple(tests), tuple(broken), done.code, log)


def _outcome(facts: Mapping[str, Any]) -> TestOutcome:
    found = re.search(r"\[docker://([^\]-][^\]]*)\]", facts["id"])
    name = facts["id"].rsplit("::", 1)[-1]
    machine = found.group(1) if found else ""
    return TestOutcome(name.split("[")[0], machine, facts["outcome"], facts["message"])
