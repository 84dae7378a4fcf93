"""Parameters of the kernel."""

from __future__ import annotations

import os
import re

from tdi.collector.configuration import first_found, significant
from tdi.collector.redaction import REDACTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope

SYSCTL_DIRECTORIES = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
# Secrets, counters, and what the kernel derives from the size of the memory.
SYSCTL_LEFT_OUT = re.compile(
    r"_key$|_secret$|_count$|\.flush$|_mem$|_seed$|mem_max$|mem_default$|max_orphans$|max_tw_buckets$|^net\.netfilter\."
    r"|gc_thresh\d$|max_syn_backlog$|\.ipfrag_|ip6frag_|route\.max_size$|inet_peer|_pfmemalloc|optmem_max$|rt_cache"
)


def sysctl(machine: Machine, scope: Scope) -> None:
    """What the files configure, by precedence, and what holds for the network of this machine now."""
    files = first_found(machine, SYSCTL_DIRECTORIES, ".conf")
    for path in [*files, "/etc/sysctl.conf"]:
        for line in significant(machine.text(path, 1 << 20)):
            name, equals, value = line.lstrip("-").partition("=")
            if equals:
                key = name.strip()
                # Either separator may be used; the first one decides which it is.
                if "/" in key and ("." not in key or key.index("/") < key.index(".")):
                    key = key.replace(".", "\0").replace("/", ".").replace("\0", "/")
                value = REDACTED if re.search(r"_key$|_secret$", key) else " ".join(value.split())
                scope.objects["configured:" + key] = {"value": value, "file": path}
    if not machine.live:
        scope.missing("live values are known on a running machine only")
        return
    pending = ["/proc/sys/net/core", "/proc/sys/net/ipv4", "/proc/sys/net/ipv6", "/proc/sys/net/unix"]
    while pending:
        directory = pending.pop()
        for name in machine.names(directory):
            path = directory + "/" + name
            if os.path.isdir(path):
                # Of the interfaces only the templates: which interfaces there are is not this machine's choice.
                if directory.endswith(("/conf", "/neigh")) and name not in ("all", "default"):
                    continue
                pending.append(path)
                continue
            key = path[len("/proc/sys/") :].replace("/", ".")
            if SYSCTL_LEFT_OUT.search(key):
                continue
            try:
                with open(path, "rb") as file:
                    value = " ".join(file.read(4096).decode("utf-8", "replace").split())
            except OSError:
                continue
            scope.objects["live:" + key] = {"value": value}
