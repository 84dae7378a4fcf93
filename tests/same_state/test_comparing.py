"""The comparison as pytest's report has it: a case for each scope, from one comparison."""

import dataclasses
import pickle
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from conftest import ROOT
from tdi import settings
from tdi.collector.scopes.registry import SCOPES
from tdi.errors import TdiError
from tdi.machines.machine import Machine, Part
from tdi.machines.manifest import Manifest, in_force
from tdi.outside import pytest_run
from tdi.same_state import comparing
from tdi.state.compare import Comparison, Result, compare
from tdi.state.finding import Finding, Kind, Severity
from tdi.state.record import RecordFile, ScopeHeader, write_record
from tdi.verifier.own_tests import SAME_STATE_TEST

MACHINES = (
    Machine("tdi-0123abcd-fresh", "fresh", "fresh", Part.NEW),
    Machine("tdi-0123abcd-upgrade", "upgrade", "upgrade", Part.UPGRADED),
)
ALL = (*sorted({*SCOPES, "files"}), comparing.RULES)


def _same() -> Comparison:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "record.json"
        write_record(path, {}, {scope: (ScopeHeader(), []) for scope in ALL[:-1]})
        with RecordFile(path) as one, RecordFile(path) as other:
            return compare(one, other)


SAME = _same()


def finding(scope: str, key: str) -> Finding:
    return Finding("1", scope, key, Kind.ONLY_B, Severity.SERVICE, "nobody", (), f"{key} is there.", "Remove it.")


def comparison(**changes: Any) -> Comparison:
    return dataclasses.replace(SAME, **changes)


def failing(found: Comparison) -> dict[str, list[str]]:
    return {case: lines for case in comparing.CASES if (lines := comparing.failures(found, case))}


def test_there_is_a_case_for_each_scope_of_a_record_and_one_for_the_rules():
    assert comparing.CASES == ALL


def test_findings_are_their_scopes_a_line_each():
    found = comparison(findings=(finding("files", "/a\n/b"), finding("users", "x"), finding("files", "/c")))
    assert failing(found) == {
        "files": ["/a\\n/b is there. Remove it.", "/c is there. Remove it."],
        "users": ["x is there. Remove it."],
    }


def test_a_problem_with_the_rules_is_a_case_of_its_own():
    assert failing(comparison(problems=("Nothing needs it.",))) == {"rules": ["Nothing needs it."]}


def test_what_was_not_compared_fails_unless_the_rules_accept_it():
    reasons = {"files": "gone", "sysctl": "off; acceptable: it is a container"}
    compared = {scope: 1 for scope in SAME.compared if scope not in reasons}
    found = comparison(not_compared=reasons, not_acceptable=("files",), compared=compared)
    assert failing(found) == {"files": ["not compared: files: gone"]}
    reasons_given = {case: why for case in ALL if (why := comparing.why_not_compared(found, case))}
    assert reasons_given == {
        "files": "not compared: gone",
        "sysctl": "not compared: off; acceptable: it is a container",
    }


def test_a_scope_that_no_record_has_does_not_count_as_compared():
    assert comparing.why_not_compared(comparison(compared={}), "files")


@pytest.mark.parametrize(
    "found",
    [
        SAME,
        comparison(findings=(finding("of-a-later-version", "x"),)),
        comparison(not_compared={"of-a-later-version": "old"}, not_acceptable=("of-a-later-version",)),
        comparison(problems=("Nothing needs it.",)),
    ],
)
def test_the_cases_together_say_what_the_comparison_says(found: Comparison):
    assert bool(failing(found)) is (found.result is not Result.SAME)


def test_a_case_with_many_findings_says_how_many_more_there_are():
    found = comparison(findings=tuple(finding("files", f"/{number}") for number in range(5000)))
    lines = failing(found)["files"]
    assert len(lines) == 201
    assert "4,800 more" in lines[-1]


@dataclass(frozen=True)
class Report:
    """What pytest reported, and how often the machines were compared."""

    verification: pytest_run.Verification
    junit: Path
    comparisons: int

    def cases(self) -> dict[str, tuple[str, str]]:
        """Case → outcome and message, of the JUnit report."""
        found = {}
        for element in ET.parse(self.junit).iter("testcase"):  # noqa: S314 (our own)
            name = element.attrib["name"]
            if not name.startswith(SAME_STATE_TEST):
                continue
            assert name.startswith(f"{SAME_STATE_TEST}[upgrade-"), "the run's id would make each run's another"
            outcome, message = "passed", ""
            for child in element:
                outcome, message = child.tag, child.attrib["message"].removeprefix("Failed: ")
            found[name.removesuffix("]").rpartition("-")[2]] = (outcome, message)
        return found


@pytest.fixture
def reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Report]:
    """The verifier's own test_state.py, run on two machines that are not there, with a comparison made by hand."""
    monkeypatch.setattr(pytest_run.ansible.docker, "environment", dict)

    def call(made: Comparison | TdiError, **variables: str) -> Report:
        directory, work, calls, pickled = (tmp_path / name for name in ("verifier", "work", "calls", "comparison"))
        directory.mkdir()
        work.mkdir()
        calls.touch()
        pickled.write_bytes(pickle.dumps(made))
        write_record(tmp_path / "record.json", {}, {"files": (ScopeHeader(), [])})
        for name in ("conftest.py", "test_state.py"):
            (directory / name).write_text((ROOT / "molecule" / "verifier" / name).read_text())
        with (directory / "conftest.py").open("a") as conftest:
            conftest.write(f"""
import pickle
from tdi.same_state import comparing, kept_records

def compare(project, machine, upgraded, needed=()):
    with open({str(calls)!r}, "a") as file:
        print(machine.name, file=file)
    made = pickle.loads(Path({str(pickled)!r}).read_bytes())
    if isinstance(made, Exception):
        raise made
    return made

comparing.compare_with_fresh = compare
kept_records.record_machine = lambda project, name: Path({str(tmp_path / "record.json")!r})
""")
        junit = tmp_path / "artifacts" / "junit.xml"
        run = Manifest(ROOT, tmp_path / "artifacts", tmp_path / "records", MACHINES)
        with (
            in_force(run, work),
            pytest_run.ready(directory, work, tmp_path / "log", variables, junit) as pytest,
        ):
            verification = pytest.verify([machine.name for machine in MACHINES], {})
        assert not verification.broken, verification.log.read_text()
        return Report(verification, junit, len(calls.read_text().splitlines()))

    return call


def test_the_junit_report_has_each_scope_with_its_findings_from_one_comparison(reported: Callable[..., Report]):
    report = reported(
        comparison(
            findings=(finding("users", "u"), finding("users", "v")),
            problems=("Nothing needs it.",),
            not_compared={"sysctl": "off; acceptable: c", "mounts": "gone"},
            not_acceptable=("mounts",),
        )
    )
    cases = report.cases()
    assert tuple(cases) == ALL
    assert cases.pop("users") == ("failure", "u is there. Remove it.\nv is there. Remove it.")
    assert cases.pop("rules") == ("failure", "Nothing needs it.")
    assert cases.pop("mounts") == ("failure", "not compared: mounts: gone")
    assert cases.pop("sysctl") == ("skipped", "not compared: off; acceptable: c")
    assert set(cases.values()) == {("passed", "")}
    assert report.comparisons == 1
    assert report.verification.code == 1
    assert "users" in {test.case for test in report.verification.tests if test.outcome == "failed"}


def test_machines_in_the_same_state_pass_every_case(reported: Callable[..., Report]):
    report = reported(SAME)
    assert report.cases() == dict.fromkeys(ALL, ("passed", ""))
    assert report.verification.code == 0


def test_a_comparison_that_cannot_be_made_fails_every_case_and_is_tried_once(reported: Callable[..., Report]):
    report = reported(TdiError("the record is truncated"))
    cases = report.cases()
    assert {outcome for outcome, _ in cases.values()} == {"failure"}
    assert {message for _, message in cases.values()} == {
        "tdi.errors.TdiError: the record is truncated",
        "not compared: the record is truncated",
    }
    assert report.comparisons == 1


def test_a_comparison_that_is_left_for_later_is_no_pass(reported: Callable[..., Report]):
    report = reported(SAME, TDI_COMPARE=settings.LATER)
    cases = report.cases()
    assert {outcome for outcome, _ in cases.values()} == {"skipped"}
    assert all(message.startswith("NOT COMPARED") for _, message in cases.values())
    assert report.comparisons == 0
