"""The content before the change: which revision production has, and the roles as they stood there."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Fakes, Repository
from tdi.content import history
from tdi.content.history import Before
from tdi.errors import TdiError
from tdi.project import Project

ROLE = {"roles__nginx__tasks__main.yml": "---\n"}
AT_THE_ROOT = {"tasks__main.yml": "---\n"}
TASKS = "".join(f"- name: Task {number}\n  ansible.builtin.debug:\n" for number in range(12))


def project_at(root: Path) -> Project:
    return Project(root, root / "artifacts")


def test_on_a_branch_production_is_the_tip_of_main(repository: Repository):
    tip = repository.commit(**ROLE)
    repository.git("switch", "--quiet", "--create", "change")
    repository.commit(another="")
    before = history.before_the_change(repository.project())
    assert (before.revision, before.reason) == (tip, "the tip of main")


def test_on_a_dirty_main_production_is_its_tip(repository: Repository):
    tip = repository.commit(**ROLE)
    (repository.root / "roles" / "nginx" / "tasks" / "new.yml").touch()
    assert history.before_the_change(repository.project()).revision == tip


def test_on_a_clean_main_production_is_the_commit_before(repository: Repository):
    first = repository.commit(**ROLE)
    repository.commit(another="")
    before = history.before_the_change(repository.project())
    assert before.revision == first
    assert "before this one" in before.reason


def test_after_a_merge_production_is_the_first_parent(repository: Repository):
    repository.commit(**ROLE)
    repository.git("switch", "--quiet", "--create", "change")
    repository.commit(another="")
    repository.git("switch", "--quiet", "main")
    main = repository.commit(third="")
    repository.git("merge", "--quiet", "--no-ff", "--no-edit", "change")
    assert history.before_the_change(repository.project()).revision == main


def test_where_only_the_remote_has_main_its_tip_is_taken(repository: Repository, tmp_path: Path):
    tip = repository.commit(**ROLE)
    repository.git("switch", "--quiet", "--create", "change")
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", str(repository.root), str(clone))
    (clone / "roles" / "new").touch()
    assert history.before_the_change(project_at(clone)).revision == tip


def test_the_first_commit_has_nothing_before_it(repository: Repository):
    repository.commit(**ROLE)
    before = history.before_the_change(repository.project())
    assert before.revision is None
    assert "first commit" in before.reason
    assert "as checked out" in before.reason


def test_a_shallow_clone_is_told_from_a_first_commit(repository: Repository, tmp_path: Path):
    repository.commit(**ROLE)
    repository.commit(another="")
    clone = tmp_path / "shallow"
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.root}", str(clone))
    before = history.before_the_change(project_at(clone))
    assert before.revision is None
    assert "shallow" in before.reason


def test_an_export_has_no_history_even_inside_of_another_repository(repository: Repository):
    repository.commit(**ROLE)
    export = repository.root / "export"
    export.mkdir()
    before = history.before_the_change(project_at(export))
    assert before.revision is None
    assert "no git history" in before.reason


def test_no_git_at_all_is_no_history(only_fakes: Fakes, tmp_path: Path):
    del only_fakes
    assert "no git history" in history.before_the_change(Project(tmp_path, tmp_path)).reason


def test_a_repository_without_a_commit_or_a_main_has_nothing_to_go_by(repository: Repository):
    assert "no git history" in history.before_the_change(repository.project()).reason
    repository.git("switch", "--quiet", "--create", "trunk")
    repository.commit(**ROLE)
    before = history.before_the_change(repository.project())
    assert before.revision is None
    assert "no main branch" in before.reason


def test_a_revision_without_the_role_is_said(repository: Repository):
    first = repository.commit(readme="")
    repository.commit(**ROLE)
    before = history.before_the_change(repository.project())
    assert before.revision is None
    assert first[:7] in before.reason
    assert "no role" in before.reason


def test_an_untracked_role_inside_of_someone_elses_repository_has_no_history(repository: Repository):
    repository.commit(**AT_THE_ROOT)
    repository.git("tag", "1.0")
    theirs = repository.root / "vendor" / "role"
    (theirs / "tasks").mkdir(parents=True)
    (theirs / "tasks" / "main.yml").write_text("---\n")
    before = history.before_the_change(project_at(theirs))
    assert before.revision is None
    assert "no git history" in before.reason


def test_the_revision_that_is_asked_for_is_taken(repository: Repository):
    first = repository.commit(**ROLE)
    repository.git("tag", "deployed")
    repository.commit(another="")
    repository.commit(another="more")
    for name in ("deployed", first[:10], "HEAD~2"):
        before = history.named(repository.project(), name)
        assert (before.revision, before.reason) == (first, f"{name}, as asked for")


@pytest.mark.parametrize("name", ["1.0", "--all", "HEAD:roles"])
def test_a_revision_that_is_not_known_is_an_error(repository: Repository, tmp_path: Path, name: str):
    repository.commit(**ROLE)
    for project in (repository.project(), project_at(tmp_path)):
        with pytest.raises(TdiError, match=f"from {name}: there is no such revision") as error:
            history.named(project, name)
        assert "git fetch --tags" in error.value.remedy


def test_a_revision_without_the_role_cannot_be_asked_for(repository: Repository):
    first = repository.commit(readme="")
    repository.commit(**ROLE)
    with pytest.raises(TdiError, match="the role is not in that revision"):
        history.named(repository.project(), first)


@pytest.mark.parametrize("content", [AT_THE_ROOT, {"galaxy.yml": "namespace: a\nname: b\n"}])
def test_a_role_or_a_collection_is_deployed_by_release(repository: Repository, content: dict[str, str]):
    wanted = ""
    for tag in ("v1.9.0", "v1.10.0", "1.10.0-rc1", "v1.2.0", "nightly"):
        commit = repository.commit(**content, another=tag)
        repository.git("tag", tag)
        wanted = commit if tag == "v1.10.0" else wanted
    repository.commit(another="")
    before = history.before_the_change(repository.project())
    assert (before.revision, before.reason) == (wanted, "the release v1.10.0")


@pytest.mark.parametrize("tag", ["1.0", "V1.0.0", "release-1.0", "web/v1.0.0.1", "role_1.0"])
def test_a_release_has_a_number_whatever_stands_before_it(repository: Repository, tag: str):
    first = repository.commit(**AT_THE_ROOT)
    repository.git("tag", "--annotate", "--message", "x", tag)
    repository.commit(another="")
    before = history.before_the_change(repository.project())
    assert (before.revision, before.reason) == (first, f"the release {tag}")


def test_a_release_that_is_checked_out_is_compared_with_the_one_before(repository: Repository):
    first = repository.commit(**AT_THE_ROOT)
    repository.git("tag", "1.0")
    second = repository.commit(another="")
    repository.git("tag", "2.0")
    assert history.before_the_change(repository.project()).revision == first
    (repository.root / "handlers").mkdir()
    (repository.root / "handlers" / "main.yml").touch()
    assert history.before_the_change(repository.project()).revision == second


@pytest.mark.parametrize(
    ("file", "dirty"),
    [
        ("roles/new", True),
        ("group_vars/all.yml", True),
        ("site.yml", True),
        ("ansible.cfg", True),
        ("molecule/fresh/molecule.yml", False),
        ("README.md", False),
        ("docs/site.yml", False),
    ],
)
def test_only_content_makes_a_tree_dirty_for_init_may_just_have_written_scenarios(
    repository: Repository, file: str, *, dirty: bool
):
    first = repository.commit(**ROLE)
    second = repository.commit(another="")
    (repository.root / file).parent.mkdir(parents=True, exist_ok=True)
    (repository.root / file).touch()
    assert history.before_the_change(repository.project()).revision == (second if dirty else first)


def test_the_only_release_checked_out_leaves_the_commit_before(repository: Repository):
    first = repository.commit(**AT_THE_ROOT)
    repository.commit(another="")
    repository.git("tag", "1.0")
    assert history.before_the_change(repository.project()).revision == first


def test_a_release_of_another_branch_is_none_of_this_one(repository: Repository):
    first = repository.commit(**AT_THE_ROOT)
    repository.git("tag", "1.0")
    repository.git("switch", "--quiet", "--create", "next")
    repository.commit(another="")
    repository.git("tag", "2.0")
    repository.git("switch", "--quiet", "main")
    repository.commit(third="")
    assert history.before_the_change(repository.project()).revision == first


def test_a_playbook_project_is_deployed_from_main_whatever_its_tags(repository: Repository):
    repository.commit(**ROLE)
    repository.git("tag", "1.0")
    second = repository.commit(another="")
    repository.commit(another="more")
    assert history.before_the_change(repository.project()).revision == second


def test_master_is_main_where_there_is_none(repository: Repository):
    tip = repository.commit(**ROLE)
    repository.git("branch", "--move", "master")
    repository.git("switch", "--quiet", "--create", "change")
    repository.commit(another="")
    before = history.before_the_change(repository.project())
    assert (before.revision, before.reason) == (tip, "the tip of main")


@pytest.fixture
def stood(repository: Repository, tmp_path: Path) -> Callable[..., history.Former]:
    """The content as it stood one commit ago, for a playbook that calls roles; `copy` is where it is put."""

    def call(*called: str, project: Project | None = None, revision: str = "HEAD^") -> history.Former:
        playbook = tmp_path / "converge.yml"
        playbook.write_text(f"- hosts: all\n  roles: [{', '.join(called)}]\n")
        before = Before(repository.git("rev-parse", revision), "")
        return history.as_it_stood(project or repository.project(), before, [playbook], tmp_path / "copy")

    return call


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy" / "repository"


def test_without_a_revision_the_content_is_the_projects_own(repository: Repository, tmp_path: Path):
    former = history.as_it_stood(repository.project(), Before(None, ""), [], tmp_path)
    assert former == history.Former(repository.root)


def test_a_role_is_as_it_stood(repository: Repository, stood, copy: Path):
    repository.commit(**ROLE)
    repository.commit(**{"roles__nginx__tasks__main.yml": "changed\n"})
    former = stood("nginx")
    assert former == history.Former(copy)
    assert (copy / "roles" / "nginx" / "tasks" / "main.yml").read_text() == "---\n"


def test_a_role_that_was_renamed_is_found(repository: Repository, stood, copy: Path):
    repository.commit(**{"roles__httpd__tasks__main.yml": TASKS, **ROLE})
    repository.git("mv", "roles/httpd", "roles/apache")
    repository.commit(**{"roles__apache__tasks__main.yml": TASKS + "# and more\n"})
    former = stood("nginx", "apache", "nobody.knows")
    assert former.root == copy
    assert former.moved == {"apache": copy / "roles" / "httpd"}


def test_a_role_that_was_moved_and_written_anew_is_found_by_its_name(repository: Repository, stood, copy: Path):
    repository.commit(**{"playbooks__roles__web__tasks__main.yml": TASKS})
    repository.git("rm", "--quiet", "-r", "playbooks")
    repository.commit(**{"roles__web__tasks__main.yml": "# nothing of it is left\n"})
    assert stood("web").moved == {"web": copy / "playbooks" / "roles" / "web"}


def test_a_role_that_was_at_the_root_is_found_below_roles(repository: Repository, stood, copy: Path):
    repository.commit(**{"tasks__main.yml": TASKS, "defaults__main.yml": "a: 1\n"})
    (repository.root / "roles" / "web").mkdir(parents=True)
    repository.git("mv", "tasks", "defaults", "roles/web")
    repository.commit()
    assert stood("web").moved == {"web": copy}


def test_a_role_at_the_root_that_was_below_roles_is_found(repository: Repository, stood, copy: Path):
    repository.commit(**{"roles__web__tasks__main.yml": TASKS, "roles__other__tasks__main.yml": "---\n"})
    repository.git("mv", "roles/web/tasks", "tasks")
    repository.git("rm", "--quiet", "-r", "roles")
    repository.commit()
    assert history.before_the_change(repository.project()).revision == repository.git("rev-parse", "HEAD^")
    assert stood("web").root == copy / "roles" / "web"


def test_a_role_at_the_root_that_was_written_anew_is_found_by_its_name_on_galaxy(
    repository: Repository, stood, copy: Path
):
    repository.commit(**{"roles__web__tasks__main.yml": TASKS})
    repository.git("rm", "--quiet", "-r", "roles")
    repository.commit(**{"tasks__main.yml": "# anew\n", "meta__main.yml": "galaxy_info: {role_name: web}\n"})
    assert stood("web").root == copy / "roles" / "web"


def test_a_role_that_is_new_has_not_moved(repository: Repository, stood, copy: Path):
    repository.commit(**ROLE)
    repository.commit(**{"roles__new__tasks__main.yml": TASKS})
    assert stood("nginx", "new") == history.Former(copy)


def test_a_project_in_a_subdirectory_of_its_repository_has_the_history_of_its_own(
    repository: Repository, stood, copy: Path
):
    first = repository.commit(**{"ansible__roles__nginx__tasks__main.yml": TASKS, "app": "1"})
    repository.git("mv", "ansible/roles/nginx", "ansible/roles/web")
    repository.commit()
    project = project_at(repository.root / "ansible")
    assert history.before_the_change(project).revision == first
    (repository.root / "app").write_text("not of the project\n")
    assert history.before_the_change(project).revision == first
    former = stood("web", project=project)
    assert former.root == copy / "ansible"
    assert former.moved == {"web": copy / "ansible" / "roles" / "nginx"}


def test_a_subdirectory_that_a_revision_does_not_have_is_said(repository: Repository):
    first = repository.commit(**ROLE)
    repository.commit(**{"ansible__roles__nginx__tasks__main.yml": TASKS})
    before = history.before_the_change(project_at(repository.root / "ansible"))
    assert before.revision is None
    assert f"({first[:7]}) has no role yet" in before.reason


def test_a_copy_without_history_takes_the_role_from_the_repository_it_names(
    repository: Repository, tmp_path: Path, copy: Path
):
    revision = repository.commit(**ROLE)
    patched = shutil.copytree(repository.root, tmp_path / "patched", ignore=shutil.ignore_patterns(".git"))
    (patched / "roles" / "nginx" / "tasks" / "main.yml").write_text("patched\n")
    before = Before(revision, "", repository.root)
    former = history.as_it_stood(project_at(patched), before, [], tmp_path / "copy")
    assert former.root == copy
    assert (copy / "roles" / "nginx" / "tasks" / "main.yml").read_text() == "---\n"


def test_a_checkout_below_a_symbolic_link_works(repository: Repository, tmp_path: Path, copy: Path):
    revision = repository.commit(**ROLE)
    (tmp_path / "link").symlink_to(repository.root)
    project = project_at(tmp_path / "link")
    assert history.as_it_stood(project, Before(revision, ""), [], tmp_path / "copy") == history.Former(copy)


def test_a_git_hook_of_another_repository_does_not_lead_astray(
    repository: Repository, tmp_path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
):
    revision = repository.commit(**ROLE)
    other = tmp_path / "other"
    subprocess.run(["git", "init", "--quiet", str(other)], check=True)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    history.as_it_stood(repository.project(), Before(revision, ""), [], tmp_path / "copy")
    assert (copy / "roles" / "nginx" / "tasks").is_dir()


def test_what_holds_no_content_is_left_out_of_the_former_tree_unless_it_is_used(repository: Repository, tmp_path: Path):
    revision = repository.commit(
        roles__a__tasks__main="[]", docs__page="x", tests__test="- hosts: all", examples__x__tasks__main="[]"
    )
    project, before = repository.project(), history.Before(revision, "as it was")

    def there(of: Project, number: int, *playbooks: Path) -> set[str]:
        former = history.as_it_stood(of, before, playbooks, tmp_path / str(number))
        (tree,) = (tmp_path / str(number)).iterdir()
        assert former.root.is_relative_to(tree)
        return {path.name for path in tree.iterdir()}

    assert there(project, 1) == {"roles"}
    assert there(project, 2, repository.root / "tests" / "test") == {"roles", "tests"}
    below = Project(repository.root / "examples" / "x", tmp_path / "artifacts")
    assert there(below, 3) == {"roles", "examples"}
