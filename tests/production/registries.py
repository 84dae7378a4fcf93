"""Real registries on loopback, for tests: Debian's docker-registry, with its own directory and configuration."""

import atexit
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

PROGRAM = "docker-registry"


@cache
def program() -> str:
    """The registry's program: the installed one, else that of Debian's package, unpacked for these tests alone.

    Installing the package would start a registry. Where it cannot be had, the test is skipped, and says so.
    """
    found = shutil.which(PROGRAM)
    if found:
        return found
    directory = Path(tempfile.mkdtemp(prefix="tdi-registry-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    if shutil.which("apt-get"):
        if subprocess.run(["apt-cache", "show", PROGRAM], capture_output=True, check=False).returncode:
            subprocess.run(["apt-get", "-qq", "update"], capture_output=True, check=False)
        subprocess.run(["apt-get", "-qq", "download", PROGRAM], cwd=directory, capture_output=True, check=False)
        for package in directory.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, directory], capture_output=True, check=False)
    unpacked = directory / "usr" / "bin" / PROGRAM
    if not unpacked.exists():
        pytest.skip(f"there is no {PROGRAM} here, and apt does not have it either")
    return str(unpacked)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class RealRegistry:
    """A registry, its data in `directory`; `settings` are lines of its configuration."""

    directory: Path
    port: int = field(default_factory=free_port)
    settings: str = ""
    http: str = ""
    deletes: bool = True
    address: str = "127.0.0.1"
    inside: tuple[str, ...] = ()
    """The words before the registry's own, where it runs in another network."""
    child: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"{self.address}:{self.port}"

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        configuration = self.directory / "config.yml"
        configuration.write_text(
            "version: 0.1\nlog: {level: info}\n"
            f"storage:\n  filesystem: {{rootdirectory: {self.data}}}\n"
            f"  delete: {{enabled: {str(self.deletes).lower()}}}\n"
            f"http:\n  addr: {self.host}\n{self.http}{self.settings}",
            encoding="utf-8",
        )
        with (self.directory / "log").open("ab") as log:
            words = [*self.inside, program(), "serve", str(configuration)]
            self.child = subprocess.Popen(words, stdout=log, stderr=log)
        for _ in range(200):
            if self._answers():
                return
            assert self.child.poll() is None, self.log
            time.sleep(0.05)
        raise AssertionError(self.log)

    def _answers(self) -> bool:
        if self.inside:
            return "listening on" in self.log
        with socket.socket() as probe:
            return probe.connect_ex((self.address, self.port)) == 0

    def stop(self, number: int = signal.SIGKILL) -> None:
        if self.child and self.child.poll() is None:
            self.child.send_signal(number)
            self.child.wait(20)

    def trusts(self, directory: Path) -> None:
        """Speak TLS with a certificate of an own authority, which stands in `directory`."""
        authority, key, request = (directory / name for name in ("ca.crt", "ca.key", "server.csr"))
        make = ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-batch"]
        for words in (
            [*make, "-x509", "-days", "1", "-subj", "/CN=an authority", "-keyout", key, "-out", authority],
            [*make, "-subj", "/CN=127.0.0.1", "-keyout", directory / "server.key", "-out", request],
        ):
            subprocess.run(words, check=True, capture_output=True)
        extensions = directory / "extensions"
        extensions.write_text("subjectAltName = IP:127.0.0.1", encoding="utf-8")
        sign = ["openssl", "x509", "-req", "-days", "1", "-in", request, "-CA", authority, "-CAkey", key]
        sign += ["-CAcreateserial", "-extfile", extensions, "-out", directory / "server.crt"]
        subprocess.run(sign, check=True, capture_output=True)
        self.http = f"  tls: {{certificate: {directory / 'server.crt'}, key: {directory / 'server.key'}}}\n"

    def lets_in(self, user: str, password: str) -> None:
        """Ask for a name and a password."""
        hashed = subprocess.run(
            ["perl", "-e", "print crypt($ARGV[0], q($2b$05$abcdefghijklmnopqrstuu))", password],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        file = self.directory / "htpasswd"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{user}:{hashed}\n", encoding="utf-8")
        self.settings = f"auth:\n  htpasswd: {{realm: a realm, path: {file}}}\n"

    def manifests(self, repository: str) -> set[str]:
        """The digests of the manifests that the repository has, as its files say."""
        place = self.data / "docker/registry/v2/repositories" / repository / "_manifests/revisions/sha256"
        links = place.glob("*/link") if place.is_dir() else ()
        return {f"sha256:{link.parent.name}" for link in links}

    def blob(self, digest: str) -> Path:
        """The file of a blob."""
        plain = digest.removeprefix("sha256:")
        return self.data / "docker/registry/v2/blobs/sha256" / plain[:2] / plain / "data"


@contextmanager
def running(registry: RealRegistry) -> Iterator[RealRegistry]:
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()
