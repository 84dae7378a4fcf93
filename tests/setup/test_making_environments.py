"""`requirements/setup`, which makes the Python environment: what it waits for, and how it says why it fails."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ROOT, Ended, Fakes, Program

PIP = """\
#!/bin/sh
echo "$*" >> {log}
{body}
"""


@pytest.fixture
def host(fakes: Fakes, tmp_path: Path) -> Fakes:
    """A host of an ordinary user, with a Python that can make environments once python3-venv is installed."""
    fakes("id", "echo 1000")
    fakes("sleep", "")
    fakes("sudo", 'shift; exec "$@"')
    have_pip(fakes, tmp_path)
    return fakes


def have_pip(fakes: Fakes, tmp_path: Path, body: str = "") -> None:
    """Let the Python of the host make environments whose pip does `body`."""
    pip = tmp_path / "pip"
    pip.write_text(PIP.format(log=tmp_path / "pip.log", body=body))
    pip.chmod(0o755)
    installed = fakes.directory / "installed"
    made = f'mkdir -p "$3/bin"; cp "{pip}" "$3/bin/pip"; ln -s /bin/true "$3/bin/python"'
    fakes("python3", f'case "$*" in *ensurepip*) [ -e {installed} ];; "-m venv "*) {made};; esac')
    fakes("apt-get", f'case "$*" in *install*python3-venv) : > {installed};; esac')


@pytest.fixture
def setup(host: Fakes, tmp_path: Path) -> Callable[[], Ended]:
    del host
    environment = tmp_path / "a checkoüt" / ".venv"

    def run() -> Ended:
        command = [ROOT / "requirements" / "setup", environment]
        done = subprocess.run(
            command, env={**os.environ, "PYTHON": "python3"}, capture_output=True, text=True, check=False
        )
        assert (environment / "ready").exists() == (done.returncode == 0)
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


def lines(ended: Ended) -> list[str]:
    """The lines of the error that it ended with."""
    assert ended.code == 2
    said = ended.err.splitlines()
    return said[next(number for number, line in enumerate(said) if line.startswith("tdi: ")) :]


def test_what_makes_environments_is_installed_and_the_requirements_into_one(
    host: Fakes, setup: Callable[[], Ended], tmp_path: Path
):
    assert setup().code == 0
    update, install = Program(host.directory / "apt-get").calls
    assert update.endswith("update")
    assert install.endswith("install --yes --no-remove python3-venv")
    first, second = (tmp_path / "pip.log").read_text().splitlines()
    assert "--require-hashes" in first
    assert "--editable" in second


@pytest.mark.parametrize("step", ["update", "install"])
def test_it_waits_while_another_process_uses_apt_and_says_so_once(
    host: Fakes, setup: Callable[[], Ended], tmp_path: Path, step: str
):
    tries = tmp_path / "tries"
    held = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)"
    busy = f'echo >> {tries}; [ $(wc -l < {tries}) -gt 3 ] || {{ echo "{held}" >&2; exit 100; }}'
    installed = f": > {host.directory}/installed"
    host("apt-get", f'case "$*" in *"--quiet {step}"*) {busy};; esac\ncase "$*" in *install*) {installed};; esac')
    ended = setup()
    assert ended.code == 0
    assert ended.err.count("Waiting: apt is in use by another process") == 1


@pytest.mark.parametrize(
    ("update", "install"),
    [
        ("W: Failed to fetch http://a.example.org/x  Could not resolve 'a.example.org'", "E: Unable to locate package"),
        (
            "",
            "E: Failed to fetch http://a.example.org/x  Could not connect to a.example.org:80 (…)\nE: Unable",
        ),
    ],
)
def test_a_mirror_that_is_down_is_named_in_two_lines(
    host: Fakes, setup: Callable[[], Ended], update: str, install: str
):
    host("apt-get", f'case "$*" in *update) echo "{update}" >&2;; *) echo "{install}" >&2; exit 100;; esac')
    what, remedy = lines(setup())
    assert "Could not" in what
    assert "a.example.org" in what
    assert "apt-get install python3-venv" in remedy


def test_a_sudo_that_asks_for_a_password_is_said_in_two_lines(host: Fakes, setup: Callable[[], Ended]):
    host("sudo", "echo 'sudo: a password is required' >&2; exit 1")
    what, remedy = lines(setup())
    assert "a password is required" in what
    assert "sudo apt-get install python3-venv" in remedy
    assert not Program(host.directory / "apt-get").calls


def test_packages_that_cannot_be_had_are_said_in_two_lines_and_tried_again(
    host: Fakes, setup: Callable[[], Ended], tmp_path: Path
):
    have_pip(host, tmp_path, "echo 'ERROR: No matching distribution found' >&2; exit 1")
    ended = setup()
    what, remedy = lines(ended)
    assert "pip says above why" in what
    assert "package index" in remedy
    assert "No matching distribution" in ended.err
    have_pip(host, tmp_path)
    assert setup().code == 0


def test_a_python_that_is_too_old_is_said_in_two_lines(host: Fakes, setup: Callable[[], Ended]):
    host("python3", 'case "$*" in *version_info*) exit 1;; --version) echo Python 3.9.2;; esac')
    what, remedy = lines(setup())
    assert "3.9.2" in what
    assert "make PYTHON=" in remedy
