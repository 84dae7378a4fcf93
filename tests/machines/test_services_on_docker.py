"""Services that take more of a machine than systemd does: they start here as on a server."""

from pathlib import Path

import pytest

from conftest import ROOT
from tdi.images import base_image
from tdi.machines import lifecycle
from tdi.molecule import scenario
from tdi.outside import docker
from tdi.project import Project

pytestmark = pytest.mark.docker

SERVICES = {
    "redis-server": "a user namespace of its own, in a /proc that hides others' processes",
    "memcached": "::1",
    "munin-node": "an address of IPv6 beside that of the loopback",
    "bird2": "the capabilities of a router",
}
"""Package → what its service needs."""

UNITS = {"bird2": "bird"}
"""Package → its unit, where the two are not called alike."""


def test_hardened_services_and_those_of_the_network_start(tmp_path: Path):
    project = Project(ROOT, tmp_path)
    base = base_image.ensure(project)
    run_id = lifecycle.new_run_id()
    options = scenario.load(project, "fresh").options
    install = f"apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install {' '.join(SERVICES)} > /dev/null"
    with lifecycle.one(f"tdi-{run_id}-services", base.id, options, run_id) as machine:
        docker.execute(machine, ["sh", "-eu", "-c", install])
        failed = docker.execute(machine, ["systemctl", "--failed", "--no-legend", "--plain"]).stdout
        for package, need in SERVICES.items():
            unit = UNITS.get(package, package)
            state = docker.execute(machine, ["systemctl", "is-active", unit], check=False).stdout.strip()
            assert state == "active", (need, lifecycle.journal(machine, f"{unit}.service"))
        assert not failed
