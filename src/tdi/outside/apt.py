"""The host's own apt configuration: which archive it uses, which suites that archive serves, and packages from it."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tdi.errors import TdiError
from tdi.images.platforms import Platform
from tdi.outside import process

_HELPER = "/usr/lib/apt/apt-helper"


@dataclass(frozen=True)
class Mirror:
    """The archive of the host's distribution: base addresses of its release and security suites."""

    distribution: str
    archive: str
    security: str

    def sources(self, platform: Platform) -> list[str]:
        """The source lines of a new server of `platform`: the release, its updates and its security suite."""
        components = " ".join(platform.components)
        return [
            f"deb {self.archive} {platform.suite} {components}",
            f"deb {self.archive} {platform.suite}-updates {components}",
            f"deb {self.security} {platform.suite}-security {components}",
        ]

    def serves(self, platform: Platform) -> bool:
        """Whether the archive has the release of `platform`; asked through apt, so that its proxies hold."""
        with tempfile.TemporaryDirectory(prefix="tdi-") as directory:
            command = [_HELPER, "-o", "APT::Sandbox::User=root", "download-file"]
            address = f"{self.archive.rstrip('/')}/dists/{platform.suite}/InRelease"
            return process.run([*command, address, f"{directory}/InRelease"], check=False, timeout=60).ok


def of_host() -> Mirror | None:
    """The archive that the host's apt is set up for, or None on a host without apt, Debian's or Ubuntu's archive."""
    if not shutil.which("apt-get") or not Path(_HELPER).exists():
        return None
    listed = process.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(RELEASE) $(REPO_URI)", "Identifier: Packages"], check=False
    )
    rows = {tuple(line.split()) for line in listed.stdout.splitlines()}
    for origin in ("Debian", "Ubuntu"):
        ours = sorted(row for row in rows if len(row) == 3 and row[0] == origin)  # noqa: PLR2004 (the three fields)
        archives = [uri for _, release, uri in ours if "-" not in release]
        security = [uri for _, release, uri in ours if release.endswith("-security")]
        if archives:
            return Mirror(origin.lower(), archives[0], (security or archives)[0])
    return None


def may_install() -> list[str] | None:
    """The words that go before a command that needs root: none for root, sudo where it asks no password, else None."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and process.run(["sudo", "--non-interactive", "true"], check=False).ok:
        return ["sudo", "--non-interactive"]
    return None


def install(packages: Sequence[str], purpose: str) -> None:
    """Install packages of the host's distribution. Raises TdiError, with what to type, where that is not possible."""
    words = " ".join(packages)
    by_hand = f"Install it yourself: sudo apt-get install {words}"
    prefix = may_install()
    if not shutil.which("apt-get") or prefix is None:
        raise TdiError(f"{purpose} needs {words}, and installing it needs root or passwordless sudo.", by_hand)
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300", "--quiet"]
    process.run([*apt, "update"], check=False, timeout=600)
    done = process.run([*apt, "install", "--yes", "--no-install-recommends", *packages], check=False, timeout=1200)
    if not done.ok:
        raise TdiError(f"{words} could not be installed: {done.last_line}", by_hand)
