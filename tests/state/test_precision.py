"""Precision: machines that only their surroundings set apart have no finding, and neither has one recorded twice."""

import importlib
import os
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from conftest import ROOT
from tdi.project import Project
from tdi.state import collector


@pytest.fixture
def precision(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark that measures it, which runs a pair at a time."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("precision")


@pytest.mark.docker
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


V2 = "0::/system.slice/web.service\n"
V1 = "9:name=systemd:/docker/1/web.service\n4:cpu,cpuacct:/docker/1\n3:cpuset:/docker/1\n"


@pytest.mark.parametrize(
    ("cgroup", "files", "quota"),
    [
        (V2, {}, 0.0),
        (V2, {"system.slice/web.service/cpu.max": "max 100000"}, 0.0),
        (V2, {"system.slice/web.service/cpu.max": "150000 100000"}, 1.5),
        (V2, {"system.slice/web.service/cpu.max": "max 100000", "system.slice/cpu.max": "300000 100000"}, 3.0),
        (V2, {"system.slice/web.service/cpu.max": "800000 100000", "cpu.max": "300000 100000"}, 3.0),
        (V2, {"system.slice/web.service/cpu.max": "nonsense"}, 0.0),
        (V1, {"cpu,cpuacct/docker/1/cpu.cfs_quota_us": "-1", "cpu,cpuacct/docker/1/cpu.cfs_period_us": "100000"}, 0.0),
        (V1, {"cpu,cpuacct/docker/1/cpu.cfs_quota_us": "50000", "cpu,cpuacct/docker/1/cpu.cfs_period_us": "25000"}, 2),
        # In a container, its own group is at the top.
        (V1, {"cpu,cpuacct/cpu.cfs_quota_us": "400000", "cpu,cpuacct/cpu.cfs_period_us": "100000"}, 4.0),
        ("0::/../../x\nrubbish\n", {"cpu.max": "100000 0", "x/cpu.max": "200000 100000"}, 2.0),
    ],
)
def test_a_quota_is_that_of_the_strictest_group(tmp_path: Path, cgroup: str, files: dict[str, str], quota: float):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content + "\n", encoding="utf-8")
    assert collector.cpu_quota(cgroup, str(tmp_path)) == quota


def test_processors_are_those_there_are_those_allowed_and_those_paid_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    monkeypatch.setattr(collector, "cpu_quota", lambda _: 2.5)
    assert collector.cpus(collector.Process(os.getpid())) == {64, 16, 2, 3}
    monkeypatch.setattr(collector, "cpu_quota", lambda _: 0.0)
    assert collector.cpus(collector.Process(os.getpid())) == {64, 16}
