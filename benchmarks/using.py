"""What happens to a machine between its provisioning and its record: its services are restarted, reloaded and used."""

import textwrap
import time
from contextlib import suppress

from tdi.outside import docker
from tdi.outside.process import CommandFailedError

TOOLS = r"""
get() { python3 -c 'import sys, urllib.request as r, urllib.error as e
try: r.urlopen(sys.argv[1], timeout=10).read()
except e.HTTPError: pass' "$1"; }
say() { python3 -c 'import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) as s:
    s.sendall(sys.argv[2].encode().decode("unicode_escape").encode())
    s.settimeout(10)
    while s.recv(4096): pass' "$1" "$2"; }
export HOME=/root
cd /root
"""
"""What the lines of shell may call: `get` asks a web server (any answer will do), `say` talks to a port to the end."""

_ACTIVE = "systemctl list-units --type service --state active --plain --no-legend --full | cut -d ' ' -f 1"

_SETTLED = """\
for turn in $(seq 60); do
    busy=$(systemctl list-jobs --no-legend; systemctl list-units --state activating,reloading --plain --no-legend)
    [ -n "$busy" ] || break
    sleep 0.5
done
"""
"""Waits until systemd has nothing to do; a service that is started again and again is waited for in vain."""


def let_timers_run(machine: str) -> None:
    """Run what the machine's timers start, the timers of packages that were installed just now too."""
    timers = "systemctl list-unit-files --type timer --state enabled --no-legend | cut -d ' ' -f 1"
    docker.execute(
        machine, ["sh", "-c", f"for timer in $({timers}); do systemctl start ${{timer%.timer}}.service; done"]
    )


def active_services(machine: str) -> frozenset[str]:
    """The services that are active on a machine."""
    return frozenset(docker.execute(machine, ["sh", "-c", _ACTIVE], check=False).stdout.split())


def failed_units(machine: str) -> list[str]:
    """The units that have failed on a machine."""
    words = ["systemctl", "list-units", "--failed", "--plain", "--no-legend", "--full"]
    listed = docker.execute(machine, words, check=False)
    return sorted(line.split()[0] for line in listed.stdout.splitlines() if line.split())


def settle(machine: str, seconds: float = 3) -> None:
    """Wait until systemd has nothing to do any more, and some seconds for what the services do once they are up."""
    docker.execute(machine, ["sh", "-c", _SETTLED], check=False)
    time.sleep(seconds)


def use(machine: str, services: frozenset[str], lines: str) -> str:
    """Restart, reload and use services, and let the timers run; what the lines of shell said where they failed."""
    settle(machine)
    for verb in ("restart", "reload-or-restart"):
        for service in sorted(services):
            docker.execute(machine, ["timeout", "60", "systemctl", verb, service], check=False)
        settle(machine)
    script = f"{TOOLS}{textwrap.dedent(lines)}"
    done = docker.execute(machine, ["timeout", "120", "sh", "-eu", "-c", script], check=False)
    # A unit that fails is as the machine is: it is noted, and the record has it.
    with suppress(CommandFailedError):
        let_timers_run(machine)
    settle(machine)
    return "" if done.ok else done.last_line
