"""Who accounts for a file."""

from __future__ import annotations

import os
import re
import stat

from tdi.collector.debian import alternative_links, conffiles, diversions, ucf_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdi.collector.machine import Machine

# The content of these is compared by what it means, in other scopes; the bytes differ between equal machines,
# and some hold password hashes.
PARSED_FILES = frozenset(
    [
        "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid",
        "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-",
        "/var/lib/dpkg/status", "/var/lib/dpkg/status-old", "/var/lib/dpkg/available", "/var/lib/dpkg/available-old",
        "/var/lib/dpkg/diversions", "/var/lib/dpkg/diversions-old",
        "/var/lib/dpkg/statoverride", "/var/lib/dpkg/statoverride-old",
        "/var/lib/apt/extended_states", "/var/lib/ucf/hashfile", "/var/lib/ucf/registry",
        "/var/cache/debconf/config.dat", "/var/cache/debconf/config.dat-old",
        "/var/cache/debconf/templates.dat", "/var/cache/debconf/templates.dat-old", "/var/cache/debconf/passwords.dat",
    ]
)  # fmt: skip
GENERATED = re.compile(
    r"""/__pycache__(/|$)
    | ^/etc/(ld\.so\.cache|machine-id|\.pwd\.lock|mailcap|adjtime|ssh/ssh_host_\w+_key(\.pub)?
            |(passwd|group|shadow|gshadow|subuid|subgid)-?)$
    | ^/etc/ssl/certs/ | ^/boot/(initrd|grub/)
    | ^/usr/(lib|share)/.*/(gconv-modules\.cache|giomodule\.cache|loaders\.cache|mime\.cache|icon-theme\.cache)$
    | ^/usr/lib/locale/(locale-archive|\w+\.utf8(/|$)) | ^/usr/share/info/dir
    | ^/usr/lib/modules/[^/]+/modules\.
    | ^/var/(cache|log|backups)/
    | ^/var/lib/(dpkg|apt|systemd|ucf|dbus|private|misc|logrotate|pam|python|initramfs-tools)/
    """,
    re.VERBOSE,
)


class Origins:
    """Who accounts for a file: what dpkg, update-alternatives, ucf and systemctl have written down."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.packages: dict[str, str] = {}
        self.listed: dict[str, int] = {}
        self.checked: set[str] = set()
        self._sums: dict[str, dict[str, str]] = {}
        self.conffiles = {path: (name, digest) for path, name, digest, _ in conffiles(machine)}
        self.diversions = {to: package for _, to, package in diversions(machine)}
        self.diverted = {source: (to, package) for source, to, package in diversions(machine)}
        self.alternatives = alternative_links(machine)
        self.ucf = ucf_files(machine)
        self._read_lists()

    def _read_lists(self) -> None:
        directory = "/var/lib/dpkg/info/"
        for name in self.machine.names(directory):
            package, dot, kind = name.rpartition(".")
            if not dot:
                continue
            if kind == "list":
                paths = self.machine.merged_names(self.machine.text(directory + name)).split("\n")
                self.packages.update(dict.fromkeys(paths, package))
                try:
                    self.listed[package] = os.lstat(self.machine.prefix + directory + name).st_mtime_ns
                except OSError:
                    continue
            elif kind == "md5sums":
                self.checked.add(package)
        for source, (to, package) in self.diverted.items():
            # The file that was diverted lives on under its new name; the old name is the diverting package's.
            owner = self.packages.get(source)
            if owner and owner != package:
                self.packages[to] = owner
        for path in list(self.diverted):
            if self.diverted[path][1] not in ("", ":"):
                self.packages[path] = self.diverted[path][1]

    def digest(self, package: str, path: str) -> str:
        """The md5 sum that the package came with, "" if it lists none."""
        sums = self._sums.get(package)
        if sums is None:
            text = self.machine.text("/var/lib/dpkg/info/" + package + ".md5sums")
            sums = {}
            for line in text.split("\n"):
                digest, _, name = line.partition("  ")
                if name:
                    sums[self.machine.merged_names("/" + name)] = digest
            self._sums[package] = sums
        return sums.get(path, "")

    def of(self, path: str, kind: int, status: os.stat_result) -> tuple[dict[str, Any], str, bool]:
        """The origin, the md5 sum to check against ("" for none), and whether no check is needed."""
        conffile = self.conffiles.get(path)
        if conffile:
            return {"kind": "conffile", "package": conffile[0].partition(":")[0]}, conffile[1], False
        diversion = self.diversions.get(path)
        if diversion is not None:
            return {"kind": "diversion", "package": diversion}, "", False
        package = self.packages.get(path)
        if package:
            if kind == stat.S_IFDIR:
                # Many packages share a directory: naming one of them would make equal directories differ.
                return {"kind": "package"}, "", False
            origin = {"kind": "package", "package": package.partition(":")[0]}
            if kind != stat.S_IFREG or package not in self.checked:
                return origin, "", False
            if status.st_mtime_ns <= self.listed.get(package, 0):
                return origin, "", True
            return origin, self.digest(package, path), False
        owner = self.ucf.get(path)
        if owner:
            return {"kind": "ucf", "package": owner[0]}, owner[1], False
        if path in self.alternatives:
            return {"kind": "alternative"}, "", False
        if kind == stat.S_IFLNK and ENABLEMENT.match(path):
            return {"kind": "enablement"}, "", False
        if path in PARSED_FILES or GENERATED.search(path):
            return {"kind": "generated"}, "", False
        return {"kind": "nobody"}, "", False


ENABLEMENT = re.compile(
    r"/etc/systemd/(system|user)/([^/]+\.(wants|requires|upholds)/)?[^/]+$|/etc/rc[0-6S]\.d/[SK]\d\d"
)
