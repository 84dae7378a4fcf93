"""What may differ, and what a rules file must not hold."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from by_hand import compared, directory, file

from tdi.errors import TdiError
from tdi.state.allowances import Allowance, Direction
from tdi.state.compare import Result
from tdi.state.finding import Difference, Kind
from tdi.state.noise import NoiseRule
from tdi.state.own_secrets import END
from tdi.state.rules import Rules, as_yaml, load_rules
from tdi.state.scopes.registry import BUILT_IN

ENTRY = {"scope": "files", "match": "^/srv/x$", "reason": "made by hand"}


def rules_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "rules.yml"
    path.write_text(text)
    return path


def with_entry(tmp_path: Path, **changes: object) -> Path:
    entry = {name: value for name, value in (ENTRY | changes).items() if value is not None}
    return rules_file(tmp_path, yaml.safe_dump({"allow": [entry]}))


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


def test_the_built_in_rules_hold_without_a_rules_file():
    assert load_rules(None) == Rules()


def test_a_full_entry_is_read(tmp_path: Path):
    rules = load_rules(
        with_entry(
            tmp_path,
            attributes=["mode"],
            direction="changed",
            value={"a": {"mode": "0644"}, "b": {"mode": "0600"}},
            until=dt.date(2030, 1, 31),
        )
    )
    assert rules.allow == (
        Allowance(
            scope="files",
            match="^/srv/x$",
            reason="made by hand",
            attributes=("mode",),
            direction=Direction.CHANGED,
            value={"a": {"mode": "0644"}, "b": {"mode": "0600"}},
            until=dt.date(2030, 1, 31),
        ),
    )


def test_an_entry_survives_being_written_and_read(tmp_path: Path):
    entry = Allowance("files", r"^/srv/a\n\udcff<b>$", "a: 'reason'", (), Direction.ONLY_B, {"b": {"size": 1}})
    path = rules_file(tmp_path, "allow:\n" + as_yaml([entry]))
    assert load_rules(path).allow == (entry,)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"match": "/srv/x"}, "anchored"),
        ({"match": "^/srv/x"}, "anchored"),
        ({"match": r"^/srv/x\$"}, "anchored"),
        ({"match": "^/srv/(x$"}, "regular expression"),
        ({"match": None}, "'match'"),
        ({"reason": None}, "'reason'"),
        ({"reason": "  "}, "'reason'"),
        ({"scope": None}, "'scope'"),
        ({"scope": "fyles"}, "unknown scope 'fyles'"),
        ({"path": "/srv/x"}, "'path'"),
        ({"direction": "sideways"}, "'direction'"),
        ({"attributes": "mode"}, "'attributes'"),
        ({"attributes": []}, "'attributes'"),
        ({"value": {"fresh": {}}}, "'fresh'"),
        ({"value": {"a": "0644"}}, "'value'"),
        ({"until": "soon"}, "'until'"),
    ],
)
def test_an_entry_that_cannot_be_used_is_named(tmp_path: Path, changes: dict[str, object], said: str):
    path = with_entry(tmp_path, **changes)
    with pytest.raises(TdiError) as error:
        load_rules(path)
    assert str(path) in error.value.what
    assert "allow entry 1" in error.value.what
    assert said in error.value.what
    assert error.value.remedy
    assert "\n" not in error.value.what


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("allow: [", "line 1"),
        ("allow: []\n  x: 1\n", "line 2"),
        ("- a\n", "mapping"),
        ("alow: []\n", "'alow'"),
        ("allow: {}\n", "list"),
        ("allow: [x]\n", "allow entry 1"),
        ("acceptable_unavailable: [probes]\n", "acceptable_unavailable"),
        ("acceptable_unavailable: {probes: ''}\n", "probes"),
        ("acceptable_unavailable: {sistemd: x}\n", "unknown scope 'sistemd'"),
        ("allow: []\nallow: []\n", "line 2 is not valid YAML: the key 'allow' is there twice"),
        ("allow:\n- {scope: files, match: ^/x$, reason: x,\n   match: ^/y$}\n", "line 3"),
        ("acceptable_unavailable: {probes: a, probes: b}\n", "'probes' is there twice"),
        ("\x00", "YAML"),
    ],
)
def test_a_rules_file_that_cannot_be_used_is_named(tmp_path: Path, text: str, said: str):
    path = rules_file(tmp_path, text)
    with pytest.raises(TdiError) as error:
        load_rules(path)
    assert str(path) in error.value.what
    assert said in error.value.what
    assert "\n" not in error.value.what


def test_a_rules_file_that_is_not_there_is_an_error(tmp_path: Path):
    with pytest.raises(TdiError, match="cannot be read"):
        load_rules(tmp_path / "none.yml")


def test_an_empty_rules_file_allows_nothing(tmp_path: Path):
    assert load_rules(rules_file(tmp_path, "")) == Rules()


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
