"""The report of a run over mutants in the format of Stryker, which its viewer opens.

The format is the mutation-testing-report-schema, version 2.
"""

from collections.abc import Mapping
from typing import Any

from tdi import __version__
from tdi.mutants.results import MutantResult, Oracle, Results, Status

_STATUS = {
    Status.KILLED: "Killed",
    Status.SURVIVED: "Survived",
    Status.EQUIVALENT: "Ignored",
    Status.TIMED_OUT: "Timeout",
    Status.NOT_VIABLE: "CompileError",
    Status.COULD_NOT_RUN: "RuntimeError",
}
_LANGUAGES = {"yml": "yaml", "yaml": "yaml", "j2": "html", "py": "python", "sh": "bash", "json": "json"}
_ORACLES = "oracles"
"""The file that the viewer shows as that of the tests."""


def report(results: Results) -> dict[str, Any]:
    """The report, as JSON has it."""
    of_files: dict[str, list[dict[str, Any]]] = {path: [] for path in sorted(results.sources)}
    for each in results.mutants:
        of_files.setdefault(each.path, []).append(_mutant(each, results.sources))
    return {
        "schemaVersion": "2",
        "thresholds": {"high": 95, "low": 80},
        "framework": {"name": "tdi mutants", "version": __version__},
        "files": {
            path: {
                "language": _LANGUAGES.get(path.rpartition(".")[2], "plain"),
                "source": results.sources.get(path, ""),
                "mutants": mutants,
            }
            for path, mutants in of_files.items()
        },
        "testFiles": {_ORACLES: {"tests": [{"id": oracle.name, "name": oracle.value} for oracle in Oracle]}},
    }


def _mutant(each: MutantResult, sources: Mapping[str, str]) -> dict[str, Any]:
    lines = sources.get(each.path, "").splitlines() or [""]
    end = min(each.last_line, len(lines))
    why = "; ".join(f"{kill.oracle}: {kill.evidence}" for kill in each.kills) or each.why
    return {
        "id": each.id,
        "mutatorName": each.operator,
        "description": each.says,
        "replacement": "\n".join(line[1:] for line in each.diff.splitlines()[3:] if line.startswith("+")),
        "location": {
            "start": {"line": each.line, "column": 1},
            "end": {"line": end, "column": len(lines[end - 1]) + 1},
        },
        "status": _STATUS[each.status],
        "statusReason": why,
        "killedBy": sorted({kill.oracle.name for kill in each.kills}),
        "duration": round(each.seconds * 1000),
    }
