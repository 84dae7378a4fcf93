"""The trial of a role, mutated or not: the suite's own verdict, first on the default past, then on the others."""

import json
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tdi.errors import ExitCode, TdiError
from tdi.machines.run import new_run
from tdi.molecule import pasts, scenario
from tdi.molecule.pasts import Past
from tdi.mutants import own_checks
from tdi.mutants.results import Kill, Oracle, Status
from tdi.mutants.tree import Tree
from tdi.mutants.watch import IN_FIRST_RUN, NoticedError, Seen, TroubleError, Watch
from tdi.outside import signals
from tdi.outside.files import make_directory, write_atomically
from tdi.project import kept
from tdi.same_state import comparing, kept_records
from tdi.same_state.kept_records import AFTER, BEFORE, CONVERGED, file_name
from tdi.same_state.new_machines import FRESH
from tdi.state import plan
from tdi.state.compare import compare
from tdi.state.finding import Names
from tdi.state.record import RecordFile
from tdi.verdict import steps
from tdi.verdict.docker_bed import DockerBed
from tdi.verdict.outcome import Result, Verdict

_HANDLERS = "handlers.json"

_LONGEST_CHECK = 1800.0
"""Seconds that one of the project's own checks may take on the unmutated role."""


@dataclass(frozen=True)
class Came:
    """How a trial ended."""

    status: Status
    kills: tuple[Kill, ...] = ()
    why: str = ""


class TimedOutError(Exception):
    """A trial took longer than it may."""


def stages(tree: Tree, asked: Sequence[str] = ()) -> list[list[Past]]:
    """The pasts that a trial is of, those of one stage together; `asked` names others than the project's.

    The first one comes alone, with the new machine: most mutants are noticed on these two. The others are compared
    with the record of that same new machine.
    """
    every = pasts.of_verdict(tree.project, asked, tree.before)
    return [stage for stage in (every[:1], every[1:]) if stage]


def unmutated(tree: Tree, asked: Sequence[str], baseline: Path) -> None:
    """Try the role as it is, and keep in `baseline` what its mutants are compared with.

    Raises TdiError where it does not pass: what a mutant then fails of says nothing.
    """
    shutil.rmtree(baseline, ignore_errors=True)
    said = own_checks.failed(own_checks.declared(tree.project), tree.project.root, _LONGEST_CHECK)
    if said:
        raise TdiError(f"The unmutated role does not pass: {said}", "Mend it first: mutants would say nothing.")
    for number, stage in enumerate(stages(tree, asked)):
        watch, verdict = _taken(tree, stage, None, baseline / "0" if number else None, full=True)
        if verdict.exit_code is not ExitCode.HOLDS:
            kills = watch.kills(verdict)
            if verdict.exit_code is ExitCode.COULD_NOT_RUN or not kills:
                said = _why_it_could_not_run(verdict)
                raise TdiError(f"The unmutated role could not be tried: {said}", "`tdi verdict` says more.")
            shown = f"{kills[0].oracle}: {kills[0].evidence}"
            remedy = "Mend it first (`tdi verdict`): mutants would say nothing."
            raise TdiError(f"The unmutated role does not pass: {shown}", remedy)
        _keep(tree, watch.seen, baseline / str(number))


def mutated(
    tree: Tree, path: str, asked: Sequence[str], baseline: Path, twin: Path, *, full: bool, seconds: float
) -> Came:
    """Try the role as it is in `tree`, which has a mutant in the file `path`, for at most `seconds`.

    With `full`, every oracle is asked, otherwise until one has noticed it.
    """
    try:
        with _at_most(seconds):
            checks = [check for check in own_checks.declared(tree.project) if check.is_of(path)]
            said = own_checks.failed(checks, tree.project.root, seconds)
            kills = [Kill(Oracle.OWN_CHECKS, said)] if said else []
            if kills and not full:
                return Came(Status.KILLED, tuple(kills))
            return _tried(tree, asked, baseline, twin, kills, full=full)
    except NoticedError as error:
        return Came(Status.KILLED, (error.kill,))
    except TroubleError as error:
        why = str(error)
    except TdiError as error:
        why = f"{error.what} {error.remedy}".rstrip()
    except TimedOutError:
        return Came(Status.TIMED_OUT, why=f"it had not ended after {seconds:.0f} s")
    return Came(Status.COULD_NOT_RUN, why=why)


def _tried(tree: Tree, asked: Sequence[str], baseline: Path, twin: Path, known: Sequence[Kill], *, full: bool) -> Came:
    kills = [*known]
    unlike: list[Kill] = []
    same_handlers = True
    new: Path | None = None
    for number, stage in enumerate(stages(tree, asked)):
        alike = not (kills or unlike) and same_handlers
        if new and alike and _is_made_as_unmutated(tree, stage, baseline / str(number), twin, new):
            continue
        watch, verdict = _taken(tree, stage, twin, new, full=full)
        new = new or _with_new_record(tree)
        kills += watch.kills(verdict)
        if not kills and verdict.exit_code is ExitCode.COULD_NOT_RUN:
            return Came(Status.COULD_NOT_RUN, why=_why_it_could_not_run(verdict))
        if kills and not full:
            break
        if verdict.exit_code is ExitCode.HOLDS:
            unlike += _unlike(tree, baseline / str(number), twin, stage, with_new=number == 0)
            same_handlers &= _handlers(watch.seen) == json.loads(_kept(baseline, number, _HANDLERS))
    if kills or unlike:
        return Came(Status.KILLED, (*kills, *unlike))
    if same_handlers:
        return Came(Status.EQUIVALENT, why="records, second run and handlers are those of the unmutated role")
    return Came(Status.SURVIVED, why="the records are those of the unmutated role; what its handlers did is not")


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Interrupt what is done in a `with` block after so many seconds, and raise TimedOutError then."""
    late = threading.Event()

    def interrupt() -> None:
        late.set()
        signals.interrupt_ourselves()

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    except KeyboardInterrupt:
        if late.is_set():
            raise TimedOutError from None
        raise
    finally:
        timer.cancel()


def _is_made_as_unmutated(tree: Tree, stage: Sequence[Past], baseline: Path, twin: Path, new: Path) -> bool:
    """Whether one converge makes of production, from these pasts, what the unmutated role makes of it.

    It is asked where the mutant was in everything like the unmutated role on a new machine and on the first past. Then
    what follows is known: what these machines are now is what the unmutated role's were, which passed the tests, are in
    the same state as the new one, and on which a second run changes as little as on the others. Where anything differs,
    a verdict has to say what it is. Raises what the watch does: a converge that fails is one that was noticed.
    """
    project, watch = tree.project, Watch([past.name for past in stage], full=False, rescues=_rescues(tree))
    project.prepare_artifacts()
    with new_run() as run, kept(run.directory / "logs", project.artifacts / "logs"):
        bed = DockerBed(project, run, stage, tree.before, twin, new)
        watch.witness = bed
        held = steps.converge_once(bed, watch)
    said: list[str] = json.loads((baseline / _HANDLERS).read_text(encoding="utf-8"))
    if not held or _handlers(watch.seen) != [line for line in said if IN_FIRST_RUN in line]:
        return False
    labels = [past.label if len(stage) > 1 else scenario.NAMES[1] for past in stage]
    return not any(_unlike_machine(tree, baseline, label, twin, CONVERGED) for label in labels)


def _with_new_record(tree: Tree) -> Path | None:
    """Where the record of the new machine of the first stage stays while the others last; None where there is none."""
    if not (tree.project.records / f"{FRESH}.json").exists():
        return None
    place = tree.project.artifacts / "new-machine"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(tree.project.records, place)
    return place


def _taken(
    tree: Tree, stage: Sequence[Past], twin: Path | None, new: Path | None, *, full: bool
) -> tuple[Watch, Verdict]:
    """Take the machines of some pasts through the scenarios, with a new one unless `new` has the records of one.

    Raises what the watch does, and TdiError.
    """
    project, verdict = tree.project, Verdict()
    project.prepare_artifacts()
    watch = Watch([past.name for past in stage], full=full, rescues=_rescues(tree))
    began = time.monotonic()
    with new_run() as run, kept(run.directory / "logs", project.artifacts / "logs"):
        bed = DockerBed(project, run, stage, tree.before, twin, new)
        watch.witness = bed
        steps.take(bed, watch, verdict)
    verdict.seconds["total"] = time.monotonic() - began
    return watch, verdict


def _rescues(tree: Tree) -> bool:
    """Whether something in the content may catch a task that failed."""
    files = (file for place in tree.project.content for file in ([place] if place.is_file() else place.rglob("*.y*ml")))
    return any("rescue:" in file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file())


def _why_it_could_not_run(verdict: Verdict) -> str:
    if verdict.trouble:
        return f"{verdict.trouble.what} {verdict.trouble.remedy}".rstrip()
    for machine in verdict.machines.values():
        for step, ended in machine.steps.items():
            if ended.result is Result.ERROR:
                return f"{step}: {ended.detail}"
    return verdict.deciding.same_state.not_compared or "nothing was found out"


def _keep(tree: Tree, seen: Seen, directory: Path) -> None:
    make_directory(directory.parent)
    shutil.copytree(tree.project.records, directory)
    write_atomically(directory / _HANDLERS, json.dumps(_handlers(seen), indent=2) + "\n")


def _kept(baseline: Path, number: int, name: str) -> str:
    return (baseline / str(number) / name).read_text(encoding="utf-8")


def _handlers(seen: Seen) -> list[str]:
    """What the handlers did; the machines come in any order."""
    return sorted(seen.handlers)


def _unlike(tree: Tree, baseline: Path, twin: Path, stage: Sequence[Past], *, with_new: bool) -> list[Kill]:
    """What the machines are like that those of the unmutated role are not, and what was restarted there, and not here.

    The machines of one verdict are alike by then: what is wrong is the same on both.
    """
    found = []
    for past in stage:
        label = past.label if len(stage) > 1 else scenario.NAMES[1]
        said = _unlike_machine(tree, baseline, label, twin)
        if said:
            found.append(Kill(Oracle.PLAN, said, past.name))
    said = "" if found or not with_new else _difference(tree, baseline, FRESH, twin)
    return found or ([Kill(Oracle.PLAN, said)] if said else [])


def _difference(tree: Tree, baseline: Path, label: str, twin: Path, moment: str = AFTER) -> str:
    """The first thing in which a machine is not like that of the unmutated role; nothing where there is none."""
    names, rules = Names("unmutated", "mutant"), comparing.rules(tree.project)
    with (
        RecordFile(baseline / file_name(label, moment)) as a,
        RecordFile(tree.project.records / file_name(label, moment)) as b,
        RecordFile(twin) as other,
    ):
        written = kept_records.read_wrote(tree.project).paths
        found = compare(a, b, rules, names=names, every_allowance_needed=False, twin=other, written=written).findings
    return found[0].why if found else ""


def _unlike_machine(tree: Tree, baseline: Path, label: str, twin: Path, moment: str = AFTER) -> str:
    """The first thing in which a machine in production is not like that of the unmutated role, or was run otherwise."""
    found = _difference(tree, baseline, label, twin, moment)
    if found:
        return found
    there, here = (_runs(place, label, moment) for place in (baseline, tree.project.records))
    for what, unmutated, mutant in zip(("restarted", "reloaded"), there, here, strict=True):
        odd = sorted({*unmutated} ^ {*mutant})
        if odd:
            return f"{odd[0]} is {what} by the {'unmutated role' if odd[0] in unmutated else 'mutant'} alone"
    return ""


def _runs(records: Path, label: str, moment: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which services of a machine in production were restarted until a moment, and which were only reloaded."""
    files = (records / file_name(label, each) for each in (BEFORE, moment))
    with RecordFile(next(files)) as before, RecordFile(next(files)) as after:
        return plan.runs(before, after)
