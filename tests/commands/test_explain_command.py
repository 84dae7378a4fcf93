"""`tdi explain`: a word in a report, what it means and what to do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Ended
from tdi.project import Project
from tdi.state.finding import Finding, Kind, Severity
from tdi.state.fleet import own_names
from tdi.state.scopes.registry import BUILT_IN, SCOPES
from tdi.state.varying.taken import Witness
from tdi.verdict.outcome import MEANINGS, Class, Step

FINDING = Finding(
    "001d089795b7",
    "files",
    "/srv/website/index.html",
    Kind.ONLY_B,
    Severity.LEFT_OVER,
    "nobody",
    (),
    "file /srv/website/index.html is only on the upgraded machine.",
    "Add a task that removes it.",
)


@pytest.fixture
def report(checkout: Project, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes the report of a comparison into a checkout, and works in it."""

    def write(*findings: Finding, **more: Any) -> Path:
        checkout.prepare_artifacts()
        file = checkout.records / "same-state.json"
        document = {"schema": 1, "findings": [one.as_json() for one in findings], "suppressed": {}, **more}
        file.write_text(json.dumps(document), encoding="utf-8")
        return file

    monkeypatch.chdir(checkout.root)
    return write


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that is no project."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("kind", Class)
def test_a_class_is_told_with_what_to_do(tdi: Callable[..., Ended], kind: Class):
    ended = tdi("explain", kind.value)
    assert ended.code == 0
    said = " ".join(ended.out.split())
    assert said.startswith(f"{kind.value} (class) {MEANINGS[kind]} → ")


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("word", [*Step, "fresh", "upgrade", *Severity, *Kind, *Witness, own_names.RULE, "nobody"])
def test_a_word_that_reports_have_is_known(tdi: Callable[..., Ended], word: str):
    ended = tdi("explain", word)
    assert ended.code == 0
    assert ended.out.startswith(f"{word} (")
    assert len(ended.out.splitlines()) > 1


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("name", SCOPES)
def test_a_scope_is_told_with_what_it_holds_and_how_bad_it_is(tdi: Callable[..., Ended], name: str):
    ended = tdi("explain", name)
    assert ended.code == 0
    assert f"{name} (scope)" in ended.out
    assert any(f"  {severity}: " in ended.out for severity in Severity)
    assert f"--scope {name}" in ended.out


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(("word", "name"), [("unit", "systemd"), ("Units", "systemd"), ("file", "files")])
def test_a_scope_is_known_by_what_sentences_call_its_objects(tdi: Callable[..., Ended], word: str, name: str):
    assert f"{name} (scope)" in tdi("explain", word).out


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("rule", BUILT_IN, ids=lambda rule: rule.id)
def test_a_built_in_rule_is_told_with_its_reason(tdi: Callable[..., Ended], rule: Any):
    ended = tdi("explain", rule.id)
    assert " ".join(rule.reason.split()) in " ".join(ended.out.split())
    assert ("must differ" in ended.out) == rule.must_differ


def test_a_finding_of_the_last_verdict_is_told(tdi: Callable[..., Ended], report: Callable[..., Path]):
    report(FINDING)
    for word in (FINDING.id, "001d", f"[{FINDING.id},"):
        ended = tdi("explain", word)
        assert ended.code == 0
        assert FINDING.why in " ".join(ended.out.split())
        assert f"→ {FINDING.action}" in ended.out
        assert f"tdi state allow {FINDING.id} --from" in " ".join(ended.out.split())


def test_a_finding_of_a_further_past_is_told_with_its_records(
    tdi: Callable[..., Ended], report: Callable[..., Path], checkout: Project
):
    report()
    report(FINDING).rename(checkout.records / "same-state-old.json")
    report()
    said = " ".join(tdi("explain", FINDING.id).out.split())
    assert FINDING.why in said
    assert f"{checkout.records}/fresh.json {checkout.records}/upgrade-old.json" in said


def test_a_finding_of_the_base_images_is_told(tdi: Callable[..., Ended], report: Callable[..., Path]):
    report(from_bases=[FINDING.as_json()])
    assert FINDING.why in " ".join(tdi("explain", FINDING.id).out.split())


def test_an_allowance_that_took_something_is_told(tdi: Callable[..., Ended], report: Callable[..., Path]):
    rule = "allow: packages ^nginx$"
    report(suppressed={rule: 1, "journal": 4}, suppressed_reasons={rule: "held before the fair"})
    for words in (rule.split(), [rule], ["packages ^nginx$"]):
        ended = tdi("explain", *words)
        assert ended.code == 0
        assert "held before the fair" in ended.out


def test_an_id_that_begins_several_is_not_guessed(tdi: Callable[..., Ended], report: Callable[..., Path]):
    other = Finding.from_json({**FINDING.as_json(), "id": "001dffffffff"})
    report(FINDING, other)
    ended = tdi("explain", "001d")
    assert ended.code == 2
    assert FINDING.id in ended.err
    assert other.id in ended.err


@pytest.mark.usefixtures("elsewhere")
def test_an_unknown_word_is_code_2_with_what_is_near(tdi: Callable[..., Ended]):
    ended = tdi("explain", "driift")
    assert ended.code == 2
    assert ended.err == ("tdi: driift is no word of a report.\n     Near it: drift. `tdi explain` lists the words.\n")


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("word", ["", "?", "\x1b[31m", "x" * 9999, "zzzzzz"])
def test_what_is_near_to_nothing_is_code_2(tdi: Callable[..., Ended], word: str):
    ended = tdi("explain", word)
    assert ended.code == 2
    assert "`tdi explain` lists the words." in ended.err
    assert "\x1b" not in ended.err


def test_an_id_that_the_last_verdict_does_not_have(tdi: Callable[..., Ended], report: Callable[..., Path]):
    report(FINDING)
    ended = tdi("explain", "0123456789ab")
    assert ended.code == 2
    assert "no finding 0123456789ab" in ended.err
    assert "tdi verdict" in ended.err


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "\udcff", "[" * 100_000, '{"findings": [1], "suppressed": {}}',
     '{"findings": [], "suppressed": 1}',
     json.dumps({"findings": [{**FINDING.as_json(), "why": 1}], "suppressed": {}})],
)  # fmt: skip
def test_a_damaged_report_is_said_and_hides_no_other_word(
    tdi: Callable[..., Ended], report: Callable[..., Path], text: str
):
    file = report()
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    ended = tdi("explain", FINDING.id)
    assert ended.code == 2
    assert f"{file} is no report of a comparison." in ended.err
    assert tdi("explain", "drift").code == 0
    assert tdi("explain").code == 0


def test_what_a_machine_said_is_shown_with_its_escapes(tdi: Callable[..., Ended], report: Callable[..., Path]):
    report(Finding.from_json({**FINDING.as_json(), "why": "file /tmp/\x1b[2J is new."}))
    assert "\\x1b[2J" in tdi("explain", FINDING.id).out


@pytest.mark.usefixtures("elsewhere")
def test_without_a_word_it_lists_them_by_kind(tdi: Callable[..., Ended]):
    ended = tdi("explain")
    assert ended.code == 0
    for word in (*Class, *Step, *Severity, *SCOPES, *(rule.id for rule in BUILT_IN), *Witness):
        assert word in ended.out
