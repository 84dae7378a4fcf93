"""`tdi try`: patches that can be tried, and patches that cannot."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from conftest import Ended as EndedCommand
from conftest import Repository
from tdi.errors import TdiError
from tdi.project import Project
from tdi.same_state.kept_records import Found
from tdi.state.compare import Result as SameState
from tdi.verdict import patches
from tdi.verdict.outcome import Ended, Result, Step, Verdict

PAGE = "".join(f"line {number}\n" for number in range(1, 21))


@pytest.fixture
def project(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Project:
    repository.commit(**{"roles__page": PAGE, "molecule__fresh__molecule.yml": "---\n", ".gitignore": "/artifacts/\n"})
    monkeypatch.chdir(repository.root)
    return repository.project()


@pytest.fixture
def patch(repository: Repository, project: Project, tmp_path: Path) -> Callable[..., Path]:
    """Make a patch that gives files these contents; the checkout is as before."""

    def make(name: str = "my.patch", **files: str) -> Path:
        for file, text in files.items():
            (project.root / file.replace("__", "/")).write_text(text)
        repository.git("add", "--all")
        made = tmp_path / name
        made.write_text(repository.git("diff", "--cached", "--binary") + "\n")
        repository.git("reset", "--quiet", "--hard")
        return made

    return make


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Let every verdict be a pass, or what a file `class` in the patched copy asks for, and note what it was for."""
    seen: list[dict[str, Any]] = []

    def run_verdict(copy: Project, _display: object, before: Any, *, asked: Sequence[str] = ()) -> Verdict:
        files = {
            file.relative_to(copy.root).as_posix(): file.read_text() for file in copy.root.rglob("*") if file.is_file()
        }
        seen.append({"copy": copy, "before": before, "asked": asked, "files": files})
        verdict = Verdict("debian-13", same_state=Found(SameState(files.get("class", "same").strip())))
        for machine in verdict.machines.values():
            machine.steps = dict.fromkeys(Step, Ended(Result.PASS))
        return verdict

    monkeypatch.setattr(patches.run, "run_verdict", run_verdict)
    return seen


def test_a_patch_is_applied_to_a_copy_and_the_checkout_is_not_touched(
    tdi: Callable[..., EndedCommand],
    repository: Repository,
    project: Project,
    patch: Callable[..., Path],
    verdicts: list,
):
    made = patch(roles__page=PAGE.replace("line 3", "line three"), roles__new="new\n")
    (project.root / "roles" / "page").write_text("not committed\n")
    ended = tdi("try", made)
    assert ended.code == 0, ended.err
    (only,) = verdicts
    assert "line three" in only["files"]["roles/page"]
    assert only["files"]["roles/new"] == "new\n"
    assert only["before"].revision == repository.git("rev-parse", "HEAD")
    assert only["before"].repository == project.root
    assert only["copy"].artifacts == project.artifacts / "try" / "my"
    assert not only["copy"].root.exists()
    assert f"{made}, platform debian-13" in (only["copy"].artifacts / "verdict.html").read_text()
    assert (project.root / "roles" / "page").read_text() == "not committed\n"
    assert repository.git("status", "--porcelain") == "M roles/page"


def test_a_copy_inside_of_a_repository_is_patched_too(
    tdi: Callable[..., EndedCommand],
    project: Project,
    patch: Callable[..., Path],
    verdicts: list,
    monkeypatch: pytest.MonkeyPatch,
):
    made = patch(roles__page=PAGE.replace("line 3", "line three"))
    (project.root / "artifacts").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(project.root / "artifacts"))
    assert tdi("try", made).code == 0
    assert "line three" in verdicts[0]["files"]["roles/page"]


def test_a_project_below_the_top_of_its_repository_is_tried_there(
    tdi: Callable[..., EndedCommand],
    repository: Repository,
    verdicts: list,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    repository.commit(**{"ansible__roles__page": PAGE, "ansible__molecule__fresh__molecule.yml": "---\n", "app": "1\n"})
    below = repository.root / "ansible"
    made = tmp_path / "my.patch"
    (below / "roles" / "page").write_text(PAGE.replace("line 3", "line three"))
    made.write_text(repository.git("diff") + "\n")
    repository.git("reset", "--quiet", "--hard")
    monkeypatch.chdir(below)
    ended = tdi("try", made)
    assert ended.code == 0, ended.err
    (only,) = verdicts
    assert "line three" in only["files"]["roles/page"]
    assert (only["copy"].root.name, only["before"].repository) == ("ansible", below)


def test_several_patches_give_the_worst_exit_code_and_one_document(
    tdi: Callable[..., EndedCommand], patch: Callable[..., Path], verdicts: list, tmp_path: Path
):
    good, drift = patch("a.patch", a="1\n"), patch("b.patch", **{"class": "different\n"})
    assert tdi("try", good).code == 0
    assert tdi("try", good, drift, good, "--json", tmp_path / "out.json").code == 1
    unknown = patch("c.patch", **{"class": "unknown\n"})
    assert tdi("try", unknown, drift).code == 2
    assert len(verdicts) == 6
    text = (tmp_path / "out.json").read_text()
    assert '"class": "drift"' in text
    assert '"class": "pass"' in text


def test_the_hunk_that_does_not_match_is_named(
    tdi: Callable[..., EndedCommand], repository: Repository, patch: Callable[..., Path], verdicts: list
):
    made = patch(roles__page=PAGE.replace("line 3\n", "line three\n").replace("line 18\n", "line eighteen\n"))
    repository.commit(roles__page=PAGE.replace("line 18\n", "another\n"))
    ended = tdi("try", made)
    assert ended.code == 2
    assert "roles/page:15" in ended.err
    assert "hunk" in ended.err
    assert len(ended.err.splitlines()) == 2
    assert not verdicts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("not a patch\n", "does not apply"),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", "x: No such file"),
        ("--- a/roles/page\n+++ b/roles/page\n@@ -1,3 +1,3 @@\n-line 1\n", "does not apply"),
        ("--- a/../x\n+++ b/../x\n@@ -0,0 +1 @@\n+b\n", "does not apply"),
    ],
)
def test_what_is_no_patch_for_head_is_code_2_before_anything_runs(
    tdi: Callable[..., EndedCommand], patch: Callable[..., Path], verdicts: list, tmp_path: Path, text: str, said: str
):
    good = patch("good.patch", a="1\n")
    bad = tmp_path / "bad.patch"
    bad.write_text(text)
    ended = tdi("try", good, bad)
    assert ended.code == 2
    assert said in ended.err
    assert str(bad) in ended.err
    assert "Traceback" not in ended.err
    assert not verdicts


def test_a_patch_of_a_file_that_is_there_already_says_so(
    tdi: Callable[..., EndedCommand], repository: Repository, patch: Callable[..., Path], verdicts: list
):
    made = patch(new="new\n")
    repository.commit(new="other\n")
    ended = tdi("try", made)
    assert ended.code == 2
    assert "new: already exists" in ended.err
    assert not verdicts


@pytest.mark.usefixtures("project")
def test_a_missing_patch_or_none_at_all_is_code_2(tdi: Callable[..., EndedCommand], tmp_path: Path):
    missing = tdi("try", tmp_path / "missing.patch")
    assert missing.code == 2
    assert "missing.patch" in missing.err
    assert tdi("try", tmp_path).code == 2
    assert tdi("try").code == 2


def test_an_export_without_history_cannot_try(checkout: Project):
    with pytest.raises(TdiError, match="git history"):
        patches.try_all(checkout, [], {}, lambda _: None)


def test_two_patches_of_the_same_name_keep_both_their_logs(
    tdi: Callable[..., EndedCommand], patch: Callable[..., Path], verdicts: list, tmp_path: Path
):
    for directory in ("one", "two"):
        (tmp_path / directory).mkdir()
    tdi("try", patch("one/x.patch", a="1\n"), patch("two/x.patch", a="2\n"))
    assert len({each["copy"].artifacts for each in verdicts}) == 2


@pytest.fixture
def kept(project: Project, patch: Callable[..., Path]) -> Callable[..., None]:
    """Keep a passing and a drifting change, with the classes that they must get."""

    def keep(good: str = "pass", drift: str = "drift") -> None:
        made = {
            "good/a.patch": patch("a.patch", a="1\n"),
            "broken/b.patch": patch("b.patch", **{"class": "different\n"}),
        }
        for name, file in made.items():
            target = project.root / "changes" / name
            target.parent.mkdir(parents=True)
            target.write_text(file.read_text())
        (project.root / "changes" / "expected.yml").write_text(f"good/a.patch: {good}\nbroken/b.patch: {drift}\n")

    return keep


def test_kept_changes_that_get_their_class_hold(
    tdi: Callable[..., EndedCommand], kept: Callable[..., None], verdicts: list
):
    kept()
    ended = tdi("try", "--kept")
    assert ended.code == 0, ended.err
    assert "2 of 2" in ended.out
    assert len(verdicts) == 2


def test_a_kept_change_is_tried_on_the_past_that_shows_it(
    tdi: Callable[..., EndedCommand], kept: Callable[..., None], verdicts: list
):
    kept(drift="{class: drift, past: former}")
    ended = tdi("try", "--kept")
    assert ended.code == 0, ended.err
    assert [each["asked"] for each in verdicts] == [["default"], ["former"]]


def test_where_time_matters_some_kept_changes_are_left_out(
    tdi: Callable[..., EndedCommand], kept: Callable[..., None], verdicts: list
):
    kept(drift="{class: drift, quick: false}")
    ended = tdi("try", "--kept", "--quick")
    assert "1 of 1" in ended.out
    assert len(verdicts) == 1
    assert "2 of 2" in tdi("try", "--kept").out


def test_all_pasts_are_those_of_the_project(
    tdi: Callable[..., EndedCommand], kept: Callable[..., None], project: Project, verdicts: list
):
    kept()
    past = project.root / "molecule" / "upgrade" / "past" / "former.yml"
    past.parent.mkdir(parents=True)
    past.write_text("a: 1\n")
    assert tdi("try", "--kept", "--all-pasts").code == 0
    assert [list(each["asked"]) for each in verdicts] == [["default", "former"]] * 2
    assert tdi("try", "--all-pasts", "a.patch").code == 2


@pytest.mark.usefixtures("verdicts")
def test_a_kept_change_with_another_class_does_not_hold_and_is_named(
    tdi: Callable[..., EndedCommand], kept: Callable[..., None]
):
    kept(drift="breaks-new")
    ended = tdi("try", "--kept")
    assert ended.code == 1
    assert "b.patch: drift, but it must get breaks-new" in ended.out
    assert "1 of 2" in ended.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("good/a.patch: pass\n", "broken/b.patch"),
        ("good/a.patch: pass\nbroken/b.patch: drift\ngood/c.patch: pass\n", "good/c.patch"),
        ("good/a.patch: pas\n", "pas"),
        ("good/a.patch: {class: pass, on: former}\nbroken/b.patch: drift\n", "is no class"),
        ("good/a.patch: {past: former}\nbroken/b.patch: drift\n", "is no class"),
        ("- a\n", "cannot be used"),
        ("", "cannot be used"),
        ("a: b: c\n", "cannot be used"),
    ],
)
def test_expectations_that_do_not_fit_the_patches_are_code_2(
    tdi: Callable[..., EndedCommand], kept: Callable[..., None], project: Project, verdicts: list, text: str, said: str
):
    kept()
    (project.root / "changes" / "expected.yml").write_text(text)
    ended = tdi("try", "--kept")
    assert ended.code == 2
    assert said in ended.err
    assert not verdicts


@pytest.mark.usefixtures("project")
def test_either_patches_or_the_kept_changes_are_tried(tdi: Callable[..., EndedCommand]):
    assert tdi("try", "--kept", "a.patch").code == 2
    assert "Traceback" not in tdi("try", "--kept").err
