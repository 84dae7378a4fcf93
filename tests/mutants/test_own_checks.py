"""The project's own checks: which there are, which of them a mutant is given to, and what one says that fails."""

import tempfile
from pathlib import Path

import pytest

from tdi.errors import TdiError
from tdi.mutants import own_checks
from tdi.mutants.own_checks import Check
from tdi.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "molecule" / "fresh").mkdir(parents=True)
    return Project(tmp_path, tmp_path / "artifacts")


def said(project: Project, text: str) -> list[Check]:
    (project.root / "molecule" / "mutants.yml").write_text(text)
    return own_checks.declared(project)


def test_a_project_without_the_file_has_none(project: Project):
    assert own_checks.declared(project) == []


def test_a_check_is_of_all_files_unless_it_names_some(project: Project):
    every, some = said(project, "own_checks:\n- run: 'true'\n- {run: 'false', files: [roles/*/tasks/input.yml]}\n")
    assert every.is_of("roles/a/templates/b.j2")
    assert some.is_of("roles/a/tasks/input.yml")
    assert not some.is_of("roles/a/tasks/main.yml")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "checks: []",
        "own_checks: 3",
        "own_checks: [a]",
        "own_checks: [{run: [a]}]",
        "own_checks: [{}]",
        "a: [",
    ],
)
def test_what_is_no_list_of_checks_is_refused(project: Project, text: str):
    with pytest.raises(TdiError, match="cannot be used"):
        said(project, text)


def test_checks_are_run_in_the_tree_until_one_fails(tmp_path: Path):
    checks = [Check("touch one"), Check("echo first; echo last >&2; echo why; exit 3"), Check("touch two")]
    assert own_checks.failed(checks, tmp_path, 10).endswith("failed: why")
    assert [file.name for file in tmp_path.iterdir()] == ["one"]
    assert own_checks.failed(checks[:1], tmp_path, 10) == ""


def test_a_check_that_says_nothing_tells_its_exit_code(tmp_path: Path):
    assert own_checks.failed([Check("exit 3")], tmp_path, 10) == "`exit 3` failed: exit code 3"


def test_a_check_does_not_get_the_settings_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TDI_RUN_ID", "0123")
    assert own_checks.failed([Check('test -z "$TDI_RUN_ID"')], tmp_path, 10) == ""


def test_a_check_that_hangs_is_told(tmp_path: Path):
    with pytest.raises(TdiError, match="did not end"):
        own_checks.failed([Check("sleep 60")], tmp_path, 0.2)


def test_what_a_check_leaves_in_the_temporary_directory_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    assert own_checks.failed([Check('touch "$TMPDIR/left" && test -e "$TMPDIR/left"')], tmp_path, 10) == ""
    assert [*(tmp_path / "temporary").iterdir()] == []
