"""Allowances: what they take, what they leave, and that one which nothing needs fails."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from by_hand import compared, directory, file

from tdi.state.allowances import Allowance, Direction
from tdi.state.compare import Result
from tdi.state.finding import Difference, Kind
from tdi.state.rules import Rules

ENTRY = {"scope": "files", "match": "^/srv/x$", "reason": "made by hand"}


def allow(**changes: object) -> Rules:
    return Rules(allow=(Allowance(**(ENTRY | changes)),))  # type: ignore[arg-type]


def test_an_allowance_takes_only_its_attributes(tmp_path: Path):
    a, b = {"files": {"/srv/x": file()}}, {"files": {"/srv/x": file(mode="0600", owner="www-data")}}
    comparison = compared(tmp_path, a, b, allow(attributes=("mode",)))
    assert [finding.attributes for finding in comparison.findings] == [("owner",)]
    assert comparison.suppressed == {"allow: files ^/srv/x$": 1}


@pytest.mark.parametrize(
    ("direction", "result"), [("only-b", Result.SAME), ("any", Result.SAME), ("only-a", Result.DIFFERENT)]
)
def test_an_allowance_holds_in_its_direction(tmp_path: Path, direction: str, result: Result):
    rules = allow(direction=Direction(direction))
    assert compared(tmp_path, {"files": {}}, {"files": {"/srv/x": file()}}, rules).result is result


@pytest.mark.parametrize(("mode", "result"), [("0600", Result.SAME), ("0666", Result.DIFFERENT)])
def test_an_allowance_holds_for_its_value(tmp_path: Path, mode: str, result: Result):
    a, b = {"files": {"/srv/x": file()}}, {"files": {"/srv/x": file(mode=mode)}}
    assert compared(tmp_path, a, b, allow(value={"b": {"mode": "0600"}})).result is result


def test_an_allowance_does_not_match_a_part_of_a_key():
    allowance = Allowance("files", "^/srv/a|b$", "alternatives are anchored as a whole")
    difference = Difference("files", "/srv/a/other", Kind.ONLY_B, (), None, file())
    assert allowance.covers(difference) is None


def test_an_allowance_that_nothing_needs_fails(tmp_path: Path):
    same = {"files": {"/srv/x": file()}}
    comparison = compared(tmp_path, same, same, allow())
    assert comparison.result is Result.DIFFERENT
    assert "^/srv/x$" in comparison.problems[0]
    assert "remove it" in comparison.problems[0]


def test_an_allowance_may_be_unneeded_in_a_comparison_it_is_not_meant_for(tmp_path: Path):
    same = {"files": {"/srv/x": file()}}
    assert compared(tmp_path, same, same, allow(), every_allowance_needed=False).result is Result.SAME


def test_an_expired_allowance_fails_and_takes_nothing(tmp_path: Path):
    a, b = {"files": {}}, {"files": {"/srv/x": file()}}
    rules = allow(until=dt.date(2026, 1, 31))
    assert compared(tmp_path, a, b, rules, today=dt.date(2026, 1, 31)).result is Result.SAME
    expired = compared(tmp_path, a, b, rules, today=dt.date(2026, 2, 1))
    assert expired.result is Result.DIFFERENT
    assert len(expired.findings) == 1
    assert "expired on 2026-01-31" in expired.problems[0]


def test_an_allowance_for_a_cause_takes_what_follows_from_it(tmp_path: Path):
    b = {"files": {"/srv/x": directory(), "/srv/x/1": file(), "/srv/x/2": file()}}
    assert compared(tmp_path, {"files": {}}, b, allow()).result is Result.SAME


def test_an_allowance_for_a_part_leaves_the_rest(tmp_path: Path):
    b = {"files": {"/srv/x": directory(), "/srv/x/1": file(), "/srv/x/2": file()}}
    comparison = compared(tmp_path, {"files": {}}, b, allow(match="^/srv/x/1$"))
    assert [len(finding.differences) for finding in comparison.findings] == [2]


def test_an_allowance_takes_what_is_wrong_on_a_machine_by_itself_until_it_expires():
    setuid = Difference("files", "/opt/tool", Kind.CHANGED, ("mode",), None, {"type": "file", "mode": "4755"})
    entry = Allowance("files", "^/opt/tool$", "it needs it", direction=Direction.ONLY_B, until=dt.date(2030, 1, 1))
    rules = Rules(allow=(entry,))
    assert rules.accepting(setuid, dt.date(2030, 1, 1)) is entry
    assert rules.accepting(setuid, dt.date(2030, 1, 2)) is None
    assert rules.accepting(replace(setuid, key="/opt/other"), dt.date(2029, 1, 1)) is None
    other = Allowance("files", "^/opt/tool$", "only this mode", attributes=("mode",), value={"b": {"mode": "2755"}})
    assert Rules(allow=(other,)).accepting(setuid) is None


def test_an_allowance_that_something_else_needs_is_not_reported_as_unused(tmp_path: Path):
    same = {"files": {"/opt/tool": file(mode="4755")}}
    rules = Rules(allow=(Allowance("files", "^/opt/tool$", "it needs it"),))
    assert compared(tmp_path, same, same, rules).problems
    assert not compared(tmp_path, same, same, rules, needed_otherwise={rules.allow[0].id}).problems
