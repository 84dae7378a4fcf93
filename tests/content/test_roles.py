"""What roles are called, which ones a playbook calls, and the collection that they are part of."""

from pathlib import Path

import pytest

from tdi.content import roles
from tdi.errors import TdiError


def write(file: Path, text: str = "---\n") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.mark.parametrize("part", ["tasks/main.yml", "tasks/main.yaml", "defaults/main.yml", "meta/main.yml"])
def test_a_role_has_tasks_or_what_others_take_from_it(tmp_path: Path, part: str):
    assert not roles.is_role(tmp_path)
    write(tmp_path / part)
    assert roles.is_role(tmp_path)


def test_a_directory_with_other_tasks_is_no_role(tmp_path: Path):
    write(tmp_path / "tasks" / "other.yml")
    write(tmp_path / "templates" / "main.yml")
    assert not roles.is_role(tmp_path)


@pytest.mark.parametrize(
    ("directory", "meta", "names"),
    [
        ("nginx", None, {"nginx"}),
        ("ansible-role-nginx", None, {"ansible-role-nginx", "nginx"}),
        ("ansible-nginx", None, {"ansible-nginx", "nginx"}),
        ("role_nginx", None, {"role_nginx", "nginx"}),
        ("ansible_role.nginx", None, {"ansible_role.nginx", "nginx"}),
        ("someone.nginx", None, {"someone.nginx", "nginx"}),
        ("repo", "{role_name: web}", {"repo", "web"}),
        ("repo", "{role_name: web, namespace: them}", {"repo", "web", "them.web"}),
        ("repo", "{role_name: web, author: them, namespace: us}", {"repo", "web", "them.web", "us.web"}),
        ("ansible-role-web", "{author: them}", {"ansible-role-web", "web", "them.web"}),
        ("repo", "{role_name: web, author: Some One <a@example.org>}", {"repo", "web"}),
        ("repo", "{role_name: web, author: [a, b]}", {"repo", "web"}),
        ("repo", "null", {"repo"}),
    ],
)
def test_a_role_goes_by_its_directorys_name_and_by_that_on_galaxy(
    tmp_path: Path, directory: str, meta: str | None, names: set[str]
):
    (tmp_path / directory).mkdir()
    if meta is not None:
        write(tmp_path / directory / "meta" / "main.yml", f"galaxy_info: {meta}\n")
    assert roles.names_of(tmp_path / directory) == names


def test_a_copy_goes_by_the_name_of_what_it_is_a_copy_of(tmp_path: Path):
    assert roles.names_of(tmp_path, "ansible-role-web") == {"ansible-role-web", "web"}


@pytest.mark.parametrize("text", ["", "- a\n", "just words\n"])
def test_what_meta_says_that_is_no_mapping_is_passed_over(tmp_path: Path, text: str):
    write(tmp_path / "web" / "meta" / "main.yml", text)
    assert roles.names_of(tmp_path / "web") == {"web"}


def test_meta_that_is_no_yaml_is_an_error_that_names_it(tmp_path: Path):
    file = write(tmp_path / "meta" / "main.yml", "a: b: c\n")
    with pytest.raises(TdiError) as error:
        roles.names_of(tmp_path)
    assert str(file) in error.value.what


PLAYBOOK = """
- hosts: all
  vars: {roles: [none]}
  pre_tasks:
    - ansible.builtin.include_role: {name: first}
  roles:
    - plain
    - role: named
    - {name: also_named, when: true}
    - "{{ templated }}"
    - some.collection.role
  tasks:
    - import_role: {name: static}
    - ansible.legacy.include_role: name=short tasks_from=other
    - include_role: {role: by_its_other_name}
    - block:
        - include_role: {name: in_block}
      rescue:
        - include_role: {name: in_rescue}
      always:
        - block:
            - include_role: {name: "{{ item }}"}
            - include_role: {name: in_always}
    - ansible.builtin.include_tasks: {file: include_role}
  post_tasks:
    - include_role: {name: plain}
  handlers:
    - include_role: {name: in_handlers}
- ansible.builtin.import_playbook: sub/other.yml
"""


def test_all_roles_that_a_playbook_calls_by_name_are_found_once(tmp_path: Path):
    playbook = write(tmp_path / "site.yml", PLAYBOOK)
    write(tmp_path / "sub" / "other.yml", "- hosts: all\n  roles: [imported]\n- import_playbook: ../site.yml\n")
    assert roles.called_by(playbook) == [
        *("first", "plain", "named", "also_named", "some.collection.role", "static", "short"),
        *("by_its_other_name", "in_block", "in_rescue", "in_always", "in_handlers", "imported"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: b\n",
        "- just words\n",
        "- hosts: all\n  roles:\n",
        "- hosts: all\n  tasks: none\n",
        "- hosts: all\n  tasks: [one]\n",
        "- hosts: all\n  roles: [{when: true}]\n",
        "- hosts: all\n  tasks: [{include_role: }]\n",
        "- import_playbook: gone.yml\n",
        "- import_playbook: '{{ templated }}.yml'\n",
        "- hosts: all\n  roles: web\n",
        "- hosts: all\n  roles: 1\n",
        "- hosts: all\n  vars: {a: !vault x}\n",
    ],
)
def test_a_playbook_that_calls_none_or_is_half_written_calls_none(tmp_path: Path, text: str):
    assert roles.called_by(write(tmp_path / "site.yml", text)) == []


def test_a_playbook_that_is_no_yaml_is_an_error_that_names_it(tmp_path: Path):
    playbook = write(tmp_path / "site.yml", "- hosts: [all\n")
    with pytest.raises(TdiError) as error:
        roles.called_by(playbook)
    assert str(playbook) in error.value.what
    assert "\n" not in error.value.what


def test_a_role_is_found_by_its_directorys_name_before_what_any_meta_says(tmp_path: Path):
    write(tmp_path / "a" / "other" / "tasks" / "main.yml")
    write(tmp_path / "a" / "other" / "meta" / "main.yml", "galaxy_info: {role_name: web}\n")
    write(tmp_path / ".git" / "web" / "tasks" / "main.yml")
    assert roles.find(tmp_path, "web") == tmp_path / "a" / "other"
    assert roles.find(tmp_path, "them.web") == tmp_path / "a" / "other"
    write(tmp_path / "z" / "web" / "tasks" / "main.yaml")
    assert roles.find(tmp_path, "web") == tmp_path / "z" / "web"
    assert roles.find(tmp_path, "gone") is None


def test_a_collection_is_that_of_the_tree_or_of_what_it_is_in(tmp_path: Path):
    role = tmp_path / "roles" / "web"
    role.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    assert roles.collection_of(role) is None
    write(tmp_path / "galaxy.yml", "namespace: us\nname: web\n")
    assert roles.collection_of(role) == roles.collection_of(tmp_path) == roles.Collection("us", "web", tmp_path)


def test_a_collection_ends_where_its_repository_does(tmp_path: Path):
    write(tmp_path / "galaxy.yml", "namespace: us\nname: web\n")
    (tmp_path / "vendor" / "role" / ".git").mkdir(parents=True)
    assert roles.collection_of(tmp_path / "vendor" / "role") is None


@pytest.mark.parametrize("text", ["", "namespace: us\n", "name: web\n", "- a\n"])
def test_a_galaxy_yml_without_a_name_is_an_error_that_names_it(tmp_path: Path, text: str):
    file = write(tmp_path / "galaxy.yml", text)
    with pytest.raises(TdiError) as error:
        roles.collection_of(tmp_path)
    assert str(file) in error.value.what
    assert error.value.remedy
