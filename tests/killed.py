"""What a killed test run leaves on the engine: every machine that tests start says which run of the tests it is of.

A run is a process of this host: its boot, its namespace of processes, its number there, and when it began. Beside each
run waits what removes its machines as soon as it dies (tdi.machines.reaper). Where that was killed too, as a runner
does that ends a whole job, the next run of the tests on the same host removes them: it sees that their run is dead.
Machines of a run that cannot be seen from here, on another host or in a container, are left alone.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from tdi.errors import TdiError
from tdi.machines import lifecycle, reaper
from tdi.outside import docker, process

LABEL = "tdi.tests"
"""The label that holds the run of the tests that a machine is of."""


def this_run() -> str:
    """The run of the tests that this process is."""
    return f"{_here()}.{os.getpid()}.{_began(os.getpid())}"


def is_dead(run: str) -> bool:
    """Whether a run was one of this host, and is no more."""
    here, number, began = [*run.rsplit(".", 2), "", ""][:3]
    return here == _here() and number.isdecimal() and _began(int(number)) != began


def _here() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}.{Path('/proc/self/ns/pid').stat().st_ino}"


def _began(process_id: int) -> str:
    """When a process began, in ticks since the boot; nothing where there is none."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return ""


def remove_dead() -> list[str]:
    """Remove the machines of dead runs of the tests, and return their names."""
    dead = [name for name in docker.containers(LABEL) if is_dead(_run_of(name))]
    docker.remove(dead)
    return dead


def _run_of(machine: str) -> str:
    try:
        facts = docker.container_facts(machine)
    except TdiError:
        return ""  # somebody else removed it meanwhile
    return str(facts["Config"]["Labels"].get(LABEL, ""))


@contextmanager
def leaving_nothing(directory: Path) -> Iterator[str]:
    """This process as a run of the tests: machines that it starts carry its label, and go when it is killed.

    `directory` is one of its own, which goes with them.
    """
    run = this_run()
    labels = lifecycle.labels
    tell = process.start_listening([sys.executable, "-I", "-S", reaper.__file__, run, LABEL, str(directory)])
    try:
        with mock.patch.object(lifecycle, "labels", lambda run_id: {**labels(run_id), LABEL: run}):
            yield run
    finally:
        tell(b"done\n", 10)
