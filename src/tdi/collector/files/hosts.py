"""The hosts file, to which a container's engine writes."""

from __future__ import annotations

import re

from tdi.collector.configuration import significant

HOSTS = "/etc/hosts"
ENGINE_NAMES = re.compile(r"(localhost|ip6-(localhost|loopback|localnet|mcastprefix|allnodes|allrouters))$")


def added_hosts(text: str, own: list[str], hostname: str) -> str:
    """The lines of a hosts file but for those that an engine writes: this machine's name, and the names of IPv6."""
    added = []
    for line in significant(text):
        address, *names = line.partition("#")[0].split()
        engines = ":" in address and all(ENGINE_NAMES.match(name) for name in names)
        if not engines and not (address in own and set(names) <= {hostname, hostname.partition(".")[0]}):
            added.append(" ".join([address, *names]) + "\n")
    return "".join(added)
