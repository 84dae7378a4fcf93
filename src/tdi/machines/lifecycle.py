"""Machines of a run: containers that boot systemd, named and labelled so that runs never meet."""

import os
import secrets
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from tdi.errors import TdiError
from tdi.molecule.scenario import Scenario
from tdi.outside import docker


def new_run_id() -> str:
    """A run id: eight hexadecimal digits, drawn anew for each run."""
    return secrets.token_hex(4)


def labels(run_id: str) -> dict[str, str]:
    """The labels of a machine of a run; create.yml sets the same."""
    return {docker.LABEL: "machine", docker.RUN_LABEL: run_id}


def labels_of_this_run() -> dict[str, str]:
    """The labels of whatever runs for the run that this process belongs to."""
    return labels(os.environ.get("TDI_RUN_ID") or new_run_id())


@dataclass(frozen=True)
class Machine:
    """A container by its name, and the scenario that it is the machine of."""

    name: str
    scenario: str


def scenario_of(name: str) -> str:
    """The scenario that a machine belongs to: the last word of its name, as molecule.yml gives it."""
    return name.rsplit("-", 1)[-1]


def base_of(name: str) -> str:
    """The id of the base image that a machine stands on, through its production image where it has one."""
    facts = docker.container_facts(name)
    return str((facts["Config"]["Labels"] or {}).get("tdi.base") or facts["Image"])


def start(scenario: Scenario, image: str, run_id: str) -> Machine:
    """Start the machine of a scenario from `image`, without waiting for its boot."""
    docker.run_detached(scenario.machine, image, scenario.options, labels(run_id))
    return Machine(scenario.machine, scenario.name)


def start_all(pairs: Iterable[tuple[Scenario, str]], run_id: str) -> list[Machine]:
    """Start several machines at once."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda pair: start(pair[0], pair[1], run_id), pairs))


def remove_run(run_id: str) -> None:
    """Remove every container of a run, whatever state it is in."""
    docker.remove(docker.containers(f"{docker.RUN_LABEL}={run_id}"))


@contextmanager
def one(name: str, image: str, options: Iterable[str], run_id: str) -> Iterator[str]:
    """A booted machine for the length of a `with` block."""
    docker.run_detached(name, image, tuple(options), labels(run_id))
    try:
        docker.wait_until_booted(name)
        yield name
    finally:
        docker.remove([name])


def trouble(machine: Machine) -> str | None:
    """What is wrong with the container itself (not with what is on it), or None: it was killed, or it is gone."""
    try:
        now = docker.state(machine.name)
    except TdiError as error:
        return error.what
    if now is None:
        return f"the container {machine.name} is gone"
    status, code = now
    if status != "running":
        return f"the container {machine.name} stopped ({status}, exit code {code})"
    return None
