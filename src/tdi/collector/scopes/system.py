"""What holds for the machine as a whole."""

from __future__ import annotations

import os

from tdi.collector.configuration import significant
from tdi.collector.redaction import variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope


def system(machine: Machine, scope: Scope) -> None:
    """Time zone, locale, the target that the machine boots into, and whether it waits for a reboot."""
    try:
        zone = os.readlink(machine.prefix + "/etc/localtime")
        zone = zone.partition("zoneinfo/")[2] or zone
    except OSError:
        # A copy in place of the link does not tell its name, but its last line is the rule that it ends with.
        copy = machine.text("/etc/localtime", 1 << 16)
        rule = copy.rstrip("\n").rpartition("\n")[2] if copy.startswith("TZif") else ""
        zone = "a copy: " + rule if rule else machine.text("/etc/timezone", 1 << 16).strip() or "UTC"
    scope.objects["timezone"] = {"value": zone}
    for key, paths in (("locale", ("/etc/default/locale", "/etc/locale.conf")), ("environment", ("/etc/environment",))):
        values = {}
        for path in paths:
            for line in significant(machine.text(path, 1 << 20)):
                name, equals, value = line.partition("=")
                if equals:
                    value = value.strip().strip("\"'")
                    values[name.strip()] = variable(name.strip(), value)
        if values:
            scope.objects[key] = {"values": values}
    generated = [" ".join(line.split()) for line in significant(machine.text("/etc/locale.gen", 1 << 20))]
    if generated:
        scope.objects["generated-locales"] = {"values": sorted(generated)}
    for directory in ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"):
        try:
            target = os.readlink(machine.prefix + directory + "/default.target")
        except OSError:
            continue
        scope.objects["default-target"] = {"value": os.path.basename(target)}
        break
    if os.path.exists(machine.prefix + "/run/reboot-required"):
        wanting = sorted(set(machine.text("/run/reboot-required.pkgs", 1 << 20).split()))
        scope.objects["reboot-required"] = {"packages": wanting}
