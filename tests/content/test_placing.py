"""Where Ansible finds a tree's roles and its collection, by whatever names playbooks call them."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tdi.content import placing
from tdi.content.placing import Tree
from tdi.errors import TdiError


def write(file: Path, text: str = "---\n") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for a project, and a home with nothing in it."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    made = tmp_path / "projects" / "ansible-role-web"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def placed(root: Path, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """The settings with which Ansible finds the project, for playbooks that call these roles."""

    def call(*called: str, **words: object) -> dict[str, str]:
        playbook = write(tmp_path / "converge.yml", f"- hosts: all\n  roles: [{', '.join(called)}]\n")
        required = tmp_path / "required"
        tree = Tree(
            **{"root": root, "original": root, "required": required, "moved": {}, **words}, playbooks=(playbook,)
        )
        return placing.environment(tree, tmp_path / "links")

    return call


def places(variables: dict[str, str], what: str = "ROLES") -> list[str]:
    return variables[f"ANSIBLE_{what}_PATH"].split(os.pathsep)


def links(tmp_path: Path, below: str = "roles") -> dict[str, Path]:
    directory = tmp_path / "links" / below
    return {link.name: link.readlink() for link in directory.iterdir()} if directory.exists() else {}


def test_a_role_at_the_root_is_found_by_its_directory_and_by_its_name_on_galaxy(placed, root: Path, tmp_path: Path):
    write(root / "tasks" / "main.yml")
    write(root / "meta" / "main.yml", "galaxy_info: {role_name: web, namespace: them}\n")
    found = placed("them.web")
    assert links(tmp_path) == dict.fromkeys(("ansible-role-web", "web", "them.web"), root)
    assert places(found)[0] == str(tmp_path / "links" / "roles")
    assert str(root.parent) in places(found)


def test_a_role_at_the_root_is_found_by_the_name_that_only_the_playbook_knows(placed, root: Path, tmp_path: Path):
    write(root / "tasks" / "main.yml")
    placed("role_under_test")
    assert links(tmp_path) == dict.fromkeys(("ansible-role-web", "web", "role_under_test"), root)


def test_a_name_that_somebody_else_may_be_meant_by_is_not_the_roles(placed, root: Path, tmp_path: Path):
    write(root / "tasks" / "main.yml")
    write(root / "roles" / "helper" / "tasks" / "main.yml")
    write(root / "requirements.yml", "- them.base\n")
    write(tmp_path / "required" / "roles" / "fetched" / "tasks" / "main.yml")
    write(tmp_path / "home" / ".ansible" / "roles" / "installed" / "tasks" / "main.yml")
    placed("helper", "them.base", "fetched", "installed")
    assert set(links(tmp_path)) == {"ansible-role-web", "web"}
    placed("helper", "them.base", "fetched", "installed", "mine")
    assert set(links(tmp_path)) == {"ansible-role-web", "web", "mine"}


def test_a_playbook_that_calls_the_role_by_its_name_leaves_other_names_alone(placed, root: Path, tmp_path: Path):
    write(root / "tasks" / "main.yml")
    placed("web", "missing")
    assert set(links(tmp_path)) == {"ansible-role-web", "web"}


def test_a_copy_goes_by_the_name_of_what_it_is_a_copy_of(placed, root: Path, tmp_path: Path):
    write(root / "tasks" / "main.yml")
    found = placed("mysql", original=tmp_path / "elsewhere" / "ansible-mysql")
    assert links(tmp_path) == dict.fromkeys(("ansible-mysql", "mysql"), root)
    # What people have beside a role is beside the original.
    assert str(tmp_path / "elsewhere") in places(found)
    assert str(root.parent) not in places(found)


def test_roles_of_a_playbook_project_lie_where_they_are(placed, root: Path, tmp_path: Path):
    write(root / "roles" / "web" / "tasks" / "main.yml")
    found = placed("web")
    assert links(tmp_path) == {}
    assert str(root / "roles") in places(found)
    assert str(root.parent) not in places(found)
    assert found["MOLECULE_PROJECT_DIRECTORY"] == str(root)


def test_roles_that_were_moved_are_found_by_their_present_name(placed, root: Path, tmp_path: Path):
    placed("web", moved={"web": root / "old" / "httpd"})
    assert links(tmp_path) == {"web": root / "old" / "httpd"}


def test_what_is_required_is_found_after_the_projects_own(placed, root: Path, tmp_path: Path):
    found = placed()
    for what in ("roles", "collections"):
        order = places(found, what.upper())
        own, required, home = (
            order.index(str(place / what)) for place in (root, tmp_path / "required", tmp_path / "home" / ".ansible")
        )
        assert own < required < home


@pytest.mark.parametrize("below", ["", "roles/web"])
def test_a_collection_is_found_by_its_full_name(placed, root: Path, tmp_path: Path, below: str):
    write(root / "galaxy.yml", "namespace: us\nname: tools\n")
    write(root / "roles" / "web" / "tasks" / "main.yml")
    found = placed("us.tools.web", root=root / below)
    assert links(tmp_path, "collections/ansible_collections/us") == {"tools": root}
    assert places(found, "COLLECTIONS")[0] == str(tmp_path / "links" / "collections")
    assert str(root / "roles") in places(found)


def test_roles_beside_a_playbook_are_found_after_the_projects_own(placed, root: Path, tmp_path: Path):
    order = places(placed("web"))
    own, beside, required = (order.index(str(place / "roles")) for place in (root, tmp_path, tmp_path / "required"))
    assert own < beside < required


def test_links_of_a_former_call_are_made_anew(placed, root: Path, tmp_path: Path):
    placed("web", moved={"web": root / "old"})
    placed("web", moved={"web": root / "new"})
    assert links(tmp_path) == {"web": root / "new"}


def test_a_file_of_the_project_that_cannot_be_read_is_an_error(placed, root: Path):
    write(root / "tasks" / "main.yml")
    write(root / "meta" / "main.yml", "a: b: c\n")
    with pytest.raises(TdiError, match="cannot be read"):
        placed("web")


def test_ansible_finds_a_role_at_the_root_of_a_collection_by_all_its_names(placed, root: Path, tmp_path: Path):
    write(root / "galaxy.yml", "namespace: us\nname: tools\nversion: 1.0.0\n")
    write(root / "tasks" / "main.yml", "- ansible.builtin.debug: {msg: at the root}\n")
    write(root / "roles" / "web" / "tasks" / "main.yml", "- ansible.builtin.debug: {msg: of the collection}\n")
    variables = placed("ansible-role-web", "us.tools.web", "web")
    done = subprocess.run(
        ["ansible-playbook", "--syntax-check", "--inventory", "localhost,", tmp_path / "converge.yml"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
