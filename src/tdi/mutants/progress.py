"""How a run over mutants goes on: live on a terminal, a line for each mutant elsewhere."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Self

from rich.live import Live
from rich.text import Text

from tdi.mutants.mutant import Mutant
from tdi.mutants.results import MutantResult, Status
from tdi.outside.console import printable, say
from tdi.outside.screen import err

_FEW = 3
"""Mutants after which an estimate says something."""


class Progress:
    """Progress of one run; `with` starts and ends the live part."""

    def __init__(self) -> None:
        self._all = self._before = 0
        self._counts: Counter[Status] = Counter()
        self._running: dict[str, str] = {}
        self._began: float | None = None
        self._is_live = err.is_terminal
        self._live = Live(console=err, refresh_per_second=4, transient=True, get_renderable=self._render)

    def __enter__(self) -> Self:
        """Begin."""
        if self._is_live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; the live part disappears."""
        if self._is_live:
            self._live.stop()

    def say(self, line: str) -> None:
        """Say something of the run as a whole."""
        say(line)

    def known(self, mutants: int, before: Iterable[MutantResult]) -> None:
        """How many there are, and what an earlier run found out."""
        self._all = mutants
        self._counts.update(each.status for each in before)
        self._before = self._counts.total()
        if self._before:
            say(f"{self._before} of {mutants} mutants are known from before")

    def begins(self, mutant: Mutant) -> None:
        """A mutant is tried."""
        self._began = self._began or time.monotonic()
        self._running[mutant.id] = f"{mutant.operator} {mutant.path}:{mutant.line}"

    def ended(self, result: MutantResult) -> None:
        """What came of it."""
        self._running.pop(result.id, None)
        self._counts[result.status] += 1
        by = f" by {result.kills[0].oracle}" if result.kills else ""
        done = f"[{self._counts.total():>{len(str(self._all))}}/{self._all}]"
        where = f"{result.operator} {result.path}:{result.line}"
        say(printable(f"{done} {result.status}{by}: {where} ({result.seconds:.0f} s){self._rest()}"))

    def _rest(self) -> str:
        """About how long it will still take."""
        done, left = self._counts.total() - self._before, self._all - self._counts.total()
        if self._began is None or done < _FEW or not left:
            return ""
        seconds = (time.monotonic() - self._began) / done * left
        return f", about {seconds / 60:.0f} min left" if seconds > 90 else f", about {seconds:.0f} s left"  # noqa: PLR2004

    def _render(self) -> Text:
        counts = ", ".join(f"{count} {status}" for status, count in self._counts.items())
        done = f"{self._counts.total()} of {self._all} mutants"
        line = "  ".join((done, counts + self._rest(), "; ".join(self._running.values())))
        return Text(printable(line), style="cyan", overflow="ellipsis", no_wrap=True)
