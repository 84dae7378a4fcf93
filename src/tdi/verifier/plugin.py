"""Pytest plugin of the verifier (`-p tdi.verifier.plugin`): events for the progress display, records, the comparison.

Everything here works the same whether Molecule starts pytest for one scenario or `tdi verdict` for both machines.
"""

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import IO, Any

import pytest
import testinfra.backend
from testinfra.host import Host

from tdi.machines import lifecycle, manifest
from tdi.machines.machine import Machine, Part
from tdi.molecule import pasts
from tdi.project import Project
from tdi.same_state import comparing, kept_records
from tdi.state.compare import Comparison
from tdi.verifier.backend import KeptOpenDockerBackend
from tdi.verifier.own_tests import SAME_STATE_TEST


def pytest_configure(config: pytest.Config) -> None:
    """Follow the outcome of each test, and keep the exec of Testinfra's `docker` connection open."""
    testinfra.backend.BACKENDS["docker"] = "tdi.verifier.backend.KeptOpenDockerBackend"
    config.pluginmanager.register(Events(), "tdi-events")
    config.addinivalue_line("filterwarnings", "ignore:record_xml_attribute")


class Events:
    """Pytest plugin: writes each test's outcome as a JSON line to the file that TDI_TEST_EVENTS names."""

    def __init__(self) -> None:
        path = os.environ.get("TDI_TEST_EVENTS")
        # Open for as long as the session lasts: a line costs one write.
        self._file: IO[str] | None = Path(path).open("a", encoding="utf-8") if path else None  # noqa: SIM115

    def _write(self, **facts: Any) -> None:
        if self._file:
            self._file.write(json.dumps(facts) + "\n")
            self._file.flush()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Say how many tests there are."""
        self._write(event="collected", tests=len(session.items))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Say what could not be collected: a test file that does not even import."""
        if report.failed:
            self._write(event="broken", message=f"{report.nodeid}: {report.longreprtext.strip().splitlines()[-1]}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Say how a test ended; set-up and teardown count only where they fail."""
        if report.when == "call" or report.outcome != "passed":
            self._write(
                event="test",
                id=report.nodeid,
                when=report.when,
                outcome=report.outcome,
                message=_message(report),
                seconds=report.duration,
            )


def _message(report: pytest.TestReport) -> str:
    if report.outcome == "passed":
        return ""
    if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the test that compares but for upgraded machines: they are compared with the new one, not vice versa."""
    others = [item for item in items if _compares(item) and _part_of(item) is not Part.UPGRADED]
    if others:
        items[:] = [item for item in items if item not in others]
        config.hook.pytest_deselected(items=others)


def _compares(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and item.originalname == SAME_STATE_TEST


def _machine_of(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    host = callspec.params.get("_testinfra_host") if callspec else None
    return str(host.backend.hostname) if isinstance(host, Host) else ""


def _part_of(item: pytest.Item) -> Part | None:
    machine = _machine_of(item)
    return _known(machine).part if machine else None


@cache
def _known(name: str) -> Machine:
    return lifecycle.known(name)


@pytest.fixture(autouse=True)
def stable_name(request: pytest.FixtureRequest, record_xml_attribute: Callable[[str, object], None]) -> None:
    """Call each test in pytest's JUnit report by its machine's label: a container's name is another one in each run."""
    machine = _machine_of(request.node)
    if machine:
        name = str(request.node.name).replace(f"docker://{machine}", _known(machine).label)
        record_xml_attribute("name", name)


class Recorder:
    """Records the session's machines, all at once on the first demand, each once."""

    def __init__(self, project: Project, names: Sequence[str]) -> None:
        self._project = project
        self._pool = ThreadPoolExecutor(max_workers=max(1, len(names)))
        self._names = names
        self._futures: dict[str, Future[Path]] = {}

    def __call__(self, name: str) -> Path:
        """The file of the record of machine `name`. Raises TdiError where the machine could not be recorded."""
        # The record must not show the processes that our own tests have on the machine.
        KeptOpenDockerBackend.close_all()
        for each in {*self._names, name}:
            if each not in self._futures:
                self._futures[each] = self._pool.submit(kept_records.record_machine, self._project, _known(each))
        return self._futures[name].result()


class Comparer:
    """Compares upgraded machines with a new one: each once, however many cases ask for it.

    An allowance of the rules has to be needed by one of the project's pasts: that is said with the last of them, where
    all are here.
    """

    def __init__(self, project: Project, recorder: Recorder, machines: Sequence[str] = ()) -> None:
        self._project = project
        self._recorder = recorder
        self._upgraded = {each.name: each.label for each in map(_known, machines) if each.part is Part.UPGRADED}
        self._made: dict[str, Comparison | str] = {}

    def __call__(self, name: str) -> Comparison:
        """The comparison of machine `name`.

        Raises TdiError where it could not be made; that is said in full once, and in a line from then on.
        """
        if name not in self._made:
            try:
                machine, record = _known(name), self._recorder(name)
                self._made[name] = comparing.compare_with_fresh(
                    self._project, machine, record, needed=self._needed(name)
                )
            except Exception as error:
                self._made[name] = str(error)
                raise
        made = self._made[name]
        if isinstance(made, str):
            pytest.fail(f"not compared: {made}", pytrace=False)
        return made

    def _needed(self, name: str) -> set[str] | None:
        """The allowances that the other pasts needed; None where one of the project's pasts was not compared."""
        made = [self._made.get(other) for other in self._upgraded if other != name]
        all_here = {pasts.label(each) for each in pasts.names(self._project)} <= {*self._upgraded.values()}
        if not all_here or not all(isinstance(each, Comparison) for each in made):
            return None
        return {rule for each in made if isinstance(each, Comparison) for rule in each.suppressed}


def machine_names(config: pytest.Config) -> list[str]:
    """The machines that pytest was started for (`--hosts`), where it was told their names."""
    if config.getoption("connection") != "docker":
        return []
    return [word.rsplit("/", 1)[-1] for word in (config.getoption("hosts") or "").split(",") if word]


@pytest.fixture(scope="session")
def project(pytestconfig: pytest.Config) -> Project:
    """The checkout that the tests belong to."""
    run = manifest.current()
    return Project(run.root, run.artifacts) if run else Project.find(pytestconfig.rootpath)


@pytest.fixture(scope="session")
def recorder(project: Project, pytestconfig: pytest.Config) -> Recorder:
    """Records machines on demand."""
    return Recorder(project, machine_names(pytestconfig))


@pytest.fixture(scope="session")
def comparer(project: Project, recorder: Recorder, pytestconfig: pytest.Config) -> Comparer:
    """Compares machines on demand."""
    return Comparer(project, recorder, machine_names(pytestconfig))


@pytest.fixture(scope="module")
def machine(host: Host) -> str:
    """The name of the machine under test."""
    return str(host.backend.hostname)


@pytest.fixture(scope="module")
def scenario(machine: str) -> str:
    """The scenario of the machine under test."""
    return _known(machine).scenario
