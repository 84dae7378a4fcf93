"""What the network may reach, by the rules of the packet filter."""

from __future__ import annotations

import os

from tdi.collector.procfs import own_root
from tdi.collector.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope


def packet_filter(machine: Machine, scope: Scope) -> None:
    """The rules of nftables, or of iptables where there is no nft."""
    if not own_root(machine):
        scope.unavailable = "not booted"
        return
    for program, arguments, read in (
        ("nft", ["-s", "list", "ruleset"], nft_chains),
        ("iptables-save", [], iptables_chains),
        ("ip6tables-save", [], iptables_chains),
    ):
        path = next(
            (top + program for top in ("/usr/sbin/", "/sbin/", "/usr/bin/") if os.access(top + program, os.X_OK)), ""
        )
        if not path:
            continue
        status, output, cut = machine.run([path, *arguments])
        if status and "not permitted" in output:
            scope.unavailable = "reading the rules needs the capability net_admin, which this machine's root lacks"
            return
        if status or cut:
            scope.missing("%s: %s" % (program, cut or output.strip()[:200]))
            continue
        for key, rules in read(output).items():
            scope.objects["%s:%s" % (program.replace("-save", ""), key)] = {"rules": list(map(redact, rules))}
        if program == "nft":
            break


def nft_chains(text: str) -> dict[str, list[str]]:
    """table/chain → its lines, from `nft list ruleset`, without the chains that Docker makes for name resolution."""
    found: dict[str, list[str]] = {}
    place: list[str] = []
    for line in (" ".join(words) for words in map(str.split, text.split("\n"))):
        if line.endswith("{"):
            place.append(line[:-1].strip())
            found.setdefault("/".join(place), [])
        elif line == "}":
            if place:
                place.pop()
        elif line and place and "127.0.0.11" not in line and "DOCKER_" not in line:
            found["/".join(place)].append(line)
    return {key: rules for key, rules in found.items() if "DOCKER_" not in key and (rules or "/" not in key)}


def iptables_chains(text: str) -> dict[str, list[str]]:
    """table/chain → its rules, from iptables-save, without counters and Docker's name resolution."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.split("\n"):
        if line.startswith("*"):
            name = line[1:]
        elif line.startswith(":"):
            chain, policy = line[1:].split()[:2]
            if "DOCKER_" not in chain:
                found["%s/%s" % (name, chain)] = ["policy " + policy] if policy != "-" else []
        elif line.startswith("-A") and "DOCKER_" not in line and "127.0.0.11" not in line:
            found.setdefault("%s/%s" % (name, line.split()[1]), []).append(line)
    return {key: rules for key, rules in found.items() if rules and rules != ["policy ACCEPT"]}
