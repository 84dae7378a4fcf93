"""Which program update-alternatives has chosen."""

from __future__ import annotations

import os
from contextlib import suppress

from tdi.collector.configuration import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope


def alternatives(machine: Machine, scope: Scope) -> None:
    """Which program each alternative leads to, and whether the administrator chose it."""
    for name in machine.names("/var/lib/dpkg/alternatives"):
        lines = machine.text("/var/lib/dpkg/alternatives/" + name, 1 << 20).split("\n")
        if len(lines) < 2:
            continue
        attributes: dict[str, Any] = {"mode": lines[0], "link": lines[1]}
        with suppress(OSError):
            attributes["current"] = os.readlink(machine.prefix + "/etc/alternatives/" + name)
        end = lines.index("", 2) if "" in lines[2:] else len(lines)
        slaves = (end - 2) // 2
        choices = {}
        at = end + 1
        while at + 1 < len(lines) and lines[at]:
            choices[lines[at]] = number(lines[at + 1])
            at += 2 + slaves
        attributes["choices"] = choices
        scope.objects[name] = attributes
