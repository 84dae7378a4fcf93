"""A killed run of the tests leaves no machines, and one that is alive keeps its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import killed
from tdi.images import base_image
from tdi.machines import lifecycle
from tdi.outside import docker
from tdi.project import Project

ROOT = Path(__file__).resolve().parents[1]
FLEET = "tests/state/fleet/test_fleet.py::test_a_fleet_of_containers"


def until(holds: Callable[[], bool], what: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what} did not come about in {seconds:.0f} s"
        time.sleep(0.2)


def test_a_run_is_dead_when_its_process_is_gone_or_is_another_one():
    here, number, began = killed.this_run().rsplit(".", 2)
    assert (int(number), began) == (os.getpid(), killed._began(os.getpid()))
    assert not killed.is_dead(killed.this_run())
    gone = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout.strip()
    assert killed.is_dead(f"{here}.{gone}.{began}")
    assert killed.is_dead(f"{here}.{number}.{int(began) + 1}"), "the number was given to another process"


def test_a_run_that_cannot_be_seen_from_here_is_not_dead():
    here = killed.this_run().rsplit(".", 2)[0]
    boot, _, space = here.rpartition(".")
    assert not killed.is_dead(f"another-boot.{space}.999999999.1")
    assert not killed.is_dead(f"{boot}.1.999999999.1"), "the processes of another container"
    assert not any(map(killed.is_dead, ("", "x", f"{here}", f"{here}.x.1")))


@pytest.mark.docker
def test_the_next_run_removes_what_a_dead_one_left_and_nothing_of_one_that_lives():
    image = base_image.ensure(Project.find(ROOT)).id
    run_id = lifecycle.new_run_id()
    dead, alive = f"tdi-{run_id}-dead", f"tdi-{run_id}-alive"
    here, number, began = killed.this_run().rsplit(".", 2)
    labels = lifecycle.labels(run_id)
    assert labels[killed.LABEL] == killed.this_run()
    try:
        docker.run_detached(dead, image, [], {**labels, killed.LABEL: f"{here}.{number}.{int(began) + 1}"})
        docker.run_detached(alive, image, [], labels)
        assert dead in killed.remove_dead()
        assert docker.state(dead) is None
        assert docker.state(alive) is not None
    finally:
        lifecycle.remove_run(run_id)


@pytest.mark.docker
def test_the_machines_of_a_killed_run_go(tmp_path: Path):
    base_image.ensure(Project.find(ROOT))
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'base'}", FLEET]
    child = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    label = f"{killed.LABEL}={killed._here()}.{child.pid}.{killed._began(child.pid)}"
    try:
        until(lambda: len(docker.containers(label)) >= 3, "a fleet", 120)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    until(lambda: not docker.containers(label), "the end of its machines", 60)
    time.sleep(5)
    assert docker.containers(label) == [], "a start that was under way came through"
