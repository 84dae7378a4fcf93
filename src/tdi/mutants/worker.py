"""A process that tries one mutant after the other, each line of its input one: a run needs a process of its own."""

import json
import os
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from tdi.errors import TdiError
from tdi.mutants import tree, trial
from tdi.mutants.mutant import Edit, Mutant
from tdi.mutants.results import Kill, Oracle, Status
from tdi.mutants.trial import Came
from tdi.outside import process, signals
from tdi.project import Project

_RETRIES = 1
"""How often a mutant that could not be run is tried again."""


@dataclass(frozen=True)
class Work:
    """What all mutants of a run have in common."""

    root: str
    artifacts: str
    """Of the project itself."""
    baseline: str
    twin: str
    asked: tuple[str, ...]
    full: bool
    seconds: float
    """How long one mutant may take."""


class Worker:
    """A worker from outside: it is told a mutant, and tells what came of it."""

    def __init__(self, work: Work, number: int) -> None:
        """Start it. Raises OSError where it cannot be."""
        self.log = Path(work.artifacts) / "mutants" / f"worker-{number}" / "worker.log"
        words = [sys.executable, "-m", "tdi.mutants.worker", json.dumps(asdict(work)), str(number)]
        self._asked = process.open_for_questions(words)

    def tried(self, mutant: Mutant) -> Came:
        """What came of a mutant; it could not be run where the worker has ended."""
        try:
            answer = self._asked.ask(json.dumps(asdict(mutant)))
        except OSError:
            answer = ""
        if not answer:
            return Came(Status.COULD_NOT_RUN, why="the process that tried it has ended")
        said = json.loads(answer)
        kills = tuple(Kill(Oracle(kill["oracle"]), kill["evidence"], kill["past"]) for kill in said["kills"])
        return Came(Status(said["status"]), kills, said["why"])

    @property
    def has_ended(self) -> bool:
        """Whether it answers nothing any more."""
        return self._asked.child.poll() is not None

    def interrupt(self) -> None:
        """Interrupt what it is at, which removes the machines of that; it ends."""
        self._asked.interrupt()

    def close(self) -> None:
        """Let it end, which removes what it made."""
        self._asked.close(seconds=60)


def main() -> None:
    """Answer until the input ends."""
    signals.interrupt_on_signals()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    said = json.loads(sys.argv[1])
    work, number = Work(**{**said, "asked": tuple(said["asked"])}), sys.argv[2]
    _go_with(os.getppid())
    project = Project(Path(work.root), Path(work.artifacts))
    place = project.artifacts / "mutants" / f"worker-{number}"
    place.mkdir(parents=True, exist_ok=True)
    # Whatever is printed on the way is no answer.
    with (place / "worker.log").open("a", encoding="utf-8") as log:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(log.fileno(), stream.fileno())
    try:
        with tempfile.TemporaryDirectory(prefix="tdi-mutants-") as directory:
            copy = tree.copied(project, tree.deployed(project), Path(directory), place)
            for line in sys.stdin:
                _answer(answers, _tried(copy, work, line))
    except (KeyboardInterrupt, BrokenPipeError):
        raise SystemExit(130) from None


def _go_with(parent: int) -> None:
    """Interrupt this process when the one that started it is gone: nobody waits for an answer then."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        signals.interrupt_ourselves()

    threading.Thread(target=watch, daemon=True).start()


def _answer(answers: TextIO, came: Came) -> None:
    kills = [asdict(kill) for kill in came.kills]
    answers.write(json.dumps({"status": came.status, "kills": kills, "why": came.why}) + "\n")
    answers.flush()


def _tried(copy: tree.Tree, work: Work, line: str) -> Came:
    said: dict[str, Any] = json.loads(line)
    mutant = Mutant(**{**said, "edit": Edit(**said["edit"])})
    came = Came(Status.COULD_NOT_RUN)
    for _ in range(1 + _RETRIES):
        try:
            with copy.mutated(mutant):
                came = trial.mutated(
                    copy,
                    mutant.path,
                    work.asked,
                    Path(work.baseline),
                    Path(work.twin),
                    full=work.full,
                    seconds=work.seconds,
                )
        except (TdiError, OSError) as error:
            came = Came(Status.COULD_NOT_RUN, why=" ".join(str(error).split()))
        if came.status is not Status.COULD_NOT_RUN:
            break
    return came


if __name__ == "__main__":
    main()
