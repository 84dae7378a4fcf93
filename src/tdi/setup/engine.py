"""Having a Docker engine: the one that is there, or one installed from the distribution and started."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from tdi.errors import TdiError
from tdi.outside import apt, docker, process
from tdi.outside.console import say

_LONGEST_START = 60
"""Seconds within which an engine that was started has to answer."""


def ensure() -> docker.Engine:
    """The engine that answers, after installing `docker.io` and starting it where none answers.

    An engine that DOCKER_HOST or a context names is never replaced by a local one. Raises TdiError, with what to
    install, where this user may not install or start anything.
    """
    try:
        return docker.engine()
    except TdiError as error:
        unreachable = error
    if os.environ.get("DOCKER_HOST") or not _is_local():
        raise unreachable
    prefix = apt.may_install()
    if prefix is None or not shutil.which("apt-get"):
        raise TdiError(
            "No Docker engine answers, and installing one needs Debian or Ubuntu with root or passwordless sudo.",
            "Install and start Docker yourself (sudo apt-get install docker.io), and join its group: docker.",
        )
    if not _dockerd():
        say("Installing docker.io from the distribution")
        apt.install(["docker.io"], "The machines")
    say("Starting the Docker engine")
    _start(prefix)
    return _wait()


def _is_local() -> bool:
    if not shutil.which("docker"):
        return True
    return docker.endpoint().startswith(("unix:///var/run/docker.sock", "unix:///run/docker.sock", "the default"))


def _dockerd() -> str | None:
    return shutil.which("dockerd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def _start(prefix: list[str]) -> None:
    if Path("/run/systemd/system").is_dir():
        process.run([*prefix, "systemctl", "start", "docker"], check=False, timeout=120)
        return
    # No init here: the engine runs by hand, in a session of its own, for as long as the machine does.
    log = Path("/var/log/tdi-dockerd.log")
    command = ["setsid", "--fork", "sh", "-c", f"exec {_dockerd() or 'dockerd'} >{log} 2>&1 </dev/null"]
    # Not through tdi.outside.process: the engine outlives this run.
    subprocess.run([*prefix, *command], check=True, stdin=subprocess.DEVNULL)


def _wait() -> docker.Engine:
    deadline = time.monotonic() + _LONGEST_START
    while True:
        try:
            return docker.engine()
        except TdiError as error:
            if "permission denied" in error.what:
                raise TdiError(
                    "The Docker engine runs, but this user may not use it.",
                    "Join its group and log in again: sudo usermod --append --groups docker $USER",
                ) from None
            if time.monotonic() > deadline:
                raise TdiError(
                    f"The Docker engine does not answer {_LONGEST_START} s after it was started: {error.what}",
                    "Its log: journalctl --unit docker, or /var/log/tdi-dockerd.log.",
                ) from None
        time.sleep(0.3)
