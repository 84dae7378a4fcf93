"""The terminal: every line that `tdi` prints goes through here. Results go to stdout, progress and errors to stderr."""

import sys
import time

from rich.console import Console

out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

_started = time.monotonic()


def say(message: str) -> None:
    """One line of progress, with the seconds since the start."""
    err.print(f"[{time.monotonic() - _started:6.1f} s] {message}", markup=False)


def fail(what: str, remedy: str = "") -> None:
    """An error: what is wrong, and in a second line what to do."""
    err.print(f"tdi: {what}", markup=False, style="bold red" if sys.stderr.isatty() else None)
    if remedy:
        err.print(f"     {remedy}", markup=False)
