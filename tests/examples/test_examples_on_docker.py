"""Each example: set up by `tdi init`, without an edit, it gets the verdict that it must get."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT

EXAMPLES = sorted(file.parent.name for file in (ROOT / "examples").glob("*/expected.yml"))

FOR_EACH_PUSH = {"handler-in-containers-role", "site-collection"}
"""A role at the root of its repository and a collection; the others take a minute and more each."""

pytestmark = pytest.mark.docker


def _run(directory: Path, *words: str | Path, code: int | None = 0) -> str:
    done = subprocess.run(words, cwd=directory, capture_output=True, text=True, check=False)
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def _git(directory: Path, *words: str | Path) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    _run(directory, "git", *who, *words)


def recorded(name: str, directory: Path) -> Path:
    """The project of an example with its history of two releases."""
    example = ROOT / "examples" / name
    project = directory / f"ansible-{name}"
    _run(directory, "cp", "-r", example / "1.0.0", project)
    _git(project, "init", "--quiet", "--initial-branch", "main")
    for release in ("1.0.0", "1.1.0"):
        if release != "1.0.0":
            _git(project, "apply", example / f"{release}.patch")
        _git(project, "add", "--all")
        _git(project, "commit", "--quiet", "--message", release)
        _git(project, "tag", release)
    return project


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FOR_EACH_PUSH else pytest.mark.nightly) for name in EXAMPLES]
)
def test_an_example_gets_its_verdict(name: str, tmp_path: Path):
    expected: dict[str, Any] = yaml.safe_load((ROOT / "examples" / name / "expected.yml").read_text())
    project = recorded(name, tmp_path)
    tdi = (sys.executable, "-m", "tdi")
    _run(project, *tdi, "init")
    said = _run(project, *tdi, "verdict", code=None)
    verdict = json.loads((project / "artifacts" / "verdict.json").read_text())
    assert verdict["class"] == expected["class"], said
    if expected["findings"]:
        found = json.loads((project / "artifacts" / "records" / "same-state.json").read_text())["findings"]
        keys = {(each["scope"], each["key"]) for each in found}
        assert {(each["scope"], each["key"]) for each in expected["findings"]} <= keys, said
    assert any((project / "artifacts" / "logs").iterdir())
