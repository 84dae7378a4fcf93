"""The real test bed: machines in Docker, the project's own playbooks through Ansible, its own tests through pytest."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from tdi.content import history
from tdi.content.history import Before
from tdi.errors import TdiError
from tdi.images import base_image, production, published
from tdi.images.base_image import BaseImage
from tdi.images.production import ProductionImage
from tdi.load import declared, running
from tdi.machines import lifecycle
from tdi.machines.machine import Machine, Part
from tdi.machines.manifest import Manifest, in_force
from tdi.machines.run import Run
from tdi.molecule import playing, scenario
from tdi.molecule.pasts import DEFAULT, Past
from tdi.outside import ansible, docker, pytest_run
from tdi.outside.files import write_atomically
from tdi.project import Project, kept
from tdi.same_state import comparing, kept_records, new_machines
from tdi.settings import LATER
from tdi.state import plan
from tdi.state.compare import Comparison, compare
from tdi.state.finding import Finding, Names
from tdi.state.record import RecordFile
from tdi.state.varying.apart import may_come_of_a_boot, may_vary
from tdi.verdict.bed import Images
from tdi.verdict.outcome import OF, PRODUCTION, Ended, Result


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
            try:
                return list(pool.map(lambda each: each.outcome(observed), self.running))
            except BaseException:
                # The pool waits for its threads: an interrupt would last as long as what it interrupts.
                for each in self.running:
                    each.program.end()
                raise


@dataclass(frozen=True)
class _Tests:
    """Pytest, which goes on as soon as it is told what to test."""

    ready: pytest_run.Ready

    def verify(
        self, machines: Sequence[Machine], observe: Callable[[pytest_run.TestOutcome], None], *, compare: bool
    ) -> pytest_run.Verification:
        variables = {} if compare else {"TDI_COMPARE": LATER}
        return self.ready.verify([machine.name for machine in machines], variables, observe)


@dataclass(frozen=True)
class _Loading:
    """The clients of the project, on the machine whose production they know."""

    machine: Machine | None = None
    load: running.Load | None = None

    def stop(self, machine: Machine) -> Ended | None:
        if self.load is None or machine != self.machine:
            return None
        came = self.load.stop()
        lost = [each.line() for each in came if each.lost]
        if lost:
            return Ended(Result.FAIL, "\n".join(["requests were lost while the change was converged:", *lost]))
        return Ended(Result.PASS)


class DockerBed:
    """The machines of a project's scenarios, for one run. What each method does stands in `bed.Bed`."""

    def __init__(
        self,
        project: Project,
        run: Run,
        upgrades: Sequence[Past],
        before: Before | None = None,
        twin: Path | None = None,
        new: Path | None = None,
    ) -> None:
        """Of the checkout `project`, within `run`, with a machine for each of `upgrades`.

        `before` says of what the project is a copy, where it is one, and `twin` is the record of the twin to go by
        where that is not to be one of the project itself. `new` is a directory with the record of a new machine of this
        very tree, where there is one: then no other is made.
        """
        self.root = project.root
        self._project, self._run, self._before, self._twin, self._new = project, run, before, twin, new
        self._scenarios = {name: scenario.load(project, name) for name in scenario.NAMES}
        fresh, upgrade = (each.of_machine for each in self._scenarios.values())
        self._pasts = {_of_past(upgrade, past, run, alone=len(upgrades) == 1): past for past in upgrades}
        self._fresh = () if new else (fresh,)
        self.machines: Sequence[Machine] = (*self._fresh, *self._pasts)
        self._base = ""
        self._images: dict[str, str] = {}
        self._settings: dict[str, ansible.AnsibleSettings] = {}

    def images(self) -> Images:
        base = base_image.ensure(self._project)
        self._base = base.id
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            found = dict(zip(self._pasts, pool.map(partial(self._image_of, base), self._pasts.values()), strict=True))
        made = {machine: image for machine, image in found.items() if isinstance(image, ProductionImage)}
        failed = {machine.label: error for machine, error in found.items() if isinstance(error, TdiError)}
        if not made:
            raise next(iter(failed.values()))
        first = next(iter(made))
        self.machines = (*self._fresh, *made)
        ids = {machine: image.id for machine, image in made.items()}
        self._images = {machine.name: ids.get(machine, base.id) for machine in self.machines}
        self._settings = self._settings_of(self.machines)
        provenance = {
            "base_image": f"{base.name} from {base.origin} ({base.reason})",
            PRODUCTION: f"{made[first].name} ({made[first].source})",
            **{f"{PRODUCTION}{OF}{each.label}": f"{made[each].name} ({made[each].source})" for each in [*made][1:]},
            "production_id": made[first].id,
            "revision": self._revision(),
            "run": self._run.id,
            "strategy": ansible.strategy()["ANSIBLE_STRATEGY"],
        }
        why = {label: f"{error.what} {error.remedy}".rstrip() for label, error in failed.items()}
        return Images(base.platform, provenance, why)

    def _revision(self) -> str:
        """The commit that is under test; none where the tree is another one: the tests in it count, too."""
        return history.checked_out(self._project) or ""

    def _image_of(self, base: BaseImage, past: Past) -> ProductionImage | TdiError:
        """The image of a past, or why there is none: the others are of use all the same."""
        try:
            return production.ensure(self._project, base, past)
        except TdiError as error:
            return error

    def _settings_of(self, machines: Sequence[Machine]) -> dict[str, ansible.AnsibleSettings]:
        """What Ansible is run with for each machine; the new one and the first past are called as the scenarios say."""
        state, directory = playing.as_checked_out(self._project, self._original), self._run.directory / "content"
        found = {}
        for number, machine in enumerate(machines, 1 if self.has_new_record else 0):
            host = f"machine-{_FURTHER_HOST + number}" if number >= len(self._scenarios) else None
            of = self._scenarios[machine.scenario]
            found[machine.name] = playing.settings(state, of, directory, host=host)
        return found

    @contextmanager
    def in_force(self) -> Iterator[None]:
        records = self._run.directory / "records"
        machines = tuple(self.machines)
        manifest = Manifest(self.root, self._project.artifacts, records, machines, **self._copied(), twin=self._twin)
        with in_force(manifest, self._run.directory), kept(records, self._project.records):
            if self._new:
                kept_records.take_new(self._project, self._new, new_machines.FRESH)
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
        images = [self._images[machine.name] for machine in self.machines]
        options = [self._scenarios[machine.scenario].options for machine in self.machines]
        lifecycle.start_all(zip(self.machines, images, options, strict=True), self._run.id)

    def wait_until_booted(self, machine: Machine) -> None:
        docker.wait_until_booted(machine.name)

    def record(self, machine: Machine, moment: str) -> None:
        if moment != kept_records.BEFORE or self._scenarios[machine.scenario].prepare:
            kept_records.record_machine(self._project, machine, moment)
            return
        image = self._images[machine.name]
        known = published.kept_record(self._project, image)
        if not (known and kept_records.take_known(self._project, machine, known)):
            published.note_record(self._project, image, kept_records.record_machine(self._project, machine, moment))

    def prepare(self, machine: Machine) -> ansible.Pass | None:
        of = self._scenarios[machine.scenario]
        log = self._logs / f"prepare-{machine.label}.log"
        given = {machine.name: self._settings[machine.name]}
        return playing.prepare(given, of, self._run.directory / f"prepare-{machine.label}", log)

    @contextmanager
    def converging(self, times: int = 2) -> Iterator[_Playbooks]:
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
                running.append(opened.enter_context(ansible.converging(settings, work, log, times=times, gate=gate)))
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
    def loading(self) -> Iterator[_Loading]:
        clients = declared.clients(self._project)
        mine = [machine for machine, past in self._pasts.items() if past.name == DEFAULT and machine in self.machines]
        if not clients or not mine:
            yield _Loading()
            return
        (machine,) = mine
        with running.running(clients, docker.address(machine.name)) as load:
            yield _Loading(machine, load)

    @contextmanager
    def testing(self) -> Iterator[_Tests]:
        verifier, work = self._any.verifier, self._run.directory
        with pytest_run.ready(verifier, work, self._logs / "verify.log", {}, junit=junit(self._project)) as ready:
            yield _Tests(ready)

    def keep_wrote(self, wrote: kept_records.Wrote) -> None:
        known = kept_records.read_wrote(self._project)
        kept_records.write_wrote(self._project, known.and_also(wrote))

    def comparison(self, machine: Machine) -> kept_records.Found | None:
        return kept_records.read_comparison(self._project, machine.label)

    @property
    def has_new_record(self) -> bool:
        return self._new is not None

    def foresee(self) -> None:
        Thread(target=self._have_a_twin, daemon=True).start()

    def _have_a_twin(self) -> None:
        """Make a twin where the machines already differ in what may vary; whatever fails here fails again later."""
        if not self._fresh:
            return
        new, *others = (
            kept_records.path_of(self._project, each.label, kept_records.CONVERGED) for each in self.machines
        )
        with suppress(TdiError, OSError):
            found = [finding for other in others for finding in self._differences(new, other)]
            boot = any(map(may_come_of_a_boot, found))
            if boot or any(map(may_vary, found)):
                new_machines.twin(self._project, base_image.ensure(self._project), boot=boot)

    def _differences(self, new: Path, upgraded: Path) -> Sequence[Finding]:
        with RecordFile(new) as a, RecordFile(upgraded) as b:
            return compare(a, b, comparing.rules(self._project), every_allowance_needed=False).findings

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

    def plan(self, machine: Machine) -> plan.Plan | None:
        before = kept_records.path_of(self._project, machine.label, kept_records.BEFORE)
        after = kept_records.path_of(self._project, machine.label)
        if not (before.exists() and after.exists()):
            return None
        with RecordFile(before) as a, RecordFile(after) as b:
            found = plan.plan(a, b)
        file = kept_records.report(self._project, "plan", machine.label)
        write_atomically(file, json.dumps(found.as_json(), indent=2) + "\n")
        return found

    def trouble(self, machine: Machine) -> str | None:
        return lifecycle.trouble(machine)

    def journal(self, machine: Machine, unit: str) -> list[str]:
        return lifecycle.journal(machine.name, unit)

    def engine_trouble(self) -> None:
        docker.engine()

    def mirror_trouble(self) -> str | None:
        return lifecycle.mirror_trouble(self._base, self._run.id)

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


_FURTHER_HOST = 2
"""What is added to a machine's number for its host: a twin has the name after those of the scenarios."""


def _of_past(upgrade: Machine, past: Past, run: Run, *, alone: bool) -> Machine:
    """The machine of a past; where it is the only one, it is called as the scenario is."""
    if alone or past.label == upgrade.label:
        return upgrade
    return Machine(scenario.container(past.label, run.id), past.label, upgrade.scenario, Part.UPGRADED)


def junit(project: Project) -> Path:
    """The tests' report for a CI server; without it, no test ran."""
    return project.artifacts / "junit.xml"
