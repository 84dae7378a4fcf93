"""A run's results, told on the terminal and kept in every form beside them, and the exit code that they come to."""

import json
from pathlib import Path
from typing import Any

from tdi.errors import ExitCode
from tdi.mutants.reports import markdown, page, stryker, terminal
from tdi.mutants.results import Results, Status
from tdi.outside.files import write_atomically
from tdi.outside.screen import out


def report(results: Results, directory: Path, expected: int) -> dict[str, Any]:
    """Print the summary, keep it in `directory` in each form, and return the machine-readable result.

    `expected` is how many mutants there should be results of.
    """
    document = stryker.report(results)
    write_atomically(directory / "report.json", json.dumps(document, indent=1) + "\n")
    title = f"mutants, {results.revision[:7] or 'work tree'}, {results.platform}"
    write_atomically(directory / "report.html", page.render(document, title, terminal.score_line(results)))
    write_atomically(directory / "summary.md", markdown.render(results))
    terminal.show(results, expected)
    out.print(f"the report: {directory / 'report.html'}", markup=False)
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
