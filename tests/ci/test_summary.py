"""The job summary: what a reader of a pull request needs, shown as it is, within the size that is shown at all."""

from pathlib import Path

import pytest
from left_behind import BREAKS, PLAN, SAID, WORKS, comparison, drift, finding, leave, verdict

from tdi.ci import results, summary
from tdi.ci.__main__ import main
from tdi.state.compare import Result as SameState
from tdi.state.plan import Plan
from tdi.state.plan import Step as Planned
from tdi.verdict.outcome import MEANINGS, Class, Ended, Result, Step


def rendered(artifacts: Path, room: int = summary.LIMIT) -> str:
    return summary.render(results.read(artifacts), room)


def test_class_steps_plan_and_findings_are_there_in_this_order(tmp_path: Path):
    text = rendered(drift(tmp_path))
    parts = [
        "## ❌ drift\\: both work, but they do not end in the same state",
        "debian\\-13, 14 s",
        "| machine | create | converge | idempotence | verify | record |",
        "| upgrade | pass | pass | pass | pass | pass |",
        "### What the change does to production\n\n````diff\n~ packages nginx: 1.26.3-3 → 1.26.3-4 (with 6 in what",
        "    +<p>```hello```</p>",
        "- files /etc/old.conf",
        "! restarted: nginx.service\nPlan: 1 to add, 1 to change, 1 to remove.\n````\n",
        "### ❌ The new and the upgraded machine are not in the same state\\: 1 finding",
        "| service | file /etc/nginx/1.conf\\: content differs;",
        "Varies, and was not compared: 3 objects",
    ]
    places = [text.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)


def test_what_failed_is_told_with_its_evidence(tmp_path: Path):
    text = rendered(leave(tmp_path, verdict(BREAKS, WORKS), plan=PLAN))
    assert "| fresh | pass | fail | not reached | not reached | not reached |" in text
    assert f"#### fresh, converge\n\n```text\n{SAID}\nthe journal ends with:\n  no\n```\n" in text
    assert "Plan: 1 to add" in text


@pytest.mark.parametrize("kind", Class)
def test_every_class_is_explained(kind: Class):
    text = summary.render(results.Results(kind))
    assert summary.escape(MEANINGS[kind]) in text
    assert ("✅" in text) == (kind is Class.PASS)


def test_where_nothing_is_there_it_says_so(tmp_path: Path):
    text = rendered(tmp_path / "nothing")
    assert text.startswith("## ⚠️ could\\-not\\-run")
    assert "verdict.json is missing" in text


def test_nothing_that_a_machine_says_becomes_markup(tmp_path: Path):
    hostile = "```\n# title <script>x</script> @somebody\n~~~~\n````\x1b[31m"
    fails = {**WORKS, Step.VERIFY: Ended(Result.FAIL, hostile)}
    found = comparison([finding(why="<b>bold</b> | [x](http://x) @somebody `x`")], problems=("<i>x</i>",))
    text = rendered(leave(tmp_path, verdict(fails, WORKS, SameState.DIFFERENT), found, PLAN))
    assert "`````text\n```\n# title" in text, "the fence is longer than any in the text"
    assert "\\x1b" in text
    assert "\x1b" not in text
    assert "<b>" not in text
    assert "<i>" not in text
    assert "](http" not in text


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is left by a change that says and differs more than anybody reads."""
    fails = {**WORKS, Step.VERIFY: Ended(Result.FAIL, "\n".join(["ü" * 3000] * 100))}
    planned = [Planned(k.kind, "files", "ü" * 9000, "ü" * 9000, {}, ("+ü" * 900,) * 40) for k in PLAN.steps * 40]
    findings = [finding(number, why="ü" * 2000) for number in range(1000)]
    said = verdict(fails, fails, SameState.DIFFERENT)
    return leave(
        tmp_path_factory.mktemp("endless"), said, comparison(findings), Plan(tuple(planned), ("ü" * 9000,) * 90)
    )


@pytest.mark.parametrize("room", [summary.LIMIT, 300_000, 70_000, 2000, 300, 100, 0, -5])
def test_it_never_grows_beyond_what_is_shown(endless: Path, room: int):
    text = rendered(endless, room)
    assert len(text.encode()) <= max(0, room)
    if room >= 300:
        assert text.startswith("## ❌ breaks\\-both")
        assert "left out" in text or " more " in text


def test_of_much_it_shows_something_of_everything(endless: Path):
    text = rendered(endless)
    for part in ("fresh, verify", "upgrade, verify", "What the change does", "not in the same state", "more finding"):
        assert part in text


def test_it_is_appended_to_what_is_there_and_counts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    artifacts = drift(tmp_path / "artifacts")
    assert main(["summary", "--artifacts", str(artifacts)]) == 0
    once = file.read_text(encoding="utf-8")
    assert once.startswith("## ❌ drift")
    file.write_text("x" * (summary.LIMIT - 1000), encoding="utf-8")
    assert main(["summary", "--artifacts", str(artifacts)]) == 0
    assert file.stat().st_size <= summary.LIMIT
    assert "left out" in file.read_text(encoding="utf-8")


def test_without_a_forge_it_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.setenv("TDI_ARTIFACTS", str(drift(tmp_path)))
    assert main(["summary"]) == 0
    assert capfdbinary.readouterr().out.decode().startswith("## ❌ drift")


def test_where_it_cannot_be_written_two_lines_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    assert main(["summary", "--artifacts", str(tmp_path)]) == 2
    assert capfd.readouterr().err == (
        "tdi: The job summary cannot be written: Is a directory.\n     See GITHUB_STEP_SUMMARY.\n"
    )
