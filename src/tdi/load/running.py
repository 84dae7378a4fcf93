"""A load while it runs: the clients in a process of their own, from before a change until it has been converged."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tdi.errors import TdiError
from tdi.load.declared import Client
from tdi.outside import process

FIRST_ANSWER = 15.0
"""Seconds in which production has to answer each client before the change: it serves what the load asks for, or not."""

_LAST = 45.0
"""Seconds for the clients to end: requests under way are awaited."""


@dataclass(frozen=True)
class Came:
    """What came of one client."""

    name: str
    answered: int
    again: int
    """Requests that any client may make again, and that were made again."""
    lost: dict[str, int]
    """Why requests were lost → how many."""
    first: float | None
    """Seconds from the beginning to the first that was lost."""
    longest: float
    """Seconds between two answers, at most."""
    answers: tuple[int, ...]
    """How often each expected content came."""

    @property
    def losses(self) -> int:
        """How many requests were lost."""
        return sum(self.lost.values())

    def line(self) -> str:
        """One line for a reader."""
        lost = "".join(f"; {count} times {why}" for why, count in self.lost.items())
        when = f", the first after {self.first:.1f} s" if self.first is not None else ""
        return f"{self.name}: {self.losses} of {self.losses + self.answered:,} lost{when}{lost}"


@dataclass
class Load:
    """The clients at work; `stop` ends them, and says what came of each."""

    asked: process.Asked
    came: list[Came] = field(default_factory=list)
    stopped: bool = False

    def stop(self) -> list[Came]:
        """Ask for nothing more, and return what came of each client. Raises TdiError where they ended by themselves."""
        if not self.stopped:
            self.stopped = True
            self.asked.child.stdin.close()  # type: ignore[union-attr]
            said = _answer(self.asked)
            self.came = [Came(**{**each, "answers": tuple(each["answers"])}) for each in said["clients"]]
        return self.came


@contextmanager
def running(clients: Sequence[Client], address: str) -> Iterator[Load]:
    """The clients asking the server at `address`, for the length of a `with` block.

    Raises TdiError where one of them is not answered before anything happens: then there is no load.
    """
    command = [sys.executable, "-I", str(Path(__file__).with_name("clients.py"))]
    asked = process.open_for_questions(command)
    load = Load(asked)
    try:
        told = {"first_answer": FIRST_ANSWER, "clients": [client.as_json(address) for client in clients]}
        asked.ask(json.dumps(told))
        silent = {client.name for client in clients} - {*_answer(asked).get("answering", ())}
        if silent:
            raise TdiError(
                f"The load gets no answer from production, before any change: {process.joined(sorted(silent))}.",
                "load.yml asks for what production serves before and after the change.",
            )
        yield load
    finally:
        # Where nobody asked what came of it, nobody waits for it.
        asked.close(_LAST if load.stopped else 0.0)


def _answer(asked: process.Asked) -> dict[str, Any]:
    assert asked.child.stdout is not None  # noqa: S101 (it is a pipe; this is for the type checker)
    try:
        said: dict[str, Any] = json.loads(asked.child.stdout.readline())
    except ValueError:
        raise TdiError("The clients of the load ended by themselves.", "Is the disk full, or memory short?") from None
    return said
