"""How often a verdict finds a difference where nobody made one, on pairs that only their surroundings set apart.

Each pair is a new and an upgraded machine, taken through the scenarios as `tdi verdict` does. Five surroundings differ
in host name, time zone and language of whatever runs on the machine (`docker run --env`), and in the umask and the date
of whatever Ansible runs there; 20 pairs are each ordered pair of the five. The order in which the machines are started
and the umask of the controller vary from pair to pair as well. On the upgraded machine every timer has run, as it
has after a day: a production image is seldom of today.

Umask and date come from a wrapper below /run of the machine, which Ansible is told to use as Python and as shell. That
they arrive is checked on the machine before each converge. Limits of this:

- The date is libfaketime's: the programs below Ansible see it, the kernel does not, so that the times that the kernel
  itself puts on files stay real. systemd and the services see neither the date nor the umask: they start from systemd.
- All dates are ahead, by up to two and a half days. A clock that is behind the archive's latest signature makes apt
  refuse the archive, and one that is a week ahead of it makes it expire: neither machine could be provisioned then.

Printed is a line for each pair: seconds, objects compared, differences that a rule took, and findings. The exit code is
1 where there was any finding. TDI_PLATFORM chooses the platform.

`--packages` measures machines with server packages instead, without the role: see packages.py.
"""

import argparse
import base64
import dataclasses
import io
import os
import shlex
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import packages
import yaml
from using import let_timers_run

from tdi.images import base_image, production
from tdi.machines import lifecycle
from tdi.molecule import playing, scenario
from tdi.outside import ansible, docker, process
from tdi.project import Project
from tdi.same_state import comparing, kept_records
from tdi.state import recording
from tdi.state.compare import Comparison, compare
from tdi.state.record import RecordFile

ROOT = Path(__file__).resolve().parents[1]
WRAPPERS = "/run/surroundings"
"""Where the wrappers are on a machine: not a part of its state, and gone with it."""


@dataclass(frozen=True)
class Surroundings:
    """What a machine stands in: none of it is the machine's own state."""

    host: str
    zone: str
    language: str
    umask: int
    hours_ahead: int

    def options(self, scenario_options: Sequence[str]) -> tuple[str, ...]:
        """The options of `docker run`, with these surroundings in place of the scenario's."""
        words = list(scenario_options)
        words[words.index("--hostname") + 1] = self.host
        # Docker forbids to run what lies in a tmpfs, unless told otherwise.
        words[words.index("/run")] = "/run:exec"
        return (*words, "--env", f"TZ={self.zone}", "--env", f"LC_ALL={self.language}")

    def wrapper(self, program: str) -> str:
        """A script that runs `program` in these surroundings."""
        lines = ["#!/bin/sh", f"umask {self.umask:04o}"]
        if self.hours_ahead:
            faked = {
                "LD_PRELOAD": f"{WRAPPERS}/libfaketime.so",
                "FAKETIME": f"+{self.hours_ahead}h",
                # Without these, waiting would be disturbed, and files that are new would look older than they are.
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "NO_FAKE_STAT": "1",
            }
            lines.append(f"export {' '.join(f'{name}={value}' for name, value in faked.items())}")
        return "\n".join([*lines, f'exec {shlex.quote(program)} "$@"', ""])


ALL = (
    Surroundings("machine", "UTC", "C.UTF-8", 0o022, 0),
    Surroundings("web-017", "Pacific/Kiritimati", "C", 0o077, 36),
    Surroundings("a", "America/St_Johns", "POSIX", 0o027, 5),
    Surroundings("db1.example.org", "Asia/Kathmandu", "C.UTF-8", 0o002, 60),
    Surroundings("long-name-of-a-host-in-the-cellar", "Europe/Berlin", "C", 0o077, 11),
)
UMASKS = (0o022, 0o077, 0o002, 0o027)
"""Of the controller."""


def surroundings(number: int) -> tuple[Surroundings, Surroundings]:
    """What the new and the upgraded machine of a pair stand in; 20 numbers in a row give each ordered pair once."""
    first = number % len(ALL)
    apart = 1 + number // len(ALL) % (len(ALL) - 1)
    return ALL[first], ALL[(first + apart) % len(ALL)]


@contextmanager
def umask(value: int) -> Iterator[None]:
    """This process, and what it starts, with another umask."""
    former = os.umask(value)
    try:
        yield
    finally:
        os.umask(former)


@cache
def libfaketime(image: str) -> bytes:
    """The library that fakes the date, from the archive of the platform that `image` is of."""
    script = (
        "cd /tmp; apt-get update >&2; apt-get download libfaketime >&2; dpkg-deb -x libfaketime_*.deb found; "
        "base64 found/usr/lib/*/faketime/libfaketime.so.1"
    )
    done = process.run(
        ["docker", "run", "--rm", "--label", f"{docker.LABEL}=machine", "--entrypoint", "sh", image, "-ec", script],
        check=False,
        timeout=300,
    )
    if not done.ok:
        sys.exit(f"libfaketime cannot be had: {done.last_line}")
    return base64.b64decode(done.stdout)


def put_wrappers(machine: str, stands_in: Surroundings, library: bytes) -> None:
    """Put what sets umask and date on a machine."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in {
            "python3": stands_in.wrapper("/usr/bin/python3").encode(),
            "sh": stands_in.wrapper("/bin/sh").encode(),
            "libfaketime.so": library,
        }.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
    unpack = f"mkdir {WRAPPERS}; tar -x -C {WRAPPERS}"
    process.run(["docker", "exec", "--interactive", machine, "sh", "-ec", unpack], feed=archive.getvalue())


def checked_playbook(directory: Path, converge: Path, stand_in: Mapping[str, Surroundings]) -> Path:
    """A playbook that makes sure that umask and date are what they should be, and then converges."""
    expected = {name: {"umask": f"{each.umask:04o}", "ahead": each.hours_ahead} for name, each in stand_in.items()}
    check = {
        "name": "Surroundings",
        "hosts": "all",
        "gather_facts": False,
        "vars": {
            "expected": expected,
            "now": "{{ lookup('ansible.builtin.pipe', 'date +%s') | int }}",
            "said": "{{ seen.stdout_lines }}",
        },
        "tasks": [
            {
                "name": "Look at umask and date",
                "ansible.builtin.shell": "umask; date +%s",
                "changed_when": False,
                "register": "seen",
            },
            {
                "name": "Stop where they are not as asked for",
                "ansible.builtin.assert": {
                    "quiet": True,
                    "that": [
                        "said[0] == expected[inventory_hostname].umask",
                        "((said[1] | int) - (now | int) - expected[inventory_hostname].ahead * 3600) | abs < 300",
                    ],
                },
            },
        ],
    }
    file = directory / "checked.yml"
    plays = [check, {"name": "Converge", "ansible.builtin.import_playbook": str(converge)}]
    file.write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
    return file


def pair(project: Project, number: int, directory: Path) -> tuple[Comparison, Comparison]:
    """Converge a pair and compare it: the new with the upgraded machine, and the upgraded one recorded twice."""
    run_id = lifecycle.new_run_id()
    base = base_image.ensure(project)
    image = production.ensure(project, base)
    environment = {**os.environ, "TDI_RUN_ID": run_id}
    directory.mkdir()
    wrapped = {"ansible_python_interpreter": f"{WRAPPERS}/python3", "ansible_shell_executable": f"{WRAPPERS}/sh"}
    settings: list[tuple[scenario.Scenario, str]] = []
    stand_in: dict[str, Surroundings] = {}
    for name, stands_in, which in zip(scenario.NAMES, surroundings(number), (base.id, image.id), strict=True):
        found = scenario.load(project, name, environment)
        stand_in[found.ansible.inventory.host] = stands_in
        inventory = dataclasses.replace(found.ansible.inventory, group_vars={"all": wrapped})
        converge = dataclasses.replace(found.ansible, inventory=inventory)
        options = stands_in.options(found.options)
        settings.append((dataclasses.replace(found, options=options, ansible=converge), which))
    try:
        started = [(each.of_machine, image_id, each.options) for each, image_id in settings]
        lifecycle.start_all(started if number % 2 else started[::-1], run_id)
        for machine, _, _ in started:
            docker.wait_until_booted(machine.name)
            host = next(each.ansible.inventory.host for each, _ in settings if each.machine == machine.name)
            put_wrappers(machine.name, stand_in[host], libfaketime(base.id))
        with umask(UMASKS[number % len(UMASKS)]):
            playbook = checked_playbook(directory, settings[0][0].ansible.playbook, stand_in)
            state = playing.as_checked_out(project)
            given = {
                each.machine: playing.settings(state, each, directory / "content", playbook=playbook)
                for each, _ in settings
            }
            outcome = ansible.converge(given, directory / "ansible", directory / "converge.log")
        if outcome.code:
            sys.exit(f"Ansible ended with {outcome.code}:\n{outcome.log.read_text(encoding='utf-8')[-3000:]}")
        let_timers_run(settings[1][0].machine)
        new, upgraded, again = (
            _record(project, settings[at][0].machine, directory / f"{at}-{turn}.json")
            for at, turn in ((0, 1), (1, 1), (1, 2))
        )
        with new, upgraded, again:
            rules = comparing.rules(project)
            return (
                compare(new, upgraded, rules, names=comparing.NAMES),
                compare(upgraded, again, rules, every_allowance_needed=False),
            )
    finally:
        lifecycle.remove_run(run_id)


def _record(project: Project, machine: str, file: Path) -> RecordFile:
    return recording.record(f"docker://{machine}", file, **kept_records.settings(project))


def findings(comparison: Comparison) -> list[str]:
    """What stands between the comparison and `same`, a line each."""
    said = [f"{f.kind} {f.scope} {f.key!r}: {f.why}" for f in comparison.findings]
    said += [f"not compared: {scope}: {comparison.not_compared[scope]}" for scope in comparison.not_acceptable]
    return said + list(comparison.problems)


def main() -> None:
    """Run the pairs and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=10, help="how many pairs (default: 10)")
    parser.add_argument("--first", type=int, default=1, help="the number of the first pair (default: 1)")
    parser.add_argument(
        "--packages", nargs=argparse.REMAINDER, metavar="…", help="server packages instead: see --packages --help"
    )
    given = parser.parse_args()
    if given.packages is not None:
        sys.exit(packages.main(given.packages))
    total = 0
    with tempfile.TemporaryDirectory(prefix="tdi-precision-") as temporary:
        project = Project(ROOT, Path(temporary) / "artifacts")
        project.prepare_artifacts()
        base = base_image.ensure(project)
        print(f"{base.name}\npair  seconds  objects  taken by rules  findings  recorded twice", flush=True)
        for number in range(given.first - 1, given.first - 1 + given.pairs):
            began = time.monotonic()
            comparison, twice = pair(project, number, Path(temporary) / str(number))
            found, again = findings(comparison), findings(twice)
            total += len(found) + len(again)
            objects, taken = sum(comparison.compared.values()), sum(comparison.suppressed.values())
            seconds = time.monotonic() - began
            print(
                f"{number + 1:4}  {seconds:7.1f}  {objects:7}  {taken:14}  {len(found):8}  {len(again):14}", flush=True
            )
            for line in (*found, *again):
                print(f"      {line}", flush=True)
    print(f"{given.pairs} pairs, {total} findings")
    sys.exit(1 if total else 0)


if __name__ == "__main__":
    main()
