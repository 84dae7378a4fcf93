"""The units of systemd: what is enabled, what runs, and by which settings."""

from __future__ import annotations

import re

from tdi.collector.configuration import significant
from tdi.collector.hashes import hash_of
from tdi.collector.systemd import unit_file_states, unit_states
from tdi.collector.unit_files import unit_properties, units_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope
    from tdi.collector.unit_files import Units


def systemd(machine: Machine, scope: Scope) -> None:
    """Units with their enablement, whether they run, their files and the settings that matter."""
    if not machine.booted:
        scope.unavailable = "not booted"
        return
    enablement = unit_file_states(machine, scope)
    states = unit_states(machine, scope)
    scope.meta["runs"] = {
        name: [fields.get("InvocationID", ""), fields.get("StateChangeTimestampMonotonic", "")]
        for name, fields in states.items()
        if name.endswith(".service") and fields["ActiveState"] == "active" and fields.get("InvocationID")
    }
    units = units_of(machine)
    # systemd lists the templates only.
    enablement.update(dict.fromkeys(units.instances() - set(enablement), "enabled"))
    names = set(enablement)
    for name, fields in states.items():
        fragment = fields.get("FragmentPath") or units.fragment(name)
        if fields.get("Transient") == "yes" or fragment.startswith("/run/systemd/transient/"):
            names.discard(name)
        elif fields["ActiveState"] == "failed" or (
            name.endswith((".service", ".socket", ".timer", ".path")) and fragment
        ):
            names.add(name)
    for name in names:
        if enablement.get(name) == "transient":
            continue
        scope.objects[name] = unit(machine, units, name, enablement.get(name, ""), states.get(name, {}))


def unit(machine: Machine, units: Units, name: str, enablement: str, state: dict[str, str]) -> dict[str, Any]:
    """The attributes of one unit."""
    attributes: dict[str, Any] = {}
    fragment = units.fragment(name)
    drop_ins = units.drop_ins(name)
    lines: list[str] = []
    for path in [fragment, *drop_ins]:
        if path:
            lines += significant(machine.text(path, 1 << 20))
    if enablement:
        attributes["enablement"] = enablement
    if name.endswith((".service", ".socket", ".timer", ".path", ".mount", ".automount", ".swap")) and "@." not in name:
        active = active_state(state)
        if active == "failed" or not ONCE_AFTER_UPDATE.search("\n".join(lines)):
            attributes["active"] = active
    if state.get("NeedDaemonReload") == "yes":
        attributes["need_reload"] = True
    if fragment:
        attributes["fragment"] = fragment
    if drop_ins:
        attributes["dropins"] = drop_ins
    if lines:
        attributes["text_hash"] = hash_of("\n".join(lines).encode("utf-8", "surrogateescape"))
        if not name.endswith((".target", ".slice")):
            properties = unit_properties(lines)
            if properties:
                attributes["properties"] = properties
    return attributes


# Active after the boots that followed an update or a first start, inactive after others.
ONCE_AFTER_UPDATE = re.compile(r"(?m)^Condition(NeedsUpdate|FirstBoot)\s*=")


def active_state(state: dict[str, str]) -> str:
    """active, inactive, failed, or restarting for a service that systemd starts again and again."""
    active = state.get("ActiveState", "inactive")
    if active == "activating":
        return "restarting" if state.get("SubState") == "auto-restart" else "inactive"
    return {"reloading": "active", "refreshing": "active", "deactivating": "inactive"}.get(active, active)
