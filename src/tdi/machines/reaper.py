"""Removes what a run left behind when its process was killed outright.

Started beside a run, in a session of its own, with one end of a pipe as its standard input. When the pipe closes
without the word "done", the run is dead, and its processes, its containers and its temporary directory are removed.
It uses the standard library only and imports nothing of tdi, to start in no time.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path


def main(run_id: str, label: str, directory: str) -> None:
    """Wait for the end of the run whose containers carry `label`=`run_id`, and clean up after it if need be."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    if sys.stdin.readline().strip() == "done":
        return
    # A container whose creation was under way when the run died may appear a moment later.
    for pause in (0.0, 1.0, 3.0):
        time.sleep(pause)
        end_run(run_id)
        _remove_containers(f"{label}={run_id}")
        shutil.rmtree(directory, ignore_errors=True)


def end_run(run_id: str) -> None:
    """Kill every process but this one that was started with TDI_RUN_ID=`run_id` in its environment.

    The environment is inherited however far a process goes from its parents, into other sessions too.
    """
    mark = f"TDI_RUN_ID={run_id}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)


def _remove_containers(label: str) -> None:
    with suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(
            ["docker", "ps", "--all", "--quiet", "--filter", f"label={label}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        names = listed.stdout.split()
        if names:
            subprocess.run(
                ["docker", "rm", "--force", "--volumes", *names], capture_output=True, timeout=120, check=False
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
