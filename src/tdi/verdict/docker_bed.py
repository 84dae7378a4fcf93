"""The real test bed: machines in Docker, the project's own playbooks through Ansible, its own tests through pytest."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from tdi.content.history import Before
from tdi.errors import TdiError
from tdi.images import base_image, production
from tdi.machines import lifecycle
from tdi.machines.machine import Machine, Part
from tdi.machines.manifest import Manifest, in_force
from tdi.machines.run import Run
from tdi.molecule import pasts, playing, scenario
from tdi.outside import ansible, docker, pytest_run
from tdi.outside.files import write_atomically
from tdi.project import Project, kept
from tdi.same_state import comparing, kept_records, new_machines
from tdi.settings import LATER
from tdi.state import plan
from tdi.state.compare import Comparison, compare
from tdi.state.finding import Names
from tdi.state.record import RecordFile
from tdi.state.varying.apart import may_come_of_a_boot, may_vary
from tdi.verdict.bed import Images


@dataclass(frozen=True)
class _Playbooks:
    """Ansible, once for all machines or once for each, which goes on as soon as its turn has come."""

    running: Sequence[ansible.Converging]
    gates: dict[str, Path]
    """By container."""

    def begin(self) -> None:
        for gate in self.gates.values():
            gate.touch()

    def begin_again(self, machines: Sequence[Machine]) -> None:
        for machine in machines:
            ansible.second_gate(self.gates[machine.name]).touch()

    def outcomes(self, observe: Callable[[ansible.Event], None]) -> list[ansible.Outcome]:
        one_at_a_time = Lock()

        def observed(event: ansible.Event) -> None:
            with one_at_a_time:
                observe(event)

        with ThreadPoolExecutor() as pool:
            return list(pool.map(lambda each: each.outcome(observed), self.running))


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

    def __init__(self, project: Project, run: Run, before: Before | None = None) -> None:
        """Of the checkout `project`, within `run`; `before` says which state of the role production has."""
        self.root = project.root
        self._project, self._run, self._before = project, run, before
        self._scenarios = {name: scenario.load(project, name) for name in scenario.NAMES}
        self.machines = tuple(each.of_machine for each in self._scenarios.values())
        self._images: dict[str, str] = {}
        self._settings: dict[str, ansible.AnsibleSettings] = {}

    def images(self) -> Images:
        state, directory = playing.as_checked_out(self._project, self._original), self._run.directory / "content"
        self._settings = {
            machine.name: playing.settings(state, self._scenarios[machine.scenario], directory)
            for machine in self.machines
        }
        base = base_image.ensure(self._project)
        image = production.ensure(self._project, base, pasts.default(self._project, self._before))
        self._images = {"base": base.id, "production": image.id}
        provenance = {
            "base_image": f"{base.name} from {base.origin} ({base.reason})",
            "production_image": f"{image.name} ({image.source})",
            "run": self._run.id,
            "strategy": ansible.strategy()["ANSIBLE_STRATEGY"],
        }
        return Images(base.platform, provenance)

    @contextmanager
    def in_force(self) -> Iterator[None]:
        records = self._run.directory / "records"
        manifest = Manifest(self.root, self._project.artifacts, records, self.machines, **self._copied())
        with in_force(manifest, self._run.directory), kept(records, self._project.records):
            yield

    @property
    def _original(self) -> Path:
        """The project itself, of which this may be a copy."""
        before = self._before
        return before.repository if before and before.repository else self._project.root

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

    def prepare(self, machine: Machine) -> ansible.Pass | None:
        of = self._scenarios[machine.scenario]
        log = self._logs / f"prepare-{machine.label}.log"
        given = {machine.name: self._settings[machine.name]}
        return playing.prepare(given, of, self._run.directory / f"prepare-{machine.label}", log)

    @contextmanager
    def converging(self) -> Iterator[_Playbooks]:
        together = playing.can_share_a_run(self._project, self._scenarios)
        shares = [self.machines] if together else [(machine,) for machine in self.machines]
        gates: dict[str, Path] = {}
        with ExitStack() as opened:
            running = []
            for share in shares:
                name = "converge" if together else f"converge-{share[0].label}"
                gate, work = self._run.directory / f"{name}-may-begin", self._run.directory / name
                gates |= dict.fromkeys((machine.name for machine in share), gate)
                settings = {machine.name: self._settings[machine.name] for machine in share}
                log = self._logs / f"{name}.log"
                running.append(opened.enter_context(ansible.converging(settings, work, log, gate=gate)))
            yield _Playbooks(running, gates)

    def verify(self, machines: Sequence[Machine]) -> dict[str, ansible.Outcome]:
        checking = [machine for machine in machines if self._scenarios[machine.scenario].verify]

        def check(machine: Machine) -> ansible.Outcome:
            playbook = self._scenarios[machine.scenario].verify or Path()
            given = {machine.name: replace(self._settings[machine.name], playbook=playbook)}
            work, log = self._run.directory / f"verify-{machine.label}", self._logs / f"verify-{machine.label}.log"
            return ansible.converge(given, work, log, times=1, first="verify")

        with ThreadPoolExecutor() as pool:
            return dict(zip((machine.name for machine in checking), pool.map(check, checking), strict=True))

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
            boot = any(map(may_come_of_a_boot, found.findings))
            if boot or any(map(may_vary, found.findings)):
                new_machines.twin(self._project, base_image.ensure(self._project), boot=boot)

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
        return ansible.syntax_error(next(iter(self._settings.values())), self._run.directory)

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
