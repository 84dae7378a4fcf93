"""Capabilities and access control lists, as text."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.machine import Machine

CAPABILITIES = (
    "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service "
    "net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin "
    "sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override "
    "mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore"
).split()
ACL_TAGS = {1: "user:", 2: "user:", 4: "group:", 8: "group:", 16: "mask:", 32: "other:"}


def capability_text(value: bytes) -> str:
    """A file's capabilities as getcap writes them; hex for a layout of the kernel's that is not known here."""
    revision = value[3] if len(value) >= 4 else 0
    words = [int.from_bytes(value[at : at + 4], "little") for at in range(0, len(value), 4)]
    if revision not in (2, 3) or len(words) < 5:
        return value.hex()
    flag = "e" if words[0] & 1 else ""
    permitted = words[1] | words[3] << 32
    inheritable = words[2] | words[4] << 32
    groups = []
    for held, bits in (
        ("ip", permitted & inheritable),
        ("p", permitted & ~inheritable),
        ("i", inheritable & ~permitted),
    ):
        if bits:
            groups.append(capability_names(bits) + "+" + flag + held)
    text = " ".join(groups)
    return text + (" [rootid=%d]" % words[5] if revision == 3 and len(words) > 5 else "")


def capability_names(bits: int) -> str:
    """The names of a set of capabilities, joined by commas."""
    return ",".join(
        "cap_" + CAPABILITIES[bit] if bit < len(CAPABILITIES) else str(bit) for bit in range(64) if bits >> bit & 1
    )


def acl_text(value: bytes, machine: Machine) -> str:
    """A POSIX ACL as getfacl writes it, on one line, with names."""
    entries = []
    for at in range(4, len(value) - 7, 8):
        tag = int.from_bytes(value[at : at + 2], "little")
        permission = int.from_bytes(value[at + 2 : at + 4], "little")
        number = int.from_bytes(value[at + 4 : at + 8], "little")
        who = ""
        if tag == 2:
            who = machine.users.get(number) or "#%d" % number
        elif tag == 8:
            who = machine.groups.get(number) or "#%d" % number
        bits = "".join(letter if permission & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))
        entries.append(ACL_TAGS.get(tag, "%d:" % tag) + who + ":" + bits)
    return ",".join(entries)
