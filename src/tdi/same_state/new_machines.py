"""New machines that a comparison needs besides those of the run: the one to compare with, and its twin.

A twin is a second new machine, taken through the same steps as the first: what the two differ in varies, and says
nothing about production (see tdi.state.varying).
"""

import hashlib
import json
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tdi.errors import TdiError
from tdi.images.base_image import BaseImage
from tdi.machines import lifecycle, manifest
from tdi.machines.locks import only_one
from tdi.machines.machine import Machine, Part
from tdi.molecule import playing, scenario
from tdi.outside import ansible, docker
from tdi.outside.console import say
from tdi.outside.files import make_directory
from tdi.project import Project
from tdi.same_state import kept_records
from tdi.state.finding import Finding, Kind, Severity, finding_id

FRESH = "fresh"
"""The label and the scenario of the new machine."""

TWIN = "twin"
"""The label of another new machine; it goes through the scenario of the first."""

TWIN_HOST = "machine-3"
"""What Ansible calls a twin: another name than those of the run's machines, for names vary between machines."""

KEPT_TWINS = 24
"""Files of the trees that were compared last, up to three of each; one is some megabytes."""


class UnsteadyError(TdiError):
    """The role failed on a new machine, and the test bed is not to blame."""


def record(project: Project, base: BaseImage, label: str, file: Path, booted: Path | None = None) -> None:
    """Take a new machine through `fresh` as far as its record needs, and record it: create, converge twice.

    A twin is converged once: it is made where `fresh` did not change when it was converged again.

    With `booted`, it is recorded there once more, after its next boot.

    Raises UnsteadyError where the role fails on it, TdiError where the test bed does.
    """
    run_id = lifecycle.this_run()
    settings = scenario.load(project, FRESH)
    machine = Machine(f"tdi-{run_id}-{lifecycle.new_run_id()}-{label}", label, FRESH, Part.NEW)
    log = project.artifacts / f"{label}-for-comparison.log"
    log.unlink(missing_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="tdi-ansible-") as work,
        lifecycle.booting(machine.name, base.id, settings.options, run_id),
    ):
        directory = Path(work)
        state = playing.as_checked_out(project)
        host = TWIN_HOST if label == TWIN else None
        given = {machine.name: playing.settings(state, settings, directory / "content", host=host)}
        gate, times = directory / "may-begin", 1 if label == TWIN else 2
        # Ansible starts while the machine boots.
        with ansible.converging(given, directory / "converge", log, times=times, gate=gate) as running:
            docker.wait_until_booted(machine.name)
            playing.prepare(given, settings, directory / "prepare", log.with_stem(f"{log.stem}-prepare"))
            gate.touch()
            ansible.second_gate(gate).touch()
            outcome = running.outcome()
        last = outcome.passes[machine.name][-1]
        if last.failure or outcome.code or not outcome.recap:
            raise _failed(machine, base, last.failure, log)
        kept_records.record_machine(project, machine, file=file)
        if booted:
            docker.restart(machine.name)
            # A unit that fails at a boot is on this machine alone: what is wrong with it is not asked here.
            with suppress(TdiError):
                docker.wait_until_booted(machine.name)
                kept_records.record_machine(project, machine, file=booted)


def _failed(machine: Machine, base: BaseImage, failure: ansible.Failure | None, log: Path) -> TdiError:
    """What a new machine failed of: the test bed where that can be shown, else the role."""
    what = f"task '{failure.task}': {failure.message}" if failure else "Ansible did not finish"
    trouble = lifecycle.trouble(machine)
    if failure and not trouble:
        trouble = f"{machine.name} could not be reached" if failure.unreachable else None
        if not trouble and failure.about_packages:
            trouble = lifecycle.mirror_trouble(base.id, lifecycle.this_run())
    if trouble or not failure:
        why = f"{trouble}: {what}" if trouble else what
        return TdiError(f"A new machine could not be converged: {why}", f"The log: {log}")
    return UnsteadyError(f"A new machine could not be converged: {what}", f"The log: {log}")


@dataclass(frozen=True)
class Twin:
    """The records of a twin: as `fresh` was recorded, and after its next boot, where that was asked for."""

    record: Path
    booted: Path | None


def twin(project: Project, base: BaseImage, *, boot: bool = False) -> Twin:
    """The records of a twin of `fresh`: those that are kept of this very tree and base image, or new ones.

    With `boot`, also the one after its next boot.

    Raises UnsteadyError where the role fails on the twin, TdiError where the test bed does.
    """
    run = manifest.current()
    if run and run.twin:
        booted = booted_of(run.twin)
        return Twin(run.twin, booted if boot and booted.exists() else None)
    key = json.dumps(kept_records.key(project, base.id), sort_keys=True)
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    file = project.artifacts / "twins" / f"{name}.json"
    booted, tried = booted_of(file), file.with_name(f"{name}-booted")
    with only_one(f"twin-{name}", "another process makes this twin"):
        missing = _why_unusable(project, file, base)
        if not missing and boot and not tried.exists():
            missing = "it has not been booted again"
        if missing:
            say(f"A twin of {FRESH} is made, to tell what varies between two new machines: {missing}")
            make_directory(file.parent)
            for former in (booted, tried):
                former.unlink(missing_ok=True)
            record(project, base, TWIN, file, booted if boot else None)
            if boot:
                tried.touch()
            _keep_the_last(file.parent)
    return Twin(file, booted if boot and booted.exists() else None)


def booted_of(twin: Path) -> Path:
    """Where the record of a twin after its next boot is, if it was asked for, beside the one before."""
    return twin.with_name(f"{twin.stem}-booted.json")


def _why_unusable(project: Project, file: Path, base: BaseImage) -> str | None:
    """Why there is no twin to use; a damaged one is made anew."""
    try:
        return kept_records.why_unusable(project, file, base.id)
    except TdiError as error:
        return error.what


def _keep_the_last(directory: Path) -> None:
    with suppress(OSError):
        others = sorted(directory.iterdir(), key=lambda path: path.stat().st_mtime)
        for path in others[:-KEPT_TWINS]:
            path.unlink(missing_ok=True)


def unsteady(error: UnsteadyError) -> Finding:
    """The finding of a role that holds on one new machine, and fails on another."""
    return Finding(
        finding_id("role", TWIN, Kind.CHANGED, ()),
        scope="role",
        key=TWIN,
        kind=Kind.CHANGED,
        severity=Severity.SERVICE,
        owner="role",
        attributes=(),
        why=f"The role holds on one new machine and fails on another, so it is not steady. {error.what}",
        action=error.remedy,
    )
