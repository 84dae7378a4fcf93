"""What a verdict looks like on the terminal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tdi.machines.machine import Part
from tdi.outside import console, screen
from tdi.same_state.kept_records import Found
from tdi.state.compare import Result as SameState
from tdi.state.finding import Finding, Kind, Severity
from tdi.verdict import display
from tdi.verdict.outcome import MEANINGS, Class, Ended, MachineOutcome, Result, Step, Trouble, Verdict

FINDING = Finding("1", "files", "/etc/old", Kind.ONLY_B, Severity.LEFT_OVER, "role", (), "It is there.", "Remove it.")


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    def show(verdict: Verdict, title: str = "") -> str:
        monkeypatch.setattr(screen.out, "_width", 200)
        display.show(verdict, Path("artifacts"), title)
        return capsys.readouterr().out

    return show


def passed() -> Verdict:
    verdict = Verdict("debian-13", same_state=Found(SameState.SAME), seconds={"total": 29.7})
    for machine in verdict.machines.values():
        machine.steps = {step: Ended(Result.PASS) for step in Step if step is not Step.LOAD}
    return verdict


def test_a_pass_shows_both_machines_the_class_and_where_the_rest_is(shown: Callable[..., str]):
    text = shown(passed())
    lines = text.splitlines()
    assert lines[0].split() == ["machine", *(step.value for step in Step if step is not Step.LOAD)]
    assert lines[1].split() == ["fresh", *["pass"] * 5]
    assert lines[2].split() == ["upgrade", *["pass"] * 5]
    assert "same state: yes" in lines
    assert any(line.startswith("verdict: pass — ") for line in lines)
    assert lines[-1] == "platform debian-13, 30 s; logs and records: artifacts"


def test_where_the_rest_is_is_named_from_here(capsys: pytest.CaptureFixture[str]):
    display.show(passed(), Path.cwd() / "artifacts")
    assert capsys.readouterr().out.splitlines()[-1].endswith("logs and records: artifacts")


@pytest.mark.parametrize("kind", Class)
def test_every_class_is_explained(kind: Class):
    assert MEANINGS[kind]


def test_a_failure_shows_the_task_and_what_it_said_not_the_whole_log(shown: Callable[..., str]):
    verdict = passed()
    said = "\n".join(f"line {number}" for number in range(100))
    verdict.machines["fresh"].steps[Step.CONVERGE] = Ended(Result.FAIL, f"task 'Write [the] page' failed: {said}")
    text = shown(verdict)
    assert "fresh, converge:" in text
    assert "task 'Write [the] page' failed: line 0" in text
    assert "line 11" in text
    assert "line 12\n" not in text
    assert "88 more lines in the log" in text
    assert "verdict: breaks-new" in text


def test_what_a_machine_said_is_shown_whole(shown: Callable[..., str]):
    verdict = passed()
    said = tuple(f"  line {number}" for number in range(20))
    verdict.machines["fresh"].steps[Step.CONVERGE] = Ended(Result.FAIL, "task 'Start' failed", said)
    assert "  line 19\n" in shown(verdict)


def test_machines_that_are_still_there_are_named_with_how_to_remove_them(shown: Callable[..., str]):
    verdict = passed()
    verdict.kept = ["tdi-x-fresh", "tdi-x-upgrade"]
    lines = shown(verdict).splitlines()
    assert "  docker exec -it tdi-x-fresh bash" in lines
    assert any(line.strip().startswith("docker rm --force --volumes tdi-x-fresh tdi-x-upgrade") for line in lines)


def test_steps_that_were_not_reached_are_dashes(shown: Callable[..., str]):
    verdict = Verdict()
    verdict.machines["fresh"].steps = {Step.CREATE: Ended(Result.PASS), Step.CONVERGE: Ended(Result.FAIL)}
    assert shown(verdict).splitlines()[1].split() == ["fresh", "pass", "fail", "-", "-", "-"]


def test_findings_show_why_and_what_to_do_and_long_lists_are_cut(shown: Callable[..., str]):
    verdict = passed()
    findings = tuple(
        Finding(f"id{n}", "files", "/a", Kind.ONLY_B, Severity.LEFT_OVER, "nobody", (), f"why [{n}].", f"do {n}.")
        for n in range(12)
    )
    verdict.same_state = Found(SameState.DIFFERENT, findings, ("an entry that nothing needs",))
    text = shown(verdict)
    assert "same state: no, 12 findings" in text
    assert "  left-over  why [9]. → do 9. [id9, owner nobody]" in text.splitlines()
    assert "why [10]." not in text
    assert "and 2 more" in text
    assert "an entry that nothing needs" in text


def test_what_a_machine_says_cannot_act_on_the_terminal(shown: Callable[..., str], capsys: pytest.CaptureFixture[str]):
    hostile = "\x1b[31mred\x1b]0;title\x07\u202e"
    verdict = passed()
    verdict.same_state = Found(SameState.DIFFERENT, problems=(hostile,))
    verdict.machines["fresh"].steps[Step.CONVERGE] = Ended(Result.FAIL, f"\ttask failed: {hostile}")
    text = shown(verdict, hostile) + shown(Verdict(trouble=Trouble(hostile), same_state=Found(not_compared=hostile)))
    console.say(hostile)
    console.fail(hostile, hostile)
    text += capsys.readouterr().err
    assert [letter for letter in "\x1b\x07\u202e" if letter in text] == []
    assert text.count(r"\x1b[31mred") == 8


def test_trouble_shows_its_cause_and_the_remedy(shown: Callable[..., str]):
    text = shown(Verdict(trouble=Trouble("Docker is unreachable.", "Start it.")))
    assert "verdict: could-not-run" in text
    assert "cause: Docker is unreachable. Start it." in text
    assert "platform unknown" in text


def test_what_was_not_compared_says_why(shown: Callable[..., str]):
    verdict = passed()
    verdict.same_state = Found(SameState.UNKNOWN, not_compared="files: [Errno 5]")
    assert "same state: not known (files: [Errno 5])" in shown(verdict)


def test_the_title_names_the_patch(shown: Callable[..., str]):
    assert shown(passed(), "changes/good/a.patch").startswith("changes/good/a.patch\n")


def test_a_title_may_have_brackets(shown: Callable[..., str]):
    assert "my [wip] a.patch" in shown(passed(), "my [wip] a.patch")


@pytest.mark.parametrize("state", [SameState.SAME, SameState.DIFFERENT])
def test_what_comes_from_the_bases_is_counted_apart(shown: Callable[..., str], state: SameState):
    verdict = passed()
    verdict.same_state = Found(state, from_bases=3)
    (line,) = (line for line in shown(verdict).splitlines() if line.startswith("same state: "))
    assert line.endswith(" (findings that come from the base images alone: 3)")


def several_pasts() -> Verdict:
    """A verdict from three pasts: one is the same, one is not, and one could not be provisioned."""
    verdict = passed()
    verdict.plan = ["~ packages nginx: 1 → 2", "Plan: 0 to add, 1 to change, 0 to remove."]
    works = {step: Ended(Result.PASS) for step in Step if step is not Step.LOAD}
    verdict.machines["upgrade-old"] = MachineOutcome(Part.UPGRADED, works)
    verdict.of_past("upgrade-old").plan = ["~ files /etc/app", "Plan: 0 to add, 1 to change, 7 to remove."]
    verdict.of_past("upgrade-old").same_state = Found(SameState.DIFFERENT, (FINDING,))
    gone = {Step.CREATE: Ended(Result.ERROR, "task 'Install' failed")}
    verdict.machines["upgrade-gone"] = MachineOutcome(Part.UPGRADED, gone)
    verdict.of_past("upgrade-gone")
    verdict.provenance = {
        "production_image": "tdi-production:a (1234567, the tip of main)",
        "production_image_of_upgrade-old": "tdi-production:b (7654321, past old: the release 1.0.0)",
    }
    return verdict


def test_several_pasts_are_a_table_and_what_is_wrong_with_each_is_said(shown: Callable[..., str]):
    text = shown(several_pasts())
    lines = [line.split() for line in text.splitlines()]
    assert ["past", "class", "findings", "production"] in lines
    assert ["default", "pass", "0", *["1234567,", "the", "tip", "of", "main"]] in lines
    assert ["old", "drift", "1", *["7654321,", "past", "old:", "the", "release", "1.0.0"]] in lines
    assert ["gone", "could-not-run", "-"] in lines
    assert "same state (old): no, 1 finding" in text
    assert "same state (default)" not in text, "the table says it"
    assert "what the change does to production (default):" in text
    assert "and to old: Plan: 0 to add, 1 to change, 7 to remove." in text
    assert "/etc/app" not in text, "of further pasts only how much it is"
    assert "verdict: drift — " in text


def test_where_each_past_comes_from_is_said_before(capsys: pytest.CaptureFixture[str]):
    with display.Display(usual={"debian-13, 2 pasts": 20.0, "debian-13": 9.0}) as progress:
        progress.provenance("debian-13", {"base_image": "base", **several_pasts().provenance})
    said = capsys.readouterr().err
    assert "Production: tdi-production:a (1234567, the tip of main)" in said
    assert "Production (old): tdi-production:b (7654321, past old: the release 1.0.0)" in said
    assert "about 20 s" in said


def test_a_load_has_a_column_where_a_machine_has_one(shown: Callable[..., str]):
    verdict = passed()
    told = "a page: 3 of 700 lost, the first after 2.1 s; 3 times refused"
    said = f"requests were lost while the change was converged:\n{told}"
    verdict.machines["upgrade"].steps[Step.LOAD] = Ended(Result.FAIL, said)
    lines = shown(verdict).splitlines()
    assert lines[0].split() == ["machine", *(step.value for step in Step)]
    assert lines[1].split() == ["fresh", "pass", "pass", "-", "pass", "pass", "pass"]
    assert f"  {told}" in lines
    assert any(line.startswith("verdict: drops-requests — ") for line in lines)
