"""What files mean by what runs, on a machine with real servers: a database's files, a PID, copies for a chroot."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from tdi.collector.procfs import Process
from tdi.images import base_image
from tdi.machines import lifecycle
from tdi.molecule import scenario
from tdi.outside import docker
from tdi.project import Project
from tdi.state import recording
from tdi.state.compare import Result, compare
from tdi.state.record import ScopeHeader
from tdi.state.schema import validate

pytestmark = pytest.mark.docker

INSTALL = """
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet=2
apt-get install --yes --quiet=2 --no-install-recommends postfix postgresql > /dev/null
systemctl start postfix postgresql
"""
PLANT = """
cd /var/lib/postgresql/*/main
mkdir planted
cp /usr/bin/id planted/setuid
touch planted/of-root planted/for-all planted/plain
chown --recursive postgres: planted
chown root: planted/of-root
chmod 4755 planted/setuid
chmod 0666 planted/for-all
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A machine with a mail server and a database."""
    project = Project.find(ROOT)
    run_id = lifecycle.new_run_id()
    options = scenario.load(project, "fresh").options
    with lifecycle.one(f"tdi-{run_id}-services", base_image.ensure(project).id, options, run_id) as name:
        docker.execute(name, ["sh", "-ec", INSTALL], timeout=900)
        yield name


def objects(server: str, path: Path) -> dict[str, Any]:
    """The files of the machine, recorded to `path`."""
    record = recording.record(f"docker://{server}", path)
    assert record.scopes["files"] == ScopeHeader()
    assert validate(path) == []
    return {key: json.loads(text) for key, text in record.objects("files")}


def test_files_are_recorded_as_what_they_mean(server: str, tmp_path: Path):
    docker.execute(server, ["sh", "-ec", PLANT])
    try:
        found = objects(server, tmp_path / "a.json")
    finally:
        docker.execute(server, ["sh", "-ec", "rm -r /var/lib/postgresql/*/main/planted"])
    content = {path: each["content"] for path, each in found.items() if "content" in each}
    for name in ("hosts", "resolv.conf", "localtime", "services"):
        assert content[f"/var/spool/postfix/etc/{name}"] == f"copy of /etc/{name}"
    assert content["/var/spool/postfix/pid/master.pid"].startswith("pid of postfix")
    (data,) = {path.rpartition("/")[0] for path in found if path.endswith("/main/PG_VERSION")}
    of_database = {path for path, each in found.items() if each.get("data_of", "").startswith("postgresql@")}
    assert {f"{data}/global/pg_control", f"{data}/base", f"{data}/planted/plain"} <= of_database
    assert f"{data}/postmaster.pid" in of_database
    planted = {f"{data}/planted/{name}" for name in ("setuid", "of-root", "for-all")}
    assert not planted & of_database
    assert all(path.startswith(("/var/lib/postgresql/", "/var/log/postgresql/")) for path in of_database)
    assert "/var/lib/postgresql" not in of_database
    assert found["/var/lib/postgresql"]["owner"] == "postgres"


def test_servers_that_were_restarted_and_used_are_in_the_same_state(server: str, tmp_path: Path):
    first = recording.record(f"docker://{server}", tmp_path / "a.json")
    use = "systemctl restart postfix postgresql; cd /; runuser -u postgres -- psql -qc 'create table page (id int)'"
    docker.execute(server, ["sh", "-ec", use])
    second = recording.record(f"docker://{server}", tmp_path / "b.json")
    with first, second:
        comparison = compare(first, second)
    assert [finding.key for finding in comparison.findings] == []
    assert comparison.result is Result.SAME
    assert any(group.owner.startswith("postgresql@") for group in comparison.varying)


def test_the_processes_of_a_container_are_not_at_home(server: str):
    said = subprocess.run(
        ["docker", "inspect", "--format", "{{.State.Pid}}", server], check=True, capture_output=True, text=True
    )
    try:
        process = Process(int(said.stdout))
        process.look_inside()
    except OSError as error:
        pytest.skip(f"the engine's processes cannot be seen from here: {error}")
    assert process.name == "systemd"
    assert not process.at_home
