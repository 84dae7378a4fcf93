"""Having an engine: the one that is there is used, one is installed only where that is allowed, and never instead."""

import os
import shutil
from pathlib import Path

import pytest

from conftest import ENGINE, Fakes, Program
from tdi.errors import TdiError
from tdi.setup import engine


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
    monkeypatch.setattr(engine, "_start", lambda _: file.touch())
    return file


def answering_once(file: Path) -> str:
    return f"[ -e {file} ] && echo '{ENGINE}' || {{ echo 'Cannot connect' >&2; exit 1; }}"


def apt_get(host: Fakes, started: Path) -> Program:
    """An apt-get whose docker.io is a `docker` that answers once the engine was started."""
    made = host.directory / "made"
    made.write_text(f'#!{host.directory}/sh\ncase "$*" in info*) {answering_once(started)};; *) exit 1;; esac\n')
    made.chmod(0o755)
    (host.directory / "real-cp").symlink_to(shutil.which("cp", path=os.defpath) or "cp")
    copies = "; ".join(f"real-cp {made} {host.directory}/{name}" for name in ("docker", "dockerd"))
    return host("apt-get", f'case "$*" in *install*docker.io*) {copies};; esac')


def test_an_engine_that_answers_is_used_as_it_is(host: Fakes, started: Path):
    host.docker()
    apt = host("apt-get", "")
    assert engine.ensure().version == "20.10.24"
    assert not started.exists()
    assert not apt.calls


def test_without_docker_it_is_installed_from_the_distribution_and_started(host: Fakes, started: Path):
    apt = apt_get(host, started)
    assert engine.ensure().version == "20.10.24"
    assert any("install" in call and "docker.io" in call for call in apt.calls)


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


def test_an_engine_that_this_user_may_not_use_says_how_to_join_its_group(host: Fakes, started: Path):
    del started
    host("apt-get", "")
    host("dockerd", "")
    host.docker(info="echo 'permission denied while connecting' >&2; exit 1")
    with pytest.raises(TdiError, match="may not use it") as error:
        engine.ensure()
    assert "usermod" in error.value.remedy


def test_an_engine_that_does_not_come_up_is_given_up_and_its_log_named(host: Fakes, started: Path):
    del started
    host("apt-get", "")
    host("dockerd", "")
    host.docker(info="echo 'Cannot connect' >&2; exit 1")
    with pytest.raises(TdiError, match=r"does not answer .*Cannot connect") as error:
        engine.ensure()
    assert "log" in error.value.remedy
