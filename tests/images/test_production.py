"""Which state of the role production has, and production images by name."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import Fakes, Repository
from tdi.errors import TdiError
from tdi.images import production
from tdi.images.base_image import BaseImage
from tdi.project import Project

ROLE = {"roles__nginx__tasks__main.yml": "---\n"}
BASE = BaseImage("debian-13", "sha256:base", "tdi-base:debian-13", "debian:13", "the default platform")


def test_on_a_branch_production_is_the_tip_of_main(repository: Repository):
    tip = repository.commit(**ROLE)
    repository.git("switch", "--quiet", "--create", "change")
    repository.commit(another="")
    before = production.before_the_change(repository.project())
    assert (before.revision, before.reason) == (tip, "the tip of main")


def test_on_a_dirty_main_production_is_its_tip(repository: Repository):
    tip = repository.commit(**ROLE)
    (repository.root / "new-file").touch()
    assert production.before_the_change(repository.project()).revision == tip


def test_on_a_clean_main_production_is_the_commit_before(repository: Repository):
    first = repository.commit(**ROLE)
    repository.commit(another="")
    before = production.before_the_change(repository.project())
    assert before.revision == first
    assert "before this one" in before.reason


def test_after_a_merge_production_is_the_first_parent(repository: Repository):
    repository.commit(**ROLE)
    repository.git("switch", "--quiet", "--create", "change")
    repository.commit(another="")
    repository.git("switch", "--quiet", "main")
    main = repository.commit(third="")
    repository.git("merge", "--quiet", "--no-ff", "--no-edit", "change")
    assert production.before_the_change(repository.project()).revision == main


def test_where_only_the_remote_has_main_its_tip_is_taken(repository: Repository, tmp_path: Path):
    tip = repository.commit(**ROLE)
    repository.git("switch", "--quiet", "--create", "change")
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", str(repository.root), str(clone))
    (clone / "new-file").touch()
    assert production.before_the_change(Project(clone, clone / "artifacts")).revision == tip


def test_the_first_commit_has_nothing_before_it(repository: Repository):
    repository.commit(**ROLE)
    before = production.before_the_change(repository.project())
    assert before.revision is None
    assert "first commit" in before.reason
    assert "as checked out" in before.reason


def test_a_shallow_clone_is_told_from_a_first_commit(repository: Repository, tmp_path: Path):
    repository.commit(**ROLE)
    repository.commit(another="")
    clone = tmp_path / "shallow"
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.root}", str(clone))
    before = production.before_the_change(Project(clone, clone / "artifacts"))
    assert before.revision is None
    assert "shallow" in before.reason


def test_an_export_has_no_history_even_inside_of_another_repository(repository: Repository):
    repository.commit(**ROLE)
    export = repository.root / "export"
    export.mkdir()
    before = production.before_the_change(Project(export, export / "artifacts"))
    assert before.revision is None
    assert "no git history" in before.reason


def test_no_git_at_all_is_no_history(only_fakes: Fakes, tmp_path: Path):
    del only_fakes
    assert "no git history" in production.before_the_change(Project(tmp_path, tmp_path)).reason


def test_a_repository_without_a_commit_or_a_main_has_nothing_to_go_by(repository: Repository):
    assert "no main branch" in production.before_the_change(repository.project()).reason
    repository.git("switch", "--quiet", "--create", "trunk")
    repository.commit(**ROLE)
    before = production.before_the_change(repository.project())
    assert before.revision is None
    assert "no main branch" in before.reason


def test_a_revision_without_the_role_is_said(repository: Repository):
    first = repository.commit(readme="")
    repository.commit(**ROLE)
    before = production.before_the_change(repository.project())
    assert before.revision is None
    assert first[:7] in before.reason
    assert "no role" in before.reason


def _committed(repository: Repository, checkout: Project) -> Project:
    shutil.copytree(checkout.root, repository.root, dirs_exist_ok=True)
    repository.commit()
    return repository.project()


def test_the_former_role_and_playbook_are_taken_from_history(repository: Repository, checkout: Project, tmp_path: Path):
    project = _committed(repository, checkout)
    former = repository.git("rev-parse", "HEAD")
    (project.roles / "nginx" / "tasks" / "main.yml").write_text("changed\n")
    (project.shared / "converge.yml").write_text("changed\n")
    tree = tmp_path / "tree"
    tree.mkdir()
    roles, playbook = production._role_as_it_stood(project, production.Before(former, ""), tree)
    assert "Install" in (roles / "nginx" / "tasks" / "main.yml").read_text()
    assert "hosts: all" in playbook.read_text()


def test_a_copy_without_history_takes_the_role_from_the_repository_it_names(
    repository: Repository, checkout: Project, tmp_path: Path
):
    project = _committed(repository, checkout)
    (checkout.roles / "nginx" / "tasks" / "main.yml").write_text("patched\n")
    tree = tmp_path / "tree"
    tree.mkdir()
    before = production.Before(repository.git("rev-parse", "HEAD"), "", project.root)
    roles, playbook = production._role_as_it_stood(checkout, before, tree)
    assert "Install" in (roles / "nginx" / "tasks" / "main.yml").read_text()
    assert playbook.is_relative_to(tree)


def test_a_checkout_below_a_symbolic_link_works(repository: Repository, checkout: Project, tmp_path: Path):
    project = _committed(repository, checkout)
    (tmp_path / "link").symlink_to(checkout.root.parent)
    tree = tmp_path / "tree"
    tree.mkdir()
    copy = Project(tmp_path / "link" / "checkout", tmp_path)
    before = production.Before(repository.git("rev-parse", "HEAD"), "", project.root)
    assert production._role_as_it_stood(copy, before, tree)[0] == tree / "roles"


def test_a_git_hook_of_another_repository_does_not_lead_astray(
    repository: Repository, checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    project = _committed(repository, checkout)
    former = repository.git("rev-parse", "HEAD")
    other = tmp_path / "other"
    subprocess.run(["git", "init", "--quiet", str(other)], check=True)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    tree = tmp_path / "tree"
    tree.mkdir()
    roles, _ = production._role_as_it_stood(project, production.Before(former, ""), tree)
    assert roles.is_dir()


def test_an_image_that_is_there_is_used_again_and_another_role_asks_for_another(fakes: Fakes, checkout: Project):
    docker = fakes.docker(image_inspect="echo sha256:production")
    first = production.ensure(checkout, BASE)
    assert (first.id, first.built) == ("sha256:production", False)
    assert first.name.startswith("tdi-production:debian-13-")
    assert production.ensure(checkout, BASE).name == first.name
    (checkout.roles / "nginx" / "tasks" / "main.yml").write_text("---\n")
    assert production.ensure(checkout, BASE).name != first.name
    other = BaseImage("debian-13", "sha256:other", "", "", "")
    assert production.ensure(checkout, other).name != first.name
    assert not any(call.startswith(("build", "pull", "run")) for call in docker.calls)


def test_a_named_image_that_cannot_be_pulled_is_an_error_even_if_an_old_one_is_there(
    fakes: Fakes, checkout: Project, monkeypatch: pytest.MonkeyPatch
):
    fakes.docker(pull="echo 'manifest unknown' >&2; exit 1", image_inspect="echo sha256:old")
    monkeypatch.setenv("TDI_PRODUCTION_IMAGE", "registry.example.org/web:1")
    with pytest.raises(
        TdiError, match=r"TDI_PRODUCTION_IMAGE: registry\.example\.org/web:1 .*manifest unknown"
    ) as error:
        production.ensure(checkout, BASE)
    assert "unset it" in error.value.remedy


def _image(architecture: str, digests: list[str]) -> str:
    return json.dumps([{"Id": "sha256:web", "Architecture": architecture, "RepoDigests": digests}])


def _inspected(document: str) -> str:
    return f"case \"$*\" in *--format*) echo sha256:web;; *) echo '{document}';; esac"


def test_a_named_image_is_pulled_and_used(fakes: Fakes, checkout: Project, monkeypatch: pytest.MonkeyPatch):
    docker = fakes.docker(pull="true", image_inspect=_inspected(_image("amd64", ["web@sha256:1"])))
    monkeypatch.setenv("TDI_PRODUCTION_IMAGE", "web:1")
    image = production.ensure(checkout, BASE)
    assert (image.id, image.name, image.built) == ("sha256:web", "web:1", False)
    assert "web@sha256:1" in image.source
    assert "pull --quiet web:1" in docker.calls


def test_a_named_image_of_another_architecture_is_an_error(
    fakes: Fakes, checkout: Project, monkeypatch: pytest.MonkeyPatch
):
    fakes.docker(pull="true", image_inspect=_inspected(_image("arm64", ["web@sha256:1"])))
    monkeypatch.setenv("TDI_PRODUCTION_IMAGE", "web:1")
    with pytest.raises(TdiError, match="web:1 is for arm64, the engine needs amd64"):
        production.ensure(checkout, BASE)


def test_a_named_image_without_a_digest_is_used(fakes: Fakes, checkout: Project, monkeypatch: pytest.MonkeyPatch):
    fakes.docker(pull="true", image_inspect=_inspected(_image("amd64", [])))
    monkeypatch.setenv("TDI_PRODUCTION_IMAGE", "web:1")
    assert production.ensure(checkout, BASE).id == "sha256:web"


def test_the_history_has_the_newest_image_first(fakes: Fakes):
    facts = {"Config": {"Labels": {"tdi.revision": "abc", "tdi.base": "sha256:base"}}}
    documents = []
    for created in ("2026-01-01", "2026-02-01"):
        facts["Config"]["Labels"]["tdi.created"] = created
        documents.append(json.dumps([facts]))
    fakes.docker(
        images="echo sha256:1 tdi-production:old; echo sha256:2 tdi-production:new",
        image_inspect=f"case \"$*\" in *:1) echo '{documents[0]}';; *) echo '{documents[1]}';; esac",
    )
    rows = production.history()
    assert [row["name"] for row in rows] == ["tdi-production:new", "tdi-production:old"]
    assert rows[0]["revision"] == "abc"
