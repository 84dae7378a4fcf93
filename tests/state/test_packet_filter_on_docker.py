"""Faults in packet filters on real machines, whose network is their own: with iptables, nftables and ufw."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT
from tdi.images import base_image
from tdi.machines import lifecycle
from tdi.molecule import scenario
from tdi.outside import docker
from tdi.project import Project
from tdi.state import recording
from tdi.state.compare import compare
from tdi.state.finding import Severity

pytestmark = [pytest.mark.docker, pytest.mark.nightly]

HOOK = "type filter hook input priority 0;"

FILTERS = {
    # Without what it recommends, which is nft: its rules are read by iptables-save then.
    "iptables": (
        "--no-install-recommends iptables",
        "iptables -P INPUT DROP; for way in iptables ip6tables; do $way -A INPUT -p tcp --dport 22 -j ACCEPT; done",
    ),
    "nftables": (
        "nftables",
        f"nft 'table inet filter {{ chain input {{ {HOOK} policy drop; tcp dport 22 accept; }}; }}'",
    ),
    "ufw": ("ufw", "ufw allow 22/tcp; ufw --force enable; ufw status | grep 'Status: active'"),
}
"""Packet filter → what apt installs it by, and the lines of shell that an administrator begins with."""

IPV4, IPV6 = "nft:table ip filter/chain", "nft:table ip6 filter/chain"
INPUT = "nft:table inet filter/chain input"

FAULTS = (
    ("iptables", "open port", "iptables -A INPUT -p tcp --dport 23 -j ACCEPT", {"iptables:filter/INPUT"}),
    ("iptables", "policy", "iptables -P INPUT ACCEPT", {"iptables:filter/INPUT"}),
    ("iptables", "open to IPv6", "ip6tables -F INPUT", {"ip6tables:filter/INPUT"}),
    ("iptables", "ports sent elsewhere", "iptables -t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080",
     {"iptables:nat/PREROUTING"}),
    ("nftables", "open port", "nft add rule inet filter input tcp dport 23 accept", {INPUT}),
    ("nftables", "policy", "nft 'add chain inet filter input { policy accept; }'", {INPUT}),
    ("nftables", "flushed", "nft flush ruleset", {"nft:table inet filter"}),
    ("ufw", "open port", "ufw allow 23/tcp", {f"{IPV4} ufw-user-input", f"{IPV6} ufw6-user-input"}),
    ("ufw", "rule by hand", "iptables -I INPUT -s 192.0.2.1 -j ACCEPT", {f"{IPV4} INPUT"}),
    ("ufw", "port closed", "ufw delete allow 22/tcp", {f"{IPV4} ufw-user-input", f"{IPV6} ufw6-user-input"}),
)  # fmt: skip
"""Packet filter, what the fault is called, its lines of shell, and the keys of the findings that it must give."""


def shell(machine: str, lines: str) -> str:
    """Run lines of shell as root, and return what they say."""
    return docker.execute(machine, ["sh", "-eu", "-c", f"export DEBIAN_FRONTEND=noninteractive; {lines}"]).stdout


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A machine for each packet filter, which is installed there and filters."""
    project = Project(ROOT, tmp_path_factory.mktemp("filters") / "artifacts")
    project.prepare_artifacts()
    base = base_image.ensure(project)
    run_id = lifecycle.new_run_id()
    names = {name: f"tdi-{run_id}-{name}" for name in FILTERS}
    try:
        for name, machine in names.items():
            docker.run_detached(machine, base.id, scenario.load(project, "fresh").options, lifecycle.labels(run_id))
            docker.wait_until_booted(machine)
            packages, begin = FILTERS[name]
            shell(machine, f"apt-get -qq update; apt-get -qq install {packages} > /dev/null; {begin}")
        yield names
    finally:
        lifecycle.remove_run(run_id)


@pytest.mark.parametrize(("name", "what", "plant", "keys"), FAULTS, ids=[f"{fault[0]}: {fault[1]}" for fault in FAULTS])
def test_a_fault_of_a_packet_filter_is_found(
    machines: dict[str, str], tmp_path: Path, name: str, what: str, plant: str, keys: set[str]
):
    machine = machines[name]
    with recording.record(f"docker://{machine}", tmp_path / "before.json") as before:
        shell(machine, plant)
        with recording.record(f"docker://{machine}", tmp_path / "after.json") as after:
            found = compare(before, after)
    assert not found.not_acceptable, found.not_compared
    assert {finding.key for finding in found.findings} == keys, what
    assert {(finding.scope, finding.severity) for finding in found.findings} == {("packet_filter", Severity.SECURITY)}
