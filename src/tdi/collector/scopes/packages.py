"""What dpkg has installed."""

from __future__ import annotations

import os
import re

from tdi.collector.configuration import paragraphs
from tdi.collector.debian import conffiles, diversions, dpkg_status, package_key
from tdi.collector.hashes import new_md5

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope


def packages(machine: Machine, scope: Scope) -> None:
    """Version, status, selection, manual or automatic, and conffiles that are not as packaged."""
    if not machine.text("/var/lib/dpkg/status"):
        scope.unavailable = "no dpkg status file"
        return
    automatic = set()
    for fields in paragraphs(machine.text("/var/lib/apt/extended_states")):
        if fields.get("auto-installed") == "1":
            automatic.add((fields.get("package"), fields.get("architecture")))
    changed: dict[str, dict[str, str]] = {}
    diverted = {source: to for source, to, _ in diversions(machine)}
    for path, name, digest, flag in conffiles(machine):
        state = conffile_state(machine, diverted.get(path, path), digest, flag)
        if state:
            changed.setdefault(name, {})[path] = state
    for fields in dpkg_status(machine):
        name = fields.get("package", "")
        architecture = fields.get("architecture", "")
        words = fields.get("status", "").split()
        if len(words) != 3 or words[2] == "not-installed":
            continue
        key = package_key(machine, name, architecture)
        attributes: dict[str, Any] = {
            "version": fields.get("version", ""),
            "architecture": architecture,
            "selection": words[0],
            "status": words[2],
        }
        if words[1] != "ok":
            attributes["flag"] = words[1]
        if words[2] == "installed":
            attributes["auto"] = bool(automatic & {(name, architecture), (name, machine.architecture)})
        listed = [package_names(",".join(fields.get(field, "") for field in each)) for each in PACKAGE_LISTS.values()]
        attributes.update((each, names) for each, names in zip(PACKAGE_LISTS, listed) if names)  # noqa: B905 - see above
        made = makes(machine, name, architecture)
        if made:
            attributes["makes"] = made
        if key in changed:
            attributes["conffiles"] = changed[key]
        scope.objects[key] = attributes


PACKAGE_LISTS = {"depends": ("pre-depends", "depends", "recommends"), "provides": ("provides",)}


def package_names(text: str) -> list[str]:
    """The names in a list of packages, without versions and architectures, those of alternatives too."""
    return sorted({re.split(r"[\s:(\[]", part.strip(), maxsplit=1)[0] for part in re.split(r"[,|]", text)} - {""})


ADDS_ACCOUNT = re.compile(r"(?m)^.*\b(?:adduser|addgroup|useradd|groupadd)\b((?:.*\\\n)*.*)$")
ACCOUNT = re.compile(r"(?<![\w/$.=-])[A-Za-z_][\w-]*(?![\w/=.(-])")
MADE_PATH = re.compile(
    r"(?<![\w/.$}])/(?:etc|var/(?:cache|lib|log|spool|mail|opt)|srv|opt)/[\w@+.-]+(?:/[\w@+.-]+)*(?<!\.)"
)
NOT_A_DIRECTORY = re.compile(r"^/usr/.*(/(bin|sbin|man\d?|doc)/|\.[^/]*$)")


def makes(machine: Machine, name: str, architecture: str) -> list[str]:
    """What a package makes that is none of its files, as far as its scripts say: words that may be accounts, and paths.

    Its own empty directories are among them: no file tells whose they are.
    """
    info = "/var/lib/dpkg/info/" + name
    if not os.path.exists(machine.prefix + info + ".list"):
        info += ":" + architecture
    found: set[str] = set()
    for script in (".preinst", ".postinst", ".postrm"):
        text = machine.text(info + script, 1 << 20)
        found.update(MADE_PATH.findall(text))
        for line in ADDS_ACCOUNT.findall(text):
            found.update(ACCOUNT.findall(line))
    paths = machine.merged_names(machine.text(info + ".list")).split("\n")
    parents = {path.rpartition("/")[0] for path in paths} | {"", "/."}
    for path in paths:
        if path.startswith("/etc/logrotate.d/"):
            found.update(MADE_PATH.findall(machine.text(path, 1 << 20)))
        if path.startswith("/usr/lib/sysusers.d/"):
            found.update(re.findall(r"(?m)^[ug]!?\s+\"?([\w-]+)", machine.text(path, 1 << 20)))
        if path not in parents and not NOT_A_DIRECTORY.search(path) and os.path.isdir(machine.prefix + path):
            found.add(path)
    return sorted(found)


def conffile_state(machine: Machine, path: str, digest: str, flag: str) -> str:
    """How a conffile is not as its package brought it: modified, missing, obsolete, or "" if it is."""
    if digest == "newconffile":
        return ""
    try:
        md5 = new_md5()
        if md5 is None:
            return ""
        md5.update(machine.bytes(path))
    except FileNotFoundError:
        return "" if flag else "missing"
    except OSError:
        return "unreadable"
    if flag == "obsolete":
        return "obsolete"
    return "" if md5.hexdigest() == digest else "modified"
