"""Signals: those that end a program unwind it as Ctrl-C does, so that whatever it began is put away."""

import os
import signal
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """SIGTERM or SIGHUP arrived; it unwinds everything as Ctrl-C does."""


def interrupt_on_signals() -> None:
    """Turn SIGTERM and SIGHUP into the exception that Ctrl-C raises.

    SIGINT is heard even where a shell started this process with it ignored, as shells do for `command &`; an ignored
    SIGHUP stays ignored, for `nohup` means it.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (the signature of a signal handler)
        raise Interrupted

    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, interrupt)


def interrupt_ourselves() -> None:
    """Interrupt the main thread of this process, as Ctrl-C does, from another thread of it."""
    os.kill(os.getpid(), signal.SIGINT)
