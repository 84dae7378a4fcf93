"""The terminal: every line that `tdi` prints goes through here. Results go to stdout, progress and errors to stderr."""

import sys
import time

from rich.console import Console
from rich.text import Text

out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

_NARROW = 72
"""Columns: below that a margin takes too much of a line, and gets one of its own."""

_WIDE = 120
"""Columns: longer lines are hard to read."""

_started = time.monotonic()


def say(message: str) -> None:
    """One line of progress, with the seconds since the start."""
    err.print(f"[{time.monotonic() - _started:6.1f} s] {message}", markup=False)


def fail(what: str, remedy: str = "") -> None:
    """An error: what is wrong, and in a second line what to do."""
    err.print(f"tdi: {what}", markup=False, style="bold red" if sys.stderr.isatty() else None)
    if remedy:
        err.print(f"     {remedy}", markup=False)


def beside(console: Console, margin: Text, *parts: Text) -> None:
    """Print `parts` beside a margin.

    On a terminal each begins a line, and is wrapped at words below itself. Elsewhere all of it is one line, so that it
    can be searched and cut.
    """
    if not console.is_terminal:
        console.print(Text(" ").join([margin + parts[0], *parts[1:]]), soft_wrap=True)
        return
    indent = margin.cell_len
    if indent and console.width < _NARROW:
        console.print(margin, soft_wrap=True)
        indent, margin = 2, Text("  ")
    for part in parts:
        for line in part.wrap(console, max(min(console.width, _WIDE) - indent, 20), overflow="fold"):
            line.rstrip()
            console.print(margin + line, soft_wrap=True)
            margin = Text(" " * indent)
