"""The test bed of a verdict, as its steps and its judge see it: what they can ask for, and nothing of how it is done.

`docker_bed` is the real one. A test hands in one that does nothing but note what was asked of it, and in which order.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tdi.machines.machine import Machine
from tdi.outside.ansible import Event, Outcome, Pass
from tdi.outside.pytest_run import TestOutcome, Verification
from tdi.same_state.kept_records import Found, Wrote
from tdi.state.compare import Comparison
from tdi.state.plan import Plan
from tdi.verdict.outcome import Ended


@dataclass(frozen=True)
class Images:
    """What the machines start from: the platform, and where each image came from, for whoever reads the verdict."""

    platform: str
    provenance: dict[str, str]
    failed: Mapping[str, str] = field(default_factory=dict)
    """Machines of pasts that cannot be had, by their labels, and why; there is at least one that can."""


class Witness(Protocol):
    """Who can be asked whether the test bed is to blame."""

    @property
    def root(self) -> Path:
        """The tree under test."""

    def trouble(self, machine: Machine) -> str | None:
        """What is wrong with the container itself, or None."""

    def journal(self, machine: Machine, unit: str) -> list[str]:
        """The last lines that a unit wrote to its journal: the machine is gone by the time anybody could look."""

    def engine_trouble(self) -> None:
        """Raises TdiError where the engine does not answer any more."""

    def mirror_trouble(self) -> str | None:
        """What is wrong with the package mirror, asked without the role; None if it answers."""

    def syntax_error(self) -> str | None:
        """What Ansible says is wrong with the playbook or the roles, or None."""


class Playbook(Protocol):
    """An Ansible that has started and waits for its turn, twice."""

    def begin(self) -> None:
        """Let the first converge touch the machines."""

    def begin_again(self, machines: Sequence[Machine]) -> None:
        """Let the second converge touch machines that one run of Ansible is of."""

    def outcomes(self, observe: Callable[[Event], None]) -> Sequence[Outcome]:
        """Follow it to its end: an outcome for each run of Ansible."""


class Tests(Protocol):
    """A pytest that has started and waits to be told what to test."""

    def verify(
        self, machines: Sequence[Machine], observe: Callable[[TestOutcome], None], *, compare: bool
    ) -> Verification:
        """Test and record machines, and with `compare` compare the upgraded ones with the new one."""


class Loading(Protocol):
    """Clients that ask a machine in production for what it serves."""

    def stop(self, machine: Machine) -> Ended | None:
        """End the load on a machine and say what came of it; None where there is none on this one."""


class Bed(Witness, Protocol):
    """Everything that the steps of a verdict act through."""

    @property
    def machines(self) -> Sequence[Machine]:
        """The machines of the verdict, in the order in which they are shown; known once the images are there."""

    @property
    def has_new_record(self) -> bool:
        """Whether there is the record of a new machine of this tree already, in the place of one among the machines."""

    def images(self) -> Images:
        """Have the images, building or pulling what is not there."""

    def in_force(self) -> AbstractContextManager[None]:
        """Keep this run's records apart while it lasts, and in place of the former ones at its end."""

    def start(self) -> None:
        """Start every machine, without waiting for its boot."""

    def wait_until_booted(self, machine: Machine) -> None:
        """Raises TdiError where a machine does not boot cleanly."""

    def record(self, machine: Machine, moment: str) -> None:
        """Record a machine as it is now."""

    def prepare(self, machine: Machine) -> Pass | None:
        """Bring a machine to where the role may begin, where the scenario says how. Raises TdiError where it fails."""

    def verify(self, machines: Sequence[Machine]) -> Mapping[str, Outcome]:
        """What the scenario's own verify playbook found on machines, by container; nothing where there is none."""

    def converging(self, times: int = 2) -> AbstractContextManager[Playbook]:
        """One Ansible for both converges of all machines, or for the first alone."""

    def loading(self) -> AbstractContextManager[Loading]:
        """The load that the project declares, on production as it is by default. Raises TdiError where none answers."""

    def testing(self) -> AbstractContextManager[Tests]:
        """One pytest for the tests of all machines."""

    def keep_wrote(self, wrote: Wrote) -> None:
        """Keep which task made what, for whoever explains a difference."""

    def comparison(self, machine: Machine) -> Found | None:
        """What the tests found of the state of a machine in production, or None where they made no comparison."""

    def foresee(self) -> None:
        """Begin, without waiting, what the comparison will need by what the machines are like after one converge."""

    def second_run(self, machine: Machine) -> Comparison | None:
        """A machine before and after its second converge, or None where it was not recorded twice."""

    def plan(self, machine: Machine) -> Plan | None:
        """What the change does to a machine in production, or None where it was not recorded before and after."""
