"""Verdicts on a real engine: two at once, interrupted anywhere, and machines that Molecule and tdi start alike."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import killed
from conftest import ROOT
from tdi.images import base_image
from tdi.machines import lifecycle
from tdi.molecule import scenario
from tdi.outside import docker
from tdi.project import Project

pytestmark = pytest.mark.docker

COMMAND = [sys.executable, "-m", "tdi"]
ONE_PAST = {"TDI_PAST": "default"}
"""What is asked here holds for one past as for several, and takes less of the machine."""

PATIENCE = 180
"""Seconds that a verdict may take on a busy machine."""


def until(holds: Callable[[], Any], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@dataclass
class Running:
    """A verdict that is on its way; everything that it writes is below `where`."""

    where: Path
    options: dict[str, str] = field(default_factory=dict)
    artifacts: Path | None = None
    said: list[str] = field(default_factory=list)
    known: str = ""

    def __post_init__(self) -> None:
        """Begin."""
        self.where.mkdir(parents=True)
        # Short: the sockets below it must fit into the 108 bytes of their address.
        self.temporary = Path(tempfile.mkdtemp(prefix="t-"))
        self.artifacts = self.artifacts or self.where / "artifacts"
        self.json = self.where / "verdict.json"
        self.process = subprocess.Popen(
            [*COMMAND, "verdict", "--json", str(self.json)],
            cwd=ROOT,
            env={**os.environ, **ONE_PAST, **self.options, **self._places},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def _places(self) -> dict[str, str]:
        return {"TMPDIR": str(self.temporary), "TDI_ARTIFACTS": str(self.artifacts)}

    def _listen(self) -> None:
        assert self.process.stderr
        self.said.extend(self.process.stderr)

    def wait_for(self, holds: Callable[[], Any], what: str) -> None:
        """Wait until something holds; that it ends before is a failure."""
        until(lambda: holds() or self.process.poll() is not None, what)
        assert holds(), f"it ended before {what}: {''.join(self.said)}"

    def has_said(self, text: str) -> bool:
        """Whether it has printed a line of progress or an error with `text`."""
        return any(text in line for line in self.said)

    def has_logged(self, log: str, text: str) -> bool:
        """Whether a log of the run has `text`; while the run lasts they are in its temporary directory."""
        return any(text in file.read_text(errors="replace") for file in self.temporary.glob(f"tdi-*/logs/{log}"))

    @property
    def id(self) -> str:
        """The run id, as the name of the run's temporary directory has it while it is there."""
        for directory in self.temporary.glob("tdi-*"):
            self.known = directory.name.split("-")[1]
        return self.known

    def verdict(self) -> dict[str, Any]:
        """Wait for its end and return the machine-readable verdict."""
        self.process.wait(timeout=PATIENCE)
        assert self.json.exists(), "".join(self.said)
        return json.loads(self.json.read_text())


def processes(run_id: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"TDI_RUN_ID={run_id}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def left_behind(run_id: str, temporary: Path) -> list[str]:
    containers = docker.containers(f"{docker.RUN_LABEL}={run_id}")
    return [*containers, *processes(run_id), *(str(each) for each in temporary.iterdir())]


@pytest.fixture(scope="module", autouse=True)
def images(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Have the images, so that what is timed here is the run itself."""
    artifacts = tmp_path_factory.mktemp("images")
    subprocess.run(
        [*COMMAND, "production", "build"], cwd=ROOT, check=True, env={**os.environ, "TDI_ARTIFACTS": str(artifacts)}
    )


@pytest.fixture
def verdict(tmp_path: Path) -> Iterator[Callable[[str], Running]]:
    """Begin a verdict; whatever the test does, none is left running."""
    begun: list[Running] = []

    def begin(name: str) -> Running:
        begun.append(Running(tmp_path / name))
        return begun[-1]

    yield begin
    for running in begun:
        if running.process.poll() is None:
            running.process.terminate()
            running.process.wait(timeout=60)
        if running.known:
            lifecycle.remove_run(running.known)
        shutil.rmtree(running.temporary, ignore_errors=True)


STEPS: dict[str, Callable[[Running], Any]] = {
    "create": lambda running: running.has_said("Production: "),
    # Ansible has begun before, but touches the machines from here on.
    "converge": lambda running: running.has_said("converge: "),
    "verify": lambda running: running.has_logged("verify.log", "::") or running.has_logged("verify.log", "test_"),
}

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 130, signal.SIGKILL: -signal.SIGKILL}


@pytest.mark.parametrize("step", STEPS)
def test_whatever_ends_a_run_in_whichever_step_nothing_of_it_stays(verdict: Callable[[str], Running], step: str):
    # All at once: the cleaning of one must not touch the others either.
    running = {number: verdict(number.name) for number in SIGNALS}
    ids = {}
    for number, each in running.items():
        each.wait_for(lambda each=each: STEPS[step](each), step)
        ids[number] = each.id
        each.process.send_signal(number)
    for number, each in running.items():
        assert each.process.wait(timeout=60) == SIGNALS[number], "".join(each.said)
        assert not each.json.exists()
        if number is not signal.SIGKILL:
            until(lambda each=each: each.has_said("Interrupted"), "the word", 5)
            assert not each.has_said("Traceback")
            assert left_behind(ids[number], each.temporary) == []
    for number, each in running.items():
        until(lambda n=number, e=each: not left_behind(ids[n], e.temporary), f"{number.name} leaves nothing", 60)


def test_a_container_that_is_killed_is_trouble_with_its_cause(verdict: Callable[[str], Running]):
    running = verdict("killed")
    running.wait_for(lambda: STEPS["converge"](running), "converge")
    name = f"tdi-{running.id}-fresh"
    subprocess.run(["docker", "kill", name], check=True, capture_output=True)
    found = running.verdict()
    assert found["class"] == "could-not-run"
    assert f"ontainer {name} stopped (exited, exit code 137)" in found["detail"]
    assert running.process.returncode == 2
    assert not running.has_said("Traceback")


@dataclass(frozen=True)
class Two:
    """Two verdicts that ran at once in one checkout, with the same directory for results."""

    mitogen: Running
    plain: Running


@pytest.fixture(scope="module")
def two(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """One verdict with Mitogen, and one with plain Ansible that begins while the first converges."""
    del images
    where = tmp_path_factory.mktemp("two")
    mitogen = Running(where / "mitogen", {"TDI_STRATEGY": ""}, where / "artifacts")
    mitogen.wait_for(lambda: STEPS["converge"](mitogen), "converge")
    plain = Running(where / "plain", {"TDI_STRATEGY": "linear"}, where / "artifacts")
    for running in (mitogen, plain):
        running.verdict()
    yield Two(mitogen, plain)
    for running in (mitogen, plain):
        shutil.rmtree(running.temporary, ignore_errors=True)


@pytest.mark.nightly
def test_plain_ansible_comes_to_the_same_verdict_as_mitogen(two: Two):
    one, other = two.mitogen.verdict(), two.plain.verdict()
    assert (one["provenance"]["strategy"], other["provenance"]["strategy"]) == ("mitogen_linear", "linear")
    assert one["class"] != "could-not-run", one
    assert one["class"] == other["class"]
    for part in ("fresh", "upgrade", "same_state"):
        assert one[part] == other[part]


@pytest.mark.nightly
def test_two_verdicts_at_once_do_not_meet_and_leave_nothing(two: Two):
    ids = [running.verdict()["provenance"]["run"] for running in (two.mitogen, two.plain)]
    assert ids[0] != ids[1]
    for run_id, running in zip(ids, (two.mitogen, two.plain), strict=True):
        assert left_behind(run_id, running.temporary) == []
    artifacts = two.mitogen.artifacts
    assert artifacts
    kept = json.loads((artifacts / "verdict.json").read_text())
    assert kept["provenance"]["run"] in ids
    records = {file.name for file in (artifacts / "records").iterdir()}
    assert records >= {"fresh.json", "upgrade.json", "upgrade-before.json", "same-state.json"}


@pytest.mark.nightly
def test_the_logs_that_are_kept_are_those_of_one_run(two: Two):
    assert two.mitogen.artifacts
    log = two.mitogen.artifacts / "logs" / "verify.log"
    assert log.read_text(errors="replace").count("test session starts") == 1


def essentials(name: str) -> dict[str, Any]:
    """What makes a machine of a container: everything that a role could notice."""
    shown = subprocess.run(["docker", "container", "inspect", name], check=True, capture_output=True, text=True)
    (facts,) = json.loads(shown.stdout)
    host = {
        key: facts["HostConfig"][key]
        for key in ("CapAdd", "CapDrop", "SecurityOpt", "CgroupnsMode", "Binds", "Tmpfs", "Sysctls", "Privileged")
    }
    config = {key: facts["Config"][key] for key in ("Hostname", "Cmd", "Env", "User", "WorkingDir", "StopSignal")}
    # The client adds a prefix that the engine does not need.
    host["CapAdd"] = [name.removeprefix("CAP_") for name in host["CapAdd"]]
    own = (docker.RUN_LABEL, killed.LABEL)
    labels = {key: value for key, value in facts["Config"]["Labels"].items() if key not in own}
    everything = {
        **host,
        **config,
        "image": facts["Image"],
        "labels": labels,
        "run": docker.RUN_LABEL in facts["Config"]["Labels"],
    }
    return {key: sorted(value) if isinstance(value, list) else value or None for key, value in everything.items()}


def test_molecule_and_tdi_start_the_same_machine(checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # A copy of the checkout, for `molecule create` has one machine for each.
    (checkout.root / "src").symlink_to(ROOT / "src")
    environment = {
        **os.environ,
        "TDI_ARTIFACTS": str(tmp_path / "artifacts"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    molecule = [shutil.which("molecule", path=str(Path(sys.executable).parent)) or "molecule"]
    monkeypatch.setenv("TDI_ARTIFACTS", str(tmp_path / "artifacts"))
    base = base_image.ensure(checkout)
    run_id = lifecycle.new_run_id()
    before = set(docker.containers(docker.LABEL))
    try:
        subprocess.run(
            [*molecule, "create", "-s", "fresh"], cwd=checkout.root, env=environment, check=True, capture_output=True
        )
        by_molecule = [
            name
            for name in set(docker.containers(docker.LABEL)) - before
            if re.fullmatch(r"tdi-dev[0-9a-f]{5}-fresh", name)
        ]
        settings = scenario.load(checkout, "fresh", {**os.environ, "TDI_RUN_ID": run_id})
        by_tdi = settings.of_machine
        lifecycle.start(by_tdi, base.id, settings.options, run_id)
        assert [essentials(name) for name in by_molecule] == [essentials(by_tdi.name)]
    finally:
        subprocess.run(
            [*molecule, "destroy", "-s", "fresh"], cwd=checkout.root, env=environment, check=True, capture_output=True
        )
        lifecycle.remove_run(run_id)
    assert not [name for name in docker.containers(docker.LABEL) if name in {*by_molecule, by_tdi.name}]
