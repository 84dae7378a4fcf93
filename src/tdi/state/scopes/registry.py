"""The scopes, in the order in which each has its say where several do."""

from collections.abc import Mapping

from tdi.state.noise import NoiseRule
from tdi.state.scopes.accounts import AUTHORIZED_KEYS, GROUPS, SUBIDS, SUDOERS, USERS
from tdi.state.scopes.alternatives import ALTERNATIVES
from tdi.state.scopes.apt import APT
from tdi.state.scopes.certificates import CERTIFICATES
from tdi.state.scopes.containers import CONTAINERS
from tdi.state.scopes.cron import CRON
from tdi.state.scopes.dpkg import DPKG
from tdi.state.scopes.files import FILES
from tdi.state.scopes.limits import LIMITS
from tdi.state.scopes.listeners import LISTENERS
from tdi.state.scopes.modules import MODULES
from tdi.state.scopes.mounts import MOUNTS
from tdi.state.scopes.packages import PACKAGES
from tdi.state.scopes.packet_filter import PACKET_FILTER
from tdi.state.scopes.probes import PROBES
from tdi.state.scopes.processes import PROCESSES
from tdi.state.scopes.scope import Scope
from tdi.state.scopes.sysctl import SYSCTL
from tdi.state.scopes.system import SYSTEM
from tdi.state.scopes.units import SYSTEMD

SCOPES: Mapping[str, Scope] = {
    scope.name: scope
    for scope in (
        FILES,
        PACKAGES,
        APT,
        DPKG,
        SYSTEMD,
        USERS,
        GROUPS,
        SUBIDS,
        SUDOERS,
        AUTHORIZED_KEYS,
        CRON,
        SYSCTL,
        MODULES,
        LIMITS,
        ALTERNATIVES,
        MOUNTS,
        SYSTEM,
        PROCESSES,
        LISTENERS,
        CONTAINERS,
        CERTIFICATES,
        PACKET_FILTER,
        PROBES,
    )
}

BUILT_IN: tuple[NoiseRule, ...] = tuple(rule for scope in SCOPES.values() for rule in scope.noise)
"""What differs between any two machines, and is no finding."""


def known(name: str) -> Scope:
    """What is known of a scope; of one that a newer collector has, no more than its name."""
    return SCOPES.get(name) or Scope(name, name)
