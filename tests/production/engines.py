"""An engine of a test's own, which may be killed and filled up: its data is on a small disk of its own."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_ALONE = "ip link set lo up; ip route add unreachable default; echo; exec sleep 3600"
"""A network that leads nowhere, and says so at once."""


@dataclass
class OwnEngine:
    """A dockerd below `directory`, in a network of its own: a second one in ours would take the first one's bridge."""

    directory: Path
    inside: tuple[str, ...]
    """The words before a command that is to run in that network, and reach its loopback."""
    child: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"unix://{self.directory / 'docker.sock'}"

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def start(self) -> None:
        place = self.directory
        words = [
            "--dns=127.0.0.1",
            f"--data-root={self.data}",
            f"--exec-root={place / 'exec'}",
            f"--pidfile={place / 'pid'}",
        ]
        # Of one that was killed, and of its containerd, which dies with it.
        for former in (place / "pid", place / "exec" / "containerd" / "containerd.pid"):
            former.unlink(missing_ok=True)
        with (place / "log").open("ab") as log:
            self.child = subprocess.Popen(
                [*self.inside, "dockerd", f"--host={self.host}", *words], stdout=log, stderr=log
            )
        for _ in range(300):
            if subprocess.run(["docker", "-H", self.host, "info"], capture_output=True, check=False).returncode == 0:
                return
            assert self.child.poll() is None, (place / "log").read_text(encoding="utf-8")[-2000:]
            time.sleep(0.1)
        raise AssertionError((place / "log").read_text(encoding="utf-8")[-2000:])

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.child and self.child.poll() is None:
            self.child.send_signal(number)
            self.child.wait(60)

    def docker(self, *words: str) -> str:
        done = subprocess.run(["docker", "-H", self.host, *words], capture_output=True, text=True, check=True)
        return done.stdout


@contextmanager
def own_engine(directory: Path, size: str) -> Iterator[OwnEngine]:
    """An engine whose data is on a disk of this size in memory; the test is skipped where there cannot be one."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("an engine of the test's own takes root and dockerd")
    holder = subprocess.Popen(["unshare", "--net", "sh", "-c", _ALONE], stdout=subprocess.PIPE)
    assert holder.stdout
    holder.stdout.readline()
    made = OwnEngine(directory, ("nsenter", "--net", f"--target={holder.pid}"))
    made.data.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", made.data], check=True)
    try:
        made.start()
        yield made
    finally:
        if made.child is None or made.child.poll() is not None:
            # Killed by a test that failed: the machines that it left are known to a new one only.
            made.start()
        names = made.docker("ps", "--all", "--quiet").split()
        if names:
            made.docker("rm", "--force", "--volumes", *names)
        made.stop()
        for mount in reversed(Path("/proc/mounts").read_text(encoding="utf-8").splitlines()):
            place = mount.split()[1]
            if place.startswith(f"{directory}/"):
                subprocess.run(["umount", "--lazy", place], check=False)
        holder.kill()
        holder.wait()
