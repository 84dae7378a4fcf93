"""What is told of mutants: numbers, the merged parts, Markdown, the report for Stryker's viewer, and the exit code."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tdi.errors import ExitCode, TdiError
from tdi.mutants import merging
from tdi.mutants.reports import everywhere, markdown, stryker
from tdi.mutants.results import Kill, MutantResult, Oracle, Results, Status

SOURCE = "- name: A\n  notify: b\n"


def result(number: int, status: Status, *oracles: Oracle, operator: str = "drop-notify") -> MutantResult:
    kills = tuple(Kill(oracle, f"{oracle} says no", "") for oracle in oracles)
    diff = f"--- a/a.yml\n+++ b/a.yml\n@@ -1,2 +1,1 @@\n - name: A\n-  notify: b # {number}\n"
    return MutantResult(str(number), operator, "a.yml", 2, 2, "`b` is *gone*", diff, status, kills, 2.0, "why")


EVERY = (
    result(1, Status.KILLED, Oracle.FRESH_TESTS, Oracle.SAME_STATE),
    result(2, Status.KILLED, Oracle.SAME_STATE),
    result(3, Status.KILLED, Oracle.PLAN),
    result(4, Status.SURVIVED),
    result(5, Status.EQUIVALENT, operator="fewer-retries"),
    result(6, Status.TIMED_OUT),
    result(7, Status.COULD_NOT_RUN),
)
RESULTS = Results("abc", "tree", "debian-13", full=True, made=7, mutants=EVERY, sources={"a.yml": SOURCE})


def test_the_score_is_of_what_should_be_noticed_and_the_plan_alone_does_not_notice():
    assert (RESULTS.noticed, RESULTS.counted, RESULTS.score) == (3, 5, 0.6)
    assert [each.id for each in RESULTS.to_confirm] == ["3"]


def test_without_a_mutant_to_notice_there_is_no_score():
    assert replace(RESULTS, mutants=(EVERY[4], EVERY[6])).score is None


def test_each_oracle_has_what_it_noticed_and_what_it_alone_did():
    assert RESULTS.by_oracle() == [(Oracle.FRESH_TESTS, 1, 0), (Oracle.SAME_STATE, 2, 1), (Oracle.PLAN, 1, 1)]


@pytest.mark.parametrize(
    ("mutants", "expected", "code"),
    [
        (EVERY, 7, ExitCode.DOES_NOT_HOLD),
        (EVERY[:3], 3, ExitCode.HOLDS),
        (EVERY[:3], 4, ExitCode.COULD_NOT_RUN),
        ((*EVERY[:3], EVERY[6]), 4, ExitCode.COULD_NOT_RUN),
        ((), 0, ExitCode.HOLDS),
    ],
)
def test_the_exit_code_is_of_what_survived_and_of_what_could_not_be_tried(mutants, expected: int, code: ExitCode):
    assert everywhere.exit_code(replace(RESULTS, mutants=mutants), expected) is code


def test_everything_is_kept_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    said = everywhere.report(RESULTS, tmp_path, 9)
    assert (said["noticed"], said["counted"], said["not_tried"]) == (3, 5, 2)
    assert json.loads((tmp_path / "report.json").read_text())["schemaVersion"] == "2"
    out = capsys.readouterr().out
    assert "score: 60.0% (3 of 5 were noticed; 1 more are equivalent)" in out
    assert "2 of 9 mutants were not tried" in out
    assert "a.yml:2  drop-notify: `b` is *gone*" in out
    assert "-  notify: b # 4" in out
    assert "-  notify: b # 1" not in out


def test_markdown_has_the_survivors_with_their_diffs_and_nothing_is_taken_for_markdown():
    said = markdown.render(RESULTS)
    assert "### Survived (1)" in said
    assert "\\`b\\` is \\*gone\\*" in said
    assert "-  notify: b # 4" in said
    assert "| same state | 2 | 1 |" in said


def test_a_diff_with_a_fence_stays_in_its_own():
    odd = replace(EVERY[3], diff="--- a\n+++ b\n@@ @@\n-```\n+<script>\n")
    assert "````diff\n--- a" in markdown.render(replace(RESULTS, mutants=(odd,)))


def test_the_report_for_the_viewer_has_every_mutant_with_its_place_and_what_killed_it():
    report = stryker.report(RESULTS)
    file = report["files"]["a.yml"]
    assert file["source"] == SOURCE
    assert [each["status"] for each in file["mutants"]] == [
        *("Killed", "Killed", "Killed", "Survived", "Ignored", "Timeout", "RuntimeError")
    ]
    first = file["mutants"][0]
    assert first["killedBy"] == ["FRESH_TESTS", "SAME_STATE"]
    assert first["location"] == {"start": {"line": 2, "column": 1}, "end": {"line": 2, "column": 12}}
    known = {test["id"] for test in report["testFiles"]["oracles"]["tests"]}
    assert {oracle for each in file["mutants"] for oracle in each["killedBy"]} <= known


def test_parts_of_one_run_are_put_together():
    one, two = replace(RESULTS, mutants=EVERY[:3]), replace(RESULTS, mutants=EVERY[3:], sources={"b.yml": ""})
    merged = merging.merge([one, two])
    assert {each.id for each in merged.mutants} == {each.id for each in EVERY}
    assert set(merged.sources) == {"a.yml", "b.yml"}


@pytest.mark.parametrize("other", [{"tree": "b"}, {"platform": "debian-12"}, {"full": False}, {"made": 8}])
def test_parts_of_other_runs_are_refused(other: dict):
    with pytest.raises(TdiError, match="not of one run"):
        merging.merge([RESULTS, replace(RESULTS, **other)])


def test_a_mutant_of_which_two_parts_say_different_things_is_told():
    changed = replace(RESULTS, mutants=(replace(EVERY[0], status=Status.SURVIVED),))
    with pytest.raises(TdiError, match="killed in one part and survived in another"):
        merging.merge([RESULTS, changed])
