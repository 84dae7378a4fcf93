"""Starting other programs, and ending them."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from conftest import Fakes
from tdi.errors import TdiError
from tdi.outside import process
from tdi.outside.signals import Interrupted

KILL = "import os, sys; os.killpg(-int(sys.argv[1]), 15)"

SLEEPER = "sleep 60 & echo $! > {}; wait"


def gone(pid: int) -> bool:
    for _ in range(100):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def started(file: Path) -> int:
    for _ in range(100):
        if file.exists() and file.read_text().strip():
            return int(file.read_text())
        time.sleep(0.05)
    raise AssertionError("the program did not start")


def test_outputs_and_the_exit_code_are_returned():
    done = process.run(["sh", "-c", "cat; echo err >&2; exit 3"], check=False, feed=b"fed")
    assert (done.code, done.stdout, done.stderr, done.ok) == (3, "fed", "err\n", False)


def test_what_is_no_utf8_does_not_break_us():
    assert process.run(["printf", r"\377a"]).stdout.endswith("a")


def test_a_program_that_must_succeed_and_does_not_is_quoted():
    with pytest.raises(process.CommandFailedError, match=r"^sh -c echo .* failed: the reason$"):
        process.run(["sh", "-c", "echo much; echo the reason >&2; echo >&2; exit 1"])


@pytest.mark.parametrize(
    ("stdout", "stderr", "line"), [("out\n", "", "out"), ("out", "a\nb \n\n", "b"), ("", "", "exit code 7")]
)
def test_the_last_line_is_where_the_reason_stands(stdout: str, stderr: str, line: str):
    assert process.Completed(("x",), 7, stdout, stderr).last_line == line


def test_a_missing_program_is_named():
    with pytest.raises(TdiError, match="no-such-program-here is not installed") as error:
        process.run(["no-such-program-here"])
    assert "tdi doctor" in error.value.remedy


@pytest.mark.parametrize("tick", [None, lambda: None])
def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path: Path, tick):
    file = tmp_path / "pid"
    with pytest.raises(TdiError, match=r"did not end within 0 s"):
        process.run(["sh", "-c", SLEEPER.format(file)], timeout=0.3, tick=tick)
    assert gone(started(file))


def test_an_error_of_the_observer_ends_the_program(tmp_path: Path):
    file = tmp_path / "pid"

    def tick() -> None:
        if file.exists() and file.read_text():
            raise TdiError("the machines did not boot")

    with pytest.raises(TdiError, match="did not boot"):
        process.run(["sh", "-c", SLEEPER.format(file)], tick=tick)
    assert gone(started(file))


def test_the_observer_is_called_once_more_at_the_end_and_what_was_fed_arrives(tmp_path: Path):
    calls = []
    log = tmp_path / "log"
    done = process.run(
        ["sh", "-c", "sleep 0.25; cat"], feed=b"fed", log=log, tick=lambda: calls.append(log.read_text())
    )
    assert done.stdout == ""
    assert len(calls) >= 2
    assert (calls[0], calls[-1]) == ("", "fed")


def test_a_log_is_appended_to(tmp_path: Path):
    log = tmp_path / "log"
    process.run(["echo", "one"], log=log)
    process.run(["sh", "-c", "echo two >&2"], log=log)
    assert log.read_text() == "one\ntwo\n"


def test_an_interrupt_of_an_attached_program_ends_it_and_its_children(tmp_path: Path):
    file = tmp_path / "pid"

    def interrupt(*_: object) -> None:
        started(file)
        raise Interrupted

    former = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(Interrupted):
            process.run_attached(["sh", "-c", SLEEPER.format(file)], dict(os.environ))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    assert gone(started(file))


def test_what_runs_as_root_through_sudo_is_ended_through_sudo(
    fakes: Fakes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real, file = os.killpg, tmp_path / "pid"

    def not_permitted(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "killpg", not_permitted)
    fakes("sudo", f'[ "$*" = "--non-interactive kill -TERM -- $5" ] && exec {sys.executable} -c "{KILL}" "$5"')
    try:
        with pytest.raises(TdiError, match="did not end within"):
            process.run(["sh", "-c", SLEEPER.format(file)], timeout=0.3)
    finally:
        monkeypatch.setattr(os, "killpg", real)
    assert gone(started(file))


def test_a_program_that_outlives_us_is_not_waited_for_and_its_end_is_known(tmp_path: Path):
    file = tmp_path / "end"
    code = process.start_outliving(["sh", "-c", f"until [ -e {file} ]; do sleep 0.05; done; exit 3"])
    assert code() is None
    file.touch()
    for _ in range(100):
        if code() is not None:
            break
        time.sleep(0.05)
    assert code() == 3


def test_a_program_that_cannot_outlive_us_is_named():
    with pytest.raises(TdiError, match="no-such-program-here could not be started"):
        process.start_outliving(["no-such-program-here"])


def test_an_attached_programs_exit_code_is_returned():
    assert process.run_attached([sys.executable, "-c", "raise SystemExit(4)"], dict(os.environ)) == 4


@pytest.mark.parametrize(("words", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), ("abc", "a, b and c")])
def test_words_are_joined_for_a_sentence(words, text: str):
    assert process.joined(words) == text


def test_the_first_line_is_the_first_that_says_something():
    assert process.first_line("\n  \n one \ntwo") == "one"
    assert process.first_line("") == ""


def test_a_program_that_listens_is_told_a_last_word_and_outlives_us_where_it_goes_on():
    tell = process.start_listening([sys.executable, "-c", "exit(input() == 'done')"])
    assert tell(b"done\n", 10) == 1
    goes_on = process.start_listening(["sleep", "60"])
    assert goes_on(b"", 0) is None
    with pytest.raises(TdiError, match="no-such-program could not be started"):
        process.start_listening(["no-such-program"])


def test_a_program_that_is_asked_answers_line_by_line_and_is_ended_where_it_does_not_end():
    asked = process.open_for_questions(["cat"])
    assert [asked.ask("one"), asked.ask("two")] == ["one\n", "two\n"]
    asked.close()
    assert asked.child.returncode == 0
    stubborn = process.open_for_questions(["sleep", "60"])
    stubborn.close(0.1)
    assert stubborn.child.returncode == -signal.SIGKILL


def test_a_program_that_goes_on_after_it_was_read_is_ended_and_said(tmp_path: Path):
    with (
        (tmp_path / "messages").open("w+b") as messages,
        pytest.raises(TdiError, match="it goes on"),
        process.piped(["sh", "-c", "echo here; sleep 60"], b"", messages, last=0.1, late="it goes on") as program,
    ):
        assert os.read(program.output, 10) == b"here\n"
    assert program.code == -signal.SIGKILL
