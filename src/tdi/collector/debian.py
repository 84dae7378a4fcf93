"""What dpkg, update-alternatives and ucf have written down."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.machine import Machine


def dpkg_status(machine: Machine) -> list[dict[str, str]]:
    """The entries of dpkg's status file, read once."""
    cached = machine.__dict__.get("dpkg_status")
    if cached is None:
        # Descriptions are most of the file and never needed: they are not split into lines.
        wanted = "Package Status Architecture Version Conffiles Depends Pre-Depends Recommends Provides".split()
        pattern = re.compile(r"(?m)^(%s):((?:.*)(?:\n[ \t].*)*)" % "|".join(wanted))
        cached = []
        for paragraph in machine.text("/var/lib/dpkg/status").split("\n\n"):
            fields = {name.lower(): value.strip(" ") for name, value in pattern.findall(paragraph)}
            if fields:
                cached.append(fields)
        machine.__dict__["dpkg_status"] = cached
    return cached


def package_key(machine: Machine, name: str, architecture: str) -> str:
    """A package's name, with its architecture where that is a foreign one."""
    return name if architecture in ("all", machine.architecture) else name + ":" + architecture


def conffiles(machine: Machine) -> list[tuple[str, str, str, str]]:
    """(path, package, md5 sum, flag) of every conffile that dpkg knows; the flag is "obsolete" or the like."""
    found = []
    for fields in dpkg_status(machine):
        name = package_key(machine, fields.get("package", ""), fields.get("architecture", ""))
        for line in fields.get("conffiles", "").split("\n"):
            parts = line.split()
            if len(parts) < 2:
                continue
            flag = parts.pop() if parts[-1] in ("obsolete", "remove-on-upgrade") else ""
            digest = parts.pop()
            path = machine.merged_names(" ".join(parts))
            found.append((path, name, digest, flag))
    return found


def diversions(machine: Machine) -> list[tuple[str, str, str]]:
    """(from, to, package) of dpkg's diversions; ":" as a package is the administrator."""
    lines = machine.merged_names(machine.text("/var/lib/dpkg/diversions")).rstrip("\n").split("\n")
    return [(lines[at], lines[at + 1], lines[at + 2]) for at in range(0, len(lines) - 2, 3)]


def alternative_links(machine: Machine) -> set[str]:
    """The paths of the links that update-alternatives maintains."""
    links = {"/etc/alternatives/" + name for name in machine.names("/etc/alternatives")} - {"/etc/alternatives/README"}
    for name in machine.names("/var/lib/dpkg/alternatives"):
        lines = machine.text("/var/lib/dpkg/alternatives/" + name).split("\n")
        if len(lines) < 2:
            continue
        links.add(machine.merged_names(lines[1]))
        at = 2
        while at + 1 < len(lines) and lines[at]:
            links.add(machine.merged_names(lines[at + 1]))
            at += 2
    return links


def ucf_files(machine: Machine) -> dict[str, tuple[str, str]]:
    """Path → (package, md5 sum) of the configuration files that ucf manages."""
    sums = {}
    for line in machine.text("/var/lib/ucf/hashfile").split("\n"):
        digest, _, path = line.partition(" ")
        if path:
            sums[path.strip()] = digest
    found = {}
    for line in machine.text("/var/lib/ucf/registry").split("\n"):
        package, _, path = line.strip().partition(" ")
        if path:
            found[path.strip()] = (package, sums.get(path.strip(), ""))
    return found
