"""Having a Docker engine: the one that is there, or one installed from the distribution and started."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from tdi.errors import TdiError
from tdi.outside import apt, docker, process
from tdi.outside.console import say
from tdi.setup import access

_LONGEST_START = 300
"""Seconds within which an engine that was started has to answer. One that fails to start ends the wait at once."""

_SYSTEMD = Path("/run/systemd/system")
"""Is there where systemd is the init."""

_LOG = Path("/var/log/tdi-dockerd.log")
"""Where an engine that no init started writes to."""

_HINT = f"Its log: journalctl --unit docker, or {_LOG}."

_CLIENT = "docker-cli|docker.io"
"""Debian 13 has the client in a package of its own, which docker.io only recommends; before that docker.io has both."""


def ensure() -> docker.Engine:
    """The engine that answers and that this user may use, after all that this takes.

    What is missing of client and engine is installed, the engine started, and the user put into its group. An engine
    that DOCKER_HOST or a context names is never replaced by a local one. Raises TdiError, with what to do, where this
    user may not do that.
    """
    try:
        return docker.engine()
    except docker.EngineRefusesError as refused:
        return access.gain(refused)
    except TdiError as error:
        unreachable = error
    if shutil.which("docker") and not _is_local():
        raise unreachable
    prefix = apt.may_install()
    if prefix is None or not shutil.which("apt-get"):
        raise TdiError(
            "No Docker engine answers, and installing one needs Debian or Ubuntu with root or passwordless sudo.",
            "Install and start Docker yourself (sudo apt-get install docker.io), and join its group: docker.",
        )
    return _installed_and_started(prefix)


def _installed_and_started(prefix: list[str]) -> docker.Engine:
    try:
        if _install_what_is_missing():
            return docker.engine()
    except docker.EngineRefusesError as refused:
        return access.gain(refused)
    except docker.EngineUnreachableError:
        if not _is_local():
            raise
    return _wait(_start(prefix))


def _install_what_is_missing() -> bool:
    """Install client and engine, or the one that is not there; whether anything was installed."""
    packages = []
    if not _dockerd() and not os.environ.get("DOCKER_HOST"):
        packages.append("docker.io")
    if not shutil.which("docker"):
        packages.append(_CLIENT)
    if not packages:
        return False
    if access.will_be_needed():
        packages.append(access.PACKAGE)
    apt.install(packages, "The machines")
    return True


def _is_local() -> bool:
    """Whether nobody named another engine than the one of this machine."""
    if os.environ.get("DOCKER_HOST"):
        return False
    return docker.endpoint().startswith(("unix:///var/run/docker.sock", "unix:///run/docker.sock", "the default"))


def _dockerd() -> str | None:
    return shutil.which("dockerd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def _start(prefix: list[str]) -> Callable[[], int | None]:
    """Start the engine; what is returned says the exit code with which it gave up, or None as long as it has not."""
    say("Starting the Docker engine")
    if _SYSTEMD.is_dir():
        # Ends when the engine is up, or has failed.
        done = process.run([*prefix, "systemctl", "start", "docker"], check=False, timeout=_LONGEST_START)
        if not done.ok:
            raise _not_started(process.first_line(done.stderr) or done.last_line)
        return lambda: None
    # No init here: the engine runs by hand, in a session of its own, for as long as the machine does.
    command = ["sh", "-c", 'umask 022; exec "$0" >"$1" 2>&1', _dockerd() or "dockerd", str(_LOG)]
    return process.start_outliving([*prefix, *command])


def _wait(ended: Callable[[], int | None]) -> docker.Engine:
    """Wait until the engine answers, or until `ended` has the exit code with which it gave up."""
    deadline = time.monotonic() + _LONGEST_START
    while True:
        code = ended()
        try:
            return docker.engine()
        except docker.EngineRefusesError as refused:
            return access.gain(refused)
        except TdiError as error:
            if code is not None:
                raise _not_started(_last_words() or f"exit code {code}") from None
            if time.monotonic() > deadline:
                raise TdiError(
                    f"The Docker engine does not answer {_LONGEST_START} s after it was started: {error.what}", _HINT
                ) from None
        time.sleep(0.3)


def _last_words() -> str:
    try:
        lines = _LOG.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _not_started(why: str) -> TdiError:
    return TdiError(f"The Docker engine could not be started: {why}", _HINT)
