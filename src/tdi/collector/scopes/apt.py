"""Where packages come from, and whose word is taken for them."""

from __future__ import annotations

import re

from tdi.collector.configuration import config_files, paragraphs
from tdi.collector.formats.openpgp import openpgp_keys
from tdi.collector.hashes import hash_of
from tdi.collector.redaction import redact, redact_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope


def apt(machine: Machine, scope: Scope) -> None:
    """Sources in both formats, keys with their expiry, pins, and the configuration as apt sees it."""
    if not machine.names("/etc/apt"):
        scope.unavailable = "no apt"
        return
    keyrings = {"/etc/apt/trusted.gpg"}
    for directory in ("/etc/apt/trusted.gpg.d", "/etc/apt/keyrings"):
        keyrings |= {directory + "/" + name for name in machine.names(directory) if name.endswith((".gpg", ".asc"))}
    for path in config_files(machine, "/etc/apt/sources.list", "/etc/apt/sources.list.d", (".list", ".sources")):
        read = deb822_sources if path.endswith(".sources") else one_line_sources
        for kind, uri, suite, attributes in read(machine.text(path)):
            signed = attributes.get("signed-by", "")
            if signed.startswith("/"):
                keyrings |= set(re.split(r"[,\s]+", signed)) - {""}
            key = "source:%s %s %s" % (kind, redact(uri), suite)
            known = scope.objects.setdefault(key, {"files": [], "components": []})
            known["files"] = sorted({*known["files"], path})
            known["components"] = sorted({*known["components"], *attributes.pop("components").split()})
            known.update((name, redact_value(name, value)) for name, value in attributes.items())
    for path in sorted(keyrings):
        try:
            keys = openpgp_keys(machine.bytes(path, 4 << 20))
        except OSError:
            continue
        for fingerprint, expires in keys:
            known = scope.objects.setdefault("key:" + fingerprint, {"files": [], "expires": expires})
            known["files"] = sorted({*known["files"], path})
    for path in config_files(machine, "/etc/apt/preferences", "/etc/apt/preferences.d", (".pref", "")):
        for fields in paragraphs(machine.text(path)):
            if "pin" in fields:
                name = "preference:%s %s" % (fields.get("package", ""), fields["pin"])
                scope.objects[name] = {"priority": fields.get("pin-priority", ""), "file": path}
    apt_configuration(machine, scope)


def one_line_sources(text: str) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(type, URI, suite, attributes) of the lines of a sources.list."""
    found = []
    for line in (line.partition("#")[0].strip() for line in text.split("\n")):
        match = re.match(r"(deb|deb-src)\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s*(.*)", line)
        if match:
            kind, options, uri, suite, components = match.groups()
            attributes = {"components": components}
            for option in (options or "").split():
                name, _, value = option.partition("=")
                attributes[name.lower()] = value
            found.append((kind, uri, suite, attributes))
    return found


def deb822_sources(text: str) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(type, URI, suite, attributes) of a .sources file."""
    found = []
    for fields in paragraphs(text):
        listed = {name: fields.pop(name, "").split() for name in ("types", "uris", "suites")}
        attributes = {name: " ".join(value.split()) for name, value in fields.items()}
        attributes.setdefault("components", "")
        if "BEGIN PGP" in attributes.get("signed-by", ""):
            attributes["signed-by"] = "inline " + hash_of(fields["signed-by"].encode("utf-8", "surrogateescape"))
        attributes.pop("x-repolib-name", None)
        for kind in listed["types"]:
            for uri in listed["uris"]:
                found += [(kind, uri, suite, dict(attributes)) for suite in listed["suites"]]
    return found


def apt_configuration(machine: Machine, scope: Scope) -> None:
    """What `apt-config dump` says; it joins the files by rules that are apt's own."""
    if not machine.live:
        scope.missing("the configuration is known to a running apt-config only")
        return
    status, output, cut = machine.run(["apt-config", "dump"])
    if status or cut:
        scope.missing("apt-config: " + (cut or output.strip()[:200]))
    files = apt_configuration_files(machine)
    for name, value in re.findall(r'(?m)^(\S+) "(.*)";$', output):
        if name.startswith(("Dir::", "APT::Compressor::", "APT::Architecture-Variants")):
            continue
        shown = redact_value(name, value)
        if name.endswith("::"):
            known = scope.objects.setdefault("config:" + name, {"values": []})
            known["values"] = sorted({*known["values"], shown})
        elif shown:
            known = scope.objects["config:" + name] = {"value": shown}
        else:
            continue
        where = files.get(name.rstrip(":").lower())
        if where:
            known["files"] = where


def apt_configuration_files(machine: Machine) -> dict[str, list[str]]:
    """Setting, in small letters, → the files that say something of it; apt-config does not tell."""
    found: dict[str, list[str]] = {}
    for path in config_files(machine, "/etc/apt/apt.conf", "/etc/apt/apt.conf.d", (".conf", "")):
        text = re.sub(r"(?m)/\*(?:.|\n)*?\*/|^\s*(#|//).*$", "", machine.text(path, 1 << 20))
        above: list[str] = []
        words: list[str] = []
        for word in re.findall(r'"[^"\n]*"|[{};]|[^\s{};"]+', text):
            if word not in "{};":
                words.append(word)
                continue
            name = "::".join([*above, words[0].rstrip(":")] if words and words[0][0] != '"' else above)
            if words or word == "{":
                known = found.setdefault(name.lower(), [])
                if path not in known:
                    known.append(path)
            words = []
            if word == "{":
                above.append(name[len("::".join(above)) :].lstrip(":"))
            elif word == "}":
                above = above[:-1]
    return found
