"""The twin: when it is made, when the kept one serves, and whom a role that fails on it is told of."""

from pathlib import Path
from typing import Any

import pytest

from tdi.errors import TdiError
from tdi.images.base_image import BaseImage
from tdi.machines.machine import Machine, Part
from tdi.outside.ansible import Failure
from tdi.project import Project
from tdi.same_state import comparing, kept_records, new_machines
from tdi.state.compare import Result, compare
from tdi.state.record import RecordFile, ScopeHeader, write_record

BASE = BaseImage("debian-13", "sha256:base", "base", "here", "why")
TWIN = Machine("tdi-0123-twin", "twin", "fresh", Part.NEW)


def write(project: Project, file: Path, digest: str = "b2:1", base: str = BASE.id, name: str = "twin") -> None:
    """Write the record of a machine with one file."""
    meta = {"key": kept_records.key(project, base), "target": name, "hostname": name}
    plain = {
        "type": "file",
        "mode": "0644",
        "owner": "root",
        "group": "root",
        "size": 100,
        "origin": {"kind": "nobody"},
    }
    write_record(file, meta, {"files": (ScopeHeader(), [("/etc/app/id", {**plain, "hash": digest})])})


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The machines that were made, in place of making any."""
    labels: list[str] = []

    def record(project: Project, base: BaseImage, label: str, file: Path, booted: Path | None = None) -> None:
        labels.append(f"{label} and booted" if booted else label)
        write(project, file, f"b2:{label}", base.id)
        if booted:
            write(project, booted, f"b2:{label}", base.id)

    monkeypatch.setattr(new_machines, "record", record)
    return labels


def test_a_twin_is_made_once_for_a_tree(checkout: Project, made: list[str], capsys: pytest.CaptureFixture[str]):
    first = new_machines.twin(checkout, BASE)
    assert "A twin of fresh is made" in capsys.readouterr().err
    assert new_machines.twin(checkout, BASE) == first
    assert made == ["twin"]
    assert not capsys.readouterr().err


def test_another_role_or_base_image_has_another_twin(checkout: Project, made: list[str]):
    files = {new_machines.twin(checkout, BASE)}
    files.add(new_machines.twin(checkout, BaseImage("debian-12", "sha256:other", "base", "here", "why")))
    (checkout.root / "roles" / "nginx" / "tasks" / "main.yml").write_text("---\n")
    files.add(new_machines.twin(checkout, BASE))
    assert len(files) == len(made) == 3


@pytest.mark.parametrize("spoil", ["damaged", "of another key"])
def test_a_twin_that_cannot_be_used_is_made_anew_and_that_is_said(
    checkout: Project, made: list[str], capsys: pytest.CaptureFixture[str], spoil: str
):
    file = new_machines.twin(checkout, BASE).record
    if spoil == "damaged":
        file.write_bytes(file.read_bytes()[:-20])
    else:
        write(checkout, file, base="sha256:other")
    capsys.readouterr()
    new_machines.twin(checkout, BASE)
    assert made == ["twin", "twin"]
    assert ("truncated or damaged" if spoil == "damaged" else "of another base image") in capsys.readouterr().err
    with RecordFile(file) as record:
        assert record.meta["key"] == kept_records.key(checkout, BASE.id)


def test_a_twin_is_booted_again_only_where_that_is_asked_for(checkout: Project, made: list[str]):
    assert new_machines.twin(checkout, BASE).booted is None
    first = new_machines.twin(checkout, BASE, boot=True)
    assert made == ["twin", "twin and booted"]
    assert first.booted
    assert first.booted.is_file()
    # What is kept serves both, and who did not ask is not given it.
    assert new_machines.twin(checkout, BASE, boot=True) == first
    assert new_machines.twin(checkout, BASE).booted is None
    assert len(made) == 2


@pytest.mark.usefixtures("made")
def test_only_the_last_twins_are_kept(checkout: Project):
    for number in range(new_machines.KEPT_TWINS + 3):
        new_machines.twin(checkout, BaseImage("debian-13", f"sha256:{number}", "base", "here", "why"))
    assert len(list((checkout.artifacts / "twins").iterdir())) == new_machines.KEPT_TWINS


@pytest.mark.parametrize(
    ("failure", "trouble", "mirror", "unsteady"),
    [
        (Failure("Task", "", "no such thing"), None, None, True),
        (Failure("Task", "", "apt failed"), None, None, True),
        (Failure("Task", "", "apt failed"), None, "the mirror is down", False),
        (Failure("Task", "", "no such thing"), "it is gone", None, False),
        (Failure("Task", "", "x", unreachable=True), None, None, False),
        (None, None, None, False),
    ],
)
def test_a_role_that_fails_on_a_new_machine_is_told_from_a_test_bed_that_does(
    monkeypatch: pytest.MonkeyPatch, failure: Failure | None, trouble: str | None, mirror: str | None, *, unsteady: bool
):
    monkeypatch.setattr(new_machines.lifecycle, "trouble", lambda _: trouble)
    monkeypatch.setattr(new_machines.lifecycle, "mirror_trouble", lambda *_: mirror)
    monkeypatch.setattr(new_machines.lifecycle, "this_run", lambda: "0123")
    error = new_machines._failed(TWIN, BASE, failure, Path("log"))
    assert isinstance(error, new_machines.UnsteadyError) is unsteady
    if mirror or trouble:
        assert str(mirror or trouble) in error.what


def _compared(project: Project, tmp_path: Path, twin: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Compare two machines whose one file differs, as the verifier does, with a `twin` in place of the real one."""
    for name in ("new", "upgraded"):
        write(project, tmp_path / f"{name}.json", f"b2:{name}", name=name)
    monkeypatch.setattr(new_machines, "twin", twin)
    monkeypatch.setattr(kept_records, "later", lambda *_: tmp_path / "upgraded.json")
    with RecordFile(tmp_path / "new.json") as new, RecordFile(tmp_path / "upgraded.json") as upgraded:

        def compared(**witnesses: Any) -> Any:
            return compare(new, upgraded, **witnesses)

        return comparing._with_witnesses(project, BASE, TWIN, compared, (new, upgraded))


def test_what_differs_from_the_twin_as_well_is_no_drift(
    checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "twin.json"
    write(checkout, file, "b2:twin")
    assert (
        _compared(checkout, tmp_path, lambda *_, **__: new_machines.Twin(file, None), monkeypatch).result is Result.SAME
    )


def test_what_the_twin_has_as_the_new_machine_is_drift(
    checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "twin.json"
    write(checkout, file, "b2:new")
    assert (
        _compared(checkout, tmp_path, lambda *_, **__: new_machines.Twin(file, None), monkeypatch).result
        is Result.DIFFERENT
    )


def test_a_role_that_fails_on_the_twin_is_a_finding_of_its_own(
    checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fails(*_: object, **__: object) -> Path:
        raise new_machines.UnsteadyError("A new machine could not be converged: task 'x'", "The log: y")

    found = _compared(checkout, tmp_path, fails, monkeypatch)
    assert [each.key for each in found.findings] == ["twin", "/etc/app/id"]
    assert "not steady" in found.findings[0].why
    assert comparing.failures(found, comparing.RULES)


def test_trouble_of_the_test_bed_with_the_twin_is_no_finding(
    checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fails(*_: object, **__: object) -> Path:
        raise TdiError("the disk is full")

    with pytest.raises(TdiError, match="the disk is full"):
        _compared(checkout, tmp_path, fails, monkeypatch)


def test_a_twin_that_was_made_anew_without_a_boot_is_booted_where_that_is_asked_for(
    checkout: Project, monkeypatch: pytest.MonkeyPatch
):
    def record(project: Project, base: BaseImage, _label: str, file: Path, booted: Path | None = None) -> None:
        for each in (file, booted):
            if each:
                write(project, each, base=base.id)

    monkeypatch.setattr(new_machines, "record", record)
    new_machines.twin(checkout, BASE, boot=True).record.unlink()
    assert new_machines.twin(checkout, BASE).booted is None
    assert new_machines.twin(checkout, BASE, boot=True).booted
