"""The one place that starts other programs.

What runs to its end beside us gets a session of its own, so that Ctrl-C in a terminal reaches only this process, which
then ends its children in order. Ansible's workers leave that session again; what a run started is therefore known by
the run id in its environment, however far down it is (`end_run` in tdi.machines.reaper).
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO

from tdi.errors import TdiError
from tdi.outside.files import by_owner_alone


@dataclass(frozen=True)
class Completed:
    """How a program ended: its arguments, exit code and what it wrote."""

    command: tuple[str, ...]
    code: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether the exit code was 0."""
        return self.code == 0

    @property
    def last_line(self) -> str:
        """The last line that it wrote on stderr, else on stdout: where programs say why they failed."""
        lines = [line for line in (self.stderr or self.stdout).splitlines() if line.strip()]
        return lines[-1].strip() if lines else f"exit code {self.code}"


class CommandFailedError(TdiError):
    """A program that had to succeed did not."""

    def __init__(self, completed: Completed, remedy: str = "") -> None:
        super().__init__(f"{' '.join(completed.command[:3])} failed: {completed.last_line}", remedy)
        self.completed = completed


def run(
    command: Sequence[str | Path],
    *,
    check: bool = True,
    timeout: float | None = None,
    feed: bytes | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
    tick: Callable[[], None] | None = None,
) -> Completed:
    """Run a program to its end and return what it wrote.

    `log` sends both outputs to a file instead of memory; `tick` is called about ten times a second meanwhile.
    Raises CommandFailedError for an exit code other than 0 where `check` is set, and TdiError where the program is
    missing or takes longer than `timeout` seconds.
    """
    with started(command, feeds=feed is not None, env=env, cwd=cwd, log=log) as program:
        completed = program.wait(feed=feed, timeout=timeout, tick=tick)
    if check and not completed.ok:
        raise CommandFailedError(completed)
    return completed


@dataclass(frozen=True)
class Started:
    """A program that runs beside us: its arguments, and the process that it is."""

    command: tuple[str, ...]
    child: subprocess.Popen[bytes]

    def wait(
        self, *, feed: bytes | None = None, timeout: float | None = None, tick: Callable[[], None] | None = None
    ) -> Completed:
        """Follow it to its end and return what it wrote; `timeout` and `tick` are those of `run`."""
        try:
            stdout, stderr = _communicate(self.child, feed, timeout, tick)
        except subprocess.TimeoutExpired:
            raise TdiError(f"{' '.join(self.command[:3])} did not end within {timeout:.0f} s.") from None
        texts = (stdout.decode(errors="replace"), stderr.decode(errors="replace"))
        return Completed(self.command, self.child.returncode, *texts)

    def end(self) -> None:
        """End it and what it started, where it still runs; whoever waits for it goes on."""
        if self.child.poll() is None:
            _end_group(self.child.pid)


@contextmanager
def started(
    command: Sequence[str | Path],
    *,
    feeds: bool = False,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
) -> Iterator[Started]:
    """A program that runs beside us for the length of a `with` block, which ends it where it still runs.

    `feeds` says that its `wait` will be given something to feed it with; `log` sends both outputs to a file. Raises
    TdiError where the program is missing.
    """
    words = tuple(str(word) for word in command)
    sink = open(log, "ab", opener=by_owner_alone) if log else None  # noqa: SIM115 (closed below)
    try:
        child = subprocess.Popen(
            words,
            stdin=subprocess.PIPE if feeds else subprocess.DEVNULL,
            stdout=sink or subprocess.PIPE,
            stderr=sink or subprocess.PIPE,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise TdiError(f"{words[0]} is not installed.", "`tdi doctor` says what is missing.") from None
    finally:
        if sink:
            sink.close()
    try:
        yield Started(words, child)
    finally:
        if child.poll() is None:
            _end_group(child.pid)
            child.wait()


def run_attached(command: Sequence[str], env: Mapping[str, str]) -> int:
    """Run a program on our own input and outputs and return its exit code; an interrupt ends its children too."""
    child = subprocess.Popen(command, env=dict(env), process_group=0 if not sys.stdin.isatty() else None)
    try:
        return child.wait()
    except BaseException:
        if os.getpgid(child.pid) == child.pid:
            _end_group(child.pid)
        else:
            child.terminate()
        child.wait()
        raise


@dataclass(frozen=True)
class Piped:
    """A program that was sent something and is read while it writes."""

    child: subprocess.Popen[bytes]

    @property
    def output(self) -> int:
        """The descriptor of its standard output."""
        assert self.child.stdout is not None  # noqa: S101 (it was started with a pipe; this is for the type checker)
        return self.child.stdout.fileno()

    @property
    def code(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self.child.returncode

    def end_within(self, seconds: float) -> None:
        """Let it end by itself, and kill it where that takes longer."""
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()


@contextmanager
def piped(command: Sequence[str], sent: bytes, messages: IO[bytes], *, last: float, late: str) -> Iterator[Piped]:
    """A program that is sent something for the length of a `with` block, which ends it where it still runs.

    Its standard input stays open until the block is left: when we are killed, the kernel closes it for us. What it
    writes on stderr goes to `messages`. Raises TdiError where the program is missing, and with `late` as the reason
    where it has not ended `last` seconds after the block.
    """
    pipe = subprocess.PIPE
    try:
        child = subprocess.Popen(command, bufsize=0, stdin=pipe, stdout=pipe, stderr=messages)
    except FileNotFoundError:
        raise TdiError(f"There is no program {command[0]!r} here.", f"Install {command[0]}.") from None
    # A connection that hangs takes nothing either, and the time that it may take is watched where its output is.
    Thread(target=_feed, args=(child, sent), daemon=True).start()
    try:
        yield Piped(child)
        _close_input(child)
        child.wait(last)
    except subprocess.TimeoutExpired:
        raise TdiError(late) from None
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        _close_input(child)
        if child.stdout:
            child.stdout.close()


def _feed(child: subprocess.Popen[bytes], sent: bytes) -> None:
    rest = memoryview(sent)
    with suppress(OSError, ValueError):  # it ended, or the input was closed meanwhile
        while rest and child.stdin:
            rest = rest[child.stdin.write(rest) :]


def _close_input(child: subprocess.Popen[bytes]) -> None:
    if child.stdin:
        child.stdin.close()


@dataclass(frozen=True)
class Asked:
    """A program that is open for questions of one line each."""

    child: subprocess.Popen[str]

    def ask(self, question: str) -> str:
        """The line that it answers; nothing where it has ended. Raises OSError where it takes no question any more."""
        assert self.child.stdin is not None  # noqa: S101 (both are pipes; this is for the type checker)
        assert self.child.stdout is not None  # noqa: S101
        self.child.stdin.write(f"{question}\n")
        self.child.stdin.flush()
        return self.child.stdout.readline()

    def interrupt(self) -> None:
        """Interrupt what it is at, as Ctrl-C does."""
        self.child.send_signal(signal.SIGINT)

    def close(self, seconds: float = 10) -> None:
        """Ask nothing more, and end it where it does not end by itself within so many seconds."""
        for pipe in (self.child.stdin, self.child.stdout):
            with suppress(OSError):  # a question that it no longer took
                if pipe:
                    pipe.close()
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def open_for_questions(command: Sequence[str]) -> Asked:
    """Start a program that answers each line on its standard input with one line. Raises OSError where it cannot be."""
    pipe = subprocess.PIPE
    return Asked(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True))


def start_listening(command: Sequence[str]) -> Callable[[bytes, float], int | None]:
    """Start a program that outlives this process and listens on its standard input.

    What is returned tells it a last word and waits so many seconds for its end: it gives the exit code, or None where
    the program goes on. Raises TdiError where it cannot be started.
    """
    child = _outliving(command, subprocess.PIPE)

    def tell(word: bytes, seconds: float) -> int | None:
        with suppress(OSError, subprocess.TimeoutExpired):
            child.communicate(word, timeout=seconds)
        return child.returncode

    return tell


def start_outliving(command: Sequence[str]) -> Callable[[], int | None]:
    """Start a program that outlives this process; what is returned says its exit code, or None while it runs.

    Raises TdiError where it cannot be started.
    """
    return _outliving(command, subprocess.DEVNULL).poll


def _outliving(command: Sequence[str], source: int) -> subprocess.Popen[bytes]:
    nothing = subprocess.DEVNULL
    try:
        return subprocess.Popen(command, stdin=source, stdout=nothing, stderr=nothing, start_new_session=True)
    except OSError as error:
        raise TdiError(f"{command[0]} could not be started: {error.strerror}.") from None


def _communicate(
    child: subprocess.Popen[bytes],
    feed: bytes | None,
    timeout: float | None,
    tick: Callable[[], None] | None,
) -> tuple[bytes, bytes]:
    if tick is None:
        stdout, stderr = child.communicate(feed, timeout=timeout)
        return stdout or b"", stderr or b""
    waited = 0.0
    step = 0.1
    while True:
        try:
            stdout, stderr = child.communicate(feed, timeout=step)
        except subprocess.TimeoutExpired:
            feed = None
            waited += step
            tick()
            if timeout is not None and waited > timeout:
                raise
        else:
            tick()
            return stdout or b"", stderr or b""


def _end_group(group: int) -> None:
    with suppress(ProcessLookupError):
        try:
            os.killpg(group, signal.SIGKILL)
        except PermissionError:
            # It runs as root, through sudo. It may clean up: what bootstraps a machine has file systems mounted.
            ended = ["sudo", "--non-interactive", "kill", "-TERM", "--", f"-{group}"]
            subprocess.run(ended, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def first_line(text: str) -> str:
    """The first line of `text` that is not blank, or an empty string."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def joined(words: Iterable[str]) -> str:
    """The words as a list for a sentence: `a, b and c`."""
    *rest, last = list(words) or [""]
    return f"{', '.join(rest)} and {last}" if rest else last
