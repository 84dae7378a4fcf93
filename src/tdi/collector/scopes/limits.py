"""What users may take of the machine."""

from __future__ import annotations

import os

from tdi.collector.configuration import config_files, first_found, significant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope


def limits(machine: Machine, scope: Scope) -> None:
    """Limits that pam_limits and systemd set for sessions and services."""
    for path in config_files(machine, "/etc/security/limits.conf", "/etc/security/limits.d", (".conf",)):
        for line in significant(machine.text(path, 1 << 20)):
            fields = line.partition("#")[0].split()
            if len(fields) == 4:
                scope.objects[" ".join(fields[:3])] = {"value": fields[3], "file": path}
    for kind in ("system", "user"):
        tops = ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
        main = [
            top + "/systemd/%s.conf" % kind
            for top in tops
            if os.path.isfile(machine.prefix + top + "/systemd/%s.conf" % kind)
        ]
        dropped = first_found(machine, tuple(top + "/systemd/%s.conf.d" % kind for top in tops), ".conf")
        for path in [*main[:1], *dropped]:
            for line in significant(machine.text(path, 1 << 20)):
                name, equals, value = line.partition("=")
                if equals and name.strip().startswith("Default"):
                    scope.objects["systemd-%s:%s" % (kind, name.strip())] = {"value": value.strip(), "file": path}
