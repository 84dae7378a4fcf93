"""What is mounted, and what is to be."""

from __future__ import annotations

import re

from tdi.collector.configuration import significant
from tdi.collector.mountinfo import LEFT_OUT, mounts, unescape
from tdi.collector.redaction import REDACTED, redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope

MOUNT_PASSWORD = re.compile(r"\b(pass|password|passwd)=[^,]*")


def mount_table(machine: Machine, scope: Scope) -> None:
    """What fstab asks for, and what is mounted outside the directories of the kernel and of temporary files."""
    for line in significant(machine.text("/etc/fstab", 1 << 20)):
        fields = line.split()
        if len(fields) >= 4:
            # Swap is mounted nowhere, and there may be more than one.
            point = unescape(fields[1] if fields[1].startswith("/") else fields[0])
            scope.objects["configured:" + redact(point)] = {
                "source": redact(unescape(fields[0])),
                "type": fields[2],
                "options": redact(MOUNT_PASSWORD.sub(r"\1=" + REDACTED, fields[3])),
            }
    if not machine.live:
        scope.missing("what is mounted is known on a running machine only")
        return
    for point, _, _, kind, source, options in mounts(machine):
        if point.startswith(tuple(path + "/" for path in LEFT_OUT)) or point in LEFT_OUT:
            continue
        if point in ("/etc/resolv.conf", "/etc/hostname", "/etc/hosts"):
            continue  # a container's engine puts them there
        # The layers of a container's file system are not the machine's, nor what the host's disk reserves for whom.
        wanted = [
            option
            for option in redact(MOUNT_PASSWORD.sub(r"\1=" + REDACTED, options)).split(",")
            if not re.match(r"(lowerdir|upperdir|workdir|resuid|resgid|inode64|stripe|uuid)\b", option)
        ]
        attributes = {"type": kind, "options": sorted(set(wanted))}
        if ":" in source or source.startswith("//"):
            attributes["source"] = redact(source)
        scope.objects["live:" + point] = attributes
