"""What further pasts cost: verdicts from one and from all that the project declares, in turn, in one run.

    python benchmarks/pasts.py --times 3

Images are built before. Times are seconds by the clock of whole commands; the machine should do nothing else.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

from tdi.molecule import pasts
from tdi.project import Project

GOAL = 1.6
"""What three pasts may cost of one."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3, help="rounds (default: 3)")
    times = parser.parse_args().times
    project = Project.find()
    names = pasts.names(project)
    wanted = {"one": ["--from", pasts.DEFAULT], "all": [word for name in names for word in ("--from", name)]}
    verdict(project, wanted["all"])
    seconds: dict[str, list[float]] = {kind: [] for kind in wanted}
    for number in range(times):
        for kind, options in list(wanted.items())[:: 1 if number % 2 == 0 else -1]:
            seconds[kind].append(verdict(project, options))
            print(f"{kind}: {seconds[kind][-1]:.1f} s", flush=True)
    one, several = (statistics.median(seconds[kind]) for kind in ("one", "all"))
    print(f"one past {one:.1f} s, {len(names)} pasts ({', '.join(names)}) {several:.1f} s: {several / one:.2f} times")
    print(f"goal for three pasts: {GOAL} times")


def verdict(project: Project, options: list[str]) -> float:
    """The seconds that one verdict takes; it has to pass."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "tdi", "verdict", *options],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    kind = json.loads((project.artifacts / "verdict.json").read_text(encoding="utf-8"))["class"]
    if done.returncode or kind != "pass":
        sys.exit(f"the verdict is {kind}:\n{done.stdout}{done.stderr}")
    return seconds


if __name__ == "__main__":
    main()
