"""The rules file: what it may hold, and what it must not."""

import datetime as dt
from pathlib import Path

import pytest
import yaml

from tdi.errors import TdiError
from tdi.state.allowances import Allowance, Direction
from tdi.state.rules import Rules, as_yaml, load_rules

ENTRY = {"scope": "files", "match": "^/srv/x$", "reason": "made by hand"}


def rules_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "rules.yml"
    path.write_text(text)
    return path


def with_entry(tmp_path: Path, **changes: object) -> Path:
    entry = {name: value for name, value in (ENTRY | changes).items() if value is not None}
    return rules_file(tmp_path, yaml.safe_dump({"allow": [entry]}))


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
