"""What is read of a verdict's artifacts: all that is there, and never what is of another run."""

import json
from pathlib import Path
from typing import Any

import pytest
from left_behind import BREAKS, PLAN, TROUBLE, WORKS, comparison, drift, finding, leave, verdict

from tdi.ci import annotations, results, summary
from tdi.ci.__main__ import main
from tdi.ci.places import Tree
from tdi.machines.machine import Part
from tdi.same_state.kept_records import Found
from tdi.state.compare import Result as SameState
from tdi.verdict.outcome import Class, MachineOutcome, Result


def test_everything_that_the_tool_wrote_is_read_back(tmp_path: Path):
    found = results.read(drift(tmp_path))
    assert (found.kind, found.platform, found.seconds, found.damaged) == (Class.DRIFT, "debian-13", 14.2, ())
    assert [(each.label, each.result, each.recorded) for each in found.machines] == [
        ("fresh", Result.PASS, True),
        ("upgrade", Result.PASS, True),
    ]
    written = comparison([finding()])
    assert found.comparison
    assert found.comparison.as_json() == written.as_json()
    assert found.plan
    assert found.plan.counts() == PLAN.counts()
    assert [step.diff for step in found.plan.steps] == [step.diff for step in PLAN.steps]
    assert "with 6 in what follows" in next(found.plan.lines())


def test_a_comparison_that_is_not_complete_stays_unknown(tmp_path: Path):
    unknown = comparison(not_compared={"packages": "dpkg is locked"}, not_acceptable=("packages",))
    said = verdict(WORKS, WORKS, SameState.UNKNOWN, "packages: dpkg is locked")
    found = results.read(leave(tmp_path, said, unknown))
    assert found.kind is Class.COULD_NOT_RUN
    assert found.comparison
    assert found.comparison.result is SameState.UNKNOWN
    assert found.cause == "packages: dpkg is locked"


def test_a_comparison_of_another_run_is_not_this_ones(tmp_path: Path):
    drift(tmp_path)
    found = results.read(leave(tmp_path, verdict(BREAKS, WORKS)))
    assert (found.kind, found.comparison) == (Class.BREAKS_NEW, None)
    assert found.plan, "production got as far as its record"


def test_a_plan_of_another_run_is_not_this_ones(tmp_path: Path):
    drift(tmp_path)
    found = results.read(leave(tmp_path, verdict(WORKS, TROUBLE)))
    assert (found.kind, found.comparison, found.plan) == (Class.COULD_NOT_RUN, None, None)


def test_without_a_verdict_nothing_was_found_out_whatever_else_is_there(tmp_path: Path):
    drift(tmp_path)
    (tmp_path / "verdict.json").unlink()
    found = results.read(tmp_path)
    assert (found.kind, found.comparison, found.plan) == (Class.COULD_NOT_RUN, None, None)
    assert "verdict.json is missing" in found.cause


def test_a_comparison_that_should_be_there_is_missed(tmp_path: Path):
    drift(tmp_path)
    (tmp_path / "records" / "same-state.json").unlink()
    assert results.read(tmp_path).damaged == ("records/same-state.json is missing.",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "7",
        '"pass"',
        "{}",
        "[" * 100_000,
        '{"schema": 1}',
        '{"schema": 2, "class": "pass"}',
        '{"schema": 1, "class": "great"}',
        '{"schema": 1, "class": ["pass"]}',
        '{"schema": 1, "class": "pass", "seconds": 3}',
        '{"schema": 1, "class": "pass", "fresh": {"step": "x"}}',
        '{"schema": 1, "class": "pass", "fresh": {"step": "x", "result": "pass", "steps": []}}',
        '{"schema": 1, "class": "pass", "seconds": {"total": "long"}}',
    ],
)
def test_a_verdict_that_is_none_is_no_pass(tmp_path: Path, text: str):
    (tmp_path / "verdict.json").write_text(text, encoding="utf-8")
    found = results.read(tmp_path)
    assert found.kind is Class.COULD_NOT_RUN
    assert "damaged" in found.cause


def test_bytes_that_are_no_text_and_what_is_no_file_are_no_pass(tmp_path: Path):
    (tmp_path / "verdict.json").write_bytes(b"\xff\xfe\x00{")
    assert results.read(tmp_path).kind is Class.COULD_NOT_RUN
    (tmp_path / "verdict.json").unlink()
    (tmp_path / "verdict.json").mkdir()
    assert "Is a directory" in results.read(tmp_path).cause


def _broken(document: Any) -> list[Any]:
    """The document with each of its values, however deep, in turn replaced by one of another kind."""
    found: list[Any] = []
    for key in document if isinstance(document, dict) else range(len(document)):
        value = document[key]
        wrong = [None, 7, "x", [], {}, [[]], {"a": []}]
        if isinstance(value, dict | list):
            wrong += _broken(value)
        for other in wrong:
            copy = document.copy()
            copy[key] = other
            found.append(copy)
    return found


@pytest.mark.parametrize("name", [results.VERDICT, results.PLAN, results.COMPARISON])
def test_no_wrong_value_stops_a_report(tmp_path: Path, name: str, capfdbinary: pytest.CaptureFixture[bytes]):
    file = drift(tmp_path) / name
    for broken in _broken(json.loads(file.read_text(encoding="utf-8"))):
        file.write_text(json.dumps(broken), encoding="utf-8")
        for what in ("class", "summary", "annotations"):
            assert main([what, "--artifacts", str(tmp_path)]) == 0
    assert b"Traceback" not in capfdbinary.readouterr().err


def test_each_past_has_its_class_its_machine_and_its_comparison(tmp_path: Path):
    said = verdict(WORKS, WORKS, SameState.SAME)
    said.machines["upgrade-old"] = MachineOutcome(Part.UPGRADED, WORKS)
    said.of_past("upgrade-old").same_state = Found(SameState.DIFFERENT)
    said.machines["upgrade-gone"] = MachineOutcome(Part.UPGRADED, TROUBLE)
    said.of_past("upgrade-gone")
    leave(tmp_path, said, comparison(), PLAN)
    old = comparison([finding()])
    (tmp_path / "records" / "same-state-old.json").write_text(json.dumps(old.as_json()))
    found = results.read(tmp_path)
    assert found.kind is Class.DRIFT
    assert found.classes == {"default": Class.PASS, "old": Class.DRIFT, "gone": Class.COULD_NOT_RUN}
    assert [each.label for each in found.machines] == ["fresh", "upgrade", "upgrade-old", "upgrade-gone"]
    assert found.comparison
    assert not found.comparison.findings
    assert list(found.further) == ["old"]
    assert found.further["old"].as_json() == old.as_json()
    assert not found.damaged
    text = summary.render(found)
    assert "| old | drift |" in text
    assert "<details><summary>Past old</summary>" in text
    assert "file /etc/nginx/1.conf\\: content differs" in text
    assert any("/etc/nginx/1.conf" in each.message for each in annotations.annotations(found, Tree(tmp_path, tmp_path)))
