"""How recording and comparing grow with the number of files: 10,000, 100,000 and 1,000,000.

For each number a tree of small files is made in a scratch directory (100 files in a directory; contents of up to 200
bytes, all different) and its `files` scope is recorded in the way that a machine's is. Then one file in a thousand gets
other content, the tree is recorded again, and the two records are compared by a fresh process. Written are seconds and
the highest memory of one process (for the collector: of the largest of its processes, which share much of it), as a
table and as a plot (growth.svg). The records hold one scope; so the comparison is one of as many objects as files.

The scratch directory needs an inode for each file, 4 GB for a million of them, and root, as the collector does.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import log10
from pathlib import Path

from tdi.state.program import program
from tdi.state.record import RecordFile
from tdi.state.recording import PYTHON

NUMBERS = (10_000, 100_000, 1_000_000)
IN_A_DIRECTORY = 100
CHANGED_OF = 1000
# Prints the seconds and the number of differing objects; run in a process of its own, for its memory.
COMPARE = """\
import sys, time
from pathlib import Path
from tdi.state.compare import compare
from tdi.state.record import RecordFile
from tdi.state.rules import load_rules
began = time.monotonic()
with RecordFile(Path(sys.argv[1])) as a, RecordFile(Path(sys.argv[2])) as b:
    comparison = compare(a, b, load_rules(None))
print(time.monotonic() - began, sum(len(finding.differences) for finding in comparison.findings))
"""


@dataclass(frozen=True)
class Row:
    """What was measured for a number of files; memory in MiB."""

    files: int
    record_seconds: float
    record_memory: float
    record_megabytes: float
    compare_seconds: float
    compare_memory: float
    differences: int


def make_tree(root: Path, number: int) -> None:
    """Write `number` small files."""
    for group in range(number // IN_A_DIRECTORY):
        directory = root / "srv" / f"{group // 100:03d}" / f"{group:05d}"
        directory.mkdir(parents=True)
        for file in range(IN_A_DIRECTORY):
            name = f"{directory}/{file:02d}.txt"
            with open(name, "w") as out:  # noqa: PTH123 - half the time of a Path for each of a million files
                out.write(f"{name}\n" * 2)


def change(root: Path, number: int) -> None:
    """Give one file in a thousand other content."""
    for at in range(0, number, CHANGED_OF):
        group, file = divmod(at, IN_A_DIRECTORY)
        path = root / "srv" / f"{group // 100:03d}" / f"{group:05d}" / f"{file:02d}.txt"
        path.write_text("changed\n")


def measured(command: Sequence[str], source: Path | None, output: Path) -> tuple[float, float]:
    """Run a command by way of a small process; return seconds and the most memory of one of its processes in MiB."""
    code = (
        "import resource, subprocess, sys, time; began = time.monotonic(); subprocess.run(sys.argv[1:], check=True); "
        "print(time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)"
    )
    with output.open("wb") as out, (source or Path("/dev/null")).open("rb") as given:
        done = subprocess.run(
            [sys.executable, "-c", code, *command], stdin=given, stdout=out, stderr=subprocess.PIPE, check=True
        )
    seconds, kib = done.stderr.split()[-2:]
    return float(seconds), float(kib) / 1024


def record(root: Path, raw: Path, final: Path) -> tuple[float, float]:
    """Record a tree; return seconds and memory."""
    sent = raw.with_name("collector.py")
    sent.write_bytes(program())
    settings = json.dumps({"root": str(root), "scopes": ["files"]})
    used = measured([sys.executable, *PYTHON[1:], settings], sent, raw)
    raw.replace(final)
    return used


def one(number: int, scratch: Path) -> Row:
    """Measure one number of files."""
    root, raw, a, b = (scratch / name for name in ("root", "raw", "a.json", "b.json"))
    make_tree(root, number)
    record(root, raw, a)  # what was written just now is not always in memory: the second time counts
    seconds, memory = record(root, raw, a)
    change(root, number)
    record(root, raw, b)
    _, compare_memory = measured([sys.executable, "-c", COMPARE, str(a), str(b)], None, raw)
    compared, differences = raw.read_text().split()
    subprocess.run(["rm", "-rf", str(root)], check=True)  # for a million files much quicker than Python
    return Row(
        files=RecordFile(a).counts["files"],
        record_seconds=seconds,
        record_memory=memory,
        record_megabytes=a.stat().st_size / 1e6,
        compare_seconds=float(compared),
        compare_memory=compare_memory,
        differences=int(differences),
    )


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown."""
    lines = [
        "| objects | record: seconds | memory | size | compare: seconds | memory | differences found |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.files:,} | {row.record_seconds:.2f} | {row.record_memory:.0f} MiB | {row.record_megabytes:.0f} MB "
        f"| {row.compare_seconds:.2f} | {row.compare_memory:.0f} MiB | {row.differences:,} |"
        for row in rows
    ]
    return "\n".join(lines)


def plot(rows: Sequence[Row]) -> str:
    """Return the seconds over the number of objects as an SVG, both axes logarithmic."""
    width, height, left, bottom = 560, 320, 60, 40
    lowest, highest = -2.0, 3.0  # 0.01 s to 1000 s
    first, last = 4.0, 6.0

    def x(value: float) -> float:
        return left + (log10(value) - first) / (last - first) * (width - left - 110)

    def y(value: float) -> float:
        return height - bottom - (log10(value) - lowest) / (highest - lowest) * (height - bottom - 20)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        '<g font-size="12"><rect width="100%" height="100%" fill="#fff"/>',
    ]
    for power in range(-2, 4):
        at = y(10**power)
        parts.append(f'<path d="M{left} {at:.0f}H{width - 110}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{at + 4:.0f}" text-anchor="end">{10**power:g} s</text>')
    parts += [
        f'<text x="{x(number):.0f}" y="{height - 18}" text-anchor="middle">{number:,}</text>' for number in NUMBERS
    ]
    parts.append(f'<text x="{(width - 50) / 2:.0f}" y="{height - 3}" text-anchor="middle">objects</text>')
    for name, colour, seconds in (
        ("record", "#0969da", [row.record_seconds for row in rows]),
        ("compare", "#bc4c00", [row.compare_seconds for row in rows]),
    ):
        points = [(x(row.files), y(value)) for row, value in zip(rows, seconds, strict=True)]
        line = " ".join(f"{across:.1f},{down:.1f}" for across, down in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3" fill="{colour}"/>' for across, down in points]
        across, down = points[-1]
        label = f"{name} {seconds[-1]:.1f} s"
        parts.append(f'<text x="{across + 8:.0f}" y="{down + 4:.0f}" fill="{colour}">{label}</text>')
    return "\n".join([*parts, "</g></svg>"]) + "\n"


def main() -> None:
    """Measure, print, and write the plot beside this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, help="directory for the trees (default: that for temporary files)")
    parser.add_argument("--plot", type=Path, default=Path(__file__).with_name("growth.svg"), help="where the plot goes")
    parser.add_argument("--json", type=Path, help="write the figures here")
    chosen = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="tdi-growth-", dir=chosen.scratch) as scratch:
        for number in NUMBERS:
            rows.append(one(number, Path(scratch)))
            print(f"{number:,} files: {rows[-1]}", flush=True)
    print("\n" + table(rows))
    chosen.plot.write_text(plot(rows), encoding="utf-8")
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(row) for row in rows], indent=2))


if __name__ == "__main__":
    main()
