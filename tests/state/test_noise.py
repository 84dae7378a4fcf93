"""The built-in rules: what they match, what they must not, and what they leave of a difference."""

from pathlib import Path

import pytest
from by_hand import compared, file

from tdi.state.compare import Result
from tdi.state.noise import NoiseRule
from tdi.state.own_secrets import END
from tdi.state.scopes.registry import BUILT_IN


@pytest.mark.parametrize("rule", BUILT_IN, ids=lambda rule: rule.id)
def test_a_built_in_rule_is_anchored_has_a_reason_and_matches_what_it_says(rule: NoiseRule):
    assert rule.match.startswith("^")
    assert rule.match.endswith("$")
    assert rule.reason
    assert rule.must_match
    assert rule.must_not_match
    assert [path for path in rule.must_match if not rule.matches(path)] == []
    assert [path for path in rule.must_not_match if rule.matches(path)] == []


@pytest.mark.parametrize("rule", BUILT_IN, ids=lambda rule: rule.id)
def test_a_built_in_rule_does_not_match_a_name_that_only_begins_or_ends_alike(rule: NoiseRule):
    for path in rule.must_match:
        assert not rule.matches(f"{path}\n")
        assert rule.match.startswith("^/.+") or not rule.matches(f"/srv{path}")


def test_the_ids_of_built_in_rules_are_unique():
    assert len({rule.id for rule in BUILT_IN}) == len(BUILT_IN)


def test_the_search_for_shared_secrets_reaches_every_rule_about_one():
    secrets = [path for rule in BUILT_IN if rule.must_differ for path in rule.must_match]
    assert secrets
    assert max(secrets) < END


def test_the_content_of_a_log_may_differ_its_mode_may_not(tmp_path: Path):
    log = "/var/log/nginx/access.log"
    grown = compared(tmp_path, {"files": {log: file()}}, {"files": {log: file(hash="b2:2", size=7)}})
    assert grown.result is Result.SAME
    assert grown.suppressed == {"log-content": 1}
    opened = compared(tmp_path, {"files": {log: file()}}, {"files": {log: file(hash="b2:2", mode="0666")}})
    assert [finding.attributes for finding in opened.findings] == [("mode",)]


@pytest.mark.parametrize(
    ("new", "upgraded", "result"),
    [("0644", "0600", Result.SAME), ("0640", "0644", Result.SAME), ("0644", "0666", Result.DIFFERENT),
     ("0600", "4644", Result.DIFFERENT), ("0660", "0644", Result.DIFFERENT)],
)  # fmt: skip
def test_a_rule_about_values_holds_only_where_both_machines_have_such(
    tmp_path: Path, new: str, upgraded: str, result: Result
):
    path = "/var/cache/debconf/config.dat"
    found = compared(tmp_path, {"files": {path: file(mode=new)}}, {"files": {path: file(mode=upgraded)}})
    assert found.result is result
    assert found.suppressed == ({"umask-of-package-tools": 1} if result is Result.SAME else {})


def test_a_log_on_one_machine_only_is_a_finding(tmp_path: Path):
    assert compared(tmp_path, {"files": {}}, {"files": {"/var/log/app.log": file()}}).result is Result.DIFFERENT
