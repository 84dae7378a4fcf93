"""Machines of one image are hosts of their own: on a real engine."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from conftest import ROOT
from tdi.images import base_image, scrub
from tdi.machines import lifecycle
from tdi.molecule import scenario
from tdi.outside import docker
from tdi.project import Project

pytestmark = pytest.mark.docker

LIFE = """
mkdir -p /var/log/service
echo a line > /var/log/service/service.log
chown 1234:adm /var/log/service/service.log
chmod 640 /var/log/service/service.log
touch /var/log/service/service.log.1 /var/log/service/service.log-20260101.gz /var/cache/apt/archives/one.deb
mkdir -p /var/tmp/of-a-task/deeper /root/.ansible/tmp/ansible-tmp-1 ~root/.cache/kept
cat > /etc/systemd/system/late.service <<'EOF'
[Service]
ExecStart=/bin/sleep infinity
ExecStop=/bin/sh -c 'echo stopped >> /var/log/late.log'
[Install]
WantedBy=multi-user.target
EOF
systemctl enable --now --quiet late
"""
"""What a machine has of its own life; a service that writes while it stops is among it."""

INSTALL = "apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install openssh-server > /dev/null"
IDENTITY = (
    "cat /etc/machine-id; for kind in rsa ecdsa ed25519; do cut -d' ' -f2 /etc/ssh/ssh_host_${kind}_key.pub; done"
)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """An image made as production's is, of a machine with ssh; what identified that one, and options for machines."""
    project = Project(ROOT, tmp_path_factory.mktemp("identity") / "artifacts")
    project.prepare_artifacts()
    base = base_image.ensure(project)
    run_id = lifecycle.new_run_id()
    options = scenario.load(project, "upgrade").options
    label = f"tdi.identity={run_id}"
    try:
        with lifecycle.one(f"tdi-{run_id}-origin", base.id, options, run_id) as machine:
            docker.execute(machine, ["sh", "-eu", "-c", INSTALL])
            own = docker.execute(machine, ["sh", "-eu", "-c", IDENTITY]).stdout
            docker.execute(machine, ["sh", "-eu", "-c", LIFE])
            command = scrub.shut_down(machine)
            labels = {docker.LABEL: "image", "tdi.identity": run_id}
            made = docker.commit(machine, f"tdi-identity:{run_id}", labels, command)
        yield made, own, options
    finally:
        docker.remove_images(label)


def test_two_machines_of_one_image_are_two_hosts(image: tuple[str, str, tuple[str, ...]]):
    made, origin, options = image
    run_id = lifecycle.new_run_id()
    with ExitStack() as stack:
        machines = [
            stack.enter_context(lifecycle.one(f"tdi-{run_id}-{number}", made, options, run_id)) for number in (1, 2)
        ]
        found = [docker.execute(machine, ["sh", "-eu", "-c", IDENTITY]).stdout.split() for machine in machines]
        for machine in machines:
            assert docker.execute(machine, ["systemctl", "is-active", "ssh"]).stdout == "active\n"
            assert docker.execute(machine, ["cat", "/proc/1/comm"]).stdout == "systemd\n"
            modes = docker.execute(machine, ["sh", "-c", "stat -c %a /etc/ssh/ssh_host_*_key"]).stdout.split()
            assert modes == ["600"] * 3
    for one, other, before in zip(*found, origin.split(), strict=True):
        assert len({one, other, before}) == 3
        assert all((one, other, before))


def test_an_image_of_a_machine_names_no_host(image: tuple[str, str, tuple[str, ...]]):
    paths = "/etc/ssh/ssh_host_* /var/log/journal/* /var/lib/systemd/random-seed /var/lib/dbus/machine-id"
    look = f"cat /etc/machine-id; ls -d {paths} 2> /dev/null || :"
    assert docker.run_once(image[0], ["sh", "-c", look], {docker.LABEL: "machine"}).stdout == ""


def test_an_image_has_nothing_of_the_life_of_its_machine(image: tuple[str, str, tuple[str, ...]]):
    look = (
        "find /var/log -type f -size +0; find /var/log -name '*.[0-9]*' -o -name '*-2026*'; find /var/tmp -mindepth 1;"
        "ls -d /var/cache/apt/archives/*.deb /root/.ansible/tmp /usr/lib/systemd/system-shutdown 2> /dev/null || :"
    )
    assert docker.run_once(image[0], ["sh", "-c", look], {docker.LABEL: "machine"}).stdout == ""


def test_logs_stay_with_their_owners_and_a_user_s_cache_stays(image: tuple[str, str, tuple[str, ...]]):
    look = "stat -c '%u:%G %a %s' /var/log/service/service.log /var/log/late.log; cd; ls -d .cache/kept"
    said = docker.run_once(image[0], ["sh", "-c", look], {docker.LABEL: "machine"}).stdout
    assert said == "1234:adm 640 0\n0:root 644 0\n.cache/kept\n"
