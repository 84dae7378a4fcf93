"""What listens on the network."""

from __future__ import annotations

import os

from tdi.collector.machine import PARSED_LIMIT
from tdi.collector.network import machine_sysctl, socket_address
from tdi.collector.procfs import all_processes, own_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope

SOCKET_TABLES = (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07"))


def listeners(machine: Machine, scope: Scope) -> None:
    """What listens on the network, with the unit and the program behind it."""
    if not own_root(machine):
        scope.unavailable = "not booted"
        return
    sockets: dict[str, list[str]] = {}
    for table_name, listening in SOCKET_TABLES:
        try:
            with open("/proc/net/" + table_name, "rb") as file:
                lines = file.read(PARSED_LIMIT).decode("ascii", "replace").split("\n")[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if len(fields) > 9 and fields[3] == listening:
                address, _, port = fields[1].partition(":")
                sockets.setdefault(fields[9], []).append(
                    "%s %s:%d" % (table_name.rstrip("6"), socket_address(address), int(port, 16))
                )
    owners: dict[str, set[tuple[str, str]]] = {}
    for process in all_processes(machine).values():
        program = os.path.basename(process.program.replace(" (deleted)", ""))
        for inode in process.sockets & sockets.keys():
            owners.setdefault(inode, set()).add((process.unit, program))
    try:
        low, high = map(int, machine_sysctl("net/ipv4/ip_local_port_range").split())
    except ValueError:
        low, high = 32768, 60999
    for inode, keys in sockets.items():
        owned = sorted(owners.get(inode, set()))
        for key in keys:
            local_port = int(key.rpartition(":")[2])
            if key.split(" ")[1].startswith("127.0.0.11:") or (not owned and low <= local_port <= high):
                continue  # Docker's own name server, or a client that waits for an answer
            attributes = scope.objects.setdefault(key, {})
            if owned:
                # A socket that systemd opened belongs to the service that it is handed to.
                attributes["unit"] = next((unit for unit, _ in reversed(owned) if unit != "init.scope"), owned[0][0])
                attributes["program"] = sorted({program for _, program in owned})
