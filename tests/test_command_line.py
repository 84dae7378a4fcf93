"""The command line: exit codes, and errors of one or two lines."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from conftest import Ended
from tdi import cli
from tdi.errors import TdiError
from tdi.project import Project
from tdi.same_state.kept_records import Found
from tdi.state.compare import Result as SameState
from tdi.verdict import run as verdicts
from tdi.verdict.outcome import Ended as EndedStep
from tdi.verdict.outcome import Result, Step, Verdict


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-command",), ("verdict", "--no-such-option"), ("verdict", "extra"), ("try",), ("state", "record"),
        ("state", "record", "local://"), ("state", "diff", "a", "/tmp"), ("state", "diff", "a", "b", "--format", "x"),
    ],
)  # fmt: skip
def test_a_wrong_call_is_code_2_and_says_what_is_wrong(tdi: Callable[..., Ended], arguments: tuple[str, ...]):
    ended = tdi(*arguments)
    assert ended.code == 2
    wrong, remedy = ended.err.splitlines()
    assert wrong.startswith("tdi: ")
    assert remedy.endswith("--help` says how to call it.")


def test_without_a_command_it_shows_its_help(tdi: Callable[..., Ended]):
    ended = tdi()
    assert ended.code == 2
    assert "Usage" in ended.out + ended.err


def test_every_command_has_help(tdi: Callable[..., Ended]):
    def walk(command: click.Command, *words: str) -> None:
        ended = tdi(*words, "--help")
        assert ended.code == 0
        assert "Usage" in ended.out
        assert command.help, words
        # An example begins with the command itself; that of a group may be of one that is in it.
        assert re.search(
            rf"^  Examples?:\n(    .*\n)*?    (TDI_\w+=\S+ )?{' '.join(('tdi', *words))}\b", ended.out, re.MULTILINE
        )
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                each = command.get_command(context, name)
                assert each
                walk(each, *words, name)

    context = click.Context(cli.cli)
    walk(cli.cli)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (TdiError("what is wrong", "what to do"), 2, "tdi: what is wrong\n     what to do\n"),
        (TdiError("only [what]"), 2, "tdi: only [what]\n"),
        (OSError(28, "No space left on device", "/a/file"), 2, "tdi: No space left on device: /a/file\n"),
        (OSError("odd"), 2, "tdi: odd\n"),
        (KeyboardInterrupt(), 130, "Interrupted"),
        (click.Abort(), 130, "Interrupted"),
        (click.ClickException("not so"), 2, "tdi: not so"),
        (TdiError("a \x1b[31mmachine\nsaid \u202e this"), 2, "tdi: a \\x1b[31mmachine\\nsaid \\u202e this\n"),
    ],
)
def test_whatever_ends_a_command_has_its_code_and_its_line(
    tdi: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
):
    def fail() -> None:
        raise error

    monkeypatch.setattr("tdi.setup.engine.ensure", fail)
    ended = tdi("setup")
    assert ended.code == code
    assert said in ended.err
    assert len(ended.err.splitlines()) <= 2


def _verdict(fresh: Result, same: SameState) -> Verdict:
    verdict = Verdict("debian-13", same_state=Found(same))
    for label, machine in verdict.machines.items():
        machine.steps = dict.fromkeys(Step, EndedStep(fresh if label == "fresh" else Result.PASS))
    return verdict


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (_verdict(Result.PASS, SameState.SAME), 0),
        (_verdict(Result.PASS, SameState.DIFFERENT), 1),
        (_verdict(Result.FAIL, SameState.UNKNOWN), 1),
        (_verdict(Result.ERROR, SameState.SAME), 2),
    ],
)
def test_the_verdict_is_the_exit_code_and_is_written(
    tdi: Callable[..., Ended], checkout: Project, monkeypatch: pytest.MonkeyPatch, verdict: Verdict, code: int
):
    monkeypatch.chdir(checkout.root)
    monkeypatch.setattr(verdicts, "run_verdict", lambda *_, **__: verdict)
    ended = tdi("verdict")
    assert ended.code == code
    assert f"verdict: {verdict.kind.value}" in ended.out
    assert f'"class": "{verdict.kind.value}"' in (checkout.artifacts / "verdict.json").read_text()


@pytest.mark.parametrize("command", ["verdict", "doctor"])
def test_outside_of_a_checkout_it_says_so(
    tdi: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
):
    monkeypatch.chdir(tmp_path)
    ended = tdi(command)
    assert ended.code == 2
    assert "not inside a project" in ended.out + ended.err


def test_results_that_cannot_be_written_are_code_2_before_anything_runs(
    tdi: Callable[..., Ended], checkout: Project, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(checkout.root)
    checkout.artifacts.touch()
    ended = tdi("verdict")
    assert ended.code == 2
    assert f"Results cannot be written to {checkout.artifacts}" in ended.err
    assert "TDI_ARTIFACTS" in ended.err


def test_an_interrupted_verdict_does_not_leave_a_former_one(
    tdi: Callable[..., Ended], checkout: Project, monkeypatch: pytest.MonkeyPatch
):
    def interrupted(*_: object, **__: object) -> Verdict:
        raise KeyboardInterrupt

    monkeypatch.chdir(checkout.root)
    checkout.prepare_artifacts()
    (checkout.artifacts / "verdict.json").write_text('{"class": "pass"}')
    monkeypatch.setattr(verdicts, "run_verdict", interrupted)
    assert tdi("verdict").code == 130
    assert not (checkout.artifacts / "verdict.json").exists()


def test_python_m_tdi_is_the_same_command():
    done = subprocess.run([sys.executable, "-m", "tdi", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("tdi, version ")


def test_an_output_that_nobody_reads_is_no_traceback():
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m tdi --help | true"], capture_output=True, text=True, check=True
    )
    assert "Traceback" not in done.stderr
