"""Which record may be compared, and where the records of a run are kept."""

import gzip
import json
import shutil
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tdi import project
from tdi.errors import TdiError
from tdi.machines import manifest
from tdi.machines.machine import Machine, Part
from tdi.machines.manifest import Manifest
from tdi.project import Project
from tdi.same_state import kept_records
from tdi.same_state.kept_records import Found
from tdi.state.compare import Result
from tdi.state.finding import Finding, Kind, Severity
from tdi.state.record import RecordFile, ScopeHeader, write_record

BASE = "sha256:base"


@pytest.fixture
def kept(checkout: Project) -> Path:
    """The record of a new machine, of this very checkout."""
    checkout.prepare_artifacts()
    file = kept_records.path_of(checkout, "fresh")
    scopes = {"packages": (ScopeHeader(), [("nginx", {"version": "1"})])}
    write_record(file, {"hostname": "machine", "key": kept_records.key(checkout, BASE)}, scopes)
    return file


def test_the_record_of_this_role_playbook_and_base_image_is_used(checkout: Project, kept: Path):
    assert kept_records.why_unusable(checkout, kept, BASE) is None


def test_a_missing_record_is_not_used(checkout: Project, kept: Path):
    kept.unlink()
    assert kept_records.why_unusable(checkout, kept, BASE) == "there is none"


def test_a_record_of_something_else_is_not_used_and_says_of_what(checkout: Project, kept: Path):
    assert kept_records.why_unusable(checkout, kept, "sha256:other") == "it is of another base image"
    (checkout.root / "roles" / "nginx" / "tasks" / "main.yml").write_text("---\n")
    assert kept_records.why_unusable(checkout, kept, BASE) == "it is of another role"
    (checkout.scenarios / "shared" / "converge.yml").write_text("---\n")
    assert kept_records.why_unusable(checkout, kept, BASE) == "it is of another role and playbook"
    (checkout.verifier / "record.yml").write_text("text: [^/etc/x$]\n")
    assert str(kept_records.why_unusable(checkout, kept, BASE)).endswith("and collector")


def test_each_module_of_the_collector_is_a_part_of_what_made_a_record(
    checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    collector = shutil.copytree(kept_records.COLLECTOR, tmp_path / "collector", ignore=shutil.ignore_patterns("*.pyc"))
    monkeypatch.setattr(kept_records, "COLLECTOR", collector)
    keys = {kept_records.key(checkout, BASE)["collector"]}
    modules = sorted(collector.rglob("*.py"))
    for module in modules:
        module.write_text("", encoding="utf-8") if module.stat().st_size else module.unlink()
        keys.add(kept_records.key(checkout, BASE)["collector"])
    assert len(keys) == len(modules) + 1


def _text(kept: Path) -> str:
    content = kept.read_bytes()
    return (gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content).decode()


@pytest.mark.parametrize("damage", [lambda text: text[: len(text) // 2], lambda _: "", lambda _: "{}", lambda _: "[1]"])
def test_a_record_that_is_not_whole_is_an_error_that_names_it(checkout: Project, kept: Path, damage):
    kept.write_text(damage(_text(kept)))
    with pytest.raises(TdiError) as error:
        kept_records.why_unusable(checkout, kept, BASE)
    assert str(kept) in error.value.what
    assert "\n" not in error.value.what


def test_a_record_of_another_schema_version_is_an_error(checkout: Project, kept: Path):
    document = json.loads(_text(kept))
    document["schema"] = 99
    kept.write_text(json.dumps(document))
    with pytest.raises(TdiError, match="99"):
        kept_records.why_unusable(checkout, kept, BASE)


def apart(checkout: Project, directory: Path) -> AbstractContextManager[None]:
    return manifest.in_force(Manifest(checkout.root, checkout.artifacts, directory / "apart"), directory)


def test_records_of_a_run_are_kept_apart_while_it_runs_and_replace_the_former_ones_after(
    checkout: Project, kept: Path, tmp_path: Path
):
    stale = kept_records.comparison_path(checkout)
    stale.write_text("{}")
    with apart(checkout, tmp_path), project.kept(tmp_path / "apart", checkout.records):
        assert kept_records.path_of(checkout, "fresh") == tmp_path / "apart" / "fresh.json"
        assert kept_records.read_comparison(checkout, "upgrade") is None
        kept_records.path_of(checkout, "fresh").write_text("new")
        kept_records.path_of(checkout, "upgrade", kept_records.BEFORE).write_text("before")
        assert kept.exists()
    assert manifest.current() is None
    assert kept.read_text() == "new"
    assert (checkout.records / "upgrade-before.json").read_text() == "before"
    assert not stale.exists()


def test_records_are_kept_when_the_run_fails(checkout: Project, kept: Path, tmp_path: Path):
    def run() -> None:
        with apart(checkout, tmp_path), project.kept(tmp_path / "apart", checkout.records):
            kept_records.path_of(checkout, "fresh").write_text("new")
            raise TdiError("trouble")

    with pytest.raises(TdiError):
        run()
    assert kept.read_text() == "new"


@pytest.mark.parametrize(("text", "said"), [("texts: []", "'texts'"), ("a: b: c", "not YAML")])
def test_settings_that_cannot_be_used_are_an_error(checkout: Project, text: str, said: str):
    (checkout.verifier / "record.yml").write_text(text)
    with pytest.raises(TdiError, match=said) as error:
        kept_records.settings(checkout)
    assert "record.yml" in error.value.what


FINDING = Finding("1", "files", "/etc/app", Kind.ONLY_B, Severity.LEFT_OVER, "nobody", (), "It is there.", "Remove it.")


@pytest.mark.parametrize(
    ("result", "gone", "found"),
    [
        ("different", {}, Found(Result.DIFFERENT, (FINDING,), ("Nothing needs it.",), 2)),
        ("unknown", {"files": "gone"}, Found(Result.UNKNOWN, (FINDING,), ("Nothing needs it.",), 2, (), "files: gone")),
        ("same", {"sysctl": "off"}, Found(Result.SAME, (FINDING,), ("Nothing needs it.",), 2)),
    ],
)
def test_the_comparison_that_the_verifier_wrote_is_read_as_what_it_was(
    checkout: Project, result: str, gone: dict[str, str], found: Found
):
    document = {"result": result, "findings": [FINDING.as_json()], "not_compared": gone, "from_bases": [{}, {}]}
    kept_records.comparison_path(checkout).parent.mkdir(parents=True)
    kept_records.comparison_path(checkout).write_text(json.dumps({**document, "problems": ["Nothing needs it."]}))
    assert kept_records.read_comparison(checkout, "upgrade") == found


def test_where_no_comparison_was_made_there_is_none(checkout: Project):
    assert kept_records.read_comparison(checkout, "upgrade") is None


MACHINE = Machine("tdi-x-upgrade", "upgrade", "upgrade", Part.UPGRADED)


def _known(project: Project, directory: Path, collector: str | None = None) -> Path:
    """The record of a machine of the image, made elsewhere."""
    file = directory / "known.json"
    made_with = {"collector": collector or kept_records.key(project, "")["collector"]}
    meta = {"key": made_with, "runs": {"nginx.service": ["elsewhere", "1"]}, "scenario": ""}
    write_record(file, meta, {"files": (ScopeHeader(), [("/etc/app", {"type": "file"})])})
    return file


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_records.recording, "runs", lambda *_: {"nginx.service": ["here", "7"]})


@pytest.mark.usefixtures("runs")
def test_what_is_known_of_an_image_is_taken_with_the_runs_of_this_machine(checkout: Project, tmp_path: Path):
    assert kept_records.take_known(checkout, MACHINE, _known(checkout, tmp_path))
    with RecordFile(kept_records.path_of(checkout, "upgrade", kept_records.BEFORE)) as record:
        assert list(record.objects("files")) == [("/etc/app", '{"type":"file"}')]
        assert record.meta["runs"] == {"nginx.service": ["here", "7"]}
        assert record.meta["scenario"] == "upgrade"


@pytest.mark.usefixtures("runs")
def test_what_another_collector_recorded_is_not_taken(checkout: Project, tmp_path: Path):
    assert not kept_records.take_known(checkout, MACHINE, _known(checkout, tmp_path, "another"))
    assert not kept_records.path_of(checkout, "upgrade", kept_records.BEFORE).exists()


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("content", [b"", b"{}", b"no record\nat all\n\n"])
def test_what_is_damaged_is_not_taken(checkout: Project, tmp_path: Path, content: bytes):
    file = tmp_path / "known.json"
    file.write_bytes(content)
    assert not kept_records.take_known(checkout, MACHINE, file)
