"""Locks between runs of one user, in one checkout or several: what is built once is built by one of them."""

import errno
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tdi.outside.console import say


@contextmanager
def only_one(what: str, busy: str) -> Iterator[None]:
    """Hold the lock named `what`; where another process holds it, say `busy` and wait for it.

    The lock is a socket address of Linux's abstract name space: it is gone with its holder, and no file is left.
    """
    with socket.socket(socket.AF_UNIX) as holder:
        said = False
        while True:
            try:
                holder.bind(f"\0tdi-{os.geteuid()}-{what}")
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                if not said:
                    say(f"Waiting: {busy}")
                said = True
                time.sleep(0.5)
        yield
