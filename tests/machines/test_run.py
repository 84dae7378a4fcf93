"""A run leaves nothing: no container, no process, no directory, whatever ends it."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from conftest import Fakes
from tdi.errors import TdiError
from tdi.machines import run
from tdi.outside import process, signals

CHILD = """
import signal, subprocess, sys, time
from tdi.machines import run
from tdi.outside import process, signals
# Under nohup these tests inherit that a hang-up is ignored.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signals.interrupt_on_signals()
with run.new_run() as this:
    # A child in a session of its own, whose parent is gone: only its environment tells whose it is.
    subprocess.run(["setsid", "--fork", "sh", "-c", "echo $$ > pid; sleep 60"], check=True)
    print(this.id, this.directory, flush=True)
    time.sleep(60)
"""

LISTED = "echo tdi-x-fresh"


def eventually(holds: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False


def of_run(run_id: str) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"TDI_RUN_ID={run_id}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_nothing(fakes: Fakes, tmp_path: Path, number: signal.Signals):
    docker = fakes.docker(ps=LISTED, rm="true")
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=tmp_path
    ) as child:
        assert child.stdout
        run_id, directory = child.stdout.readline().split()
        assert eventually((tmp_path / "pid").exists)
        assert Path(directory).is_dir()
        assert len(of_run(run_id)) >= 1
        child.send_signal(number)
        child.stdout.close()
        child.wait(timeout=20)
    assert eventually(lambda: not Path(directory).exists())
    assert eventually(lambda: not of_run(run_id))
    assert eventually(lambda: "rm --force --volumes tdi-x-fresh" in docker.calls)
    assert any(call.startswith("ps --all") and f"label=tdi.run={run_id}" in call for call in docker.calls)


def test_the_reaper_of_a_run_that_ended_well_does_nothing(fakes: Fakes, tmp_path: Path):
    docker = fakes.docker(ps="", rm="true")
    kept = tmp_path / "kept"
    kept.mkdir()
    tell_reaper = run._start_reaper("0123abcd", kept)
    assert tell_reaper(b"done\n", 10) == 0
    assert kept.exists()
    assert not docker.calls


def test_within_a_run_its_id_and_its_directory_hold_for_everything_below(fakes: Fakes):
    fakes.docker(ps="")
    before = {name: os.environ.get(name) for name in ("TDI_RUN_ID", "TMPDIR")}
    with run.new_run() as outer:
        assert os.environ["TDI_RUN_ID"] == outer.id
        assert Path(tempfile.gettempdir()) == outer.directory
        with run.new_run() as inner:
            assert inner.id != outer.id
            assert inner.directory.parent == outer.directory
        assert os.environ["TDI_RUN_ID"] == outer.id
        assert outer.directory.exists()
    assert not outer.directory.exists()
    assert {name: os.environ.get(name) for name in before} == before
    assert Path(tempfile.gettempdir()) != outer.directory


def test_an_error_inside_is_passed_on_after_the_cleaning(fakes: Fakes):
    docker = fakes.docker(ps=LISTED, rm="true")
    with pytest.raises(TdiError, match="the cause"), run.new_run() as this:
        raise TdiError("the cause")
    assert not this.directory.exists()
    assert docker.calls[-1] == "rm --force --volumes tdi-x-fresh"


def test_a_machine_whose_start_is_under_way_at_the_end_does_not_stay(fakes: Fakes, tmp_path: Path):
    there = tmp_path / "container"
    fakes.docker(ps=f"test ! -e {there} || echo tdi-x-fresh", rm=f"rm -f {there}", run=f"touch {there}")

    def start() -> None:
        time.sleep(0.3)
        process.run(["docker", "run"], check=False)

    thread = threading.Thread(target=start)

    def interrupted() -> None:
        with run.new_run():
            thread.start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    thread.join()
    assert eventually(lambda: not there.exists(), 6)


def test_sockets_fit_into_the_directory_of_a_run(fakes: Fakes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fakes.docker(ps="")
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with run.new_run(), tempfile.TemporaryDirectory() as directory:
        assert len(f"{directory}/mitogen_unix_12345678.sock") < 108


def failing(made: list[Path]) -> None:
    with run.new_run() as this:
        made.append(this.directory)
        raise TdiError("the cause")


def test_without_docker_the_cause_is_kept_and_the_directory_goes(only_fakes: Fakes, monkeypatch: pytest.MonkeyPatch):
    del only_fakes
    monkeypatch.setenv("TDI_RUN_ID", "before")  # put back after the test, whatever the run leaves
    monkeypatch.setenv("TMPDIR", tempfile.gettempdir())
    made: list[Path] = []
    try:
        with pytest.raises(TdiError, match="the cause"):
            failing(made)
        assert not made[0].exists()
    finally:
        tempfile.tempdir = None


def test_a_second_interrupt_does_not_cut_the_cleaning_short(fakes: Fakes, quiet_signals: None):
    del quiet_signals
    signals.interrupt_on_signals()
    docker = fakes.docker(ps=f"kill -INT {os.getpid()}; kill -TERM {os.getpid()}; sleep 0.2; {LISTED}", rm="true")
    with run.new_run() as this:
        pass
    assert not this.directory.exists()
    assert docker.calls[-1].startswith("rm")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_unwind_as_an_interrupt_does(quiet_signals: None, number: signal.Signals):
    del quiet_signals
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell leaves it for `command &`
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signals.interrupt_on_signals()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


def test_nohup_is_respected(quiet_signals: None):
    del quiet_signals
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signals.interrupt_on_signals()
    os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize(("interrupted", "left"), [(False, True), (True, False)])
def test_machines_stay_where_somebody_wants_to_see_them_but_not_after_an_interrupt(
    fakes: Fakes, *, interrupted: bool, left: bool
):
    docker = fakes.docker(ps="echo one", rm="")
    with suppress(KeyboardInterrupt), run.new_run() as this:
        this.keeps_machines = True
        if interrupted:
            raise KeyboardInterrupt
    assert not this.directory.exists()
    assert any(call.startswith("rm ") for call in docker.calls) is not left
