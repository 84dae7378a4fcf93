"""How long verdicts took, and what is expected of the next one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Ended as EndedCommand
from tdi.outside import screen
from tdi.project import Project
from tdi.same_state.kept_records import Found
from tdi.state.compare import Result as SameState
from tdi.verdict import display, durations, run
from tdi.verdict.outcome import Ended, Result, Step, Trouble, Verdict

FACTS = {"base_image": "base", "production_image": "production"}


def verdict(total: float = 14.0, images: float = 0.0, platform: str = "debian-13") -> Verdict:
    made = Verdict(platform, same_state=Found(SameState.SAME), seconds={"images": images, "total": total})
    for machine in made.machines.values():
        machine.steps = dict.fromkeys(Step, Ended(Result.PASS))
    return made


def test_without_a_former_run_nothing_is_expected(tmp_path: Path):
    assert durations.usual(tmp_path) == {}


def test_what_is_expected_is_what_the_last_runs_of_the_platform_took_after_their_images(tmp_path: Path):
    for total, images in ((100.0, 90.0), (30.0, 0.0), (14.0, 1.0)):
        durations.keep(tmp_path, verdict(total, images))
    durations.keep(tmp_path, verdict(50.0, platform="debian-12"))
    assert durations.usual(tmp_path) == {"debian-13": 13.0, "debian-12": 50.0}


def test_the_last_runs_are_kept_with_the_seconds_of_their_steps(tmp_path: Path):
    for total in range(10, 17):
        durations.keep(tmp_path, verdict(total + 0.001))
    file = tmp_path / durations.NAME
    assert json.loads(file.read_text()) == {
        "schema": 1,
        "platforms": {"debian-13": [{"images": 0.0, "total": total} for total in (12.0, 13.0, 14.0, 15.0, 16.0)]},
    }
    assert oct(file.stat().st_mode & 0o777) == "0o600"


def test_a_failed_verdict_counts_and_a_run_that_found_nothing_out_does_not(tmp_path: Path):
    failed = verdict(20.0)
    failed.machines["fresh"].steps[Step.CONVERGE] = Ended(Result.FAIL, "no")
    durations.keep(tmp_path, failed)
    without = verdict(2.0)
    without.trouble = Trouble("Docker is unreachable.")
    durations.keep(tmp_path, without)
    assert durations.usual(tmp_path) == {"debian-13": 20.0}


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "\xff", "[]", "null", '{"schema": 2, "platforms": {"debian-13": [{"total": 1}]}}', "[" * 100_000),
        *('{"schema": 1}', '{"schema": 1, "platforms": []}', '{"schema": 1, "platforms": {"debian-13": 3}}'),
        *(
            f'{{"schema": 1, "platforms": {{"debian-13": [{run}]}}}}'
            for run in (
                *("1", "null", "{}", '{"images": 1}', '{"total": "1"}', '{"total": -1}', '{"total": NaN}'),
                *('{"total": Infinity}', '{"total": null}', '{"total": 1, "images": 2}', '{"total": 1, "images": []}'),
            )
        ),
    ],
)
def test_a_damaged_file_is_no_error_and_is_made_anew(tmp_path: Path, content: str):
    file = tmp_path / durations.NAME
    file.write_text(content, encoding="latin-1")
    assert durations.usual(tmp_path) == {}
    durations.keep(tmp_path, verdict(14.0))
    assert durations.usual(tmp_path) == {"debian-13": 14.0}
    assert len(json.loads(file.read_text())["platforms"]["debian-13"]) == 1


def test_what_is_whole_in_a_damaged_file_stays(tmp_path: Path):
    document = {"schema": 1, "platforms": {"debian-13": [{"total": "x"}, {"total": 9}], "debian-12": [7]}}
    (tmp_path / durations.NAME).write_text(json.dumps(document))
    assert durations.usual(tmp_path) == {"debian-13": 9}


def test_where_it_cannot_be_kept_that_is_said_and_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "file").write_text("")
    durations.keep(tmp_path / "file", verdict())
    assert "How long this took is not kept: " in capsys.readouterr().err


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time; its last value counts."""
    now = [100.0]
    monkeypatch.setattr(display.time, "monotonic", lambda: now[-1])
    return now


def live_line(progress: display.Display) -> str:
    with screen.err.capture() as captured:
        screen.err.print(progress._render())
    return " ".join(captured.get().split())


def test_the_live_line_says_how_long_it_has_taken_and_will(clock: list[float]):
    progress = display.Display(usual={"debian-13": 33.0})
    progress._is_live = True
    assert live_line(progress) == "elapsed 0 s"
    clock.append(102.0)
    progress.provenance("debian-13", FACTS)
    clock.append(112.4)
    assert live_line(progress) == "elapsed 12 s of about 35 s"
    clock.append(150.0)
    progress.step(Step.VERIFY)
    assert live_line(progress) == "elapsed 50 s, longer than the usual 35 s verify"


@pytest.mark.parametrize("usual", [None, {}, {"debian-12": 33.0}])
def test_without_a_former_run_on_the_platform_only_what_it_has_taken_is_said(
    clock: list[float], capsys: pytest.CaptureFixture[str], usual: dict[str, float] | None
):
    progress = display.Display(usual=usual)
    progress.provenance("debian-13", FACTS)
    clock.append(112.4)
    assert live_line(progress) == "elapsed 12 s"
    assert "about" not in capsys.readouterr().err


def test_plain_lines_say_once_how_long_it_will_take(clock: list[float], capsys: pytest.CaptureFixture[str]):
    with display.Display("my.patch: ", {"debian-13": 33.0}) as progress:
        clock.append(102.0)
        progress.provenance("debian-13", FACTS)
        for step in Step:
            progress.step(step)
    said = [line.partition("] ")[2] for line in capsys.readouterr().err.splitlines()]
    assert said[2] == "my.patch: about 35 s, as the last runs took"
    assert len([line for line in said if "about" in line]) == 1


def test_on_a_terminal_the_live_line_alone_says_it(capsys: pytest.CaptureFixture[str]):
    progress = display.Display(usual={"debian-13": 33.0})
    progress._is_live = True
    progress.provenance("debian-13", FACTS)
    assert "about" not in capsys.readouterr().err


def test_a_verdict_keeps_what_the_next_one_says(
    tdi: Callable[..., EndedCommand], checkout: Project, monkeypatch: pytest.MonkeyPatch
):
    def come_to(_: object, progress: display.Display, **__: Any) -> Verdict:
        progress.provenance("debian-13", FACTS)
        return verdict(35.0)

    monkeypatch.setattr(run, "run_verdict", come_to)
    monkeypatch.chdir(checkout.root)
    assert "as the last runs took" not in tdi("verdict").err
    assert "about 35 s, as the last runs took" in tdi("verdict").err
    document = json.loads((checkout.artifacts / durations.NAME).read_text())
    assert len(document["platforms"]["debian-13"]) == 2
