"""Which mutants a project has: by operator, by file, by what changed, and in which shard."""

import pytest

from conftest import Repository
from tdi.errors import TdiError
from tdi.mutants import finding
from tdi.mutants.mutant import Edit, Mutant
from tdi.mutants.operators.operator import Operator
from tdi.mutants.results import Oracle
from tdi.mutants.source import Part, Source
from tdi.project import Project

TASKS = """---
- name: Install
  ansible.builtin.apt:
    name: less
    state: latest

- name: Write
  ansible.builtin.copy:
    content: a
    dest: /etc/a
    owner: root
    mode: "0644"
"""


@pytest.fixture
def project(repository: Repository) -> Project:
    """A role that is committed."""
    repository.commit(**{"tasks__main.yml": TASKS, "defaults__main.yml": "a: 1\nb: 2\n"})
    return repository.project()


def names(mutants: list[Mutant]) -> set[str]:
    return {mutant.operator for mutant in mutants}


def test_mutants_come_in_the_order_of_their_places(project: Project):
    places = [(mutant.path, mutant.edit.start) for mutant in finding.find(project)]
    assert places == sorted(places)
    assert len(places) > 10


def test_only_the_operators_and_files_that_were_asked_for_are_used(project: Project):
    assert names(finding.find(project, ["drop-owner", "drop-mode"])) == {"drop-owner", "drop-mode"}
    assert {mutant.path for mutant in finding.find(project, files=["defaults/main.yml"])} == {"defaults/main.yml"}
    assert {mutant.path for mutant in finding.find(project, files=["tasks"])} == {"tasks/main.yml"}


def test_a_mutant_has_the_same_id_whatever_was_asked_for(project: Project):
    ids = {mutant.id for mutant in finding.find(project)}
    for operator in names(finding.find(project)):
        assert {mutant.id for mutant in finding.find(project, [operator])} <= ids


def test_a_mutant_has_the_same_id_wherever_in_its_file_it_stands(project: Project):
    before = {mutant.id for mutant in finding.find(project, ["drop-owner"])}
    (project.root / "tasks" / "main.yml").write_text("# A comment.\n" + TASKS, encoding="utf-8")
    assert {mutant.id for mutant in finding.find(project, ["drop-owner"])} == before


def test_of_two_operators_that_make_the_same_text_the_one_that_knows_more_is_named(project: Project):
    assert names(finding.find(project, ["drop-owner"])) == {"drop-owner"}
    assert finding.find(project, ["drop-argument"]) == []


@pytest.mark.parametrize(
    ("operators", "files", "said", "remedy"),
    [
        (["drop-ownr"], None, "no operator drop-ownr", "drop-owner"),
        (["zzz"], None, "no operator zzz", "operator"),
        (None, ["tasks/man.yml"], "no file tasks/man.yml", "tasks/main.yml"),
    ],
)
def test_what_is_not_there_is_told_with_what_may_be_meant(
    project: Project, operators: list[str] | None, files: list[str] | None, said: str, remedy: str
):
    with pytest.raises(TdiError, match=said) as raised:
        finding.find(project, operators, files)
    assert remedy in raised.value.remedy


def test_only_what_changed_since_a_revision_is_mutated(project: Project, repository: Repository):
    assert finding.find(project, diff="HEAD") == []
    (project.root / "tasks" / "main.yml").write_text(TASKS.replace("owner: root", "owner: daemon"), encoding="utf-8")
    found = names(finding.find(project, diff="HEAD"))
    assert {"drop-owner", "drop-task", "swap-tasks"} <= found
    assert not {"drop-mode", "latest-to-present", "change-number"} & found
    repository.git("checkout", "--quiet", "-b", "branch")
    repository.commit()
    assert names(finding.find(project, diff="main")) == found


def test_a_file_that_git_does_not_keep_yet_has_changed(project: Project):
    (project.root / "vars").mkdir()
    (project.root / "vars" / "main.yml").write_text("c: 3\n", encoding="utf-8")
    assert {mutant.path for mutant in finding.find(project, diff="HEAD")} == {"vars/main.yml"}


def test_shards_are_all_mutants_each_once_and_as_many(project: Project):
    mutants = finding.find(project)
    shards = [finding.shard(mutants, number, 3) for number in (1, 2, 3)]
    assert sorted(mutant.id for each in shards for mutant in each) == sorted(mutant.id for mutant in mutants)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
    assert all([*map(mutants.index, each)] == sorted(map(mutants.index, each)) for each in shards)
    assert finding.shard(list(reversed(mutants)), 2, 3)[::-1] == shards[1]


@pytest.mark.parametrize(("number", "of"), [(0, 8), (9, 8), (1, 0)])
def test_a_shard_that_is_not_there_is_an_error(number: int, of: int):
    with pytest.raises(TdiError, match=f"no shard {number}/{of}"):
        finding.shard([], number, of)


@pytest.mark.parametrize(
    ("text", "stays"),
    [("# One.\n", False), ("b: [\n", False), ("a: 2\n", False), ("b: 2\n", True)],
    ids=["a comment", "no YAML", "a key twice", "another value"],
)
def test_an_edit_that_says_the_same_or_that_no_role_could_be_is_none(text: str, stays: bool):  # noqa: FBT001
    operator = Operator("add", "It.", "", "", (Oracle.LINT,), lambda _: [Edit(0, 0, text, "it is new")])
    assert bool(finding.of_source(Source("vars/main.yml", Part.VARIABLES, "a: 1\n"), [operator])) is stays
