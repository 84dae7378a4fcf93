"""Which files of a project are mutated."""

from pathlib import Path

import pytest

from conftest import Repository
from tdi.errors import TdiError
from tdi.mutants.source import Part, load
from tdi.project import Project

ROOT = Path(__file__).resolve().parents[2]
TASK = "- command: /a\n"


def write(root: Path, **files: str | bytes) -> Project:
    """A project with these files (`tasks__main.yml` for tasks/main.yml)."""
    for name, text in files.items():
        file = root / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Project.at(root)


def parts(project: Project) -> dict[str, Part]:
    """The files that are mutated, and what they are."""
    return {source.path: source.part for source in load(project).files}


def test_a_role_at_the_root_is_mutated_in_all_that_ansible_reads_of_it(tmp_path: Path):
    project = write(
        tmp_path,
        **{
            "tasks__main.yml": TASK,
            "tasks__more__debian.yaml": TASK,
            "handlers__main.yml": TASK,
            "defaults__main.yml": "a: 1\n",
            "vars__Debian.yml": "a: 1\n",
            "templates__deep__a.conf.j2": "a\n",
            "files__a.sh": "#!/bin/sh\n",
            "meta__main.yml": "dependencies: []\n",
            "meta__argument_specs.yml": "argument_specs: {}\n",
            "meta__runtime.yml": "a: 1\n",
            "molecule__default__converge.yml": TASK,
            "molecule__default__tasks__main.yml": TASK,
            "tests__test.yml": TASK,
            "library__a.py": "a = 1\n",
            "README.md": "A role.\n",
        },
    )
    assert parts(project) == {
        "defaults/main.yml": Part.DEFAULTS,
        "files/a.sh": Part.FILE,
        "handlers/main.yml": Part.HANDLERS,
        "meta/argument_specs.yml": Part.ARGUMENTS,
        "meta/main.yml": Part.META,
        "tasks/main.yml": Part.TASKS,
        "tasks/more/debian.yaml": Part.TASKS,
        "templates/deep/a.conf.j2": Part.TEMPLATE,
        "vars/Debian.yml": Part.VARIABLES,
    }


def test_the_playbooks_of_a_playbook_project_are_mutated_with_its_roles(tmp_path: Path):
    play = "- hosts: all\n  pre_tasks:\n    - command: /a\n  handlers:\n    - command: /b\n"
    project = write(
        tmp_path,
        **{"site.yml": play, "roles__a__tasks__main.yml": TASK, "roles__none__README.md": "", "other.yml": "a: 1\n"},
    )
    assert parts(project) == {"roles/a/tasks/main.yml": Part.TASKS, "site.yml": Part.PLAYBOOK}
    (playbook,) = [source for source in load(project).files if source.part is Part.PLAYBOOK]
    assert [task.is_handler for task in playbook.tasks] == [False, True]


def test_the_playbooks_in_a_role_or_a_collection_are_not_what_is_tried(tmp_path: Path):
    play = "- hosts: all\n  tasks:\n    - command: /a\n"
    assert "site.yml" not in parts(write(tmp_path / "role", **{"site.yml": play, "tasks__main.yml": TASK}))
    collection = write(
        tmp_path / "collection",
        **{"galaxy.yml": "namespace: a\nname: b\n", "playbooks__a.yml": play, "roles__c__tasks__main.yml": TASK},
    )
    assert parts(collection) == {"roles/c/tasks/main.yml": Part.TASKS}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a: \xff\n", "UTF-8"),
        (b"a\0b", "no text"),
        (b"a: 1\r\nb: 2\r\n", "Windows"),
        (b"\xef\xbb\xbfa: 1\n", "Windows"),
        (b"$ANSIBLE_VAULT;1.1;AES256\n3132\n", "encrypted"),
        (b"a: 1\n" * 50_000, "longer than"),
    ],
)
def test_a_file_that_cannot_be_edited_safely_is_left_out_and_told(tmp_path: Path, content: bytes, why: str):
    project = write(tmp_path, **{"tasks__main.yml": TASK, "vars__main.yml": content})
    loaded = load(project)
    assert [source.path for source in loaded.files] == ["tasks/main.yml"]
    ((path, said),) = loaded.left_out
    assert path == "vars/main.yml"
    assert why in said


def test_a_role_with_a_syntax_error_is_told_with_the_line(tmp_path: Path):
    project = write(tmp_path, **{"tasks__main.yml": "- command: /a\n  when: {{ a }}\n b\n"})
    with pytest.raises(TdiError, match=r"tasks/main\.yml is no YAML: .* line [23]"):
        load(project)


def test_a_project_with_nothing_to_mutate_is_an_error(tmp_path: Path):
    with pytest.raises(TdiError, match="nothing to mutate"):
        load(write(tmp_path, **{"README.md": ""}))


def test_what_git_ignores_is_none_of_the_project(repository: Repository):
    write(repository.root, **{".gitignore": "/roles/fetched/\n", "roles__fetched__tasks__main.yml": TASK})
    write(repository.root, **{"roles__own__tasks__main.yml": TASK})
    assert "roles/own/tasks/main.yml" in parts(repository.project())
    repository.commit()
    assert parts(repository.project()) == {"roles/own/tasks/main.yml": Part.TASKS}


def test_what_can_be_notified_is_known_in_all_files_of_a_role(tmp_path: Path):
    handlers = "- name: Restart a\n  command: /a\n  listen: [changed, new]\n"
    project = write(tmp_path, **{"tasks__main.yml": TASK, "handlers__main.yml": handlers})
    assert {source.handlers for source in load(project).files} == {("Restart a", "changed", "new")}


@pytest.mark.parametrize("example", sorted(ROOT.glob("examples/*/1.0.0/README.md")), ids=lambda file: file.parts[-3])
def test_every_example_has_something_to_mutate_and_nothing_of_its_scenarios(example: Path):
    loaded = load(Project.at(example.parent))
    assert any(source.part is Part.TASKS for source in loaded.files)
    assert not [source.path for source in loaded.files if "molecule" in source.path]
    assert loaded.left_out == ()
