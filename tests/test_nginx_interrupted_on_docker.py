"""A run of the role that is killed, at each boundary between its tasks: the next ends where an undisturbed one does.

Production goes from one set of sites to another with everything that the role does on the way: a newer nginx, a new, a
renamed, a changed and a removed site. Between the run that is killed and the next one somebody else reloads nginx.
"""

import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

import nginx_machine
from nginx_machine import Machine

pytestmark = [pytest.mark.docker, pytest.mark.nightly]

BEFORE = [
    {"name": "website", "page": "first\n"},
    {"name": "former", "port": 81, "page": "x\n"},
    {"name": "leaving", "port": 82, "page": "x\n"},
]
AFTER = [
    {"name": "website", "page": "second\n", "extra": "gzip off;"},
    {"name": "home", "port": 81, "page": "x\n"},
    {"name": "new", "port": 83, "page": "new\n"},
]
OLD = """
version=$(apt-cache madison nginx | tail -n 1 | cut -d '|' -f 2 | tr -d ' ')
DEBIAN_FRONTEND=noninteractive apt-get -qq install --allow-downgrades nginx=$version nginx-common=$version > /dev/null
systemctl restart nginx
"""
"""Have the nginx that the release came with."""

KILLS = '''
"""Kills Ansible when it begins a task: the one of this number."""

import os
import signal

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "kills"

    def __init__(self):
        super().__init__()
        self.left = int(os.environ["KILL_AT"])

    def v2_playbook_on_task_start(self, task, is_conditional):
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1
'''


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine, the callback that kills beside it."""
    directory = tmp_path_factory.mktemp("killed")
    (directory / "kills.py").write_text(KILLS)
    with nginx_machine.new(directory) as here:
        assert here.sites(*BEFORE).code == 0
        here.shell("apt-get -qq install curl > /dev/null")
        yield here


def begin(machine: Machine) -> None:
    """Have production as it is before the change, with the old nginx."""
    assert machine.sites(*BEFORE).code == 0
    machine.shell(OLD)


def killed(machine: Machine, roles: list[dict[str, Any]], number: int) -> bool:
    """Run the role and kill it at the beginning of a task; whether it had as many."""
    environment = {
        **machine.environment,
        "ANSIBLE_CALLBACK_PLUGINS": str(machine.directory),
        "ANSIBLE_CALLBACKS_ENABLED": "kills",
        "KILL_AT": str(number),
    }
    done = subprocess.run(machine.command(roles), env=environment, capture_output=True, check=False)
    assert done.returncode in {0, -signal.SIGKILL}, done.stdout
    return done.returncode != 0


def test_wherever_a_run_is_killed_the_next_one_ends_as_an_undisturbed_one(machine: Machine):
    begin(machine)
    assert machine.sites(*AFTER).code == 0
    undisturbed = machine.record("undisturbed")
    number = 0
    while True:
        begin(machine)
        if not killed(machine, [{"nginx_sites": AFTER}], number):
            break
        # It serves: as before, or as after.
        assert machine.get("localhost").endswith(("first\n", "second\n")), f"killed at task {number}"
        machine.shell("nginx -t && systemctl reload nginx")
        ran = machine.sites(*AFTER)
        assert (ran.code, ran.failed) == (0, ""), f"killed at task {number}"
        assert machine.difference(undisturbed) == "", f"killed at task {number}"
        assert machine.sites(*AFTER).changed == [], f"killed at task {number}"
        number += 1
    assert number > 15
