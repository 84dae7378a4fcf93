"""What the tests share: programs that only pretend, scratch checkouts and repositories, and the command line."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from by_program import two_packages

import killed
from browsing import started
from tdi import cli
from tdi.errors import TdiError
from tdi.outside import screen
from tdi.project import Project

ROOT = Path(__file__).resolve().parents[1]

ENGINE = json.dumps(
    {"ServerVersion": "20.10.24", "Architecture": "x86_64", "CgroupVersion": "2", "DockerRootDir": "/nowhere"}
)
"""What `docker info` says of an engine that answers."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root file system with two packages, for the collector."""
    return two_packages(tmp_path / "machine")


@dataclass(frozen=True)
class Program:
    """A program that pretends: a shell script, first on the PATH, that notes how it was called."""

    file: Path

    @property
    def calls(self) -> list[str]:
        """The arguments of each call so far."""
        log = self.file.with_suffix(".calls")
        return log.read_text(encoding="utf-8").split("\0")[:-1] if log.exists() else []


@dataclass(frozen=True)
class Fakes:
    """The directory of the programs that pretend; it is first on the PATH."""

    directory: Path

    def __call__(self, name: str, body: str) -> Program:
        """Let `name` run `body`, lines of shell that see the arguments as `$*`."""
        file = self.directory / name
        log = file.with_suffix(".calls")
        file.write_text(f'#!/bin/sh\nprintf "%s\\0" "$*" >> {log}\n{body}\n', encoding="utf-8")
        file.chmod(0o755)
        return Program(file)

    def docker(self, **answers: str) -> Program:
        """A `docker` whose subcommands (`image_inspect` for `image inspect`) run lines of shell; others fail."""
        cases = {"info": f"echo '{ENGINE}'", "context": "echo unix:///var/run/docker.sock", **answers}
        lines = [f'"{words.replace("_", " ")}"*)\n{body}\n;;' for words, body in cases.items()]
        return self("docker", 'case "$*" in\n' + "\n".join(lines) + '\n*) echo "not expected: $*" >&2; exit 1;;\nesac')


@dataclass(frozen=True)
class Ended:
    """How the command line ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Repository:
    """A scratch repository on the branch main."""

    root: Path

    def git(self, *words: str) -> str:
        """Run git in it and return what it says."""
        done = subprocess.run(["git", *words], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, **files: str) -> str:
        """Write files (`roles__nginx` for roles/nginx), commit everything, and return the commit's id."""
        for name, text in files.items():
            file = self.root / name.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a commit")
        return self.git("rev-parse", "HEAD")

    def project(self) -> Project:
        """The checkout as tdi sees it."""
        return Project(self.root, self.root / "artifacts")


@pytest.fixture(scope="session", autouse=True)
def no_machines_left(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Remove what killed runs of the tests left on the engine, and see that this one leaves nothing if it is killed."""
    if not any(item.get_closest_marker("docker") for item in request.session.items):
        yield
        return
    with suppress(TdiError):  # without an engine there is nothing to remove
        killed.remove_dead()
    with killed.leaving_nothing(tmp_path_factory.mktemp("reaper")):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let what is published be of one platform, which its tests name, whatever is the default where they run."""
    with pytest.MonkeyPatch.context() as patch:
        if item.path.parent.name == "production" and not os.environ.get("TDI_PLATFORM"):
            patch.setenv("TDI_PLATFORM", "debian-13")
        return (yield)


@pytest.fixture(autouse=True)
def plain_environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them; only tests on a real engine need those."""
    if request.node.get_closest_marker("docker"):
        return
    for name in os.environ:
        if name.startswith(("TDI_", "GIT_", "DOCKER_", "ANSIBLE_", "MOLECULE_")):
            monkeypatch.delenv(name)


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    directory = tmp_path / "pretending"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    return Fakes(directory)


@pytest.fixture
def only_fakes(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    """No program is there but those that pretend, and `env` and `sh`, which start them."""
    for name in ("env", "sh"):
        real = shutil.which(name)
        assert real
        (fakes.directory / name).symlink_to(real)
    monkeypatch.setenv("PATH", str(fakes.directory))
    return fakes


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real browser, which takes a second to start."""
    yield from started(tmp_path_factory.mktemp("chromium"))


@pytest.fixture
def checkout(tmp_path: Path) -> Project:
    """A copy of this checkout's scenarios and roles, without history."""
    root = tmp_path / "checkout"
    for part in ("molecule", "roles"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    return Project(root, root / "artifacts")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    for name, value in {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.org",
    }.items():
        monkeypatch.setenv(name, value)
    root = tmp_path / "repository"
    root.mkdir()
    created = Repository(root)
    created.git("init", "--quiet", "--initial-branch=main")
    return created


@pytest.fixture
def quiet_signals() -> Iterator[None]:
    """Put the signal handlers back that the command line takes over."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    former = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, former, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def tdi(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quiet_signals: None
) -> Callable[..., Ended]:
    """The command line, from its arguments to its exit code, in this process."""
    del quiet_signals

    def run(*arguments: str | Path) -> Ended:
        monkeypatch.setattr(sys, "argv", ["tdi", *map(str, arguments)])
        for each in (screen.out, screen.err):
            monkeypatch.setattr(each, "_width", 200)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        written = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, written.out, written.err)

    return run
