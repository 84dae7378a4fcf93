"""What systemd itself says of its units."""

from __future__ import annotations

import re

from tdi.collector.procfs import all_processes
from tdi.collector.unit_files import UNIT_TYPES, units_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope


def unit_states(machine: Machine, scope: Scope) -> dict[str, dict[str, str]]:
    """What systemd says of the units it has loaded: Id → property → value.

    Asking for the properties of a unit takes it 4 ms. They are asked of each unit only where a unit file changed after
    systemd read them all; else of those with processes, as nothing else that is used here can differ from the files.
    """
    cached: dict[str, dict[str, str]] | None = machine.__dict__.get("unit_states")
    if cached is not None:
        return cached
    found: dict[str, dict[str, str]] = {}
    command = ["systemctl", "list-units", "--full", "--plain", "--no-legend", "--no-pager"]
    status, output, cut = machine.run(command)
    if status or cut:
        scope.missing("systemctl list-units: " + (cut or output.strip()[:200]))
    for line in output.split("\n"):
        words = line.split(None, 4)
        if len(words) > 3:
            found[words[0]] = {"ActiveState": words[2], "SubState": words[3]}
    asked = ["*"]
    if not units_of(machine).changed_since(units_read(machine)):
        asked = sorted({process.unit for process in all_processes(machine).values()} & set(found))
    properties = (
        "Id,ActiveState,SubState,NeedDaemonReload,Transient,FragmentPath,StateChangeTimestampMonotonic,InvocationID,"
        "ActiveEnterTimestampMonotonic"
    )
    if asked:
        status, output, cut = machine.run(["systemctl", "show", "--no-pager", "--property=" + properties, "--", *asked])
        if status or cut:
            scope.missing("systemctl show: " + (cut or output.strip()[:200]))
        for paragraph in output.split("\n\n"):
            fields = dict(line.split("=", 1) for line in paragraph.split("\n") if "=" in line)
            # Which units that do not run systemd happens to remember is no part of the machine's state.
            if fields.get("Id") in found:
                found[fields["Id"]] = fields
    machine.__dict__["unit_states"] = found
    return found


def units_read(machine: Machine) -> float:
    """When systemd last read all unit files, in seconds since 1970; 0.0 where it does not say so (before v250)."""
    manager = ["org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"]
    status, output, cut = machine.run(["busctl", "get-property", *manager, "UnitsLoadTimestamp"])
    found = re.match(r"t (\d+)\s*$", output)
    return int(found.group(1)) / 1e6 if found and not status and not cut else 0.0


def unit_file_states(machine: Machine, scope: Scope) -> dict[str, str]:
    """Unit file → enablement, as systemd says it.

    It takes systemd 1.5 ms for each file to find out, so it is not asked where the answer is known: a file that is
    there once, has no section [Install], and that no link of the administrator names, is static.
    """
    units = units_of(machine)
    found = {}
    asked = []
    linked = units.linked()
    for name in sorted({name for names in units.contents.values() for name in names if name.endswith(UNIT_TYPES)}):
        if name not in linked and units.is_static(name):
            found[name] = "static"
        else:
            asked.append(re.sub(r"([\\*?\[])", r"\\\1", name))
    if asked:
        command = ["systemctl", "list-unit-files", "--all", "--no-pager", "--no-legend", "--plain", "--", *asked]
        status, output, cut = machine.run(command)
        if status or cut:
            scope.missing("systemctl list-unit-files: " + (cut or output.strip()[:200]))
        for line in output.split("\n"):
            words = line.split()
            if len(words) >= 2 and words[0].endswith(UNIT_TYPES):
                found[words[0]] = words[1]
    return found
