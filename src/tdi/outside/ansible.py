"""Ansible: run on machines with a scenario's own settings, and on a fleet with the caller's. Nothing else starts it."""

import configparser
import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from tdi import settings
from tdi.errors import TdiError
from tdi.outside import docker, process
from tdi.outside.files import make_directory
from tdi.outside.json_lines import JsonLines

AGAIN = "tdi: converge again"
"""The name of the empty play that stands between the first and the second converge."""

_GAVE_UP = 1
"""The exit code of ansible-playbook for an error in what it was given; 250 is for one in itself."""

LONGEST_TASK = 900
"""Seconds that one task may take before Ansible ends it as failed: a role that hangs is a fault of the role."""


@dataclass(frozen=True)
class Inventory:
    """A machine as Ansible is told of it: its name, its groups, and variables."""

    host: str
    groups: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    """Groups below each of `groups`."""
    group_vars: Mapping[str, Any] = field(default_factory=dict)
    host_vars: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, Path] = field(default_factory=dict)
    """`group_vars`, `host_vars` or `hosts` → where the project has them."""


@dataclass(frozen=True)
class AnsibleSettings:
    """What a converge is run with: whose settings these are, ansible.cfg by section, inventory and playbook."""

    owner: str
    config: Mapping[str, Mapping[str, Any]]
    inventory: Inventory
    environment: Mapping[str, str]
    playbook: Path
    extra_vars: Mapping[str, Any] = field(default_factory=dict)
    """Variables that outweigh all others."""

    def agrees_with(self, other: "AnsibleSettings") -> bool:
        """Whether one run can serve both machines: all but the owner and the host's name is the same."""
        mine, theirs = self.inventory, other.inventory
        renamed = replace(self, owner=other.owner, inventory=replace(mine, host=theirs.host))
        return mine.host != theirs.host and renamed == other


@dataclass(frozen=True)
class Event:
    """One line of our callback plugin: what happened, the facts that go with it, and which machines the run is of."""

    name: str
    facts: dict[str, Any]
    machines: tuple[str, ...] = ()


_ABOUT_PACKAGES = re.compile(r"\bapt\b|fetch|resolv|connect|timed out|network|package|mirror|cache", re.IGNORECASE)


@dataclass(frozen=True)
class Failure:
    """A task that failed on a machine: its name, where it stands, and what it said."""

    task: str
    path: str
    message: str
    unreachable: bool = False
    units: tuple[str, ...] = ()
    """The units that the task acted on, or that it said have failed."""

    @property
    def about_packages(self) -> bool:
        """Whether it may have failed for the package mirror's sake; that is to be asked without the role."""
        return _ABOUT_PACKAGES.search(self.message) is not None


@dataclass
class Pass:
    """One converge of one machine: its failure, the tasks that changed something, and which task made what.

    `wrote` has paths, and other things as SCOPE:NAME; `about` the paths that tasks named which reported no change;
    `places` where the task of each in `wrote` stands, as FILE:LINE.
    """

    failure: Failure | None = None
    changed: list[str] = field(default_factory=list)
    wrote: dict[str, str] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    results: int = 0
    checks: int = 0
    """How many of the results could have failed for what was found on the machine."""
    skipped_handlers: dict[str, str] = field(default_factory=dict)
    """Handlers that did not run when they were last notified, for their own condition did not hold: name → it."""


@dataclass(frozen=True)
class Outcome:
    """What a run did: per machine the passes, the exit code, and the log of all that Ansible printed."""

    passes: dict[str, list[Pass]]
    recap: bool
    code: int
    log: Path


def strategy() -> dict[str, str]:
    """The environment that selects the strategy of plays: Mitogen where it is there, plain Ansible otherwise.

    TDI_STRATEGY, when set, is kept: `linear` runs plain Ansible.
    """
    found = importlib.util.find_spec("ansible_mitogen")
    wanted = settings.strategy() or ("mitogen_linear" if found else "linear")
    if not wanted.startswith("mitogen") or not found or not found.submodule_search_locations:
        return {"ANSIBLE_STRATEGY": wanted}
    plugins = Path(found.submodule_search_locations[0]) / "plugins" / "strategy"
    return {"ANSIBLE_STRATEGY": wanted, "ANSIBLE_STRATEGY_PLUGINS": str(plugins)}


FOR_MACHINES = {
    # The docker connection reads it from `[defaults]`, where few would look for it.
    "ANSIBLE_PIPELINING": "true",
    # Seconds until the machine answers: ten are too few for a slow host whose machines have just booted.
    "ANSIBLE_TIMEOUT": "120",
    "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
    "ANSIBLE_CALLBACKS_ENABLED": "tdi_events",
    "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "ansible_plugins" / "callback"),
    # Molecule's idempotence check reads the recap that this one prints.
    "ANSIBLE_STDOUT_CALLBACK": "default",
    # Machines are new each time: there are no keys to know and no retries to keep.
    "ANSIBLE_HOST_KEY_CHECKING": "false",
    "ANSIBLE_RETRY_FILES_ENABLED": "false",
}
"""How Ansible works on machines under test, where the scenario does not say otherwise."""


def environment(home: Path, scenario_environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for ansible-playbook and Molecule: a home of this run's own, our plugin, and Docker's address."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    # Without compiled byte code Ansible starts twice as slowly.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        **docker.environment(),
        **(scenario_environment or {}),
        "ANSIBLE_HOME": str(home),
    }


@dataclass(frozen=True)
class Converging:
    """An ansible-playbook that runs beside us."""

    program: process.Started
    reader: "_Reader"
    log: Path

    def outcome(self, observe: Callable[[Event], None] = lambda _: None) -> Outcome:
        """Follow it to its end and return what it did."""
        done = self.program.wait(tick=lambda: self.reader.read(observe))
        return Outcome(self.reader.passes, self.reader.recap, done.code, self.log)


def converge(
    machines: Mapping[str, AnsibleSettings], work: Path, log: Path, *, times: int = 2, first: str = "converge"
) -> Outcome:
    """Converge machines that are up, as `converging` does, to the end."""
    with converging(machines, work, log, times=times, first=first) as running:
        return running.outcome()


@contextmanager
def converging(
    machines: Mapping[str, AnsibleSettings],
    work: Path,
    log: Path,
    *,
    times: int = 2,
    gate: Path | None = None,
    first: str = "converge",
) -> Iterator[Converging]:
    """Converge machines together in one run of ansible-playbook: by container, with settings that agree.

    The settings' own playbook runs `times` times: with `gate`, it touches the machines the first time once
    that file exists, the second once the file `gate`-again does. `first` is what the run is called in `work`.
    """
    any_of_them = next(iter(machines.values()))
    make_directory(work)
    _write_config(work / "ansible.cfg", any_of_them.config)
    hosts = _write_inventory(work / "inventory", machines)
    (work / f"{first}.yml").write_text(_repeated(any_of_them.playbook, times), encoding="utf-8")
    variables = environment(work / "home", {**strategy(), **any_of_them.environment})
    if gate:
        variables["TDI_GATE"] = str(gate)
    reader = _Reader(work / f"{first}-events.jsonl", hosts)
    variables |= {
        "ANSIBLE_CONFIG": str(work / "ansible.cfg"),
        "TDI_EVENTS": str(reader.events.path),
        "ANSIBLE_FORKS": str(max(5, len(machines))),
        "ANSIBLE_TASK_TIMEOUT": str(LONGEST_TASK),
        "ANSIBLE_NOCOLOR": "1",
    }
    command = [_program("ansible-playbook"), "--inventory", "inventory", f"{first}.yml"]
    if any_of_them.extra_vars:
        (work / "extra-vars.yml").write_text(yaml.safe_dump(dict(any_of_them.extra_vars)), encoding="utf-8")
        command += ["--extra-vars", "@extra-vars.yml"]
    with process.started(command, env=variables, cwd=work, log=log) as program:
        yield Converging(program, reader, log)


def second_gate(gate: Path) -> Path:
    """The file that lets the second converge begin, beside the one that lets the first."""
    return gate.with_name(f"{gate.name}-again")


def syntax_error(given: AnsibleSettings, work: Path) -> str | None:
    """What Ansible says is wrong with the playbook and its roles, or None."""
    command = [_program("ansible-playbook"), "--syntax-check", "--inventory", "localhost,"]
    variables = {**environment(work / "home", given.environment), "ANSIBLE_NOCOLOR": "1"}
    checked = process.run([*command, given.playbook], check=False, env=variables, cwd=work, timeout=120)
    return None if checked.ok else process.first_line(checked.stderr) or checked.last_line


def usual_environment() -> dict[str, str]:
    """The caller's own environment, for how to reach the hosts of a fleet is in their Ansible's settings."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**kept, "PATH": path, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_DEPRECATION_WARNINGS": "0"}


def list_inventory(sources: Sequence[str], limit: str | None) -> process.Completed:
    """What Ansible reads in `sources` (as for `--inventory`), as JSON; the caller judges the exit code."""
    words = [*_inventories(sources), *(["--limit", limit] if limit else []), "--list"]
    variables = {**usual_environment(), "ANSIBLE_INVENTORY_UNPARSED_FAILED": "1"}
    return process.run([_program("ansible-inventory"), *words], check=False, env=variables, timeout=600)


def play(
    playbook: Path,
    sources: Sequence[str],
    options: Sequence[str],
    variables: Mapping[str, str],
    log: Path,
    tick: Callable[[], None],
) -> process.Completed:
    """Run a playbook on the hosts of `sources` in `usual_environment` and `variables`; the caller judges the code."""
    command = [_program("ansible-playbook"), *_inventories(sources), *options, str(playbook)]
    return process.run(command, check=False, env={**usual_environment(), **variables}, log=log, tick=tick)


def galaxy(kind: str, wanted: Path, to: Path) -> process.Completed:
    """Let ansible-galaxy install what the file `wanted` lists; `kind` is role or collection. The caller judges."""
    place = "--roles-path" if kind == "role" else "--collections-path"
    words = [kind, "install", "--role-file" if kind == "role" else "--requirements-file", str(wanted), place, str(to)]
    variables = {**usual_environment(), "ANSIBLE_GALAXY_SERVER_TIMEOUT": "20"}
    return process.run([_program("ansible-galaxy"), *words], check=False, env=variables, timeout=600)


def quick_to_say_its_version(directory: Path, path: str) -> Path:
    """A directory for the PATH whose ansible-playbook answers `--version` at once, and is the real one otherwise.

    Molecule asks before every playbook, only to see that the program is there; Ansible takes 0.6 s to answer.
    """
    real = shutil.which("ansible-playbook", path=path)
    if real is None:
        raise TdiError("ansible-playbook is not in the environment.", "make setup")
    script = directory / "bin" / "ansible-playbook"
    script.parent.mkdir()
    version = metadata.version("ansible-core")
    script.write_text(
        f'#!/bin/sh\n[ "$*" = --version ] && echo "ansible-playbook [core {version}]" && exit\nexec \'{real}\' "$@"\n',
        encoding="utf-8",
    )
    script.chmod(0o755)
    return script.parent


def _inventories(sources: Sequence[str]) -> list[str]:
    return [word for source in sources for word in ("--inventory", source)]


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def within(root: Path, place: str) -> str:
    """Where a task stands (FILE:LINE) in the tree at `root`; nothing for what stands elsewhere, as in a collection."""
    file, tree = Path(place).resolve(), root.resolve()
    return str(file.relative_to(tree)) if place and file.is_relative_to(tree) else ""


def last_error(outcome: Outcome) -> str | None:
    """What Ansible said last where it gave up on the playbook, as for a handler that is not there; None for a crash."""
    if outcome.code != _GAVE_UP:
        return None
    lines = outcome.log.read_text(encoding="utf-8", errors="replace").splitlines() if outcome.log.exists() else []
    said = (
        line.removeprefix(mark) for line in reversed(lines) for mark in ("[ERROR]: ", "ERROR! ") if mark in line[:9]
    )
    return next(said, None)


def _repeated(playbook: Path, times: int) -> str:
    plays: list[dict[str, Any]] = []
    for number in range(times):
        if number:
            plays.append({"name": AGAIN, "hosts": "all", "gather_facts": False, "tasks": []})
        plays.append({"name": "Converge", "ansible.builtin.import_playbook": str(playbook)})
    return yaml.safe_dump(plays, sort_keys=False)


def _write_config(file: Path, sections: Mapping[str, Mapping[str, Any]]) -> None:
    config = configparser.RawConfigParser()
    for section, options in sections.items():
        config[section] = {key: str(value) for key, value in options.items()}
    with file.open("w", encoding="utf-8") as handle:
        config.write(handle)


def _write_inventory(directory: Path, machines: Mapping[str, AnsibleSettings]) -> dict[str, str]:
    """Write the inventory as Molecule lays it out, and return the container of each host."""
    make_directory(directory)
    groups: dict[str, Any] = {}
    hosts: dict[str, Any] = {}
    for name, given in machines.items():
        told = given.inventory
        hosts[told.host] = {"ansible_connection": "docker", "ansible_host": name}
        for group in told.groups:
            row = groups.setdefault(group, {"hosts": {}})
            row["hosts"][told.host] = {}
            for child in told.children:
                row.setdefault("children", {}).setdefault(child, {"hosts": {}})["hosts"][told.host] = {}
    inventory = {"all": {"hosts": hosts}, **groups}
    (directory / "machines.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    told = next(iter(machines.values())).inventory
    of_hosts = {host: values for given in machines.values() for host, values in given.inventory.host_vars.items()}
    for kind, variables in (("group_vars", told.group_vars), ("host_vars", of_hosts)):
        for name, values in variables.items():
            make_directory(directory / kind)
            (directory / kind / f"{name}.yml").write_text(yaml.safe_dump(values), encoding="utf-8")
    for kind, place in told.links.items():
        if not place.exists():
            raise TdiError(f"{place} is not there, which the inventory links ({kind}) of molecule.yml name.")
        if not (directory / kind).exists():
            (directory / kind).symlink_to(place)
    return {given.inventory.host: name for name, given in machines.items()}


def failure_of(facts: Mapping[str, Any]) -> Failure:
    """The failure that the facts of a result tell which failed, or whose machine could not be reached."""
    unreachable = facts["outcome"] == "unreachable"
    return Failure(facts["task"], facts["path"] or "", facts["message"], unreachable, tuple(facts.get("units", ())))


class _Reader:
    """Follows the file of events while Ansible writes it, and keeps count of what each machine went through."""

    def __init__(self, path: Path, containers: Mapping[str, str]) -> None:
        """Of the events in `path`; `containers` has the container of each host."""
        self.events = JsonLines(path)
        self.passes: dict[str, list[Pass]] = {name: [Pass()] for name in containers.values()}
        self.recap = False
        self._containers = containers

    def read(self, observe: Callable[[Event], None]) -> None:
        """Take in what was written since the last call."""
        for facts in self.events.fresh():
            if "host" in facts:
                facts["host"] = self._containers.get(facts["host"], facts["host"])
            event = Event(facts.pop("event"), facts, tuple(self.passes))
            self._take(event)
            observe(event)

    def _take(self, event: Event) -> None:
        facts = event.facts
        if event.name == "play" and facts["name"] == AGAIN:
            for passes in self.passes.values():
                passes.append(Pass())
        elif event.name == "recap":
            self.recap = True
            self._settle({self._containers.get(host, host): counts for host, counts in facts["hosts"].items()})
        elif event.name == "result" and facts["host"] in self.passes:
            current = self.passes[facts["host"]][-1]
            current.results += 1
            current.checks += bool(facts.get("checks"))
            if facts.get("handler") and facts["outcome"] == "skipped":
                current.skipped_handlers[facts["task"]] = facts["when"]
            elif facts.get("handler"):
                current.skipped_handlers.pop(facts["task"], None)
            if facts["outcome"] == "changed":
                current.changed.append(facts["task"])
                current.wrote |= dict.fromkeys(facts["wrote"], facts["task"])
                current.places |= dict.fromkeys(facts["wrote"], facts["path"] or "")
            elif facts["outcome"] == "ok":
                current.about |= dict.fromkeys(facts.get("about", ()), facts["task"])
            elif facts["outcome"] in {"failed", "unreachable"}:
                current.failure = failure_of(facts)

    def _settle(self, recap: dict[str, dict[str, int]]) -> None:
        """Keep only what the recap confirms: a failure that a `rescue` caught is none, and ends no pass."""
        for name, passes in self.passes.items():
            while len(passes) > 1 and not passes[-1].results:
                passes.pop()
            counts = recap.get(name, {})
            failed = bool(counts.get("failures") or counts.get("unreachable"))
            for number, one in enumerate(passes, start=1):
                if not (failed and number == len(passes)):
                    one.failure = None
