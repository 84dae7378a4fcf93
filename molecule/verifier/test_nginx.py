"""Nginx itself: its version, its service, its configuration and what it listens on."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import kinds
from declared import SITES

PROBE = Path(__file__).parent / "probes" / "nginx.py"
# Name resolution inside the machine, of Docker (on networks that a user made) and of systemd-resolved (on Ubuntu).
RESOLVERS = ("127.0.0.11:", "127.0.0.53%lo:53", "127.0.0.54:53")


def test_nginx_has_the_version_that_the_archive_offers(host: Any) -> None:
    policy = host.check_output("LC_ALL=C apt-cache policy nginx nginx-common")
    installed = re.findall(r"Installed: (\S+)", policy)
    candidate = re.findall(r"Candidate: (\S+)", policy)
    assert len(installed) == len(candidate) == 2  # noqa: PLR2004 - the two packages asked for
    assert installed == candidate


def test_nginx_runs_now_and_after_each_boot(host: Any) -> None:
    unit = host.check_output("systemctl show nginx --property=ActiveState,SubState,UnitFileState")
    journal = "" if "ActiveState=active" in unit else host.run("journalctl --unit nginx --lines 20").stdout
    assert sorted(unit.split()) == ["ActiveState=active", "SubState=running", "UnitFileState=enabled"], journal


def test_the_configuration_is_valid_and_without_a_warning(host: Any) -> None:
    check = host.run("nginx -t")
    assert check.rc == 0, check.stderr
    assert "[warn]" not in check.stderr, check.stderr


def test_nginx_runs_with_what_is_on_disk(host: Any) -> None:
    found = json.loads(host.check_output(f"python3 -c {shlex.quote(PROBE.read_text(encoding='utf-8'))}"))
    assert found["running"]["replaced"] == [], "nginx runs with a program or library that is not there any more"
    assert found["running"]["not_loaded"] == [], "written after the workers began that serve"


def test_nothing_listens_but_the_sites(host: Any) -> None:
    # Protocol, state, two queues, local address and port, peer, processes.
    sockets = [line.split(maxsplit=6) for line in host.check_output("ss -Hltunp").splitlines()]
    found = {(s[0], s[4], "nginx" in s[-1]) for s in sockets if not s[4].startswith(RESOLVERS)}
    anywhere = ("0.0.0.0", "[::]")  # noqa: S104 - compared with, not bound to
    expected = {f"{address}:{site.port}" for site in SITES for address in anywhere} | {*kinds.SOCKETS}
    assert found == {("tcp", socket, True) for socket in expected}
