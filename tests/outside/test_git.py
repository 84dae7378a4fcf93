"""Git, asked for what a checkout held."""

import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Repository
from tdi.errors import TdiError
from tdi.outside import git


@pytest.fixture
def extracted(repository: Repository, tmp_path: Path) -> Callable[[], Path]:
    """What `extract` makes of a role with a script, for a user whose files are nobody else's business."""

    def call() -> Path:
        repository.commit(roles__tasks="tasks", roles__script="script")
        (repository.root / "roles" / "script").chmod(0o755)
        (repository.root / "roles" / "link").symlink_to("tasks")
        revision = repository.commit()
        target = tmp_path / "target"
        target.mkdir()
        former = os.umask(0o077)
        try:
            git.extract(repository.root, revision, ["roles"], target)
        finally:
            os.umask(former)
        return target / "roles"

    return call


@pytest.mark.parametrize("umask", ["user", "0000"])
def test_what_is_extracted_is_as_a_checkout_has_it(repository: Repository, extracted: Callable[[], Path], umask: str):
    repository.git("config", "tar.umask", umask)
    roles = extracted()
    modes = {file.name: file.stat().st_mode & 0o777 for file in roles.iterdir()}
    assert modes == {"tasks": 0o644, "script": 0o755, "link": 0o644}
    assert (roles / "link").readlink() == Path("tasks")
    assert sorted(file.name for file in roles.parent.iterdir()) == ["roles"]


def test_a_python_whose_tarfile_has_no_filters_extracts_the_same(
    extracted: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
):
    extract = tarfile.TarFile.extractall

    def without_filters(self: tarfile.TarFile, path: Path) -> None:
        assert self.extraction_filter is None
        self.extraction_filter = getattr(tarfile, "fully_trusted_filter", None)
        extract(self, path)

    monkeypatch.setattr(tarfile.TarFile, "extractall", without_filters)
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    roles = extracted()
    assert {file.name: file.stat().st_mode & 0o777 for file in roles.iterdir()} == {
        "tasks": 0o644,
        "script": 0o755,
        "link": 0o644,
    }


def test_the_names_in_a_directory_are_the_same_from_wherever_they_are_asked(repository: Repository):
    revision = repository.commit(sub__roles__a="a", sub__file="b", other="c")
    for root in (repository.root, repository.root / "sub", repository.root / "sub" / "roles"):
        assert git.names_in(root, revision, "sub/") == ["file", "roles"]
        assert git.names_in(root, revision, "") == ["other", "sub"]
        assert git.names_in(root, revision, "gone") == []


def test_releases_are_the_tags_up_to_a_revision(repository: Repository):
    first = repository.commit(a="1")
    repository.git("tag", "1.0")
    repository.git("tag", "--annotate", "--message", "two words", "v1.1")
    second = repository.commit(a="2")
    repository.git("tag", "2.0")
    assert git.releases(repository.root, first) == [("1.0", first), ("v1.1", first)]
    assert git.releases(repository.root, second) == [("1.0", first), ("2.0", second), ("v1.1", first)]


def test_a_file_that_was_moved_is_known_by_its_former_path(repository: Repository):
    text = "".join(f"line {number}\n" for number in range(20))
    former = repository.commit(sub__old__a=text, sub__b="b")
    repository.git("mv", "sub/old", "sub/new")
    later = repository.commit(sub__new__a=text.replace("line 3", "line three"))
    repository.git("config", "diff.relative", "true")
    for root in (repository.root, repository.root / "sub"):
        assert git.renamed_from(root, former, later, "sub/new/a") == "sub/old/a"
        assert git.renamed_from(root, former, later, "sub/b") is None


def test_the_top_of_what_git_does_not_keep_is_none(repository: Repository, tmp_path: Path):
    repository.commit(kept__a="a")
    (repository.root / "lying").mkdir()
    (repository.root / "lying" / "file").touch()
    assert git.top(repository.root / "kept") == repository.root
    assert git.top(repository.root / "lying") is None
    assert git.top(tmp_path) is None


def test_the_lines_that_changed_are_told_with_what_is_not_committed(repository: Repository):
    repository.commit(**{"a": "1\n2\n3\n4\n5\n6\n", "sub__b c": "1\n2\n", "gone": "1\n"})
    repository.git("checkout", "--quiet", "-b", "branch")
    repository.commit(a="1\ntwo\n3\n4\n5\n6\n")
    repository.git("checkout", "--quiet", "main")
    repository.commit(a="one\n2\n3\n4\n5\n6\n")
    repository.git("checkout", "--quiet", "branch")
    (repository.root / "a").write_text("1\ntwo\n3\n5\n6\n7\n8\n", encoding="utf-8")
    (repository.root / "sub" / "b c").write_text("2\n", encoding="utf-8")
    (repository.root / "sub" / "ä").write_text("new\n", encoding="utf-8")
    (repository.root / "gone").unlink()
    changed = git.changed_lines(repository.root, "main")
    assert changed.pop("sub/ä")[0].start == 1
    assert changed == {"a": [range(2, 3), range(3, 5), range(6, 8)], "sub/b c": [range(2)]}
    assert set(git.changed_lines(repository.root / "sub", "main")) == {"b c", "ä"}


def test_lines_changed_since_a_revision_that_is_not_there_are_an_error(repository: Repository):
    repository.commit(a="1\n")
    with pytest.raises(TdiError, match="no revision nonsense"):
        git.changed_lines(repository.root, "nonsense")


def test_the_work_tree_is_what_git_keeps_or_would_keep(repository: Repository):
    repository.commit(**{".gitignore": "/ignored\n", "a": "1\n"})
    for name in ("new", "ignored"):
        (repository.root / name).write_text("", encoding="utf-8")
    assert git.work_tree(repository.root) == [".gitignore", "a", "new"]
