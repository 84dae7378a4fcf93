"""What legitimately differs between any two machines: the built-in rules.

A rule takes as few attributes as will do, so that owner and mode of a log count while its content does not. It is
anchored at both ends, admitted only when two unmutated machines showed the need for it, and has examples of what it
must and must not match, which are tested.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CONTENT = ("hash", "size", "text", "unstable")
"""The attributes of a file that follow from its content; "unstable": it changed while it was recorded."""


@dataclass(frozen=True)
class NoiseRule:
    """Something that legitimately differs. No attributes: the object is left out, and may be on one side only."""

    id: str
    scope: str
    match: str
    reason: str
    must_match: tuple[str, ...]
    must_not_match: tuple[str, ...]
    attributes: tuple[str, ...] = ()
    value: str = ""
    """A pattern for what each of `attributes` must be on both machines; without one they may be anything."""
    programs: bool = False
    """Programs may be among its objects; without it, a rule that leaves out an object leaves out no program."""
    must_differ: bool = False
    """A secret of one machine: it is a finding when both machines have the same."""

    def matches(self, key: str) -> bool:
        """Whether the rule is about the object `key`; `$` alone would let a newline at the end pass."""
        return re.fullmatch(self.match, key) is not None

    def leaves_out(self, *sides: Mapping[str, Any] | None) -> bool:
        """Whether the objects may be left out: plain files and directories that let nobody do more than before."""
        return not self.attributes and all(_is_plain(side, programs=self.programs) for side in sides if side)

    def takes(self, name: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
        """Whether the attribute `name` may differ as it does between the objects `a` and `b`."""
        if self.attributes and name not in self.attributes:
            return False
        return not self.value or all(re.fullmatch(self.value, str(side.get(name))) for side in (a, b))


def _is_plain(file: Mapping[str, Any], *, programs: bool) -> bool:
    """Whether a file or directory is one that only its users write, and that gives nobody the rights of another."""
    mode = int(str(file.get("mode", "0")), 8)
    if file.get("type") == "dir":
        return not mode & 0o002
    barred = 0o6002 if programs else 0o6113
    return file.get("type") == "file" and not mode & barred and not file.get("capability")


BUILT_IN = (
    NoiseRule(
        "package-downloads",
        "files",
        r"^/var/cache/apt/(pkgcache\.bin|srcpkgcache\.bin|archives/(lock|partial|(partial/)?[^/]+\.deb))$",
        "apt's caches depend on what was installed when, not on what is installed",
        ("/var/cache/apt/pkgcache.bin", "/var/cache/apt/archives/nginx_1.26.3-3_amd64.deb"),
        (
            "/var/cache/apt",
            "/var/cache/apt/archives",
            "/var/cache/apt/archives/run.sh",
            "/srv/var/cache/apt/pkgcache.bin",
        ),
    ),
    NoiseRule(
        "package-lists",
        "files",
        r"^/var/lib/apt/(lists/.+|periodic/[a-z-]+-stamp|daily_lock)$",
        "apt's lists are as old as the last apt-get update; the sources are compared in the scope apt",
        ("/var/lib/apt/lists/lock", "/var/lib/apt/lists/mirror_dists_trixie_InRelease", "/var/lib/apt/daily_lock"),
        ("/var/lib/apt/lists", "/etc/apt/sources.list", "/var/lib/apt/extended_states"),
    ),
    NoiseRule(
        "daily-backups",
        "files",
        r"^/var/backups/(apt\.extended_states|dpkg\.(arch|diversions|statoverride|status)|alternatives\.tar)\.\d+(\.gz)?$",
        "the daily jobs of apt and dpkg copy their databases when these changed; the databases are compared",
        ("/var/backups/apt.extended_states.0", "/var/backups/dpkg.status.1.gz", "/var/backups/alternatives.tar.0"),
        ("/var/backups/shadow.bak", "/var/backups/site.tar.0", "/var/backups/dpkg.status"),
    ),
    NoiseRule(
        "automatic-packages",
        "files",
        r"^/var/lib/apt/extended_states$",
        "there once a package was installed automatically; compared as the attribute `auto` of each package",
        ("/var/lib/apt/extended_states",),
        ("/var/lib/apt/extended_states.d", "/var/lib/dpkg/status"),
    ),
    NoiseRule(
        "database-backups",
        "files",
        r"^(/var/lib/dpkg/(status|diversions|statoverride)-old"
        r"|/var/cache/debconf/(config|templates)\.dat-old"
        r"|/etc/(passwd|group|shadow|gshadow|subuid|subgid)-)$",
        "there once the database was written to; they hold what it was before",
        ("/etc/passwd-", "/var/lib/dpkg/status-old", "/var/cache/debconf/config.dat-old"),
        ("/etc/passwd", "/etc/hosts-", "/var/lib/dpkg/status", "/etc/nginx/nginx.conf-old"),
    ),
    NoiseRule(
        "loader-auxiliary-cache",
        "files",
        r"^/var/cache/ldconfig/aux-cache$",
        "holds inodes and times; what counts is /etc/ld.so.cache, which is compared",
        ("/var/cache/ldconfig/aux-cache",),
        ("/etc/ld.so.cache", "/var/cache/ldconfig/aux-cache.bak"),
        attributes=CONTENT,
    ),
    NoiseRule(
        "journal",
        "files",
        r"^/var/log/journal/[0-9a-f]{32}(/(system|user-\d+)(@[0-9a-f-]+)?\.journal~?)?$",
        "named after the machine id and written all the time",
        (
            "/var/log/journal/3fc21537546e4fbcb7f1f1da0417b8d7",
            "/var/log/journal/3fc21537546e4fbcb7f1f1da0417b8d7/system.journal",
        ),
        ("/var/log/journal", "/var/log/journal/notes", "/var/log/journal/3fc21537546e4fbcb7f1f1da0417b8d7/x.sh"),
    ),
    NoiseRule(
        "log-rotation",
        "files",
        r"^(/var/log/.+(\.[0-9]+|-[0-9]{8})(\.(gz|xz|zst|bz2))?|/var/lib/logrotate/status)$",
        "how often a log was rotated depends on the age of the machine",
        (
            "/var/log/nginx/access.log.1",
            "/var/log/dpkg.log.2.gz",
            "/var/log/app.log-20260801.gz",
            "/var/lib/logrotate/status",
        ),
        (
            "/var/log/nginx/access.log",
            "/var/log/nginx",
            "/etc/logrotate.d/nginx.1",
            "/var/log/nginx/a.sh",
            "/var/lib/logrotate",
        ),
    ),
    NoiseRule(
        "log-content",
        "files",
        r"^/var/log/.+$",
        "logs tell the history of a machine; that they are there, whose they are and who may read them still counts",
        ("/var/log/dpkg.log", "/var/log/nginx/error.log"),
        ("/var/log", "/srv/var/log/x", "/var/logs/x"),
        attributes=CONTENT,
    ),
    NoiseRule(
        "umask-of-package-tools",
        "files",
        r"^(/var/log/apt/eipp\.log\.xz|/var/cache/debconf/(config|templates)\.dat)$",
        "apt and debconf write them anew each time, with the umask of whoever called them; for others than root they "
        "may be readable, but not writable",
        ("/var/log/apt/eipp.log.xz", "/var/cache/debconf/config.dat"),
        ("/var/log/apt/history.log", "/var/cache/debconf/passwords.dat", "/var/cache/debconf", "/etc/debconf.conf"),
        attributes=("mode",),
        value="06[04][04]",
    ),
    NoiseRule(
        "timer-stamps",
        "files",
        r"^/var/lib/systemd/timers/stamp-[^/]+\.timer$",
        "say when a timer last ran; the timers are compared in the scope systemd",
        ("/var/lib/systemd/timers/stamp-logrotate.timer",),
        ("/var/lib/systemd/timers", "/etc/systemd/system/stamp-x.timer"),
    ),
    NoiseRule(
        "random-seed",
        "files",
        r"^/var/lib/systemd/(random-seed|credential\.secret)$",
        "made on each machine at first boot or at shutdown",
        ("/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret"),
        ("/var/lib/systemd/random-seed.d", "/var/lib/systemd/deb-systemd-helper-enabled/x"),
    ),
    NoiseRule(
        "ansible-leftovers",
        "files",
        r"^(/root|/home/[^/]+)/\.ansible(/(tmp|cp)(/.*)?)?$",
        "Ansible's own working directory on the machine",
        ("/root/.ansible", "/root/.ansible/tmp/ansible-tmp-1"),
        ("/root/.ansible.cfg", "/root/.ansible/roles", "/opt/.ansible/tmp"),
        programs=True,
    ),
    NoiseRule(
        "byte-code",
        "files",
        r"^/.+/__pycache__(/[^/]+\.cpython-[0-9]+(\.opt-[12])?\.pyc)?$",
        "Python makes it from the source beside it when root first imports a module; the source is compared",
        ("/usr/lib/python3/dist-packages/__pycache__/six.cpython-313.pyc", "/usr/lib/python3.13/json/__pycache__"),
        ("/usr/lib/python3.13/json/decoder.py", "/usr/lib/python3.13/x.pyc", "/opt/__pycache__/x.so"),
    ),
    NoiseRule(
        "machine-id",
        "files",
        r"^/etc/machine-id$",
        "the identity of one machine",
        ("/etc/machine-id",),
        ("/etc/machine-info", "/var/lib/dbus/machine-id"),
        attributes=CONTENT,
        must_differ=True,
    ),
    NoiseRule(
        "ssh-host-keys",
        "files",
        r"^/etc/ssh/ssh_host_[a-z0-9]+_key(\.pub)?$",
        "the identity of one machine: whoever has a copy of the key can pose as it",
        ("/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_rsa_key.pub"),
        ("/etc/ssh/sshd_config", "/etc/ssh/ssh_host_key.bak", "/root/.ssh/id_ed25519"),
        attributes=CONTENT,
        must_differ=True,
    ),
    NoiseRule(
        "snakeoil-certificate",
        "files",
        r"^/etc/ssl/(certs/ssl-cert-snakeoil\.pem|private/ssl-cert-snakeoil\.key)$",
        "the package ssl-cert makes a key for each machine",
        ("/etc/ssl/private/ssl-cert-snakeoil.key",),
        ("/etc/ssl/private/site.key", "/etc/ssl/certs/ca-certificates.crt"),
        attributes=CONTENT,
        must_differ=True,
    ),
)
"""Measured on Debian 13: a new machine with nginx, and one with an older nginx that was then upgraded."""
