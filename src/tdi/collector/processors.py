"""How many processors a program may find."""

from __future__ import annotations

import os
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.procfs import Process


def cpus(process: Process) -> set[int]:
    """The numbers of processors that a program may find when it asks: those there are, may be used, or are paid for."""
    found = {os.cpu_count() or 1}
    with suppress(OSError):
        found.add(len(os.sched_getaffinity(process.pid)))
    quota = cpu_quota(process.cgroup)
    # Some programs round a quota up, some down.
    return found | {int(quota), -int(-quota // 1)} if quota else found


def cpu_quota(cgroup: str, top: str = "/sys/fs/cgroup") -> float:
    """How many processors' time a process gets at most, from its control groups (both versions); 0.0 for no limit."""
    limits = []
    for line in cgroup.split("\n"):
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        names = [part for part in path.split("/") if part not in ("", "..")][:32]
        # In a container, the own group may be at the top of what is mounted there.
        for depth in range(len(names), -1, -1):
            directory = "/".join([top + ("/" + controllers if controllers else ""), *names[:depth]])
            with suppress(OSError, ValueError, IndexError, ZeroDivisionError):
                if controllers:
                    quota = first_line(directory + "/cpu.cfs_quota_us")
                    period = first_line(directory + "/cpu.cfs_period_us")
                else:
                    quota, period = first_line(directory + "/cpu.max").split()[:2]
                if float(quota) > 0:
                    limits.append(float(quota) / float(period))
    return min(limits) if limits else 0.0


def first_line(path: str) -> str:
    """The first line of one of the kernel's own small files."""
    with open(path, "rb") as file:
        return file.read(4096).decode("ascii", "replace").split("\n")[0]
