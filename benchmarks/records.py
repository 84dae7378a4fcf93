"""How long recording a machine takes, side by side with hashing and with the file integrity checkers of Debian.

a  `find` and `b2sum` with as many processes as there are cores: hashing the same files, and nothing else
b  the `files` scope of a record, the collector run on the machine
c  the whole record, all scopes, through `docker exec` from outside: `tdi.state.recording.record`
d  `aide --init` with the attributes that the record has, as it comes (one worker); with a worker for each core; and
   with the check sums, attributes and compression of Debian's own aide.conf ("Checksums = H": seven of them)
e  `mtree -c` with sha256 and the owners' names
f  c against a baseline of the image that the machine was started from, which hashes only what the image lacks
g  c against the baseline that the record before it left, as between the records of one verdict

All run in one container, booted from the project's base image, with nginx, aide and mtree-netbsd installed by apt.
They alternate, and a round that is not counted comes first, so that every one finds the files in memory. a, b, d and e
are timed inside the container, by wall clock and by CPU; c and f outside, with what `docker exec` itself takes.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tdi.images import base_image
from tdi.machines import lifecycle
from tdi.molecule import scenario
from tdi.outside import docker
from tdi.project import Project
from tdi.state import recording
from tdi.state.program import program

# The directories that the collector leaves out, for the others.
LEFT_OUT = ("/proc", "/sys", "/dev", "/run")
EMPTIED = ("/tmp", "/var/tmp")  # noqa: S108 - names of what is left out
AIDE = """\
database_out=file:/run/bench/{name}.db
gzip_dbout={compressed}
report_url=file:/dev/null
{left_out}
/ ftype+p+u+g+s+n+l+{attributes}
"""
AIDE_CONFIGURATIONS = {
    "aide": {"compressed": "no", "attributes": "acl+xattrs+caps+sha256"},
    "aide-debian": {"compressed": "yes", "attributes": "m+c+b+i+acl+selinux+xattrs+e2fsattrs+caps+H"},
}
# Runs a command and prints wall clock and CPU seconds of it and its children.
TIMED = """\
import os, resource, subprocess, sys, time
began = time.monotonic()
with open("/dev/null", "wb") as sink, open("/run/bench/said", "wb") as said:
    status = subprocess.run(["sh", "-c", sys.argv[1]], stdin=subprocess.DEVNULL, stdout=sink, stderr=said).returncode
wall = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(status, wall, used.ru_utime + used.ru_stime)
"""
FIND = "find / -xdev {prune} -o -type f -print0"
COMMANDS = {
    "a": f"{FIND} | xargs -0 -P$(nproc) -n 500 b2sum",
    "b": """python3 -I -S -B -X utf8 - '{"scopes": ["files"]}' < /run/bench/collector.py""",
    "d": "rm -f /run/bench/aide.db; aide --init --config /run/bench/aide.conf",
    "d on all cores": "rm -f /run/bench/aide.db; aide --init --workers=$(nproc) --config /run/bench/aide.conf",
    "d as in Debian": ("rm -f /run/bench/aide-debian.db; aide --init --config /run/bench/aide-debian.conf"),
    "e": "mtree -c -x -X /run/bench/excluded -K sha256,uname,gname -p / > /run/bench/mtree.out",
}
TITLES = {
    "a": "find and b2sum on all cores",
    "b": "record, `files` scope",
    "c": "whole record through docker exec",
    "d": "aide --init",
    "d on all cores": "aide --init, a worker for each core",
    "d as in Debian": "aide --init, attributes of Debian's aide.conf",
    "e": "mtree with sha256",
    "f": "whole record, baseline of the image",
    "g": "whole record, baseline of this machine's last record",
}
# (title, numerator, denominator, the target)
RATIOS = (
    ("files / b2sum", "b", "a", "≤ 1.2"),
    ("whole / b2sum", "c", "a", "≤ 2"),
    ("aide / files", "d", "b", "≥ 4"),
    ("aide on all cores / files", "d on all cores", "b", "-"),
    ("aide as in Debian / files", "d as in Debian", "b", "-"),
    ("mtree / files", "e", "b", "≥ 4"),
    ("with the image's baseline / whole", "f", "c", "-"),
    ("with the machine's baseline / whole", "g", "c", "-"),
)


def put(name: str, path: str, content: bytes) -> None:
    """Write a file in a container."""
    subprocess.run(["docker", "exec", "-i", name, "sh", "-c", f"cat > {path}"], input=content, check=True)


def prepare(name: str) -> None:
    """Install the programs and write what they read."""
    docker.execute(name, ["apt-get", "update", "-qq"])
    packages = ["nginx", "aide", "mtree-netbsd"]
    docker.execute(
        name,
        ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qq", "--no-install-recommends", *packages],
    )
    docker.execute(name, ["mkdir", "-p", "/run/bench"])
    rules = [*(f"!{path}(/|$)" for path in LEFT_OUT), *(f"!{path}/" for path in EMPTIED)]
    for file, settings in AIDE_CONFIGURATIONS.items():
        text = AIDE.format(name=file, left_out="\n".join(rules), **settings)
        put(name, f"/run/bench/{file}.conf", text.encode())
    patterns = [*(f".{path}" for path in LEFT_OUT), *(f".{path}/*" for path in EMPTIED)]
    put(name, "/run/bench/excluded", "".join(f"{pattern}\n" for pattern in patterns).encode())
    put(name, "/run/bench/collector.py", program())
    put(name, "/run/bench/timed.py", TIMED.encode())


def inside(name: str, command: str) -> tuple[float, float]:
    """Run a command in the container; return its wall clock and CPU seconds."""
    pruned = " -o ".join(f"-path {path}" for path in (*LEFT_OUT, *EMPTIED))
    command = command.replace("{prune}", f"\\( {pruned} \\) -prune")
    said = docker.execute(name, ["python3", "/run/bench/timed.py", command]).stdout.split()
    if said[0] != "0":
        reason = docker.execute(name, ["cat", "/run/bench/said"]).stdout
        raise SystemExit(f"bench: {command} ended with {said[0]}: {reason}")
    return float(said[1]), float(said[2])


def outside(work: Callable[[], object]) -> tuple[float, float]:
    """Run something here; return its wall clock seconds (the CPU seconds on the machine are not known here)."""
    began = time.monotonic()
    work()
    return time.monotonic() - began, float("nan")


def check_same_files(name: str, record: Path) -> dict[str, int]:
    """Return how many files and bytes the record hashed; say how many the others see."""
    hashed: dict[str, int] = recording.RecordFile(record).meta["hashed"]
    pruned = " -o ".join(f"-path {path}" for path in (*LEFT_OUT, *EMPTIED))
    found = docker.execute(
        name, ["sh", "-c", f"find / -xdev \\( {pruned} \\) -prune -o -type f -printf x | wc -c"]
    ).stdout.strip()
    print(f"{hashed['files']} files, {hashed['bytes'] / 1e6:.0f} MB hashed by the record; find sees {found} files")
    counts = recording.RecordFile(record).counts
    entries = docker.execute(name, ["grep", "-c", "^/", "/run/bench/aide.db"]).stdout.strip()
    print(f"aide wrote {entries} objects; the `files` scope has {counts['files']}")
    return hashed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5, help="rounds (default: 5)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    chosen = parser.parse_args()
    project = Project.find()
    run_id = lifecycle.new_run_id()
    options = scenario.load(project, "fresh").options
    image = base_image.ensure(project).id
    measured: dict[str, list[tuple[float, float]]] = {key: [] for key in TITLES}
    with tempfile.TemporaryDirectory(prefix="tdi-bench-") as directory:
        record, with_baseline, again = (Path(directory) / f"{name}.json" for name in "abc")
        baseline, current = Path(directory) / "baseline", Path(directory) / "current"
        with lifecycle.one(f"tdi-{run_id}-base", image, options, run_id) as base:
            recording.record(f"docker://{base}", record, baseline=baseline)
        with lifecycle.one(f"tdi-{run_id}-bench", image, options, run_id) as name:
            prepare(name)
            uri = f"docker://{name}"

            def one(key: str) -> tuple[float, float]:
                if key == "c":
                    return outside(lambda: recording.record(uri, record))
                if key == "f":
                    shutil.copy(baseline, current)
                    return outside(lambda: recording.record(uri, with_baseline, baseline=current))
                if key == "g":
                    return outside(lambda: recording.record(uri, again, baseline=current))
                return inside(name, COMMANDS[key])

            for number in range(chosen.times + 1):
                for key in TITLES:
                    seconds = one(key)
                    if number:
                        measured[key].append(seconds)
            check_same_files(name, record)
            for what, file in (("image", with_baseline), ("machine", again)):
                reused = recording.RecordFile(file).meta["hashed"]
                print(f"baseline of the {what}: {reused['reused']} files reused, {reused['bytes'] / 1e6:.0f} MB hashed")
    _print(measured)
    if chosen.json:
        chosen.json.write_text(json.dumps(measured, indent=2))


def _print(measured: Mapping[str, list[tuple[float, float]]]) -> None:
    wall = {key: statistics.median(seconds for seconds, _ in runs) for key, runs in measured.items()}
    print("\n| | what | median | of | CPU |\n|---|---|---|---|---|")
    for key, runs in measured.items():
        used = statistics.median(cpu for _, cpu in runs)
        cpu = "" if used != used else f"{used:.2f} s"  # noqa: PLR0124 - not a number: it was not measured
        each = ", ".join(f"{seconds:.2f}" for seconds, _ in runs)
        print(f"| {key[0]} | {TITLES[key]} | {wall[key]:.2f} s | {each} | {cpu} |")
    print("\n| ratio | measured | target |\n|---|---|---|")
    for title, above, below, goal in RATIOS:
        print(f"| {title} | {wall[above] / wall[below]:.2f} | {goal} |")


if __name__ == "__main__":
    main()
