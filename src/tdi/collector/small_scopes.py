"""Every scope but `files`, one after the other in one process."""

from __future__ import annotations

import signal
import time

from tdi.collector.children import OutOfTime, in_child, write_all
from tdi.collector.encoding import encode
from tdi.collector.layout import object_line
from tdi.collector.scope import Scope, status_of
from tdi.collector.scopes.registry import SCOPES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.machine import Machine

SCOPE_SECONDS = 60


def start_collecting(machine: Machine) -> tuple[list[str], tuple[int, int]]:
    """Start a process that collects the small scopes; their names, and (pid, pipe of its results)."""
    chosen = machine.settings.scopes
    names = [name for name in SCOPES if chosen is None or name in chosen]
    return names, in_child(lambda output: collect_small_scopes(machine, output, names))


def collect_small_scopes(machine: Machine, output: int, names: list[str]) -> None:
    """Collect scopes, each within its time, and write them to a pipe: a header line and the lines."""

    def out_of_time(*_: object) -> None:
        raise OutOfTime

    def end(*_: object) -> None:
        raise SystemExit  # which ends a command that runs just now, too

    signal.signal(signal.SIGALRM, out_of_time)
    signal.signal(signal.SIGTERM, end)
    for name in names:
        scope = Scope()
        began = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, SCOPE_SECONDS)
        try:
            SCOPES[name](machine, scope)
        except OutOfTime:
            scope.missing("stopped after %d s" % SCOPE_SECONDS)
        except Exception as error:
            scope.missing("%s: %s" % (type(error).__name__, error))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for reason in machine.unread:
            scope.missing(reason)
        machine.unread.clear()
        header = status_of(scope)
        body = "\n".join(object_line(key, attributes) for key, attributes in sorted(scope.objects.items()))
        header.update(scope=name, length=len(body), seconds=round(time.monotonic() - began, 3))
        header.update(meta=scope.meta, told=scope.told)
        write_all(output, (encode(header) + "\n" + body).encode("ascii"))
