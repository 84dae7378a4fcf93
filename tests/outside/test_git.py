"""Git, asked for what a checkout held."""

import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Repository
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
        self.extraction_filter = tarfile.fully_trusted_filter
        extract(self, path)

    monkeypatch.setattr(tarfile.TarFile, "extractall", without_filters)
    monkeypatch.delattr(tarfile, "data_filter")
    roles = extracted()
    assert {file.name: file.stat().st_mode & 0o777 for file in roles.iterdir()} == {
        "tasks": 0o644,
        "script": 0o755,
        "link": 0o644,
    }
