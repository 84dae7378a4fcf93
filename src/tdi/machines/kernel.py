"""What services on machines need of the kernel, which is the host's: a container cannot be given what that lacks."""

from dataclasses import dataclass
from pathlib import Path

_SETTINGS = Path("/proc/sys")


@dataclass(frozen=True)
class Lack:
    """What the kernel of this host lacks, which services do not start on machines for it, and the remedy."""

    what: str
    stopped: str
    remedy: str


def has_setting(name: str) -> bool:
    """Whether there is a setting of this name: those of IPv6 are there only where the kernel has it switched on."""
    return not name.startswith("net.ipv6.") or (_SETTINGS / "net" / "ipv6").is_dir()


def lacks() -> list[Lack]:
    """What machines will miss that no option of a container can give them."""
    found = []
    if not has_setting("net.ipv6."):
        found.append(Lack("no IPv6", "services that listen on ::1", "boot without ipv6.disable=1"))
    try:
        namespaces = int((_SETTINGS / "user" / "max_user_namespaces").read_text(encoding="ascii"))
    except (OSError, ValueError):
        namespaces = 0
    if not namespaces:
        remedy = "sysctl user.max_user_namespaces=10000"
        found.append(Lack("no user namespaces", "services with `PrivateUsers=`", remedy))
    return found
