"""Lines on the terminal: what is coloured, and where."""

import io
import sys

import pytest

from tdi.outside import console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"TERM": "xterm"}, "\x1b[1;31mtdi: wrong\x1b[0m\n     do this\n"),
        ({"TERM": "xterm", "NO_COLOR": "1"}, "\x1b[1mtdi: wrong\x1b[0m\n     do this\n"),
        ({"TERM": "dumb"}, "tdi: wrong\n     do this\n"),
    ],
)
def test_an_error_is_red_on_a_terminal_that_shows_it(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", Terminal())
    console.fail("wrong", "do this")
    assert sys.stderr.getvalue() == said


def test_elsewhere_it_is_plain(capsys: pytest.CaptureFixture[str]):
    console.fail("a\x1b[31m")
    assert capsys.readouterr().err == "tdi: a\\x1b[31m\n"
