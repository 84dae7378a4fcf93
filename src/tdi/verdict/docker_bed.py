"""The real test bed: machines in Docker, the project's own playbooks through Ansible, its own tests through pytest."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from tdi.errors import TdiError
from tdi.images import base_image, production
from tdi.machines import lifecycle
from tdi.machines.machine import Machine, Part
from tdi.machines.manifest import Manifest, in_force
from tdi.machines.run import Run
from tdi.molecule import scenario
from tdi.outside import ansible, docker, pytest_run
from tdi.outside.files import write_atomically
from tdi.project import Project, kept
from tdi.same_state import comparing, kept_records, new_machines
from tdi.settings import LATER
from tdi.state import plan
from tdi.state.compare import Comparison, compare
from tdi.state.finding import Names
from tdi.state.record import RecordFile
from tdi.state.varying.apart import may_vary
from tdi.verdict.bed import Images


@dataclass(frozen=True)
class _Playbook:
    """Ansible, which goes on as soon as the files are there that it waits for."""

    running: ansible.Converging
    gate: Path

    def begin(self) -> None:
        self.gate.touch()

    def begin_again(self) -> None:
        ansible.second_gate(self.gate).touch()

    def outcome(self, observe: Callable[[ansible.Event], None]) -> ansible.Outcome:
        return self.running.outcome(observe)


@dataclass(frozen=True)
class _Tests:
    """Pytest, which goes on as soon as it is told what to test."""

    ready: pytest_run.Ready

    def verify(
        self, machines: Sequence[Machine], observe: Callable[[pytest_run.TestOutcome], None], *, compare: bool
    ) -> pytest_run.Verification:
        variables = {} if compare else {"TDI_COMPARE": LATER}
        return self.ready.verify([machine.name for machine in machines], variables, observe)


class DockerBed:
    """The machines of a project's scenarios, for one run. What each method does stands in `bed.Bed`."""

    def __init__(self, project: Project, run: Run, before: production.Before | None = None) -> None:
        """Of the checkout `project`, within `run`; `before` says which state of the role production has."""
        self.root = project.root
        self._project, self._run, self._before = project, run, before
        self._scenarios = {name: scenario.load(project, name) for name in scenario.NAMES}
        self.machines = tuple(each.of_machine for each in self._scenarios.values())
        self._images: dict[str, str] = {}

    def images(self) -> Images:
        base = base_image.ensure(self._project)
        image = production.ensure(self._project, base, self._before)
        self._images = {"base": base.id, "production": image.id}
        provenance = {
            "base_image": f"{base.name} from {base.origin} ({base.reason})",
            "production_image": f"{image.name} ({image.source})",
            "run": self._run.id,
            "strategy": ansible.strategy()["TDI_STRATEGY"],
        }
        return Images(base.platform, provenance)

    @contextmanager
    def in_force(self) -> Iterator[None]:
        records = self._run.directory / "records"
        manifest = Manifest(self.root, self._project.artifacts, records, self.machines, **self._copied())
        with in_force(manifest, self._run.directory), kept(records, self._project.records):
            yield

    def _copied(self) -> dict[str, Any]:
        before = self._before
        if before is None or before.repository is None or before.revision is None:
            return {}
        return {"copy_of": before.repository, "copy_at": before.revision}

    def start(self) -> None:
        scenarios = [self._scenarios[machine.scenario] for machine in self.machines]
        images = [self._images[each.image] for each in scenarios]
        options = [each.options for each in scenarios]
        lifecycle.start_all(zip(self.machines, images, options, strict=True), self._run.id)

    def wait_until_booted(self, machine: Machine) -> None:
        docker.wait_until_booted(machine.name)

    def record(self, machine: Machine, moment: str) -> None:
        kept_records.record_machine(self._project, machine, moment)

    @contextmanager
    def converging(self) -> Iterator[_Playbook]:
        gate = self._run.directory / "machines-are-up"
        settings = {machine.name: self._scenarios[machine.scenario].ansible for machine in self.machines}
        log = self._logs / "converge.log"
        with ansible.converging(settings, self._run.directory / "ansible", log, gate=gate) as running:
            yield _Playbook(running, gate)

    @contextmanager
    def testing(self) -> Iterator[_Tests]:
        verifier, work = self._any.verifier, self._run.directory
        with pytest_run.ready(verifier, work, self._logs / "verify.log", {}, junit=junit(self._project)) as ready:
            yield _Tests(ready)

    def keep_wrote(self, wrote: kept_records.Wrote) -> None:
        kept_records.write_wrote(self._project, wrote)

    def comparison(self) -> kept_records.Found | None:
        return kept_records.read_comparison(self._project)

    def foresee(self) -> None:
        Thread(target=self._have_a_twin, daemon=True).start()

    def _have_a_twin(self) -> None:
        """Make a twin where the machines already differ in what may vary; whatever fails here fails again later."""
        files = [kept_records.path_of(self._project, each.label, kept_records.CONVERGED) for each in self.machines]
        with suppress(TdiError, OSError), RecordFile(files[0]) as new, RecordFile(files[1]) as upgraded:
            found = compare(new, upgraded, comparing.rules(self._project), every_allowance_needed=False)
            if any(map(may_vary, found.findings)):
                new_machines.twin(self._project, base_image.ensure(self._project))

    def second_run(self, machine: Machine) -> Comparison | None:
        once = kept_records.path_of(self._project, machine.label, kept_records.CONVERGED)
        twice = kept_records.path_of(self._project, machine.label)
        if not (once.exists() and twice.exists()):
            return None
        names, rules = Names("once converged", "twice converged"), comparing.rules(self._project)
        written = kept_records.read_wrote(self._project).paths
        with RecordFile(once) as a, RecordFile(twice) as b:
            found = compare(a, b, rules, names=names, every_allowance_needed=False, written=written)
            if not any(map(may_vary, found.findings)):
                return found
            with RecordFile(kept_records.later(self._project, machine)) as last:
                return compare(
                    a, b, rules, names=names, every_allowance_needed=False, written=written, later=[(b, last)]
                )

    def plan(self) -> plan.Plan | None:
        (upgraded,) = (machine for machine in self.machines if machine.part is Part.UPGRADED)
        before = kept_records.path_of(self._project, upgraded.label, kept_records.BEFORE)
        after = kept_records.path_of(self._project, upgraded.label)
        if not (before.exists() and after.exists()):
            return None
        with RecordFile(before) as a, RecordFile(after) as b:
            found = plan.plan(a, b)
        file = kept_records.directory(self._project) / "plan.json"
        write_atomically(file, json.dumps(found.as_json(), indent=2) + "\n")
        return found

    def trouble(self, machine: Machine) -> str | None:
        return lifecycle.trouble(machine)

    def journal(self, machine: Machine, unit: str) -> list[str]:
        return lifecycle.journal(machine.name, unit)

    def engine_trouble(self) -> None:
        docker.engine()

    def mirror_trouble(self) -> str | None:
        return lifecycle.mirror_trouble(self._images["base"], self._run.id)

    def syntax_error(self) -> str | None:
        return ansible.syntax_error(self._any.ansible, self._run.directory)

    @property
    def _any(self) -> scenario.Scenario:
        """One of the scenarios, for what all of them say alike: Ansible and pytest run once for all machines."""
        return next(iter(self._scenarios.values()))

    @property
    def _logs(self) -> Path:
        """Where logs are written while the run lasts."""
        return self._run.directory / "logs"


def junit(project: Project) -> Path:
    """The tests' report for a CI server; without it, no test ran."""
    return project.artifacts / "junit.xml"
