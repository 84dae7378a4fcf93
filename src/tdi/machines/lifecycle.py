"""Machines from their start to their end: containers that boot systemd, named and labelled so that runs never meet."""

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tdi.errors import TdiError
from tdi.machines import manifest
from tdi.machines.machine import PART_LABEL, SCENARIO_LABEL, Machine, Part
from tdi.outside import docker

_JOURNAL_LINES = 12
_PLAINLY = ("--no-pager", "--quiet", "--output", "cat")


def new_run_id() -> str:
    """A run id: eight hexadecimal digits, drawn anew for each run."""
    return secrets.token_hex(4)


def this_run(otherwise: str = "") -> str:
    """The id of the run that this process belongs to (TDI_RUN_ID), or `otherwise` or a new one where that is none."""
    return os.environ.get("TDI_RUN_ID") or otherwise or new_run_id()


def labels(run_id: str) -> dict[str, str]:
    """The labels of a machine of a run."""
    return {docker.LABEL: "machine", docker.RUN_LABEL: run_id}


def known(name: str) -> Machine:
    """The machine whose container is called `name`, from the run's manifest, else from what the container says.

    Raises TdiError where it is no machine of a scenario.
    """
    run = manifest.current()
    found = run.machine(name) if run else None
    if found:
        return found
    said = docker.container_facts(name)["Config"]["Labels"] or {}
    try:
        scenario, part = said[SCENARIO_LABEL], Part(said[PART_LABEL])
    except (KeyError, ValueError):
        raise TdiError(
            f"The container {name} is no machine of a scenario: its labels do not say so.",
            "Let `molecule create` or `tdi verdict` make it.",
        ) from None
    return Machine(name, scenario, scenario, part)


def base_of(name: str) -> str:
    """The id of the base image that a machine stands on, through its production image where it has one."""
    facts = docker.container_facts(name)
    return str((facts["Config"]["Labels"] or {}).get("tdi.base") or facts["Image"])


def start(machine: Machine, image: str, options: Sequence[str], run_id: str) -> None:
    """Start a machine from `image` with options of `docker run`, without waiting for its boot."""
    docker.run_detached(machine.name, image, tuple(options), {**labels(run_id), **machine.labels})


def start_all(machines: Iterable[tuple[Machine, str, Sequence[str]]], run_id: str) -> None:
    """Start several machines at once: each with its image and options."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda each: start(each[0], each[1], each[2], run_id), machines))


def remove_run(run_id: str) -> None:
    """Remove every container of a run, whatever state it is in."""
    docker.remove(docker.containers(f"{docker.RUN_LABEL}={run_id}"))


@contextmanager
def booting(name: str, image: str, options: Iterable[str], run_id: str) -> Iterator[str]:
    """A machine that has been started, for the length of a `with` block."""
    docker.run_detached(name, image, tuple(options), labels(run_id))
    try:
        yield name
    finally:
        docker.remove([name])


@contextmanager
def one(name: str, image: str, options: Iterable[str], run_id: str) -> Iterator[str]:
    """A booted machine for the length of a `with` block."""
    with booting(name, image, options, run_id):
        docker.wait_until_booted(name)
        yield name


def journal(name: str, unit: str) -> list[str]:
    """The last lines that a unit of a machine wrote to its journal; none where there is no such unit or machine."""
    command = ["journalctl", "--unit", unit, "--boot", "--lines", str(_JOURNAL_LINES), *_PLAINLY]
    try:
        said = docker.execute(name, command, check=False, timeout=20)
    except TdiError:
        return []
    return said.stdout.splitlines() if said.ok else []


def mirror_trouble(base_image: str, run_id: str) -> str | None:
    """Why packages cannot be had from the mirror, asked from an empty machine that knows no role; else None."""
    options = ("APT::Update::Error-Mode=any", "Acquire::Retries=0", "Acquire::http::Timeout=15")
    command = ["apt-get", "update", "--quiet", *(f"-o{option}" for option in options)]
    asked = docker.run_once(base_image, command, labels(run_id))
    return None if asked.ok else f"the package mirror cannot be used ({asked.last_line})"


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
