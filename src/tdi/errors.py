"""Exit codes, and the exceptions that become a line on stderr; only the command line exits."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process says at its end, everywhere (docs/reference/exit-codes.md)."""

    HOLDS = 0
    DOES_NOT_HOLD = 1
    COULD_NOT_RUN = 2
    INTERRUPTED = 130


class TdiError(Exception):
    """Something could not be run or compared; `what` says what is wrong, `remedy` what to do about it."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
