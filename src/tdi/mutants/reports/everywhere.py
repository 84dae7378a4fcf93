"""A run's results, told on the terminal and kept in every form beside them, and the exit code that they come to."""

import json
from pathlib import Path
from typing import Any

from tdi.errors import ExitCode
from tdi.mutants.reports import markdown, stryker, terminal
from tdi.mutants.results import Results, Status
from tdi.outside.files import write_atomically
from tdi.outside.screen import out


def report(results: Results, directory: Path, expected: int) -> dict[str, Any]:
    """Print the summary, keep report.json and summary.md in `directory`, and return the machine-readable result.

    `expected` is how many mutants there should be results of.
    """
    write_atomically(directory / "report.json", json.dumps(stryker.report(results), indent=1) + "\n")
    write_atomically(directory / "summary.md", markdown.render(results))
    terminal.show(results, expected)
    out.print(f"the report for Stryker's viewer: {directory / 'report.json'}", markup=False)
    return as_json(results, expected)


def as_json(results: Results, expected: int) -> dict[str, Any]:
    """The machine-readable result: numbers, and every mutant."""
    return {
        "schema": 1,
        "revision": results.revision,
        "platform": results.platform,
        "full": results.full,
        "score": results.score,
        "noticed": results.noticed,
        "counted": results.counted,
        "not_tried": expected - len(results.mutants),
        "statuses": {status.value: len(results.of(status)) for status in Status},
        "oracles": {
            oracle.value: {"noticed": noticed, "alone": alone} for oracle, noticed, alone in results.by_oracle()
        },
        "mutants": [each.as_json() for each in results.mutants],
    }


def exit_code(results: Results, expected: int) -> ExitCode:
    """1 where a mutant survived, 2 where one could not be tried, else 0."""
    if results.of(Status.SURVIVED):
        return ExitCode.DOES_NOT_HOLD
    tried = len(results.mutants) - len(results.of(Status.COULD_NOT_RUN))
    return ExitCode.HOLDS if tried == expected else ExitCode.COULD_NOT_RUN
