"""How often two machines with the same server packages differ, where nobody made a difference: no role, only apt.

Of each group of packages (package_groups.py) there are four machines, from the base image of the platform:

- A and B are new, C is their twin: each installs the packages by itself, some seconds after the other.
- The upgraded one installed the packages that the platform was released with, was used, and then upgraded.

Their services are restarted, reloaded and used a little, and every timer runs (using.py), before they are recorded.
A is recorded once more 20 seconds later, while nobody acts. The archive is asked once for each group: the machines
start from an image that has the package lists and the packages, in place of each downloading them.

Compared are A with B, A with the upgraded one, and A with itself a little later, as `tdi state diff` compares them.
Printed is a line for each group as it ends, and at the end a table and its summary. The exit code is 1 where there was
any finding (with the twin, where the comparison takes one), where a scope could not be compared, or where a group could
not be installed.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from package_groups import GROUPS, Group, chosen
from using import active_services, failed_units, use

from tdi.errors import ExitCode, TdiError
from tdi.images import base_image, provisioning
from tdi.machines import lifecycle
from tdi.machines.run import new_run
from tdi.molecule import scenario
from tdi.outside import docker, process
from tdi.outside.signals import interrupt_on_signals
from tdi.project import Project
from tdi.state import recording
from tdi.state.compare import Comparison
from tdi.state.finding import Names
from tdi.state.fleet.own_names import Adaptable, Reference, compare_machines
from tdi.state.record import TEXTS

ROOT = Path(__file__).resolve().parents[1]

A, LATER, B, TWIN, UPGRADED = "A", "A-later", "B", "C", "upgraded"
"""The records of a group: NAME.json.gz in its directory."""

FACTS = "group.json"
"""What else there is to say of a group, beside its records."""

NAMES = {B: Names("new", "other new"), UPGRADED: Names("new", "upgraded"), LATER: Names("first", "later")}
"""What A is compared with, and what the two are called in findings."""

AT_ONCE = 3
"""Machines that are provisioned at a time."""

APART = 5.0
"""Seconds between the starts of A and B."""

NOBODY_ACTS = 20.0
"""Seconds between the two records of A."""

LABEL = "tdi.packages"
"""Marks the images of a run, and with `.group` those of one group."""

APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "--quiet=2", "--no-install-recommends")

LISTS = """\
FROM {base}
LABEL {label}={run}
RUN apt-get update --quiet=2
"""

# The packages as they were released may need others: what cannot be had is said by the machine that needs it.
ARCHIVES = """\
FROM {lists}
COPY release-only /tmp/
RUN {apt} --download-only install {packages}
RUN cp /tmp/release-only {pin} && {{ {apt} --download-only install {packages} || true; }} && rm {pin}
"""


@dataclass(frozen=True)
class Facts:
    """How provisioning a group went: seconds, what is worth knowing of it, and why there are no records, if so."""

    packages: tuple[str, ...]
    seconds: float
    notes: tuple[str, ...]
    trouble: str = ""

    def write(self, directory: Path) -> None:
        """Keep them beside the records."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / FACTS).write_text(json.dumps(vars(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> "Facts":
        """What `write` kept."""
        said: dict[str, Any] = json.loads((directory / FACTS).read_text(encoding="utf-8"))
        return cls(tuple(said["packages"]), said["seconds"], tuple(said["notes"]), said["trouble"])


@dataclass(frozen=True)
class Compared:
    """What a comparison found, a line each: without a twin, and with one (None: there is no such comparison)."""

    alone: tuple[str, ...]
    with_twin: tuple[str, ...] | None
    not_compared: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A group: what is known of it, and what came of comparing A with each of NAMES that was recorded."""

    name: str
    facts: Facts
    compared: dict[str, Compared]

    @property
    def not_compared(self) -> tuple[str, ...]:
        """The scopes that one of the comparisons is without."""
        return tuple(sorted({scope for each in self.compared.values() for scope in each.not_compared}))

    @property
    def holds(self) -> bool:
        """Whether everything was compared, and nothing was found with all that the comparison takes."""
        counted = (each.alone if each.with_twin is None else each.with_twin for each in self.compared.values())
        return not (self.facts.trouble or self.not_compared or any(counted)) and self.compared.keys() == NAMES.keys()


@dataclass(frozen=True)
class Bench:
    """Where the machines of a run come from: the image with the package lists, and the options of `docker run`."""

    run_id: str
    lists: str
    options: tuple[str, ...]
    directory: Path
    """For what is gone after the run."""

    @classmethod
    def of(cls, project: Project, run_id: str, directory: Path) -> "Bench":
        """Make the image with the package lists."""
        base = base_image.ensure(project)
        text = LISTS.format(base=base.id, label=LABEL, run=run_id)
        image = _built(text, f"tdi-packages:{run_id}", {}, directory / "lists")
        return cls(run_id, image, scenario.load(project, "fresh").options, directory)

    def image(self, group: Group) -> str:
        """The image with the packages of a group, each as it is now and as it was released. Raises TdiError."""
        words = {"apt": " ".join(APT), "packages": " ".join(group.packages), "pin": provisioning.PIN_FILE}
        text = ARCHIVES.format(lists=self.lists, **words)
        labels = {f"{LABEL}.group": f"{self.run_id}-{group.name}"}
        return _built(text, f"tdi-packages:{self.run_id}-{group.name}", labels, self.directory / group.name)

    def remove_image(self, group: Group) -> None:
        """Remove what `image` made."""
        docker.remove_images(f"{LABEL}.group={self.run_id}-{group.name}")


def _built(dockerfile: str, tag: str, labels: dict[str, str], context: Path) -> str:
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text(dockerfile, encoding="utf-8")
    (context / "release-only").write_text(provisioning.RELEASE_ONLY, encoding="utf-8")
    log = context.with_suffix(".log")
    ours = {docker.LABEL: "image", base_image.ROLE_LABEL: "packages", **labels}
    try:
        return docker.build(context, context / "Dockerfile", tag, {}, ours, log)
    except TdiError:
        lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("E: ")]
        raise TdiError(f"The packages cannot be had: {lines[-1] if lines else f'see {log}'}") from None


@dataclass(frozen=True)
class Machines:
    """The machines of a group: each method takes one from its start to its record, and returns what is to be noted."""

    bench: Bench
    group: Group
    image: str
    directory: Path

    def new(self, name: str) -> list[str]:
        """A new machine. A is recorded once more when nobody has acted for a while."""
        if name == B:
            time.sleep(APART)
        with lifecycle.one(self._called(name), self.image, self.bench.options, self.bench.run_id) as machine:
            at_boot = active_services(machine)
            self._install(machine)
            docker.execute(machine, ["apt-get", "clean"])
            notes = self._use_and_record(machine, name, at_boot)
            if name == A:
                time.sleep(NOBODY_ACTS)
                self._record(machine, LATER)
            return notes

    def upgraded(self) -> list[str]:
        """A machine that has been in production since the platform was released."""
        with lifecycle.one(self._called(UPGRADED), self.image, self.bench.options, self.bench.run_id) as machine:
            at_boot = active_services(machine)
            feed = provisioning.RELEASE_ONLY.encode()
            process.run(["docker", "exec", "--interactive", machine, "tee", provisioning.PIN_FILE], feed=feed)
            self._install(machine)
            docker.execute(machine, ["rm", provisioning.PIN_FILE])
            use(machine, active_services(machine) - at_boot, self.group.use)
            upgraded = docker.execute(machine, [*APT, "dist-upgrade"], check=False, timeout=1200)
            if not upgraded.ok:
                raise TdiError(f"It cannot be upgraded: {upgraded.last_line}")
            docker.execute(machine, ["apt-get", "clean"])
            return self._use_and_record(machine, UPGRADED, at_boot)

    def _called(self, name: str) -> str:
        return f"tdi-{self.bench.run_id}-{self.group.name}-{name.lower()}"

    def _install(self, machine: str) -> None:
        done = docker.execute(machine, [*APT, "install", *self.group.packages], check=False, timeout=1200)
        if not done.ok:
            raise TdiError(f"The packages cannot be installed: {done.last_line}")

    def _use_and_record(self, machine: str, name: str, at_boot: frozenset[str]) -> list[str]:
        said = use(machine, active_services(machine) - at_boot, self.group.use)
        failed = failed_units(machine)
        self._record(machine, name)
        return [*([f"use: {said}"] if said else []), *(f"{unit} failed" for unit in failed)]

    def _record(self, machine: str, name: str) -> None:
        recording.record(f"docker://{machine}", self.directory / f"{name}.json.gz", text=TEXTS).close()


def take(bench: Bench, group: Group, directory: Path) -> Facts:
    """Provision the machines of a group and record them in `directory`; what cannot be had is said in the facts."""
    began = time.monotonic()
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.json.gz"):
        old.unlink()
    notes: dict[str, list[str]] = {}
    trouble = ""
    try:
        machines = Machines(bench, group, bench.image(group), directory)
        ways: dict[str, Callable[[], list[str]]] = {UPGRADED: machines.upgraded}
        ways |= {name: partial(machines.new, name) for name in (A, B, TWIN)}
        for name, future in _at_once(ways, bench.run_id).items():
            try:
                notes[name] = future.result()
            except TdiError as error:
                notes[name] = [error.what]
                trouble = trouble or (error.what if name != UPGRADED else "")
    except TdiError as error:
        trouble = error.what
    finally:
        bench.remove_image(group)
    facts = Facts(group.packages, time.monotonic() - began, tuple(_together(notes)), trouble)
    facts.write(directory)
    return facts


def _at_once(ways: dict[str, Callable[[], list[str]]], run_id: str) -> dict[str, Future[list[str]]]:
    """Run them side by side to their ends. An interrupt ends them, with their machines."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = {name: pool.submit(way) for name, way in ways.items()}
        try:
            for future in futures.values():
                future.exception()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            lifecycle.remove_run(run_id)
            raise
    return futures


def _together(notes: dict[str, list[str]]) -> Iterable[str]:
    """Each note once, with the machines that it is true of, unless that is all of them."""
    for note in sorted({each for said in notes.values() for each in said}):
        on = [name for name in (A, B, TWIN, UPGRADED) if note in notes.get(name, ())]
        yield note if len(on) == len(notes) else f"{note} ({process.joined(on)})"


def judged(directory: Path) -> Row:
    """Compare the records of a group that are kept in `directory`."""
    facts = Facts.read(directory)
    if facts.trouble:
        return Row(directory.name, facts, {})
    kept = {name: file for name in (TWIN, *NAMES) if (file := directory / f"{name}.json.gz").exists()}
    compared = {
        name: _compared(directory / f"{A}.json.gz", kept[name], kept if name != LATER else {}, names)
        for name, names in NAMES.items()
        if name in kept
    }
    return Row(directory.name, facts, compared)


def _compared(first: Path, second: Path, witnesses: Mapping[str, Path], names: Names) -> Compared:
    """Compare as `tdi state diff` does, without and with the witnesses: a twin, and A a little later."""
    with ExitStack() as opened:
        a, b = (opened.enter_context(kind(path)) for kind, path in ((Reference, first), (Adaptable, second)))
        alone = compare_machines(a, b, names=names)
        with_twin = None
        if TWIN in witnesses:
            twin = opened.enter_context(Adaptable(witnesses[TWIN]))
            later = [(a, opened.enter_context(Adaptable(witnesses[LATER])))] if LATER in witnesses else []
            with_twin = compare_machines(a, b, names=names, twin=twin, later=later)
    return Compared(_lines(alone), None if with_twin is None else _lines(with_twin), alone.not_acceptable)


def _lines(comparison: Comparison) -> tuple[str, ...]:
    found = (f"{finding.kind} {finding.scope} {finding.key!r}: {finding.why}" for finding in comparison.findings)
    return (*found, *comparison.problems)


HEADS = ("group", "packages", "new", "twin", "upgraded", "twin", "later", "not compared", "seconds", "to note")


def cells(row: Row) -> tuple[str, ...]:
    """A row of the table, in the order of HEADS; a dash stands for what was not compared."""
    counts = []
    for name in (B, UPGRADED):
        each = row.compared.get(name)
        counts.append("-" if each is None else str(len(each.alone)))
        counts.append("-" if each is None or each.with_twin is None else str(len(each.with_twin)))
    later = row.compared.get(LATER)
    counts.append("-" if later is None else str(len(later.alone)))
    notes = "; ".join((row.facts.trouble,) if row.facts.trouble else row.facts.notes)
    missing = ", ".join(row.not_compared) or "none"
    return (row.name, ", ".join(row.facts.packages), *counts, missing, f"{row.facts.seconds:.0f}", notes)


def table(rows: Sequence[Row]) -> str:
    """The groups as a Markdown table."""
    lines = [HEADS, tuple("---" for _ in HEADS), *map(cells, rows)]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def summary(rows: Sequence[Row]) -> str:
    """How many groups there are, and the middle and the sum of their findings, a line for each way to compare."""
    packages = {package for row in rows if not row.facts.trouble for package in row.facts.packages}
    without = [row.name for row in rows if row.facts.trouble]
    lines = [f"{len(rows)} groups, {len(packages)} packages"]
    if without:
        lines.append(f"not to be had: {process.joined(without)}")
    for name, names in NAMES.items():
        title = f"{names.a} and {names.b}"
        compared = [row.compared[name] for row in rows if name in row.compared]
        lines.append(f"{title}, no twin: {_of([len(each.alone) for each in compared])}")
        with_twin = [len(each.with_twin) for each in compared if each.with_twin is not None]
        if with_twin:
            lines.append(f"{title}, with a twin: {_of(with_twin)}")
    return "".join(f"{line}\n" for line in lines)


def _of(counts: Sequence[int]) -> str:
    if not counts:
        return "nothing was compared"
    middle = f"{statistics.median(counts):g} in the middle group"
    return f"{len(counts)} groups, {middle}, {max(counts)} in the worst, {sum(counts)} in all"


def said(row: Row) -> str:
    """Every finding of a group in a line of its own, and what else there is to know."""
    lines = [f"== {row.name}: {', '.join(row.facts.packages)}"]
    lines += [f"trouble: {row.facts.trouble}"] if row.facts.trouble else [f"note: {note}" for note in row.facts.notes]
    lines += [f"not compared: {scope}" for scope in row.not_compared]
    for name, each in row.compared.items():
        title = f"{NAMES[name].a}, {NAMES[name].b}"
        lines += [f"{title}: {line}" for line in each.alone]
        lines += [f"{title}, twin: {line}" for line in each.with_twin or ()]
    return "".join(f"{line}\n" for line in lines)


def show(row: Row) -> None:
    """Print the line of a group as it ends."""
    name, packages, *rest = cells(row)
    counts = "  ".join(f"{cell:>8}" for cell in rest[:5])
    missing, seconds, notes = rest[5:]
    tail = "; ".join(filter(None, [packages, f"not compared: {missing}" if missing != "none" else "", notes]))
    print(f"{name:12}  {seconds:>7}  {counts}  {tail}", flush=True)


def report(rows: Sequence[Row], directory: Path | None) -> int:
    """Print table and summary, keep them and every finding in `directory`, and return the exit code."""
    print(f"\n{table(rows)}\n{summary(rows)}", end="")
    if directory:
        (directory / "table.md").write_text(f"{table(rows)}\n{summary(rows)}", encoding="utf-8")
        (directory / "findings.txt").write_text("\n".join(map(said, rows)), encoding="utf-8")
    return 0 if rows and all(row.holds for row in rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="precision.py --packages", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--groups", nargs="+", default=[], metavar="NAME", help="only these groups")
    parser.add_argument("--platform", help="the platform (default: TDI_PLATFORM, else the project's default)")
    parser.add_argument("--list", action="store_true", help="print the groups and their packages")
    parser.add_argument("--times", type=int, default=1, help="how often each group is taken (default: 1)")
    parser.add_argument("--keep-records", type=Path, metavar="DIR", help="keep records, table and findings here")
    parser.add_argument("--from-records", type=Path, metavar="DIR", help="compare what --keep-records kept, no Docker")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Measure and print; the exit code."""
    given = _parser().parse_args(arguments)
    if given.list:
        for group in GROUPS:
            print(f"{group.name:12}  {' '.join(group.packages)}")
        return 0
    known = [group.name for group in GROUPS]
    if unknown := sorted(set(given.groups) - set(known)):
        sys.exit(f"There is no group {unknown[0]!r}. --list shows them.")
    print(f"{HEADS[0]:12}  {HEADS[8]:>7}  {'  '.join(f'{head:>8}' for head in HEADS[2:7])}", flush=True)
    rows: list[Row] = []
    if given.from_records:
        for name in known:
            if (given.from_records / name / FACTS).exists() and name in (given.groups or known):
                rows.append(judged(given.from_records / name))
                show(rows[-1])
        return report(rows, given.from_records)
    if given.platform:
        os.environ["TDI_PLATFORM"] = given.platform
    interrupt_on_signals()
    try:
        _measure(given, rows)
    except KeyboardInterrupt:
        # What was measured until then is worth having.
        report(rows, given.keep_records)
        return ExitCode.INTERRUPTED
    return report(rows, given.keep_records)


def _measure(given: argparse.Namespace, rows: list[Row]) -> None:
    """Take the groups one after the other, and add the row of each as it ends."""
    with new_run() as run, ExitStack() as at_end:
        project = Project(ROOT, run.directory / "artifacts")
        project.prepare_artifacts()
        at_end.callback(docker.remove_images, f"{LABEL}={run.id}")
        bench = Bench.of(project, run.id, run.directory)
        records = given.keep_records or run.directory / "kept"
        for group in chosen(given.groups, base_image.ensure(project).platform):
            for _ in range(given.times):
                take(bench, group, run.directory / "records" / group.name)
                # What was kept before stays until there is something in its place.
                shutil.rmtree(records / group.name, ignore_errors=True)
                shutil.copytree(run.directory / "records" / group.name, records / group.name)
                rows.append(judged(records / group.name))
                show(rows[-1])
