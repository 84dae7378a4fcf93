"""A run over mutants with workers that only pretend: what is kept, what is tried again, and what ends it."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from conftest import Repository
from tdi.errors import TdiError
from tdi.mutants import keeping, run
from tdi.mutants.mutant import Edit, Mutant
from tdi.mutants.progress import Progress
from tdi.mutants.results import Kill, MutantResult, Oracle, Status
from tdi.mutants.trial import Came
from tdi.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = "".join(f"line {number}\n" for number in range(6))
MUTANTS = [
    Mutant("drop", "roles/a/tasks/main.yml", Edit(7 * n, 7 * n + 7, "", f"line {n} is gone"), TEXT) for n in range(6)
]
KILLED = Came(Status.KILLED, (Kill(Oracle.FRESH_TESTS, "test_a"),))


class Workers:
    """Workers that know what comes of each mutant."""

    def __init__(self) -> None:
        self.came: Callable[[Mutant], Came] = lambda _: KILLED
        self.tried: list[str] = []
        self.interrupted = self.closed = 0
        self.log = Path("worker.log")
        self.has_ended = False

    def __call__(self, _work: object, _number: int) -> "Workers":
        return self

    def tried_by(self, mutant: Mutant) -> Came:
        self.tried.append(mutant.id)
        return self.came(mutant)

    def interrupt(self) -> None:
        self.interrupted += 1

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def project(repository: Repository) -> Project:
    repository.commit(roles__a__tasks__main=TEXT)
    return repository.project()


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch, project: Project) -> Workers:
    made = Workers()
    worker = SimpleNamespace(
        tried=made.tried_by, interrupt=made.interrupt, close=made.close, log=made.log, has_ended=False
    )
    made.worker = worker  # type: ignore[attr-defined]
    monkeypatch.setattr(run, "Worker", lambda *_: worker)
    monkeypatch.setattr(run.base_image, "ensure", lambda _: SimpleNamespace(id="sha256:1", platform="debian-13"))
    monkeypatch.setattr(run, "_baseline", lambda *_: (project.artifacts / "twin.json", 1.0))
    monkeypatch.setattr(run.docker, "engine", lambda: None)
    return made


def results(project: Project, **order: Any) -> list[MutantResult]:
    """Run, and return what came of it."""
    given = run.Order(MUTANTS, len(MUTANTS), **{"jobs": 2, **order})
    return list(run.run(project, given, Progress()).mutants)


def kept(project: Project) -> set[str]:
    """The ids that are in the file of results."""
    return {each.id for each in keeping.read(run.directory(project) / keeping.NAME).mutants}


def test_every_mutant_is_tried_once_and_kept(project: Project, workers: Workers):
    assert {each.id for each in results(project)} == {each.id for each in MUTANTS}
    assert sorted(workers.tried) == sorted(each.id for each in MUTANTS)
    assert kept(project) == {each.id for each in MUTANTS}
    assert workers.closed == 2


def test_an_interrupt_keeps_what_is_known_and_goes_on_from_there(project: Project, workers: Workers):
    def came(mutant: Mutant) -> Came:
        if mutant is MUTANTS[3]:
            raise KeyboardInterrupt
        return KILLED

    workers.came = came
    with pytest.raises(KeyboardInterrupt):
        results(project, jobs=1)
    assert kept(project) == {each.id for each in MUTANTS[:3]}
    assert (workers.interrupted, workers.closed) == (1, 1)
    workers.came, workers.tried = lambda _: KILLED, []
    assert len(results(project, resume=True)) == len(MUTANTS)
    assert set(workers.tried) == {each.id for each in MUTANTS[3:]}


def test_no_further_mutant_is_begun_after_the_time(project: Project, workers: Workers):
    assert results(project, seconds=0.0) == []
    assert not workers.tried


def test_what_could_not_be_run_is_told_and_tried_again_later(project: Project, workers: Workers):
    workers.came = lambda _: Came(Status.COULD_NOT_RUN, why="no mirror")
    assert {each.status for each in results(project)} == {Status.COULD_NOT_RUN}
    workers.came, workers.tried = lambda _: KILLED, []
    assert {each.status for each in results(project, resume=True)} == {Status.KILLED}


def test_an_engine_that_was_killed_ends_the_run_and_no_mutant_is_to_blame(
    project: Project, workers: Workers, monkeypatch: pytest.MonkeyPatch
):
    def gone() -> None:
        raise TdiError("The Docker engine does not answer.")

    workers.came = lambda mutant: KILLED if mutant in MUTANTS[:2] else Came(Status.COULD_NOT_RUN, why="no engine")
    monkeypatch.setattr(run.docker, "engine", gone)
    with pytest.raises(TdiError, match="does not answer"):
        results(project, jobs=1)
    assert kept(project) == {each.id for each in MUTANTS[:2]}


def test_a_worker_that_has_ended_is_told(project: Project, workers: Workers):
    workers.came = lambda _: Came(Status.COULD_NOT_RUN, why="it has ended")
    workers.worker.has_ended = True  # type: ignore[attr-defined]
    with pytest.raises(TdiError, match="has ended"):
        results(project, jobs=1)


def test_a_result_that_comes_after_the_interrupt_is_not_kept(project: Project, workers: Workers):
    together = threading.Barrier(2)

    def came(mutant: Mutant) -> Came:
        together.wait(timeout=10)
        if mutant is MUTANTS[0]:
            raise KeyboardInterrupt
        while not workers.interrupted:
            pass
        return Came(Status.COULD_NOT_RUN, why="it was interrupted")

    workers.came = came
    with pytest.raises(KeyboardInterrupt):
        results(project)
    assert kept(project) == set()


def test_a_project_without_history_is_told(tmp_path: Path):
    with pytest.raises(TdiError, match="needs the checkout's git history"):
        run.run(Project(tmp_path, tmp_path / "artifacts"), run.Order((), 0), Progress())
