"""Precision: machines that only their surroundings set apart have no finding, and neither has one recorded twice."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from conftest import ROOT
from tdi.project import Project

pytestmark = pytest.mark.docker


@pytest.fixture
def precision(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark that measures it, which runs a pair at a time."""
    spec = importlib.util.spec_from_file_location("precision", ROOT / "benchmarks" / "precision.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "precision", module)
    spec.loader.exec_module(module)
    return module


def test_machines_in_other_surroundings_are_in_the_same_state(precision: ModuleType, tmp_path: Path):
    project = Project(ROOT, tmp_path / "artifacts")
    project.prepare_artifacts()
    # Host name, time zone and language differ; the controller's umask is the strictest.
    comparison, twice = precision.pair(project, 1, tmp_path / "pair")
    assert precision.findings(comparison) == []
    assert precision.findings(twice) == []
