"""Modules of the kernel: what is loaded at boot, kept out or given options."""

from __future__ import annotations

from tdi.collector.configuration import first_found, significant
from tdi.collector.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope


def modules(machine: Machine, scope: Scope) -> None:
    """Kernel modules that are configured to be loaded, kept out, or given options."""
    directories = tuple(top + "/modules-load.d" for top in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"))
    for path in ["/etc/modules", *first_found(machine, directories, ".conf")]:
        # A link to /etc/modules is among them.
        for line in significant(machine.text(path, 1 << 20)):
            scope.objects.setdefault("load:" + " ".join(line.split()), {"file": path})
    directories = tuple(top + "/modprobe.d" for top in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"))
    for path in first_found(machine, directories, ".conf"):
        for line in significant(machine.text(path, 1 << 20)):
            scope.objects.setdefault(redact(" ".join(line.split())), {"file": path})
