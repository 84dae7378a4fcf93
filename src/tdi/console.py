"""The terminal: every line that `tdi` prints goes through here. Results go to stdout, progress and errors to stderr."""

import sys
import time

from rich.console import Console

out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

_started = time.monotonic()

_SURROGATES = range(0xDC80, 0xDD00)
"""How Python stands for single bytes of a name that is not UTF-8."""


def printable(text: str) -> str:
    r"""Return `text` with a visible escape for each character that is not visible: \n, \x1b, \xff, \u202e.

    What comes from a machine is never trusted, and errors quote what machines say.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _escape(letter) for letter in text)


def _escape(letter: str) -> str:
    code = ord(letter)
    if code in _SURROGATES:
        return f"\\x{code - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode("ascii")


def say(message: str) -> None:
    """One line of progress, with the seconds since the start."""
    err.print(f"[{time.monotonic() - _started:6.1f} s] {printable(message)}", markup=False)


def fail(what: str, remedy: str = "") -> None:
    """An error: what is wrong, and in a second line what to do."""
    err.print(f"tdi: {printable(what)}", markup=False, style="bold red" if sys.stderr.isatty() else None)
    if remedy:
        err.print(f"     {printable(remedy)}", markup=False)
