"""The host's own apt configuration: which archive it uses, which suites that archive serves, and packages from it."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tdi.errors import TdiError
from tdi.outside import process
from tdi.outside.console import say

_HELPER = "/usr/lib/apt/apt-helper"

_LONGEST = 1800
"""Seconds that one call of apt-get may take, and that it waits for the end of another one."""

_LOCKED = re.compile(r"Could not get lock (?P<file>\S+)(?:.*held by (?P<holder>process .*))?")
"""How apt says that another process is at work; who that is, it does not always know."""

_UNREACHABLE = re.compile(
    r"(?P<reason>(?:Temporary failure resolving|Could not resolve|Could not connect to|Unable to connect to"
    r"|Cannot initiate the connection to|Connection (?:failed|timed out)).*)"
)
"""How apt says that a mirror does not answer."""

_CHECK = "Check `sudo apt-get update`, and begin again."


@dataclass(frozen=True)
class Mirror:
    """The archive of the host's distribution: base addresses of its release and security suites."""

    distribution: str
    archive: str
    security: str

    def sources(self, suite: str, components: Sequence[str]) -> list[str]:
        """The source lines of a new server of a release: `suite`, its updates and its security suite."""
        words = " ".join(components)
        return [
            f"deb {self.archive} {suite} {words}",
            f"deb {self.archive} {suite}-updates {words}",
            f"deb {self.security} {suite}-security {words}",
        ]

    def serves(self, suite: str) -> bool:
        """Whether the archive has the release `suite`; asked through apt, so that its proxies hold.

        Raises TdiError where the archive does not answer.
        """
        with tempfile.TemporaryDirectory(prefix="tdi-") as directory:
            command = [_HELPER, "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=1", "download-file"]
            address = f"{self.archive.rstrip('/')}/dists/{suite}/InRelease"
            english = {**os.environ, "LC_ALL": "C"}
            done = process.run(
                [*command, address, f"{directory}/InRelease"], check=False, env=english, timeout=_LONGEST
            )
        if no_answer := _no_answer(done):
            raise TdiError(f"This host's apt mirror does not answer: {no_answer}", _CHECK)
        return done.ok


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
    """Install packages of the host's distribution; `a|b` is the first of the two that the distribution has.

    Waits while another process holds apt's locks, and removes nothing. Raises TdiError, with what to type, where that
    is not possible.
    """
    words = " ".join(package.partition("|")[0] for package in packages)
    prefix = may_install()
    if not shutil.which("apt-get") or prefix is None:
        raise TdiError(f"{purpose} needs {words}, and installing it needs root or passwordless sudo.", _by_hand(words))
    # A mirror of something else that does not answer is no reason to stop; the cause may be needed further down.
    updated = _apt_get(prefix, ["update"])
    chosen = list(dict.fromkeys(_chosen(package) for package in packages))
    say(f"Installing {process.joined(chosen)} from the distribution")
    done = _apt_get(prefix, ["install", "--yes", "--no-install-recommends", "--no-remove", *chosen])
    if done.ok:
        return
    words = " ".join(chosen)
    if no_answer := _no_answer(done) or _no_answer(updated):
        raise TdiError(f"{words} could not be installed, for a package mirror does not answer: {no_answer}", _CHECK)
    raise TdiError(f"{words} could not be installed: {done.last_line}", _by_hand(words))


def _by_hand(words: str) -> str:
    return f"Install it yourself: sudo apt-get install {words}"


def _apt_get(prefix: Sequence[str], words: Sequence[str]) -> process.Completed:
    """Run apt-get as root, without a question and in English; wait, and say so, while another process holds a lock."""
    # What it writes must be readable for all, whatever this user's umask; apt itself waits only for dpkg's lock.
    script = 'umask 022; DEBIAN_FRONTEND=noninteractive LC_ALL=C exec apt-get --quiet "$@"'
    began = time.monotonic()
    said = False
    while True:
        done = process.run([*prefix, "sh", "-c", script, "apt-get", *words], check=False, timeout=_LONGEST)
        held = _LOCKED.search(done.stderr)
        if done.ok or not held or time.monotonic() - began > _LONGEST:
            return done
        if not said:
            say(f"Waiting: apt is in use by another process ({held['holder'] or held['file'].rstrip('.')})")
        said = True
        time.sleep(2)


def _chosen(package: str) -> str:
    first, _, second = package.partition("|")
    if not second:
        return first
    # A name that others only mention, or provide, has no version of its own.
    shown = process.run(["apt-cache", "--no-all-versions", "show", first], check=False, timeout=60)
    return first if shown.ok and shown.stdout.strip() else second


def _no_answer(done: process.Completed) -> str:
    """What apt says of a mirror that cannot be reached, or nothing."""
    lines = [line.strip() for line in done.stderr.splitlines()]
    reasons = [match["reason"] for line in lines if (match := _UNREACHABLE.search(line))]
    return reasons[0] if reasons else ""
