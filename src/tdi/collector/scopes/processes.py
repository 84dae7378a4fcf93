"""What runs."""

from __future__ import annotations

import re

from tdi.collector.configuration import significant
from tdi.collector.processors import cpus
from tdi.collector.procfs import all_processes, own_root
from tdi.collector.redaction import redact
from tdi.collector.rights import capability_names
from tdi.collector.scope import Scope
from tdi.collector.scopes.restart_debt import restart_debt, unit_debt, unit_starts
from tdi.collector.services import services
from tdi.collector.systemd import unit_states
from tdi.collector.unit_files import unit_properties, units_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdi.collector.machine import Machine
    from tdi.collector.procfs import Process


def processes(machine: Machine, scope: Scope) -> None:
    """What runs, by unit and program, and why some of it should be restarted."""
    if not own_root(machine):
        scope.unavailable = "not booted"
        return
    members: dict[str, list[Process]] = {}
    passing = passing_units(machine)
    for process in all_processes(machine).values():
        if process.unit not in passing:
            program = process.program.replace(" (deleted)", "")
            members.setdefault("%s|%s" % (process.unit, program), []).append(process)
    scope.told["services"] = services(machine)
    newest = unit_starts(machine)
    for key, group in members.items():
        counts: dict[str, int] = {}
        for process in group:
            words = " ".join([*process.words[:1], *map(in_quotes, process.words[1:])]) or process.program
            line = redact(re.sub(r"\b\d{5,}\b", "N", words))
            counts[line] = counts.get(line, 0) + 1
        # As many processes as processors is what programs start that are told to find out the number themselves.
        found_out = cpus(group[0]) if max(counts.values()) > 1 else set()
        shown: dict[str, Any] = {
            line: "auto" if count > 1 and count in found_out else count for line, count in counts.items()
        }
        names = sorted({machine.users.get(process.uid) or "#%d" % process.uid for process in group})
        attributes: dict[str, Any] = {
            "arguments": sorted(counts),
            "user": names[0] if len(names) == 1 else names,
            "count": next(iter(shown.values())) if len(shown) == 1 else shown,
        }
        if "auto" in shown.values():
            attributes["counted"] = next(iter(counts.values())) if len(counts) == 1 else counts
        held = {process.capabilities for process in group if process.capabilities}
        if held:
            attributes["capabilities"] = sorted(
                "all" if bits == group[0].bounding else capability_names(int(bits, 16)) for bits in held
            )
        debt = sorted(
            {reason for process in group for reason in restart_debt(machine, process)}
            | unit_debt(machine, group, newest)
        )
        if debt:
            attributes["restart_debt"] = debt[:50]
        scope.objects[key] = attributes


def in_quotes(word: str) -> str:
    """A word of a command line as a shell would need it, so that what is in it can be told from what follows."""
    return word if not re.search(r"\s", word) else '"%s"' % word if '"' not in word else "'%s'" % word


def passing_units(machine: Machine) -> set[str]:
    """The units that do a job and end, and are at it just now: not a part of the machine's state.

    Such a unit may begin after its state was asked for and before its processes were seen. Only what is active already
    leaves processes on purpose.
    """
    found = set()
    states = unit_states(machine, Scope()) if machine.booted else {}
    for name in {process.unit for process in all_processes(machine).values()}:
        if states.get(name, {}).get("ActiveState") != "active" and name.endswith(".service"):
            units = units_of(machine)
            paths = [units.fragment(name), *units.drop_ins(name)]
            lines = [line for path in paths if path for line in significant(machine.text(path, 1 << 20))]
            if unit_properties(lines).get("Type") == "oneshot":
                found.add(name)
    return found
