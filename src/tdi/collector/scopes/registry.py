"""The scopes, in the order in which they are collected."""

from __future__ import annotations

from tdi.collector.scopes.accounts import authorized_keys, groups, subids, sudoers, users
from tdi.collector.scopes.alternatives import alternatives
from tdi.collector.scopes.apt import apt
from tdi.collector.scopes.certificates import certificates
from tdi.collector.scopes.containers import containers
from tdi.collector.scopes.cron import cron
from tdi.collector.scopes.dpkg import dpkg
from tdi.collector.scopes.limits import limits
from tdi.collector.scopes.listeners import listeners
from tdi.collector.scopes.modules import modules
from tdi.collector.scopes.mounts import mount_table
from tdi.collector.scopes.packages import packages
from tdi.collector.scopes.packet_filter import packet_filter
from tdi.collector.scopes.probes import probes
from tdi.collector.scopes.processes import processes
from tdi.collector.scopes.sysctl import sysctl
from tdi.collector.scopes.system import system
from tdi.collector.scopes.units import systemd

SCOPES = {
    # What runs comes first: it changes while the rest is read.
    "processes": processes,
    "listeners": listeners,
    "systemd": systemd,
    "packet_filter": packet_filter,
    "containers": containers,
    "packages": packages,
    "apt": apt,
    "dpkg": dpkg,
    "users": users,
    "groups": groups,
    "sudoers": sudoers,
    "authorized_keys": authorized_keys,
    "subids": subids,
    "cron": cron,
    "sysctl": sysctl,
    "alternatives": alternatives,
    "mounts": mount_table,
    "modules": modules,
    "limits": limits,
    "system": system,
    "certificates": certificates,
    "probes": probes,
}
