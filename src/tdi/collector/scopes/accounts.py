"""Who there is, and what they may: users, groups, ids for containers, sudo, keys for ssh."""

from __future__ import annotations

import binascii
import hashlib
import os
import re
import time

from tdi.collector.configuration import number, significant, table
from tdi.collector.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope


def password_class(field: str) -> str:
    """What kind of password a field of shadow holds, never the password: locked, empty, or the algorithm."""
    if not field:
        return "empty"
    if field[0] in "!*":
        return "locked"
    found = re.match(r"\$[\w-]+\$", field)
    if found:
        return found.group(0)
    return "des" if len(field) == 13 else "locked" if field == "x" else "unknown"


def users(machine: Machine, scope: Scope) -> None:
    """The accounts, each with its groups and the class of its password."""
    shadow = {fields[0]: fields for fields in table(machine, "/etc/shadow", 8)}
    if not shadow and os.path.exists(machine.prefix + "/etc/shadow"):
        scope.missing("/etc/shadow cannot be read")
    member: dict[str, list[str]] = {}
    for fields in table(machine, "/etc/group", 4):
        for name in fields[3].split(","):
            if name:
                member.setdefault(name, []).append(fields[0])
    for fields in table(machine, "/etc/passwd", 7):
        name = fields[0]
        attributes = {
            "uid": number(fields[2]),
            "gid": number(fields[3]),
            "gecos": redact(fields[4]),
            "home": fields[5],
            "shell": fields[6],
            "groups": sorted(member.get(name, [])),
        }
        if fields[1] != "x":
            attributes["password"] = password_class(fields[1])
        elif name in shadow:
            secret = shadow[name]
            attributes["password"] = password_class(secret[1])
            if secret[7].isdigit():
                attributes["expires"] = time.strftime("%Y-%m-%d", time.gmtime(min(int(secret[7]), 10**6) * 86400))
            # What stands there when nobody has set it is left out.
            for field, usual, days in ((3, "0", "min"), (4, "99999", "max"), (5, "7", "warning"), (6, "", "inactive")):
                if secret[field] not in ("", usual):
                    attributes["password_%s_days" % days] = number(secret[field])
            if secret[2] == "0":
                attributes["password_must_change"] = True
        else:
            attributes["password"] = "none"
        key = name
        while key in scope.objects:
            key += "#"  # a second line for a name is a trick worth seeing
        scope.objects[key] = attributes


def groups(machine: Machine, scope: Scope) -> None:
    """The groups, each with its members and the class of its password."""
    shadow = {fields[0]: fields for fields in table(machine, "/etc/gshadow", 4)}
    for fields in table(machine, "/etc/group", 4):
        name = fields[0]
        secret = shadow[name][1] if name in shadow else ("" if fields[1] == "x" else fields[1])
        attributes: dict[str, Any] = {
            "gid": number(fields[2]),
            "members": sorted(set(fields[3].split(",")) - {""}),
            # Nobody can join a group without a password, so "empty" and "locked" mean the same here.
            "password": password_class(secret) if secret else "locked",
        }
        if name in shadow and shadow[name][2]:
            attributes["administrators"] = sorted(shadow[name][2].split(","))
        scope.objects[name] = attributes


def sudoers(machine: Machine, scope: Scope) -> None:
    """The rules of sudo, line by line, with the file that each is in."""
    pending = ["/etc/sudoers"]
    seen: set[str] = set()
    while pending:
        path = pending.pop()
        if path in seen or len(seen) > 1000:
            continue
        seen.add(path)
        text = re.sub(r"\\\n", " ", machine.text(path, 1 << 20))
        for line in (" ".join(words) for words in map(str.split, text.split("\n"))):
            include = re.match(r"[@#](include|includedir) \"?([^\"]+)\"?$", line)
            if include:
                where = include.group(2)
                where = where if where.startswith("/") else os.path.dirname(path) + "/" + where
                if include.group(1) == "include":
                    pending.append(where)
                else:
                    # sudo ignores names with a dot or a tilde at the end.
                    pending += [where + "/" + name for name in machine.names(where) if not re.search(r"\.|~$", name)]
            if line and (include or not line.startswith("#") or re.match(r"#\d", line)):
                scope.objects[path + ":" + redact(line)] = {}


def authorized_keys(machine: Machine, scope: Scope) -> None:
    """The keys that let somebody in by ssh, by fingerprint."""
    patterns = authorized_keys_files(machine)
    for fields in table(machine, "/etc/passwd", 7):
        name, home = fields[0], fields[5]
        if not home.startswith("/"):
            continue
        for pattern in patterns:
            # "%%" stands for a percent sign; a name that has one itself is not worth a second thought.
            path = pattern.replace("%u", name).replace("%h", home).replace("%U", fields[2]).replace("%%", "%")
            path = os.path.join(home, path)
            for line in machine.text(path, 4 << 20).split("\n"):
                found = re.match(
                    r"\s*(?:(?P<options>[^#].*?)\s+)?(?P<type>(?:ssh|ecdsa|sk)-\S+)\s+(?P<key>AAAA\S+)\s*(?P<rest>.*)",
                    line,
                )
                if not found:
                    continue
                try:
                    blob = binascii.a2b_base64(found["key"])
                except ValueError:
                    continue
                digest = binascii.b2a_base64(hashlib.sha256(blob).digest()).decode().rstrip("=\n")
                options = redact(found["options"] or "")
                known = scope.objects.get("%s:SHA256:%s" % (name, digest))
                if known is not None:
                    # The same key once more: its other options count as well.
                    every = known.get("every_line") or [known.get("options", "")]
                    known["every_line"] = sorted([*every, options])
                    known["files"] = sorted({*known.get("files", [known["file"]]), path})
                    continue
                attributes: dict[str, Any] = {"type": found["type"], "file": path}
                if options:
                    attributes["options"] = options
                if found["rest"]:
                    attributes["comment"] = redact(found["rest"].strip())
                scope.objects["%s:SHA256:%s" % (name, digest)] = attributes


def authorized_keys_files(machine: Machine) -> list[str]:
    """Where sshd looks for keys: what its configuration says first and in its Match blocks, else its default."""
    first: list[str] = []
    matched: list[str] = []
    in_match = False
    for line in sshd_lines(machine, "/etc/ssh/sshd_config", 0):
        words = [word.strip('"') for word in re.split(r"[\s=]+", line)]
        in_match = in_match or words[0].lower() == "match"
        if words[0].lower() == "authorizedkeysfile":
            if in_match:
                matched += words[1:]
            elif not first:
                first = words[1:]
    first = first or [".ssh/authorized_keys", ".ssh/authorized_keys2"]
    return [pattern for pattern in dict.fromkeys([*first, *matched]) if pattern != "none"]


def sshd_lines(machine: Machine, path: str, depth: int) -> Iterator[str]:
    """The lines of a file of sshd's configuration, with those of what it includes in their place."""
    for line in significant(machine.text(path, 1 << 20)):
        words = re.split(r"[\s=]+", line)
        if words[0].lower() != "include" or depth > 16:
            yield line
            continue
        for pattern in words[1:]:
            where, _, name = os.path.join("/etc/ssh", pattern).rpartition("/")
            wanted = re.compile(".*".join(map(re.escape, name.split("*"))))
            for each in machine.names(where):
                if wanted.fullmatch(each):
                    yield from sshd_lines(machine, where + "/" + each, depth + 1)


def subids(machine: Machine, scope: Scope) -> None:
    """The ranges of ids that users may map into containers."""
    for kind in ("subuid", "subgid"):
        for fields in table(machine, "/etc/" + kind, 3):
            known = scope.objects.setdefault(kind + ":" + fields[0], {"ranges": []})
            known["ranges"] = sorted([*known["ranges"], fields[1] + ":" + fields[2]])
