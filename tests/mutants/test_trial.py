"""When the pasts after the first need no verdict of their own: one converge makes what the unmutated role makes."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from by_hand import file, record

from tdi.content.history import Before
from tdi.molecule.pasts import Past
from tdi.mutants import trial
from tdi.mutants.tree import Tree
from tdi.mutants.watch import Watch
from tdi.project import Project

RUNS = {"web.service": ["first", 1]}
HANDLER = "upgrade in the first run: Reload: changed"
LATER = "upgrade in the second run: Reload: skipped"


@dataclass
class Made:
    """What one converge makes of a machine in production."""

    files: dict[str, Any] = field(default_factory=lambda: {"/etc/web": file()})
    runs: dict[str, Any] = field(default_factory=lambda: {"web.service": ["second", 1]})
    handlers: list[str] = field(default_factory=lambda: [HANDLER])
    held: bool = True

    def write(self, records: Path) -> None:
        records.mkdir(parents=True, exist_ok=True)
        record(records / "upgrade-before.json", {"files": {}}, runs=RUNS).close()
        record(records / "upgrade-converged.json", {"files": self.files}, runs=self.runs).close()


@pytest.fixture
def alike(checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Made], bool]:
    """Whether a mutant that makes this is taken to be as the unmutated role."""
    unmutated = Made()
    unmutated.write(tmp_path / "baseline")
    (tmp_path / "baseline" / "handlers.json").write_text(json.dumps([*unmutated.handlers, LATER]))
    record(tmp_path / "twin.json", {"files": {}}).close()

    @contextmanager
    def run() -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(directory=tmp_path / "run")

    monkeypatch.setattr(trial, "new_run", run)
    monkeypatch.setattr(trial, "DockerBed", lambda *_: SimpleNamespace())

    def asked(made: Made) -> bool:
        def converge_once(_bed: object, watch: Watch) -> bool:
            watch.seen.handlers.extend(made.handlers)
            made.write(checkout.records)
            return made.held

        monkeypatch.setattr(trial.steps, "converge_once", converge_once)
        tree = Tree(checkout, Before("0" * 40, "HEAD", checkout.root))
        places = tmp_path / "baseline", tmp_path / "twin.json", tmp_path / "new"
        return trial._is_made_as_unmutated(tree, [Past("old")], *places)

    return asked


def test_a_machine_that_is_the_same_needs_no_verdict(alike: Callable[[Made], bool]):
    assert alike(Made())


@pytest.mark.parametrize(
    "made",
    [
        Made(held=False),
        Made(files={"/etc/web": file(mode="0600")}),
        Made(handlers=["upgrade in the first run: Reload: skipped"]),
        Made(handlers=[]),
        Made(runs=RUNS),
        Made(runs={"web.service": ["first", 2]}),
    ],
    ids=["it failed", "another file", "another handler", "no handler", "no restart", "a reload for a restart"],
)
def test_a_machine_that_is_not_the_same_has_a_verdict(alike: Callable[[Made], bool], made: Made):
    assert not alike(made)
