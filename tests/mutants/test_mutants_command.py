"""`tdi mutants` from the command line: what is listed, what is refused before anything is run, and the merge."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from test_mutant_reports import EVERY, RESULTS

from conftest import Ended, Repository
from tdi.mutants import keeping
from tdi.mutants.operators.registry import OPERATORS
from tdi.project import Project

Tdi = Callable[..., Ended]
TASKS = "- name: Write\n  ansible.builtin.copy:\n    dest: /etc/a\n    content: a\n    mode: '0644'\n"


@pytest.fixture
def project(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with a role, committed."""
    repository.commit(**{"roles__a__tasks__main.yml": TASKS, "molecule__fresh__molecule.yml": "{}\n"})
    monkeypatch.chdir(repository.root)
    return repository.project()


def test_mutants_are_listed_and_none_is_tried(tdi: Tdi, project: Project):
    ended = tdi("mutants", "--list")
    assert ended.code == 0, ended.err
    assert "roles/a/tasks/main.yml:" in ended.out
    assert not (project.artifacts / "mutants").exists()


@pytest.mark.usefixtures("project")
def test_shards_are_parts_of_all(tdi: Tdi):
    def listed(*words: str) -> list[str]:
        return tdi("mutants", "--list", *words).out.splitlines()[:-1]

    parts = [listed("--shard", f"{number}/3") for number in (1, 2, 3)]
    assert sorted(line for part in parts for line in part) == sorted(listed())


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--shard", "0/8"], "0/8 is no shard"),
        (["--shard", "9/8"], "9/8 is no shard"),
        (["--shard", "half"], "half is no shard"),
        (["--operator", "drop-mod"], "drop-mode"),
        (["--file", "roles/b"], "roles/b"),
        (["--in-diff", "nowhere"], "nowhere"),
        (["--jobs", "0"], "--jobs"),
        (["--time-limit", "soon"], "soon"),
    ],
)
def test_what_cannot_be_is_refused_in_two_lines(tdi: Tdi, words: list[str], said: str):
    ended = tdi("mutants", *words)
    assert ended.code == 2
    assert said in ended.err
    assert len(ended.err.strip().splitlines()) <= 2


def test_a_role_with_a_syntax_error_is_told_with_its_place(tdi: Tdi, project: Project):
    (project.root / "roles" / "a" / "tasks" / "main.yml").write_text("- name: [\n")
    ended = tdi("mutants")
    assert ended.code == 2
    assert "roles/a/tasks/main.yml" in ended.err


def test_a_project_without_a_role_is_told(tdi: Tdi, repository: Repository, monkeypatch: pytest.MonkeyPatch):
    repository.commit(**{"molecule__fresh__molecule.yml": "{}\n"})
    monkeypatch.chdir(repository.root)
    ended = tdi("mutants")
    assert ended.code == 2
    assert "Traceback" not in ended.err


def _kept(directory: Path, mutants: tuple) -> Path:
    with keeping.keeper(directory, RESULTS, (1, 2), resume=False) as keeper:
        for each in mutants:
            keeper.add(each)
    return directory / keeping.NAME


@pytest.mark.usefixtures("project")
def test_parts_are_merged_and_a_part_that_is_missing_is_no_success(tdi: Tdi, tmp_path: Path):
    files = [_kept(tmp_path / name, part) for name, part in (("one", EVERY[:2]), ("two", EVERY[2:3]))]
    ended = tdi("mutants", "merge", *files, "--json", tmp_path / "merged.json")
    assert ended.code == 2
    assert "4 of 7 mutants were not tried" in ended.out
    assert len(json.loads((tmp_path / "merged.json").read_text())["mutants"]) == 3


@pytest.mark.usefixtures("project")
def test_a_survivor_is_exit_code_1(tdi: Tdi, tmp_path: Path):
    file = _kept(tmp_path / "all", tuple(replace(each) for each in EVERY))
    assert tdi("mutants", "merge", file).code == 1


@pytest.mark.usefixtures("project")
def test_operators_are_listed_with_their_examples(tdi: Tdi):
    ended = tdi("mutants", "operators")
    assert ended.code == 0
    assert "drop-notify" in ended.out
    assert f"{len(OPERATORS)} operators" in ended.out


@pytest.mark.usefixtures("project")
def test_help_is_of_the_group_and_of_the_command(tdi: Tdi):
    assert "operators" in tdi("mutants", "--help").out
    assert "--in-diff" in tdi("mutants", "run", "--help").out
