"""Which pasts a verdict upgrades from: what was asked for, what the project declares, and what cannot be used."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Repository
from tdi.errors import TdiError
from tdi.molecule import pasts
from tdi.molecule.pasts import Packages, Past
from tdi.project import Project


@pytest.fixture
def project(repository: Repository, checkout: Project) -> Project:
    """A repository with this checkout's role, three releases, and a commit after them."""
    shutil.rmtree(checkout.root / "molecule" / "upgrade" / "past", ignore_errors=True)
    shutil.copytree(checkout.root, repository.root, dirs_exist_ok=True)
    for release in ("1.0.0", "v1.10.0", "1.2.0"):
        repository.commit(CHANGES=release)
        repository.git("tag", release)
    repository.git("tag", "1.3.0-rc1")
    repository.commit(CHANGES="next")
    return repository.project()


@pytest.fixture
def declare(project: Project) -> Callable[..., Path]:
    """Declare a past of the project."""

    def call(name: str, text: str) -> Path:
        file = project.scenario("upgrade") / "past" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file

    return call


def names(found: list[Past]) -> list[str]:
    return [past.name for past in found]


def revisions(past: Past, repository: Repository) -> list[str]:
    return [repository.git("describe", "--tags", "--always", state.revision or "") for state in past.states]


def test_without_a_word_it_is_the_default_past_and_all_that_are_declared(project: Project, declare):
    declare("todays-packages.yml", "tdi_past: {packages: today}\n")
    declare("former.yaml", "nginx_sites: []\ntdi_past:\n  by_hand:\n    - name: Write a page\n")
    found = pasts.of_verdict(project)
    assert names(found) == ["default", "former", "todays-packages"]
    assert [past.label for past in found] == ["upgrade", "upgrade-former", "upgrade-todays-packages"]
    _, former, today = found
    assert (former.variables, former.packages) == ({"nginx_sites": []}, Packages.RELEASE)
    assert former.by_hand == ({"name": "Write a page"},)
    assert (today.variables, today.packages) == ({}, Packages.TODAY)
    assert {past.states for past in found} == {found[0].states}


def test_a_revision_that_is_asked_for_is_taken_alone(project: Project, declare, repository: Repository):
    declare("former.yml", "{}\n")
    (only,) = pasts.of_verdict(project, ["1.0.0"])
    assert (only.name, revisions(only, repository)) == ("1.0.0", ["1.0.0"])
    assert names(pasts.of_verdict(project, ["1.0.0", "former", "main~1", "default"])) == [
        *("1.0.0", "former", "main-1", "default")
    ]


def test_all_releases_are_taken_by_their_numbers_and_no_candidate(project: Project, repository: Repository):
    found = pasts.of_verdict(project, ["all"])
    assert names(found) == ["1.0.0", "1.2.0", "v1.10.0"]
    (long_lived,) = pasts.of_verdict(project, ["long-lived"])
    assert revisions(long_lived, repository) == ["1.0.0", "1.2.0", "v1.10.0"]


def test_the_environment_asks_for_several_or_for_one(project: Project, declare, monkeypatch: pytest.MonkeyPatch):
    declare("former.yml", "{}\n")
    monkeypatch.setenv("TDI_PAST", "former")
    assert names(pasts.of_verdict(project)) == ["former"]
    # Under its own name: TDI_PRODUCTION_IMAGE, which a CI job may set for all its legs, is of the default past alone.
    assert pasts.of_molecule(project).name == "former"
    monkeypatch.setenv("TDI_FROM", "1.0.0 1.2.0")
    assert names(pasts.of_verdict(project)) == ["1.0.0", "1.2.0"]
    with pytest.raises(TdiError, match="TDI_FROM names several pasts"):
        pasts.of_molecule(project)


def test_a_past_says_of_which_revision_its_settings_are(project: Project, declare, repository: Repository):
    declare("old.yml", "tdi_past: {from: 1.0.0}\n")
    declare("older.yml", "tdi_past: {from: long-lived}\n")
    _, old, older = pasts.of_verdict(project)
    assert revisions(old, repository) == ["1.0.0"]
    assert revisions(older, repository) == ["1.0.0", "1.2.0", "v1.10.0"]


def test_a_registry_has_the_default_past_and_a_number_is_a_generation(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    digest = f"sha256:{'ab' * 32}"
    with pytest.raises(TdiError, match="no such revision"):
        pasts.of_verdict(project, ["3"])
    monkeypatch.setenv("TDI_REGISTRY", "127.0.0.1:5000/nginx")
    assert [past.published for past in pasts.of_verdict(project)] == ["production"]
    found = pasts.of_verdict(project, ["3", digest, "1.0.0"])
    assert [past.published for past in found] == ["3", digest, None]
    assert names(found) == ["generation-3", "abababababab", "1.0.0"]


def test_a_past_that_is_not_there_is_told_with_those_that_are(project: Project, declare, monkeypatch):
    declare("former.yml", "{}\n")
    monkeypatch.setenv("TDI_PAST", "fromer")
    with pytest.raises(TdiError, match="no past 'fromer'") as error:
        pasts.of_verdict(project)
    assert error.value.remedy == "It has default, former."
    with pytest.raises(TdiError, match=r"Production cannot be taken from 9\.9\.9: there is no such revision"):
        pasts.of_verdict(project, ["9.9.9"])


def test_without_a_release_there_is_no_long_lived_server(repository: Repository, checkout: Project):
    shutil.copytree(checkout.root, repository.root, dirs_exist_ok=True)
    repository.commit()
    for word in ("all", "long-lived"):
        with pytest.raises(TdiError, match="There is no release here"):
            pasts.of_verdict(repository.project(), [word])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("after.yml", "{}", "a past cannot be called 'after'"),
        ("a b.yml", "{}", "a past cannot be called 'a b'"),
        ("old.yml", "", "it is no mapping"),
        ("old.yml", "- hosts: all\n", "it is no mapping"),
        ("old.yml", "a: [\n", "cannot be used"),
        ("old.yml", "tdi_past: today\n", "does not know 'today'"),
        ("old.yml", "tdi_past: {package: today}\n", "does not know 'package'"),
        ("old.yml", "tdi_past: {packages: tomorrow}\n", "packages is 'tomorrow'"),
        ("old.yml", "tdi_past: {by_hand: {name: x}}\n", "by_hand is no list"),
        ("old.yml", "tdi_past: {by_hand: [x]}\n", "by_hand is no list"),
        ("old.yml", "tdi_past: {from: 9.9.9}\n", "no such revision"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_file(project: Project, declare, name: str, text: str, said: str):
    declare(name, text)
    with pytest.raises(TdiError) as error:
        pasts.of_verdict(project)
    assert said in error.value.what
    assert name in error.value.what or "9.9.9" in error.value.what
