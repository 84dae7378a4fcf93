"""A run over many mutants: the role as it is first, then workers side by side, each result kept as it comes."""

import os
import queue
import shutil
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Lock

from tdi.content import history
from tdi.errors import TdiError
from tdi.images import base_image
from tdi.images.base_image import BaseImage
from tdi.mutants import keeping, tree, trial
from tdi.mutants.mutant import Mutant
from tdi.mutants.progress import Progress
from tdi.mutants.results import MutantResult, Results, Status
from tdi.mutants.trial import Came
from tdi.mutants.worker import Work, Worker
from tdi.outside import docker
from tdi.project import Project, fingerprint
from tdi.same_state import new_machines

_LEAST = 180.0
"""Seconds that every mutant may take: a unit that does not start lets Ansible wait for a minute and more."""

_TIMES = 6.0
"""How many times longer than the unmutated role a mutant may take: its neighbours on the same processors are busy."""

_MEMORY = 1 << 30
"""Bytes of memory for each job: an Ansible, a pytest, and the machines of a verdict."""


@dataclass(frozen=True)
class Order:
    """What there is to try, and how."""

    mutants: Sequence[Mutant]
    """Those of this shard."""
    made: int
    """How many there are in all shards."""
    shard: tuple[int, int] = (1, 1)
    asked: tuple[str, ...] = ()
    """The pasts, where they are not to be those of the project."""
    full: bool = False
    jobs: int = 0
    """How many are tried at once; 0 is as many as processors and memory are there for."""
    seconds: float | None = None
    """When to begin no further one, from the start of the run."""
    resume: bool = False


def directory(project: Project) -> Path:
    """Where everything on mutants is kept."""
    return project.artifacts / "mutants"


def header(project: Project, order: Order, platform: str) -> Results:
    """What the results of a run are of, without any yet."""
    return Results(
        revision=history.checked_out(project) or "",
        tree=fingerprint(tree.files(project)),
        platform=platform,
        full=order.full,
        made=order.made,
        sources={mutant.path: mutant.original for mutant in order.mutants},
    )


def run(project: Project, order: Order, progress: Progress) -> Results:
    """Try the mutants of `order` and return what came of them and of those that an earlier run had tried.

    Whatever ends it, what is known by then is kept (tdi.mutants.keeping). Raises TdiError where the unmutated role does
    not pass, where an earlier run was of another tree, or where the engine does not answer any more.
    """
    began = time.monotonic()
    tree.deployed(project)
    project.prepare_artifacts()
    base = base_image.ensure(project)
    head = header(project, order, base.platform)
    place = directory(project)
    with keeping.keeper(place, head, order.shard, resume=order.resume) as keeper:
        left = [mutant for mutant in order.mutants if mutant.id not in keeper.known]
        progress.known(len(order.mutants), keeper.known.values())
        if left:
            twin, slowest = _baseline(project, base, order, head.tree, progress)
            limit = max(_LEAST, _TIMES * slowest)
            work = Work(
                str(project.root),
                str(project.artifacts),
                str(place / "baseline"),
                str(twin),
                order.asked,
                order.full,
                limit,
            )
            until = None if order.seconds is None else began + order.seconds
            _Pool(work, left, keeper, progress, until).run(order.jobs or jobs())
    return replace(head, mutants=tuple(keeper.known.values()), seconds=time.monotonic() - began)


def jobs() -> int:
    """As many as there are processors, and memory for."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(len(os.sched_getaffinity(0)), free // _MEMORY))


def _baseline(
    project: Project, base: BaseImage, order: Order, tree_under_test: str, progress: Progress
) -> tuple[Path, float]:
    """Have the role as it is tried, and its twin; return the twin's record and the seconds that the trial took.

    What an earlier run of the same tree made is taken.
    """
    place = directory(project) / "baseline"
    key = place / "of"
    words = "\n".join((tree_under_test, base.id, *order.asked))
    twin = place / "twin.json"
    if order.resume and key.exists() and key.read_text(encoding="utf-8").partition("\n\n")[0] == words:
        return twin, float(key.read_text(encoding="utf-8").rpartition("\n")[2])
    progress.say("The unmutated role comes first")
    with tempfile.TemporaryDirectory(prefix="tdi-mutants-") as temporary:
        copy = tree.copied(project, tree.deployed(project), Path(temporary), place.with_name("unmutated"))
        began = time.monotonic()
        trial.unmutated(copy, order.asked, place)
        slowest = time.monotonic() - began
        made = new_machines.twin(copy.project, base, boot=True)
        for source, target in ((made.record, twin), (made.booted, new_machines.booted_of(twin))):
            if source:
                shutil.copy2(source, target)
    key.write_text(f"{words}\n\n{slowest}", encoding="utf-8")
    progress.say(f"The unmutated role passes ({slowest:.0f} s)")
    return twin, slowest


class _Pool:
    """Workers, each of which takes the next mutant when it has done with one."""

    def __init__(
        self, work: Work, mutants: Sequence[Mutant], keeper: keeping.Keeper, progress: Progress, until: float | None
    ) -> None:
        self._work, self._keeper, self._progress, self._until = work, keeper, progress, until
        self._left: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
        for mutant in mutants:
            self._left.put(mutant)
        self._stopped = Event()
        self._one_at_a_time = Lock()

    def run(self, workers: int) -> None:
        """Try all, with so many workers. Raises TdiError where there is no use in going on."""
        started = [Worker(self._work, number) for number in range(workers)]
        try:
            with ThreadPoolExecutor(max_workers=workers) as pool:
                try:
                    list(pool.map(self._go_on, started))
                except BaseException:
                    # The pool waits for its threads: they come back when their workers end.
                    self._stopped.set()
                    for worker in started:
                        worker.interrupt()
                    raise
        finally:
            for worker in started:
                worker.close()

    def _go_on(self, worker: Worker) -> None:
        while not self._stopped.is_set() and (self._until is None or time.monotonic() < self._until):
            try:
                mutant = self._left.get_nowait()
            except queue.Empty:
                return
            began = time.monotonic()
            self._progress.begins(mutant)
            came = worker.tried(mutant)
            if self._stopped.is_set():
                return
            if came.status is Status.COULD_NOT_RUN:
                # Where nothing can be run any more, no mutant is to blame.
                docker.engine()
                if worker.has_ended:
                    raise TdiError(f"A process that tried mutants has ended: {worker.log} says why.")
            self._keep(mutant, came, time.monotonic() - began)

    def _keep(self, mutant: Mutant, came: Came, seconds: float) -> None:
        result = MutantResult.of(mutant, came.status, came.kills, seconds, came.why)
        with self._one_at_a_time:
            self._keeper.add(result)
            self._progress.ended(result)
