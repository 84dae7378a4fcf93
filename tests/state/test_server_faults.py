"""Recall on real servers: faults planted among keys, databases and names that vary from machine to machine.

Of each group of servers there are three machines from the base image: a new one, its twin, and one that has been in
production, on which the faults are planted. With the twin, each must be found, and nothing else.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from server_faults import FAULTS, PACKAGES, PREPARED, PROBES, Fault

from conftest import ROOT
from tdi.images import base_image
from tdi.machines import lifecycle
from tdi.molecule import scenario
from tdi.outside import docker
from tdi.project import Project
from tdi.state import record_settings, recording
from tdi.state.compare import Comparison, compare
from tdi.state.finding import Finding, Names
from tdi.state.record import RecordFile

pytestmark = pytest.mark.docker

FOR_EACH_PUSH = "databases"
"""The group whose machines are made for each push; the others take a minute and more each."""


def _when(group: str) -> list[pytest.MarkDecorator]:
    return [] if group == FOR_EACH_PUSH else [pytest.mark.nightly]


APT = "apt-get --quiet --assume-yes --no-install-recommends -oDpkg::Use-Pty=0"
NAMES = Names("new", "upgraded")
PARTS = ("new", "twin", "upgraded")


@dataclass
class Servers:
    """The comparison of a group with its faults, and of the same machines before anything was planted."""

    unmutated: Comparison
    faulty: Comparison
    not_planted: dict[str, str] = field(default_factory=dict)


def _shell(machine: str, lines: str, **variables: str) -> str:
    """Run lines of shell as root; what they print where they fail, else nothing."""
    words = [f"{name}={value}" for name, value in {"DEBIAN_FRONTEND": "noninteractive", **variables}.items()]
    done = docker.execute(machine, ["env", *words, "sh", "-eu", "-c", lines], check=False, timeout=900)
    return "" if done.ok else f"exit code {done.code}: {done.stdout[-2000:]}{done.stderr[-2000:]}"


def _planted(machines: dict[str, str], fault: Fault) -> str:
    """Plant a fault; why that failed, else nothing."""
    if not fault.share:
        return _shell(machines["upgraded"], fault.plant, KEY=fault.key)
    content = docker.execute(machines["new"], ["base64", "--wrap=0", fault.key]).stdout
    return _shell(machines["upgraded"], 'echo "$CONTENT" | base64 -d > $KEY', KEY=fault.key, CONTENT=content)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Servers]]:
    """What came of the faults of a group, whose machines are made when this is first asked for."""
    directory = tmp_path_factory.mktemp("servers")
    project = Project(ROOT, directory / "artifacts")
    project.prepare_artifacts()
    base = base_image.ensure(project)
    options = scenario.load(project, "fresh").options
    known: dict[str, Servers] = {}

    def of(group: str) -> Servers:
        if group not in known:
            run_id = lifecycle.new_run_id()
            with ExitStack() as stack:
                stack.callback(lifecycle.remove_run, run_id)
                machines = {part: f"tdi-{run_id}-{group}-{part}" for part in PARTS}

                def make(machine: str) -> None:
                    docker.run_detached(machine, base.id, tuple(options), lifecycle.labels(run_id))
                    docker.wait_until_booted(machine)
                    installed = f"{APT} update > /dev/null; {APT} install {PACKAGES[group]}; {APT} clean"
                    assert not (said := _shell(machine, installed + PREPARED[group])), said

                with ThreadPoolExecutor() as pool:
                    list(pool.map(make, machines.values()))
                    records = dict(zip(PARTS, pool.map(lambda part: record(machines[part], part), PARTS), strict=True))
                not_planted = {fault.id: _planted(machines, fault) for fault in FAULTS if fault.group == group}
                files = [*records.values(), record(machines["upgraded"], "faulty"), record(machines["new"], "later")]
                new, twin, upgraded, planted, later = (stack.enter_context(RecordFile(file)) for file in files)
                unmutated, faulty = (
                    compare(new, each, names=NAMES, twin=twin, later=[(new, later)]) for each in (upgraded, planted)
                )
            known[group] = Servers(
                unmutated,
                faulty,
                {name: said for name, said in not_planted.items() if said},
            )
        return known[group]

    def record(machine: str, name: str) -> Path:
        file = directory / f"{machine}-{name}.json"
        group = machine.split("-")[2]
        files = (ROOT / "docs" / "probes" / f"{probe}.yml" for probe in PROBES.get(group, ()))
        probes = [probe for declared in map(record_settings.load, files) for probe in declared["probes"]]
        recording.record(f"docker://{machine}", file, probes=probes).close()
        return file

    return of


def shown(findings: tuple[Finding, ...]) -> str:
    """The findings, a line each."""
    return "\n".join(f"{f.kind} {f.scope} {f.key!r} {f.attributes}: {f.why}" for f in findings)


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, marks=_when(fault.group)) for fault in FAULTS], ids=[fault.id for fault in FAULTS]
)
def test_a_fault_of_a_server_is_one_finding_and_the_right_one(fault: Fault, servers: Callable[[str], Servers]):
    came = servers(fault.group)
    assert fault.id not in came.not_planted, came.not_planted[fault.id]
    mine = [f for f in came.faulty.findings if (f.scope, f.key, f.kind.value) == (fault.scope, fault.key, fault.kind)]
    assert len(mine) == 1, shown(came.faulty.findings)


@pytest.mark.parametrize("group", [pytest.param(group, marks=_when(group)) for group in PACKAGES])
def test_faults_of_a_server_give_no_other_finding(group: str, servers: Callable[[str], Servers]):
    planted = {(fault.scope, fault.key) for fault in FAULTS if fault.group == group}
    others = tuple(f for f in servers(group).faulty.findings if (f.scope, f.key) not in planted)
    assert not others, shown(others)


@pytest.mark.parametrize("group", [pytest.param(group, marks=_when(group)) for group in PACKAGES])
def test_servers_without_a_fault_give_no_finding(group: str, servers: Callable[[str], Servers]):
    assert not servers(group).unmutated.findings, shown(servers(group).unmutated.findings)


def test_there_are_sixty_faults_of_servers():
    assert len({fault.id for fault in FAULTS}) == len(FAULTS) >= 60
