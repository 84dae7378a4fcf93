"""Having an engine: the one that is there is used, one is installed only where that is allowed, and never instead."""

import os
import shutil
from pathlib import Path

import pytest

from conftest import ENGINE, Fakes, Program
from tdi.errors import TdiError
from tdi.setup import access, engine


@pytest.fixture
def host(only_fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    """A host on which nothing can be found but what a test puts there, and root runs the tests."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(engine, "_dockerd", lambda: (only_fakes.directory / "dockerd").exists() or None)
    monkeypatch.setattr(engine, "_LONGEST_START", 1)
    monkeypatch.setattr(engine.time, "sleep", lambda _: None)
    return only_fakes


@pytest.fixture
def started(host: Fakes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that is there once the engine was started."""
    file = host.directory / "started"
    monkeypatch.setattr(engine, "_start", lambda _: file.touch() or (lambda: None))
    return file


def answering_once(file: Path) -> str:
    return f"[ -e {file} ] && echo '{ENGINE}' || {{ echo 'Cannot connect' >&2; exit 1; }}"


def apt_get(host: Fakes, started: Path, **packages: str) -> Program:
    """An apt-get of a distribution whose packages (`docker_io` for docker.io) have these programs.

    The client answers once the engine was started. The lists are there after an update, as on a new machine.
    """
    made = host.directory / "made"
    made.write_text(f'#!{host.directory}/sh\ncase "$*" in info*) {answering_once(started)};; *) exit 1;; esac\n')
    made.chmod(0o755)
    for name in ("cp", "touch"):
        (host.directory / f"real-{name}").symlink_to(shutil.which(name, path=os.defpath) or name)
    lists = host.directory / "lists"
    lines = []
    for package, programs in packages.items():
        copies = "; ".join(f"real-cp {made} {host.directory}/{name}" for name in programs.split()) or ":"
        lines.append(f'case " $* " in *install*" {package.replace("_", ".")} "*) {copies};; esac')
    known = "|".join(f'*" {package.replace("_", ".")}"' for package in packages)
    host("apt-cache", f'[ -e {lists} ] && case "$*" in {known}) echo "Package: it";; *) exit 100;; esac')
    return host("apt-get", f'case "$*" in *update) real-touch {lists};; esac\n' + "\n".join(lines))


DEBIAN_13 = {"docker_io": "dockerd", "docker-cli": "docker", "acl": "setfacl"}
DEBIAN_12 = {"docker_io": "dockerd docker", "acl": "setfacl"}
"""Where the programs of Docker are; Ubuntu has them as Debian 12 does."""


def installed(apt: Program) -> list[str]:
    """The packages that were asked for, in the order of the calls."""
    calls = [call.split() for call in apt.calls if " install " in call]
    return [word for words in calls for word in words[words.index("install") + 1 :] if not word.startswith("--")]


def test_an_engine_that_answers_is_used_as_it_is(host: Fakes, started: Path):
    host.docker()
    apt = host("apt-get", "")
    assert engine.ensure().version == "20.10.24"
    assert not started.exists()
    assert not apt.calls


@pytest.mark.parametrize(
    ("distribution", "packages"), [(DEBIAN_13, ["docker.io", "docker-cli"]), (DEBIAN_12, ["docker.io"])]
)
def test_without_docker_engine_and_client_are_installed_and_the_engine_started(
    host: Fakes, started: Path, distribution: dict[str, str], packages: list[str]
):
    apt = apt_get(host, started, **distribution)
    assert engine.ensure().version == "20.10.24"
    assert installed(apt) == packages


@pytest.mark.parametrize(("distribution", "package"), [(DEBIAN_13, "docker-cli"), (DEBIAN_12, "docker.io")])
def test_an_engine_without_a_client_gets_the_client_and_is_not_started_again(
    host: Fakes, started: Path, distribution: dict[str, str], package: str
):
    host("dockerd", "")
    started.touch()
    apt = apt_get(host, started, **distribution)
    assert engine.ensure().version == "20.10.24"
    assert installed(apt) == [package]


def test_a_client_without_an_engine_gets_the_engine(host: Fakes, started: Path):
    host.docker(info=answering_once(started))
    apt = apt_get(host, started, docker_io="dockerd")
    assert engine.ensure().version == "20.10.24"
    assert installed(apt) == ["docker.io"]


def test_an_engine_that_was_named_needs_a_client_only(host: Fakes, started: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://engine.example.org:2376")
    apt = apt_get(host, started, **DEBIAN_13)
    with pytest.raises(TdiError, match=r"tcp://engine\.example\.org:2376"):
        engine.ensure()
    assert installed(apt) == ["docker-cli"]
    assert not started.exists()


def test_nothing_is_removed_to_install_something(host: Fakes, started: Path):
    apt = apt_get(host, started, **DEBIAN_12)
    engine.ensure()
    assert all("--no-remove" in call for call in apt.calls if " install " in call)


def test_an_installed_engine_is_only_started(host: Fakes, started: Path):
    apt = host("apt-get", "")
    host.docker(info=answering_once(started))
    host("dockerd", "")
    assert engine.ensure().version == "20.10.24"
    assert not apt.calls


@pytest.mark.parametrize("named", ["environment", "context"])
def test_an_engine_that_was_named_is_never_replaced_by_a_local_one(
    host: Fakes, started: Path, monkeypatch: pytest.MonkeyPatch, named: str
):
    apt = host("apt-get", "")
    host.docker(info="exit 1", context="echo tcp://engine.example.org:2376")
    if named == "environment":
        monkeypatch.setenv("DOCKER_HOST", "tcp://engine.example.org:2376")
    with pytest.raises(TdiError, match=r"tcp://engine\.example\.org:2376"):
        engine.ensure()
    assert not apt.calls
    assert not started.exists()


@pytest.mark.parametrize("sudo", [None, "exit 1"])
def test_without_root_and_without_a_free_sudo_it_says_what_to_install(
    host: Fakes, started: Path, monkeypatch: pytest.MonkeyPatch, sudo: str | None
):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    apt = host("apt-get", "")
    host.docker(info="exit 1")
    if sudo:
        host("sudo", sudo)
    with pytest.raises(TdiError, match="needs Debian or Ubuntu with root or passwordless sudo") as error:
        engine.ensure()
    assert "docker.io" in error.value.remedy
    assert not apt.calls
    assert not started.exists()


def test_without_apt_it_says_what_to_install(host: Fakes):
    host.docker(info="exit 1")
    with pytest.raises(TdiError, match="needs Debian or Ubuntu"):
        engine.ensure()


def test_an_engine_that_does_not_come_up_is_given_up_and_its_log_named(host: Fakes, started: Path):
    del started
    host("apt-get", "")
    host("dockerd", "")
    host.docker(info="echo 'Cannot connect' >&2; exit 1")
    with pytest.raises(TdiError, match=r"does not answer .*Cannot connect") as error:
        engine.ensure()
    assert "log" in error.value.remedy


@pytest.fixture
def not_answering(host: Fakes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Fakes:
    """A host with an engine that could be started for minutes."""
    monkeypatch.setattr(engine, "_LONGEST_START", 600)
    monkeypatch.setattr(engine, "_LOG", tmp_path / "dockerd.log")
    monkeypatch.setattr(engine, "_dockerd", lambda: host.directory / "dockerd")
    host("apt-get", "")
    host.docker(info="echo 'Cannot connect' >&2; exit 1")
    return host


def test_an_engine_that_ends_is_not_waited_for_and_its_last_words_are_said(
    not_answering: Fakes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(engine, "_SYSTEMD", tmp_path / "no-systemd")
    not_answering("dockerd", "echo 'failed to start daemon: no space left'; exit 1")
    with pytest.raises(TdiError, match="could not be started: failed to start daemon: no space left") as error:
        engine.ensure()
    assert "log" in error.value.remedy


def test_a_unit_that_fails_is_not_waited_for(not_answering: Fakes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(engine, "_SYSTEMD", tmp_path)
    not_answering("dockerd", "")
    not_answering("systemctl", "echo 'Failed to start docker.service: Unit docker.service is masked.' >&2; exit 1")
    with pytest.raises(TdiError, match=r"could not be started: .* Unit docker\.service is masked"):
        engine.ensure()


def test_an_engine_that_refuses_this_user_is_asked_to_let_it_in_and_otherwise_left_alone(
    host: Fakes, started: Path, monkeypatch: pytest.MonkeyPatch
):
    programs = [host(name, "") for name in ("apt-get", "dockerd")]
    host.docker(info="echo 'permission denied while connecting' >&2; exit 1")
    asked: list[TdiError] = []
    monkeypatch.setattr(access, "gain", asked.append)
    engine.ensure()
    assert len(asked) == 1
    assert not started.exists()
    assert not any(program.calls for program in programs)
