"""The kernel's view of the network."""

from __future__ import annotations

import re
import sys

from tdi.collector.machine import PARSED_LIMIT


def machine_sysctl(name: str) -> str:
    """A live kernel parameter, "" if there is none."""
    try:
        with open("/proc/sys/" + name, "rb") as file:
            return file.read(4096).decode("ascii", "replace")
    except OSError:
        return ""


def socket_address(text: str) -> str:
    """An address of /proc/net, which has each word of four bytes in the processor's order."""
    import socket  # noqa: PLC0415 - see subprocess

    data = b"".join(int(text[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(text), 8))
    if len(data) == 4:
        return socket.inet_ntop(socket.AF_INET, data)
    return "[" + socket.inet_ntop(socket.AF_INET6, data) + "]"


def own_addresses() -> list[str]:
    """The addresses of this machine, but for loopback; those that hold on one link only are made of its hardware's."""
    tables = []
    for name in ("fib_trie", "if_inet6"):
        try:
            with open("/proc/net/" + name, "rb") as file:
                tables.append(file.read(PARSED_LIMIT).decode("ascii", "replace"))
        except OSError:
            tables.append("")
    found = set(re.findall(r"\|-- ([0-9.]+)\n +/32 host LOCAL\n", tables[0]))
    for word in re.findall(r"(?m)^([0-9a-f]{32}) \S+ \S+ [02]0 ", tables[1]):
        import socket  # noqa: PLC0415 - see subprocess

        found.add(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(word)))
    return sorted(address for address in found if not address.startswith("127."))
