"""A run: its id, its temporary directory, and the promise that nothing of it stays, whatever ends it."""

import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tdi.errors import TdiError
from tdi.machines import lifecycle
from tdi.machines.reaper import end_run
from tdi.outside import docker, process

_LONGEST_DIRECTORY = 40
"""Bytes: what is left of a socket's 108 after the run's own directory and the names inside."""


@dataclass
class Run:
    """One run: its id is in every container's name and label, `directory` is gone afterwards."""

    id: str
    directory: Path
    keeps_machines: bool = False
    """Whether its containers stay, because somebody wants to look at them; not after an interrupt."""


@contextmanager
def new_run(run_id: str | None = None) -> Iterator[Run]:
    """A run for the length of a `with` block; its containers, processes and directory are removed at the end."""
    run_id = run_id or lifecycle.new_run_id()
    directory = Path(tempfile.mkdtemp(prefix=f"tdi-{run_id}-", dir=_short_temporary_directory()))
    directory.chmod(0o711)  # apt drops root for its downloads, and must get through to them
    former = {name: os.environ.get(name) for name in ("TDI_RUN_ID", "TMPDIR")}
    tell_reaper = _start_reaper(run_id, directory)
    # What anyone below us writes to a temporary directory goes with the run's own.
    os.environ.update(TDI_RUN_ID=run_id, TMPDIR=str(directory))
    tempfile.tempdir = None
    interrupted = True
    run = Run(run_id, directory)
    try:
        yield run
        interrupted = False
    finally:
        with _undisturbed():
            end_run(run_id)
            # Without an engine there is nothing to remove, and the error that ended the run matters more.
            with suppress(TdiError):
                if interrupted or not run.keeps_machines:
                    lifecycle.remove_run(run_id)
            shutil.rmtree(directory, ignore_errors=True)
            # A machine whose start was under way may still appear: after an interrupt the reaper looks again.
            tell_reaper(b"" if interrupted else b"done\n", 0 if interrupted else 10)
            for name, value in former.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
            tempfile.tempdir = None


def _short_temporary_directory() -> str:
    """The temporary directory, or /tmp where that is too long for the sockets that Mitogen makes in it."""
    found = tempfile.gettempdir()
    return found if len(found) <= _LONGEST_DIRECTORY else "/tmp"  # noqa: S108 (mkdtemp makes a private one there)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep a second Ctrl-C from cutting the cleaning short; it takes a second or two."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    former = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, former, strict=True):
            signal.signal(number, handler)


def _start_reaper(run_id: str, directory: Path) -> Callable[[bytes, float], int | None]:
    script = Path(__file__).with_name("reaper.py")
    words = [sys.executable, "-I", "-S", str(script), run_id, docker.RUN_LABEL, str(directory)]
    return process.start_listening(words)
