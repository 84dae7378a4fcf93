"""What is shown with colours, tables and margins. Results go to stdout, what moves while a verdict runs to stderr."""

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
