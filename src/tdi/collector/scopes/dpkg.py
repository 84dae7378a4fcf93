"""What dpkg was told to do differently, and what it left unfinished."""

from __future__ import annotations

from tdi.collector.configuration import etc_files, paragraphs
from tdi.collector.debian import diversions, dpkg_status, package_key
from tdi.collector.leftovers import original
from tdi.collector.redaction import redact_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope


def dpkg(machine: Machine, scope: Scope) -> None:
    """What dpkg has been told to do differently, what it left unfinished, and answers given to debconf."""
    if not machine.text("/var/lib/dpkg/status"):
        scope.unavailable = "no dpkg status file"
        return
    for source, to, package in diversions(machine):
        scope.objects["diversion:" + source] = {"to": to, "package": "" if package == ":" else package}
    for line in machine.text("/var/lib/dpkg/statoverride").split("\n"):
        words = line.split(" ", 3)
        if len(words) == 4:
            scope.objects["statoverride:" + words[3]] = {"owner": words[0], "group": words[1], "mode": words[2]}
    for fields in dpkg_status(machine):
        words = fields.get("status", "").split()
        fine = ("installed", "config-files", "not-installed")
        if len(words) == 3 and (words[1] != "ok" or words[2] not in fine):
            key = package_key(machine, fields.get("package", ""), fields.get("architecture", ""))
            scope.objects["audit:" + key] = {"status": words[2], "flag": words[1]}
    for name in machine.text("/var/lib/dpkg/arch").split():
        if name not in ("all", machine.architecture):
            scope.objects["architecture:" + name] = {}
    for path in etc_files(machine):
        if original(path):
            scope.objects["leftover:" + path] = {}
    for fields in paragraphs(machine.text("/var/cache/debconf/config.dat")):
        question = fields.get("name", "")
        if question and fields.get("value"):
            scope.objects["debconf:" + question] = {"value": redact_value(question, fields["value"])}
