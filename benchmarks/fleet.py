"""What `tdi state fleet` costs the controller: time and memory for growing fleets, and what follows for 1,000 hosts.

The hosts are simulated: Ansible runs the whole way for each of them over its local connection, and where a host would
run the collector, a program prints the record of one real machine with small changes: another machine id, a content and
a name that no other host has, every tenth host an older package, every twenty-fifth a setuid program. So the figures
leave out what the hosts and the network need: about as long as the collector runs there (about 2 s on a small server),
divided by the forks.

With `--slices` each slice is recorded as a controller of its own would, one after the other, and then merged: one of
them, half of them, all. What 100,000 hosts take to merge is read off a line through these.

The memory is the sum over all processes of the controller, shared pages counted once (Pss), at its highest.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tdi.images import base_image
from tdi.machines import lifecycle
from tdi.molecule import scenario
from tdi.project import Project
from tdi.state import recording

MARK = "TDI_BENCHMARK"

HOST = r"""#!/bin/sh
cat >/dev/null
exec sed \
  -e '2s/"hostname":"[^"]*"/"hostname":"web{number}"/' \
  -e 's|^\("/etc/machine-id": .*"hash":"sha256:\)[0-9a-f]\{{8\}}|\1{number:08x}|' \
  -e 's|^\("/etc/fstab": .*"hash":"sha256:\)[0-9a-f]\{{8\}}|\1{number:08x}|' \
  -e 's|^"/etc/.pwd.lock":|"/etc/.pwd.lock.{number}":|' \
  -e '{package}s|^\("bash": .*"version":"\)[^"]*|\15.0-1|' \
  -e '{mode}s|^\("/usr/bin/base64": .*"mode":"\)0755|\14755|' \
  {record}
"""


MANY = 100_000
"""Hosts that a merge is extrapolated to."""
FLEET: tuple[str | Path, ...] = (Path(sys.executable).parent / "tdi", "state", "fleet")


@dataclass(frozen=True)
class Cost:
    """What a run cost."""

    hosts: int
    seconds: float
    recording: float
    mebibytes: float
    findings: int


def real_record(path: Path) -> None:
    """Record a machine of the base image."""
    project = Project.find()
    run_id = lifecycle.new_run_id()
    options = scenario.load(project, "fresh").options
    with lifecycle.one(f"tdi-{run_id}-fleet", base_image.ensure(project).id, options, run_id) as name:
        recording.record(f"docker://{name}", path).close()


def simulate(hosts: int, record: Path, directory: Path) -> Path:
    """Write the programs of the hosts, and return their inventory."""
    programs = directory / f"hosts-{hosts}"
    programs.mkdir()
    lines = []
    for number in range(hosts):
        program = programs / f"web{number}"
        # sed acts on the record's first line, which has nothing to change, or on all others.
        script = HOST.format(
            number=number,
            record=record,
            package="1!" if not (number + 1) % 10 else "1",
            mode="1!" if not (number + 1) % 25 else "1",
        )
        program.write_text(script, encoding="utf-8")
        program.chmod(0o755)
        lines.append(f"web{number} ansible_connection=local ansible_python_interpreter={program}\n")
    inventory = directory / f"inventory-{hosts}.ini"
    inventory.write_text("".join(lines), encoding="utf-8")
    return inventory


def processes() -> list[Path]:
    """The processes of the run."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and f"{MARK}=1".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(entry)
    return found


def memory() -> float:
    """MiB that the processes of the run hold together."""
    kibibytes = 0
    for process in processes():
        with suppress(OSError, ValueError, IndexError):
            text = (process / "smaps_rollup").read_text(encoding="ascii")
            kibibytes += int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1])
    return kibibytes / 1024


def _environment(directory: Path) -> dict[str, str]:
    """The environment of a run, in which the simulated hosts are recorded by root, whoever measures."""
    fakes = directory / "fakes"
    fakes.mkdir(exist_ok=True)
    (fakes / "id").write_text("#!/bin/sh\necho 0\n", encoding="utf-8")
    (fakes / "id").chmod(0o755)
    return {**os.environ, MARK: "1", "PATH": f"{fakes}{os.pathsep}{os.environ['PATH']}"}


def measured(
    command: list[str | Path], directory: Path, records: Path, hosts: int, codes: Container[int] = (0, 1)
) -> tuple[float, float, float]:
    """Run a command; seconds until `hosts` records are there, until its end, and MiB at its highest.

    What it prints is in `report.json` in `directory`. It must end with one of `codes`.
    """
    began = time.monotonic()
    highest = recorded = 0.0
    with (directory / "report.json").open("wb") as report, (directory / "messages").open("wb") as messages:
        child = subprocess.Popen(
            command, env=_environment(directory), stdout=report, stderr=messages, stdin=subprocess.DEVNULL
        )
        while child.poll() is None:
            highest = max(highest, memory())
            if not recorded and len(list(records.glob("*.json.gz"))) == hosts:
                recorded = time.monotonic() - began
            time.sleep(0.2)
    if child.returncode not in codes:
        sys.exit(f"tdi ended with {child.returncode}: {(directory / 'messages').read_text(encoding='utf-8')}")
    return recorded, time.monotonic() - began, highest


def run(inventory: Path, hosts: int, forks: int, directory: Path) -> Cost:
    """Run `tdi state fleet` and return what it cost."""
    output = directory / f"out-{hosts}"
    command = [*FLEET, "--inventory", inventory, "--forks", str(forks), "--output", output, "--format", "json"]
    if hosts == 1:  # which has no other to be compared with
        command += ["--reference", directory / "record.json"]
    recorded, seconds, highest = measured(command, directory, output / "records", hosts)
    found = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    return Cost(hosts, seconds, recorded, highest, len(found["findings"]))


def in_slices(inventory: Path, hosts: int, slices: int, forks: int, directory: Path) -> None:
    """Record a fleet in slices, each as a controller of its own would, and merge them; print what each step cost."""
    outputs = [directory / f"slice-{number}" for number in range(1, slices + 1)]
    print(f"\n{hosts:,} hosts in {slices} slices\n{'':12} {'hosts':>6} {'seconds':>8} {'MiB':>6} {'findings':>9}")
    for number, output in enumerate(outputs, 1):
        command = [*FLEET, "--inventory", inventory, "--forks", str(forks), "--slice", f"{number}/{slices}"]
        _, seconds, highest = measured([*command, "--output", output], directory, output / "records", hosts, (0,))
        mine = len(list((output / "records").glob("*.json.gz")))
        print(f"{f'slice {number}/{slices}':12} {mine:>6,} {seconds:>8.1f} {highest:>6.0f}", flush=True)
    costs = []
    for several in sorted({1, slices // 2, slices} - {0}):
        merge = [*FLEET, "merge", *outputs[:several], "--format", "json"]
        # Without all slices the result is unknown.
        _, seconds, highest = measured(merge, directory, directory, hosts, (0, 1) if several == slices else (2,))
        found = json.loads((directory / "report.json").read_text(encoding="utf-8"))
        merged = sum(host["status"] != "not-recorded" for host in found["hosts"].values())
        costs.append(Cost(merged, seconds, 0, highest, len(found["findings"])))
        print(
            f"{f'merge {several}':12} {merged:>6,} {seconds:>8.1f} {highest:>6.0f} {len(found['findings']):>9}",
            flush=True,
        )
    if len(costs) > 1:
        seconds, mebibytes = extrapolated(costs, MANY)
        print(
            f"By the growth from {costs[0].hosts:,} to {costs[-1].hosts:,} hosts, {MANY:,} are merged in "
            f"{seconds / 3600:.1f} hours with {mebibytes:,.0f} MiB, by one process."
        )


def extrapolated(costs: list[Cost], hosts: int) -> tuple[float, float]:
    """Seconds and MiB for a number of hosts: a straight line through the smallest and the largest fleet.

    Where the largest fleet did not cost more, the highest figure stands: it is the cost of starting, and noise.
    """
    first, last = costs[0], costs[-1]
    more = (hosts - last.hosts) / (last.hosts - first.hosts)
    seconds = last.seconds + max(0.0, last.seconds - first.seconds) * more
    highest = max(cost.mebibytes for cost in costs)
    return seconds, highest + max(0.0, last.mebibytes - first.mebibytes) * more


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--hosts", type=int, nargs="+", default=[10, 25, 50], help="sizes of fleets (default: 10 25 50)"
    )
    parser.add_argument("--forks", type=int, default=5, help="hosts at a time (default: 5, as Ansible's)")
    parser.add_argument("--slices", type=int, help="take each size in so many slices, and merge them")
    parser.add_argument("--record", type=Path, help="the record of a real machine; without it one is made with Docker")
    parser.add_argument("--json", type=Path, help="write the figures here")
    chosen = parser.parse_args()
    costs = []
    with tempfile.TemporaryDirectory(prefix="tdi-bench-") as name:
        directory = Path(name)
        record = directory / "record.json"
        if chosen.record:
            record.write_bytes(chosen.record.read_bytes())
        else:
            real_record(record)
        objects = sum(line.startswith(b'"') for line in record.open("rb"))
        print(f"A host has {objects:,} objects in {record.stat().st_size / 1024**2:.1f} MiB; {chosen.forks} forks.\n")
        if chosen.slices:
            for hosts in sorted(chosen.hosts):
                in_slices(simulate(hosts, record, directory), hosts, chosen.slices, chosen.forks, directory)
            return
        print(f"{'hosts':>6} {'seconds':>8} {'of it recording':>16} {'a host':>8} {'MiB':>6} {'findings':>9}")
        for hosts in sorted(chosen.hosts):
            cost = run(simulate(hosts, record, directory), hosts, chosen.forks, directory)
            costs.append(cost)
            print(
                f"{hosts:>6,} {cost.seconds:>8.1f} {cost.recording:>16.1f} {cost.seconds / hosts:>8.2f} "
                f"{cost.mebibytes:>6.0f} {cost.findings:>9}",
                flush=True,
            )
    if len(costs) > 1 and costs[-1].hosts < 1000:  # noqa: PLR2004 (what the fleet may have)
        seconds, mebibytes = extrapolated(costs, 1000)
        print(f"\nExtrapolated to 1,000 hosts: {seconds / 60:.1f} minutes, {mebibytes:,.0f} MiB.")
    if chosen.json:
        chosen.json.write_text(json.dumps([vars(cost) for cost in costs], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
