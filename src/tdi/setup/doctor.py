"""What the project needs of this machine, each found or missing, and the remedy for what is missing."""

import os
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from tdi.content import history
from tdi.errors import TdiError
from tdi.images import platforms, published
from tdi.machines import kernel
from tdi.molecule import playing, scenario
from tdi.outside import ansible, apt, docker, process
from tdi.outside.registry import Registry
from tdi.outside.screen import out
from tdi.project import Project

_SMALLEST_DISK = 3
"""GiB that the images and a run need at least where the engine keeps its data (measured: 1.2 GiB a platform)."""

_NEEDED = ("ansible", "molecule", "molecule-plugins", "pytest-testinfra")


@dataclass(frozen=True)
class Requirement:
    """One thing that is needed: whether it is met, what was found, and what to do where it is not."""

    name: str
    met: bool
    found: str
    remedy: str = ""


def examine() -> list[Requirement]:
    """Every requirement of this machine, in the order in which they build on each other."""
    return [
        _python(),
        *(_package(name) for name in _NEEDED),
        _program("git", "apt-get install git"),
        _strategy(),
        _program("docker", "tdi setup, or apt-get install docker.io"),
        *_engine(),
        _root_file_systems(),
        *_project(),
    ]


def as_json(requirements: list[Requirement]) -> dict[str, Any]:
    """The machine-readable form."""
    return {
        "schema": 1,
        "met": all(one.met for one in requirements),
        "requirements": [asdict(one) for one in requirements],
    }


def show(requirements: list[Requirement]) -> None:
    """Print the list; what is missing stands with its remedy."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for one in requirements:
        mark = "[green]found[/]" if one.met else "[bold red]missing[/]"
        table.add_row(mark, one.name, Text(one.found if one.met else f"{one.found} → {one.remedy}"))
    out.print(table)


def _python() -> Requirement:
    version = sys.version.split()[0]
    return Requirement("python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer, and tdi with it")


def _package(name: str) -> Requirement:
    try:
        return Requirement(name, met=True, found=metadata.version(name))
    except metadata.PackageNotFoundError:
        return Requirement(
            name,
            met=False,
            found="not in the environment",
            remedy="install tdi anew: pip, or in its checkout make setup",
        )


def _strategy() -> Requirement:
    strategy = ansible.strategy()["ANSIBLE_STRATEGY"]
    text = strategy if strategy != "linear" else "linear; with Mitogen it is faster (pip install mitogen)"
    return Requirement("strategy", met=True, found=text)


def _program(name: str, remedy: str) -> Requirement:
    path = shutil.which(name)
    return Requirement(name, path is not None, path or "not on the PATH", remedy)


def _engine() -> list[Requirement]:
    try:
        engine = docker.engine()
    except TdiError as error:
        return [Requirement("docker engine", met=False, found=error.what, remedy=error.remedy)]
    text = f"{engine.version} at {engine.endpoint}, {engine.architecture}, cgroup v{engine.cgroup_version}"
    found = [Requirement("docker engine", met=True, found=text)]
    if engine.endpoint.startswith("unix://"):
        found.append(_kernel())
    if Path(engine.data_root).is_dir() and engine.endpoint.startswith("unix://"):
        free = shutil.disk_usage(engine.data_root).free / 2**30
        remedy = f"free {_SMALLEST_DISK} GiB there (docker system df; tdi clean)"
        found.append(Requirement("disk", free >= _SMALLEST_DISK, f"{free:.0f} GiB free in {engine.data_root}", remedy))
    return found


def _kernel() -> Requirement:
    """What services on machines find in the kernel of this host; roles that need none of what it lacks are tested."""
    lacks = kernel.lacks()
    text = "IPv6 and user namespaces, for the services of machines"
    if lacks:
        said = (f"{lack.what} ({lack.stopped} do not start on machines; {lack.remedy})" for lack in lacks)
        text = ", ".join(said)
    return Requirement("kernel", met=True, found=text)


def _root_file_systems() -> Requirement:
    """Some way to a root file system: an image of a platform, or a mirror to bootstrap from."""
    try:
        table = platforms.load()
        wanted = platforms.wanted(table) or table.by_name[table.default]
    except TdiError as error:
        return Requirement("platform", met=False, found=error.what, remedy=error.remedy)
    archive = apt.of_host()
    if archive is None:
        text = f"{wanted.image} from a registry; this host's apt cannot bootstrap"
    else:
        text = f"{wanted.image} from a registry, else bootstrapped from this host's {archive.distribution} mirror"
    return Requirement("platform", met=True, found=text)


def _project() -> list[Requirement]:
    """The project that is worked on: its scenarios, what its roles need of others, and where production comes from."""
    try:
        project = Project.find()
    except TdiError as error:
        return [Requirement("project", met=False, found=error.what, remedy=error.remedy)]
    found = [Requirement("project", met=True, found=str(project.root))]
    for name in scenario.NAMES:
        try:
            loaded = scenario.load(project, name)
            found.append(Requirement(f"scenario {name}", met=True, found=f"converges {loaded.ansible.playbook.name}"))
        except TdiError as error:
            found.append(Requirement(f"scenario {name}", met=False, found=error.what, remedy=error.remedy))
    if all(one.met for one in found):
        found.append(_required(project))
    try:
        before = history.before_the_change(project)
        found.append(Requirement("production", met=True, found=before.reason))
    except TdiError as error:
        found.append(Requirement("production", met=False, found=error.what, remedy=error.remedy))
    return [*found, *_registry(project), _artifacts(project)]


def _registry(project: Project) -> list[Requirement]:
    """Whether the registry of production images answers and lets us in, where the project has one."""
    try:
        if not project.registry:
            return []
        table = platforms.load()
        where = Registry(published.repository(project, (platforms.wanted(table) or table.by_name[table.default]).name))
        production = published.current(where)
    except TdiError as error:
        return [Requirement("registry", met=False, found=error.what, remedy=error.remedy)]
    text = production.called if production else "nothing is published yet"
    return [Requirement("registry", met=True, found=f"{where.repository}, {text}")]


def _required(project: Project) -> Requirement:
    try:
        missing = playing.missing_requirements(project)
    except TdiError as error:
        return Requirement("requirements", met=False, found=error.what, remedy=error.remedy)
    text = f"to be fetched: {process.joined(missing)}" if missing else "roles and collections are there"
    return Requirement("requirements", met=True, found=text)


def _artifacts(project: Project) -> Requirement:
    try:
        project.prepare_artifacts()
    except TdiError as error:
        return Requirement("artifacts", met=False, found=error.what, remedy=error.remedy)
    temporary = tempfile.gettempdir()
    writable = os.access(temporary, os.W_OK)
    return Requirement("artifacts", writable, f"{project.artifacts} and {temporary} can be written", "set TMPDIR")
