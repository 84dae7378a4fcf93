"""Precision: machines that only their surroundings set apart have no finding, and neither has one recorded twice."""

import importlib
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from conftest import ROOT
from tdi.project import Project


@pytest.fixture
def precision(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark that measures it, which runs a pair at a time."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("precision")


@pytest.mark.docker
@pytest.mark.nightly
def test_machines_in_other_surroundings_are_in_the_same_state(precision: ModuleType, tmp_path: Path):
    project = Project(ROOT, tmp_path / "artifacts")
    project.prepare_artifacts()
    # Host name, time zone, language, date and umask differ, and daily jobs have run on one machine. The umask of the
    # controller is the strictest.
    comparison, twice = precision.pair(project, 1, tmp_path / "pair")
    assert precision.findings(comparison) == []
    assert precision.findings(twice) == []


def test_twenty_pairs_are_each_two_surroundings_once(precision: ModuleType):
    pairs = [precision.surroundings(number) for number in range(20)]
    assert len(set(pairs)) == 20
    assert all(new != upgraded for new, upgraded in pairs)
    for name in ("host", "zone", "umask", "hours_ahead"):
        assert sum(getattr(new, name) != getattr(upgraded, name) for new, upgraded in pairs) >= 18


def test_the_wrapper_sets_the_umask_and_keeps_the_arguments(precision: ModuleType, tmp_path: Path):
    wrapper = tmp_path / "sh"
    wrapper.write_text(precision.ALL[0].wrapper("/bin/sh").replace("0022", "0137"), encoding="utf-8")
    wrapper.chmod(0o755)
    words = [wrapper, "-c", 'umask; printf "%s|" "$@"', "name", "two words", "$HOME"]
    assert subprocess.run(words, check=True, capture_output=True, text=True).stdout == "0137\ntwo words|$HOME|"
