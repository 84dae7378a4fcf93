"""The terminal: every line that `tdi` prints goes through here. Results go to stdout, progress and errors to stderr.

What machines, Ansible and tests say may hold escapes that a terminal obeys: `printable` makes them visible.
"""

import sys
import time

from rich.console import Console
from rich.text import Text

out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

_NARROW = 72
"""Columns: below that a margin takes too much of a line, and gets one of its own."""

_SMALL = 4
"""Columns of a margin that stays a margin on every terminal."""

_WIDE = 120
"""Columns: longer lines are hard to read."""

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
    err.print(f"[{time.monotonic() - _started:6.1f} s] {printable(message)}", markup=False)


def fail(what: str, remedy: str = "") -> None:
    """An error: what is wrong, and in a second line what to do."""
    err.print(f"tdi: {printable(what)}", markup=False, style="bold red" if sys.stderr.isatty() else None)
    if remedy:
        err.print(f"     {printable(remedy)}", markup=False)


def beside(console: Console, margin: Text, *parts: Text) -> None:
    """Print `parts` beside a margin.

    On a terminal each begins a line, and is wrapped at words below itself. Elsewhere all of it is one line, so that it
    can be searched and cut.
    """
    if not console.is_terminal:
        console.print(Text(" ").join([margin + parts[0], *parts[1:]]), soft_wrap=True)
        return
    indent = margin.cell_len
    if indent > _SMALL and console.width < _NARROW:
        console.print(margin, soft_wrap=True)
        indent, margin = 2, Text("  ")
    for part in parts:
        for line in part.wrap(console, max(min(console.width, _WIDE) - indent, 20), overflow="fold"):
            line.rstrip()
            console.print(margin + line, soft_wrap=True)
            margin = Text(" " * indent)
