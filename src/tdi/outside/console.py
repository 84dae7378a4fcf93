"""Lines of progress and errors, on stderr. Tables and colours are in tdi.outside.screen: most commands print none.

What machines, Ansible and tests say may hold escapes that a terminal obeys: `printable` makes them visible.
"""

import os
import sys
import time

_SURROGATES = range(0xDC80, 0xDD00)
"""How Python stands for single bytes of a name that is not UTF-8."""

_started = time.monotonic()


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
    _print(f"[{time.monotonic() - _started:6.1f} s] {printable(message)}")


def fail(what: str, remedy: str = "") -> None:
    """An error: what is wrong, and in a second line what to do."""
    begin, end = _error_style()
    _print(f"{begin}tdi: {printable(what)}{end}")
    if remedy:
        _print(f"     {printable(remedy)}")


def _print(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _error_style() -> tuple[str, str]:
    """What a terminal is told before and after the first line of an error: bold red, only bold with NO_COLOR."""
    if not sys.stderr.isatty() or os.environ.get("TERM", "").lower() in {"dumb", "unknown"}:
        return "", ""
    return "\x1b[1m" if os.environ.get("NO_COLOR") else "\x1b[1;31m", "\x1b[0m"
