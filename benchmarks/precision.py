"""How often a verdict finds a difference where nobody made one, on pairs that only their surroundings set apart.

Each pair is a new and an upgraded machine, taken through the scenarios as `tdi verdict` does. On purpose they differ in
host name, in time zone and language of whatever runs on them (`docker run --env`), and in the order in which they are
started; the umask of the controller differs from pair to pair. Not varied: the umask of what Ansible runs on the
machines (the engine sets it for each `docker exec`), and the date, but for the time between the runs (containers share
the kernel's clock).

Printed is a line for each pair: seconds, objects compared, differences that a rule took, and findings. The exit code is
1 where there was any finding. TDI_PLATFORM chooses the platform.
"""

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tdi import ansible, base_image, docker, machines, production, records, same_state, scenario
from tdi.project import Project
from tdi.state import target
from tdi.state.compare import Comparison, compare
from tdi.state.record import RecordFile

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Surroundings:
    """What a machine stands in: none of it is the machine's own state."""

    host: str
    zone: str
    language: str

    def options(self, scenario_options: Sequence[str]) -> tuple[str, ...]:
        """The options of `docker run`, with these surroundings in place of the scenario's."""
        words = list(scenario_options)
        words[words.index("--hostname") + 1] = self.host
        return (*words, "--env", f"TZ={self.zone}", "--env", f"LC_ALL={self.language}")


ALL = (
    Surroundings("machine", "UTC", "C.UTF-8"),
    Surroundings("web-017", "Pacific/Kiritimati", "C"),
    Surroundings("a", "America/St_Johns", "POSIX"),
    Surroundings("db1.example.org", "Asia/Kathmandu", "C.UTF-8"),
)
UMASKS = (0o022, 0o077, 0o002, 0o027)


@contextmanager
def umask(value: int) -> Iterator[None]:
    """This process, and what it starts, with another umask."""
    former = os.umask(value)
    try:
        yield
    finally:
        os.umask(former)


def pair(project: Project, number: int, directory: Path) -> tuple[Comparison, Comparison]:
    """Converge a pair and compare it: the new with the upgraded machine, and the upgraded one recorded twice."""
    run_id = machines.new_run_id()
    base = base_image.ensure(project)
    image = production.ensure(project, base)
    environment = {**os.environ, "TDI_RUN_ID": run_id}
    found = [scenario.load(project, name, environment) for name in scenario.NAMES]
    settings: list[tuple[scenario.Scenario, str]] = [
        (dataclasses.replace(each, options=ALL[(number + at) % len(ALL)].options(each.options)), which)
        for at, (each, which) in enumerate(zip(found, (base.id, image.id), strict=True))
    ]
    directory.mkdir()
    try:
        started = machines.start_all(settings if number % 2 else settings[::-1], run_id)
        for machine in started:
            docker.wait_until_booted(machine.name)
        with umask(UMASKS[number % len(UMASKS)]):
            scenarios = {each.machine: each for each, _ in settings}
            outcome = ansible.converge(scenarios, directory / "ansible", directory / "converge.log")
        if outcome.code:
            sys.exit(f"Ansible ended with {outcome.code}; the log: {outcome.log}")
        new, upgraded, again = (
            _record(project, settings[at][0].machine, directory / f"{at}-{turn}.json")
            for at, turn in ((0, 1), (1, 1), (1, 2))
        )
        with new, upgraded, again:
            rules = same_state.rules(project)
            return (
                compare(new, upgraded, rules, names=same_state.NAMES),
                compare(upgraded, again, rules, every_allowance_needed=False),
            )
    finally:
        machines.remove_run(run_id)


def _record(project: Project, machine: str, file: Path) -> RecordFile:
    return target.record(f"docker://{machine}", file, **records.settings(project))


def findings(comparison: Comparison) -> list[str]:
    """What stands between the comparison and `same`, a line each."""
    said = [f"{f.kind} {f.scope} {f.key!r}: {f.why}" for f in comparison.findings]
    said += [f"not compared: {scope}: {comparison.not_compared[scope]}" for scope in comparison.not_acceptable]
    return said + list(comparison.problems)


def main() -> None:
    """Run the pairs and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=10, help="how many pairs (default: 10)")
    wanted = parser.parse_args().pairs
    total = 0
    with tempfile.TemporaryDirectory(prefix="tdi-precision-") as temporary:
        project = Project(ROOT, Path(temporary) / "artifacts")
        project.prepare_artifacts()
        print(f"{base_image.ensure(project).name}\npair  seconds  objects  taken by rules  findings  recorded twice")
        for number in range(wanted):
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
    print(f"{wanted} pairs, {total} findings")
    sys.exit(1 if total else 0)


if __name__ == "__main__":
    main()
