"""The tool as strangers have it: the wheel in an empty environment, and a project of their own."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from test_examples_on_docker import recorded

from conftest import ROOT

pytestmark = [pytest.mark.docker, pytest.mark.nightly]

_BUILD = "import sys; from flit_core import buildapi; print(getattr(buildapi, sys.argv[1])(sys.argv[2]))"


def _run(*words: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _built(kind: str, directory: Path) -> Path:
    source = directory / "source"
    if not source.exists():
        # What git has and nothing else, as a release is made of a clone.
        files = _run("git", "ls-files", "-z", "src", "pyproject.toml", "README.md", "LICENSE", cwd=ROOT).split("\0")
        for name in filter(None, files):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    return directory / _run(sys.executable, "-c", _BUILD, f"build_{kind}", directory, cwd=source).strip()


def _environment(bin_directory: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return {**kept, "PATH": f"{bin_directory}{os.pathsep}/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}


def test_a_stranger_installs_it_and_gets_a_verdict_on_a_role(tmp_path: Path):
    wheel = _built("wheel", tmp_path)
    home = tmp_path / "environment"
    _run(sys.executable, "-m", "uv", "venv", "--quiet", home, cwd=tmp_path)
    install = ("uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", home / "bin" / "python")
    _run(sys.executable, "-m", *install, wheel, cwd=tmp_path)
    environment = _environment(home / "bin")
    project = recorded("firewall-role", tmp_path)
    told = _run("tdi", "init", cwd=project, env=environment)
    assert "the release 1.0.0" in told
    _run("tdi", "verdict", "--json", "verdict.json", cwd=project, env=environment)
    assert json.loads((project / "verdict.json").read_text())["class"] == "pass"
    # Molecule's own command, with the driver that the wheel brings.
    _run("molecule", "test", "-s", "fresh", cwd=project, env=environment)
    assert (project / "artifacts" / "junit-fresh.xml").is_file()


def test_the_wheel_brings_no_command_of_another_distribution_and_all_that_a_project_needs(tmp_path: Path):
    with zipfile.ZipFile(_built("wheel", tmp_path)) as wheel:
        names = set(wheel.namelist())
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        said = wheel.read(entry_points).decode()
    assert said.split("[console_scripts]")[1].split("[")[0].split() == ["tdi=tdi.cli:main"]
    data = {path for path in _run("git", "ls-files", "src/tdi", cwd=ROOT).split() if not path.endswith(".py")}
    assert {path.removeprefix("src/") for path in data} <= names
    with tarfile.open(_built("sdist", tmp_path)) as source:
        inside = {name.partition("/")[2] for name in source.getnames()}
    assert data <= inside
