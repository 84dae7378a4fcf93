"""A scenario's playbooks, ready to be played: with all that Ansible needs to find, and the settings that hold."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from tdi.content import ansible_cfg, placing, requirements, together
from tdi.content.placing import Tree
from tdi.errors import TdiError
from tdi.molecule import scenario
from tdi.molecule.scenario import Scenario
from tdi.outside import ansible
from tdi.outside.ansible import AnsibleSettings
from tdi.outside.console import say
from tdi.project import Project


@dataclass(frozen=True)
class State:
    """A state of the project's content: as it is checked out, or as it was before the change."""

    project: Project
    """Where the content lies."""
    original: Path
    """The project itself, of which that may be a copy: by what it is called, and beside what it lies."""
    moved: Mapping[str, Path] = field(default_factory=dict)
    """Roles that lie elsewhere in this state than their name says."""


def as_checked_out(project: Project, original: Path | None = None) -> State:
    """The content as it is in the project, which may be a copy of `original`."""
    return State(project, original or project.root)


def settings(
    state: State, of: Scenario, directory: Path, *, playbook: Path | None = None, host: str | None = None
) -> AnsibleSettings:
    """What Ansible is run with for a machine of the scenario `of`, on `state`.

    What is required of others is fetched, links are made below `directory`. `playbook` takes the converge's place, and
    `host` that of the machine's name. Raises TdiError for what cannot be had or read.
    """
    given = of.ansible if playbook is None else replace(of.ansible, playbook=playbook)
    if host:
        told = given.inventory
        variables = {host: told.host_vars[told.host]} if told.host in told.host_vars else {}
        given = replace(given, inventory=replace(told, host=host, host_vars={**told.host_vars, **variables}))
    return replace(given, environment=environment(state, of, given, directory))


def environment(state: State, of: Scenario, given: AnsibleSettings, directory: Path) -> dict[str, str]:
    """The environment variables of the content, of the project's ansible.cfg, and of the scenario, which come last."""
    project = state.project
    playbooks = tuple(path for path in (of.prepare, given.playbook, of.verify) if path)
    kept, beside = project.artifacts / "requirements", state.original.parent
    required, told = requirements.satisfy(project.root, _scenarios(of, playbooks), kept, beside)
    for line in told:
        _say_once(line)
    tree = Tree(project.root, state.original, playbooks, required, state.moved)
    configured = ansible_cfg.variables_of(given.config) if given.config else set()
    usual = {**ansible.FOR_MACHINES, **ansible_cfg.read(project.root / "ansible.cfg")}
    placed = placing.environment(tree, directory)
    said = {name: _absolute(value, of.directory) for name, value in given.environment.items() if name in placed}
    return {
        **{name: value for name, value in usual.items() if name not in configured},
        **given.environment,
        # What a scenario says of where content lies comes after where it is known to lie.
        **{name: os.pathsep.join([value, *([said[name]] if said.get(name) else [])]) for name, value in placed.items()},
    }


def _absolute(paths: str, directory: Path) -> str:
    """Paths as Molecule reads them in molecule.yml: from the scenario's directory."""
    parts = (part for part in paths.split(os.pathsep) if part)
    return os.pathsep.join(str((directory / Path(part).expanduser()).resolve()) for part in parts)


@cache
def _say_once(line: str) -> None:
    """Say what holds for every machine and state once."""
    say(line)


def missing_requirements(project: Project) -> list[str]:
    """What a verdict would fetch before it begins. Raises TdiError for files that cannot be used."""
    of = scenario.load(project, scenario.NAMES[0])
    playbooks = tuple(path for path in (of.prepare, of.ansible.playbook, of.verify) if path)
    kept, beside = project.artifacts / "requirements", project.root.parent
    return requirements.missing(project.root, _scenarios(of, playbooks), kept, beside)


def _scenarios(of: Scenario, playbooks: tuple[Path, ...]) -> list[Path]:
    """The directories whose requirements count: the scenario's, and those that it takes playbooks from."""
    return list(dict.fromkeys([of.directory, *(path.parent for path in playbooks)]))


def prepare(machines: Mapping[str, AnsibleSettings], of: Scenario, work: Path, log: Path) -> ansible.Pass | None:
    """Run the scenario's prepare playbook on a machine, by container, where there is one; return what it did.

    It is no part of the role: raises TdiError where it fails.
    """
    if of.prepare is None:
        return None
    preparing = {name: replace(given, playbook=of.prepare) for name, given in machines.items()}
    outcome = ansible.converge(preparing, work, log, times=1, first="prepare")
    (only,) = (one for passes in outcome.passes.values() for one in passes)
    if only.failure or outcome.code or not outcome.recap:
        failure = only.failure
        what = f"task '{failure.task}': {failure.message}" if failure else ansible.last_error(outcome)
        raise TdiError(
            f"{of.prepare.name}, which comes before the role, failed: {what or 'Ansible did not finish'}",
            f"The log: {log}",
        )
    return only


def can_share_a_run(project: Project, scenarios: Mapping[str, Scenario]) -> bool:
    """Whether one run of Ansible does for the machines of `scenarios` the same as one for each."""
    first, *others = scenarios.values()
    if not all(first.ansible.agrees_with(other.ansible) for other in others):
        return False
    if first.prepare != others[0].prepare:
        return False
    playbooks = [path for path in (first.ansible.playbook, first.verify) if path]
    links = list(first.ansible.inventory.links.values())
    required = project.artifacts / "requirements"
    return not together.looks_at_other_hosts([*project.content, *playbooks, *links, required])


def what_decides(project: Project) -> list[Path]:
    """The files besides the content that decide on what a new machine becomes: the scenario and its playbooks."""
    fresh = scenario.load(project, scenario.NAMES[0])
    found = [fresh.directory / "molecule.yml", fresh.ansible.playbook, fresh.prepare]
    return [path for path in found if path] + list(fresh.ansible.inventory.links.values())
