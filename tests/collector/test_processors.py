"""How many processors a program may find."""

import os
from pathlib import Path

import pytest

from tdi.collector.processors import cpu_quota, cpus
from tdi.collector.procfs import Process

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
    assert cpu_quota(cgroup, str(tmp_path)) == quota


def test_processors_are_those_there_are_those_allowed_and_those_paid_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    monkeypatch.setattr("tdi.collector.processors.cpu_quota", lambda _: 2.5)
    assert cpus(Process(os.getpid())) == {64, 16, 2, 3}
    monkeypatch.setattr("tdi.collector.processors.cpu_quota", lambda _: 0.0)
    assert cpus(Process(os.getpid())) == {64, 16}
