"""The benchmark of server packages: which there are, and what is said of what was measured. No Docker is needed."""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from by_hand import Scopes, file, record

from conftest import ROOT
from tdi.state.record import ScopeHeader, ScopeStatus


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark, which runs on records that were kept."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("packages")


@pytest.fixture
def kept(packages: ModuleType, tmp_path: Path) -> Callable[..., Path]:
    """A group whose records were kept: each a machine with one file of the content that is given."""

    def keep(name: str, trouble: str = "", **contents: str) -> Path:
        directory = tmp_path / "records" / name
        packages.Facts((f"{name}-server", "shared"), 61.4, ("a.service failed",), trouble).write(directory)
        for machine, content in contents.items():
            scopes: Scopes = {"files": {"/etc/x": file(hash=content)}}
            record(directory / f"{machine.replace('_', '-')}.json.gz", scopes).close()
        return directory

    return keep


SAME = {"A": "b2:1", "A_later": "b2:1", "B": "b2:1", "C": "b2:1", "upgraded": "b2:1"}


def test_there_are_at_least_sixty_packages_and_each_group_is_named_once(packages: ModuleType):
    names = [group.name for group in packages.GROUPS]
    assert len(names) == len(set(names))
    assert len({package for group in packages.GROUPS for package in group.packages}) >= 60
    # On a machine that has a package already, installing it would measure nothing.
    assert all(len(group.packages) == len(set(group.packages)) for group in packages.GROUPS)
    # They are a part of what containers and images are called.
    assert all(name == name.lower() and name.replace("-", "").isalnum() for name in names)


def test_groups_are_chosen_by_name_and_by_platform(packages: ModuleType, monkeypatch: pytest.MonkeyPatch):
    package_groups = importlib.import_module("package_groups")
    few = (package_groups.Group("old", ("a",), missing=("debian-13",)), package_groups.Group("new", ("b",)))
    monkeypatch.setattr(package_groups, "GROUPS", few)
    assert [group.name for group in packages.chosen([], "debian-12")] == ["old", "new"]
    assert [group.name for group in packages.chosen([], "debian-13")] == ["new"]
    assert [group.name for group in packages.chosen(["new"], "debian-12")] == ["new"]


def test_an_unknown_group_is_named(packages: ModuleType):
    with pytest.raises(SystemExit, match="There is no group 'nothing'"):
        packages.main(["--groups", "nothing"])


def test_equal_machines_hold(packages: ModuleType, kept: Callable[..., Path]):
    row = packages.judged(kept("one", **SAME))
    assert [len(each.alone) for each in row.compared.values()] == [0, 0, 0]
    assert row.holds


@pytest.mark.parametrize(("machine", "columns"), [("B", [2, 3]), ("upgraded", [4, 5]), ("A_later", [6])])
def test_a_difference_stands_in_the_column_of_its_machine(
    packages: ModuleType, kept: Callable[..., Path], machine: str, columns: list[int]
):
    row = packages.judged(kept("one", **{**SAME, machine: "b2:2"}))
    assert [at for at, cell in enumerate(packages.cells(row)) if cell == "1"] == columns
    assert not row.holds
    assert "/etc/x: its content differs" in packages.said(row)


def test_a_scope_that_was_not_compared_is_named_and_does_not_hold(packages: ModuleType, kept: Callable[..., Path]):
    directory = kept("one", **SAME)
    partial = {"files": ScopeHeader(ScopeStatus.UNAVAILABLE, "no reason")}
    record(directory / "B.json.gz", {"files": {}}, partial).close()
    row = packages.judged(directory)
    assert row.not_compared == ("files",)
    assert not row.holds


def test_a_group_without_packages_is_no_pass_and_says_why(packages: ModuleType, kept: Callable[..., Path]):
    row = packages.judged(kept("one", "The packages cannot be had: E: no such thing"))
    assert not row.holds
    assert packages.cells(row)[-1] == "The packages cannot be had: E: no such thing"
    assert packages.cells(row)[2:7] == ("-",) * 5


def test_a_group_without_an_upgraded_machine_is_no_pass(packages: ModuleType, kept: Callable[..., Path]):
    row = packages.judged(kept("one", **{name: content for name, content in SAME.items() if name != "upgraded"}))
    assert packages.cells(row)[4] == "-"
    assert not row.holds


def test_the_table_has_a_row_for_each_group_and_as_many_cells_in_each(packages: ModuleType, kept: Callable[..., Path]):
    rows = [packages.judged(kept("one", **SAME)), packages.judged(kept("two", "a | b"))]
    lines = packages.table(rows).splitlines()
    assert [line.split(" | ")[0] for line in lines] == ["| group", "| ---", "| one", "| two"]
    assert {line.count("|") for line in lines} == {len(packages.HEADS) + 1}
    assert "| one | one-server, shared | 0 | 0 | 0 | 0 | 0 | none | 61 | a.service failed |" in lines


def test_the_summary_has_the_middle_group_and_counts_packages_once(packages: ModuleType, kept: Callable[..., Path]):
    others = dict.fromkeys(("B", "C"), "b2:2")
    rows = [packages.judged(kept("one", **SAME))]
    rows += [packages.judged(kept(name, **{**SAME, **others})) for name in ("two", "three")]
    rows += [packages.judged(kept("gone", "not to be had"))]
    lines = packages.summary(rows).splitlines()
    assert lines[:2] == ["4 groups, 4 packages", "not to be had: gone"]
    assert "new and other new, no twin: 3 groups, 1 in the middle group, 1 in the worst, 2 in all" in lines
    assert "new and upgraded, no twin: 3 groups, 0 in the middle group, 0 in the worst, 0 in all" in lines


def test_a_note_is_said_once_with_the_machines_that_it_is_true_of(packages: ModuleType):
    notes = {"A": ["x failed", "y failed"], "B": ["x failed"], "C": ["x failed"], "upgraded": ["x failed", "y failed"]}
    assert list(packages._together(notes)) == ["x failed", "y failed (A and upgraded)"]


def test_kept_records_are_compared_again_without_docker(
    packages: ModuleType, kept: Callable[..., Path], capsys: pytest.CaptureFixture[str]
):
    first = packages.GROUPS[0].name
    directory = kept(first, **{**SAME, "B": "b2:2"}).parent
    assert packages.main(["--from-records", str(directory)]) == 1
    assert f"| {first} |" in capsys.readouterr().out
    assert "/etc/x" in (directory / "findings.txt").read_text(encoding="utf-8")
    assert "1 groups" in (directory / "table.md").read_text(encoding="utf-8")
    kept(first, **SAME)
    assert packages.main(["--from-records", str(directory)]) == 0
