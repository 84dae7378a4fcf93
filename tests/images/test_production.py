"""Which playbook provisions production, when an image serves again, and production images by name."""

import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from conftest import Fakes, Repository
from tdi.content.history import Before
from tdi.errors import TdiError
from tdi.images import production, provisioning
from tdi.images.base_image import BaseImage
from tdi.images.provisioning import Provisioning
from tdi.molecule import scenario
from tdi.molecule.pasts import DEFAULT, Packages, Past
from tdi.project import Project

BASE = BaseImage("debian-13", "sha256:base", "tdi-base:debian-13", "debian:13", "the default platform")


@pytest.fixture
def former(repository: Repository, checkout: Project, tmp_path: Path) -> Callable[..., Provisioning]:
    """Of `edit`s to this checkout after its first commit: the role as it stood there, and the playbooks to try."""

    def call(edit: Callable[[Project], None] = lambda _: None, **facts: Any) -> Provisioning:
        shutil.copytree(checkout.root, repository.root, dirs_exist_ok=True)
        before = Before(repository.commit(), "")
        project = repository.project()
        edit(project)
        past = Past(facts.pop("name", DEFAULT), (before,), **facts)
        upgrade = scenario.load(project, "upgrade")
        return production._provisioning(project, upgrade, past, before, tmp_path / "tree", last=True)

    return call


def test_the_former_role_and_playbook_are_taken_from_history(former, repository: Repository, tmp_path: Path):
    def edit(project: Project) -> None:
        (project.root / "roles" / "nginx" / "tasks" / "main.yml").write_text("changed\n")
        (project.scenarios / "shared" / "converge.yml").write_text("changed\n")

    found = former(edit)
    tree = tmp_path / "tree" / "repository"
    assert found.state.project == Project(tree, repository.root / "artifacts")
    assert found.state.original == repository.root
    assert "Install" in (tree / "roles" / "nginx" / "tasks" / "main.yml").read_text()
    then, now = found.playbooks
    assert "hosts: all" in then.read_text()
    assert then.is_relative_to(tree)
    assert now == repository.root / "molecule" / "shared" / "converge.yml"


def test_a_revision_without_the_playbook_is_converged_with_the_present_one(former, repository: Repository):
    def edit(project: Project) -> None:
        (project.scenarios / "new").mkdir()
        (project.scenarios / "new" / "converge.yml").write_text("[]\n")
        file = project.scenario("upgrade") / "molecule.yml"
        file.write_text(file.read_text().replace("../shared/converge.yml", "../new/converge.yml"))

    assert former(edit).playbooks == (repository.root / "molecule" / "new" / "converge.yml",)


def test_without_a_former_revision_the_playbook_is_tried_once(checkout: Project, tmp_path: Path):
    upgrade = scenario.load(checkout, "upgrade")
    past = Past(DEFAULT, (Before(None, ""),))
    found = production._provisioning(checkout, upgrade, past, past.states[0], tmp_path, last=True)
    assert found.playbooks == (upgrade.ansible.playbook,)
    assert found.state.project == checkout


def test_settings_and_packages_of_a_past_are_those_of_its_machine(former):
    found = former(packages=Packages.TODAY, variables={"nginx_sites": []}, by_hand=({"name": "By hand"},))
    assert not found.release_only
    assert (found.variables, found.by_hand) == ({"nginx_sites": []}, ({"name": "By hand"},))


def test_a_variable_that_the_role_did_not_have_then_is_an_error_that_names_it(former):
    with pytest.raises(TdiError, match=r"old\.yml sets nginx_vhosts, which nothing of the role as it was then \("):
        former(name="old", variables={"nginx_vhosts": []}, file=Path("old.yml"))


def test_what_comes_before_the_role_and_variables_ask_for_another_image(fakes: Fakes, checkout: Project):
    fakes.docker(image_inspect="echo sha256:production")
    names = [production.ensure(checkout, BASE).name]
    (checkout.scenario("upgrade") / "prepare.yml").write_text("[]\n")
    names.append(production.ensure(checkout, BASE).name)
    (checkout.root / "group_vars").mkdir()
    (checkout.root / "group_vars" / "all.yml").write_text("a: 1\n")
    names.append(production.ensure(checkout, BASE).name)
    (checkout.root / "README.md").write_text("no content\n")
    assert production.ensure(checkout, BASE).name == names[-1]
    assert len(set(names)) == 3


@pytest.fixture
def provisioned(checkout: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Build an image, for which each playbook in turn ends as told (None holds); the image, and what was tried."""
    tried: list[str] = []

    def call(*ends: str | None) -> tuple[str, list[str]]:
        left = iter(ends)

        def converge(*words: object) -> str:
            tried.append(str(words[4]))
            end = next(left)
            if end:
                raise provisioning.NotProvisionedError(end)
            return "sha256:made"

        monkeypatch.setattr(provisioning, "_converge_and_commit", converge)
        upgrade = scenario.load(checkout, "upgrade")
        state = production.playing.as_checked_out(checkout)
        both = Provisioning(state, (Path("then/converge.yml"), Path("now/converge.yml")), "")
        return provisioning.provision("", BASE, upgrade, both, tmp_path / "log", "name", {}), tried

    return call


def test_the_present_playbook_is_tried_where_the_former_one_fails_and_that_is_said(
    provisioned, capsys: pytest.CaptureFixture[str]
):
    assert provisioned(None) == ("sha256:made", ["then/converge.yml"])
    assert not capsys.readouterr().err
    made, tried = provisioned("The role failed.", None)
    assert made == "sha256:made"
    assert tried[-2:] == ["then/converge.yml", "now/converge.yml"]
    assert "The role failed. Trying the present converge.yml with the former role." in capsys.readouterr().err


def test_where_both_playbooks_fail_the_last_is_the_error(provisioned):
    with pytest.raises(TdiError, match="again"):
        provisioned("The role failed.", "And again.")


def test_an_image_that_is_there_is_used_again_and_another_role_asks_for_another(fakes: Fakes, checkout: Project):
    docker = fakes.docker(image_inspect="echo sha256:production")
    first = production.ensure(checkout, BASE)
    assert (first.id, first.built) == ("sha256:production", False)
    assert first.name.startswith("tdi-production:debian-13-")
    assert production.ensure(checkout, BASE).name == first.name
    (checkout.root / "roles" / "nginx" / "tasks" / "main.yml").write_text("---\n")
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
    rows = production.generations()
    assert [row["name"] for row in rows] == ["tdi-production:new", "tdi-production:old"]
    assert rows[0]["revision"] == "abc"


def test_a_long_lived_server_stands_on_the_image_of_each_state_before(
    repository: Repository, checkout: Project, monkeypatch: pytest.MonkeyPatch, fakes: Fakes
):
    fakes.docker(image_inspect="exit 1")
    shutil.copytree(checkout.root, repository.root, dirs_exist_ok=True)
    states = [Before(repository.commit(**{"roles__nginx__defaults__main.yml": f"a: {n}\n"}), str(n)) for n in (1, 2, 3)]
    made: list[tuple[str, str]] = []

    def provision(image: str, _base: object, _upgrade: object, what: Provisioning, *_: object) -> str:
        made.append((image, what.reason))
        assert what.by_hand == (({"name": "By hand"},) if what.reason == "3" else ())
        return f"sha256:{what.reason}"

    monkeypatch.setattr(production.provisioning, "provision", provision)
    past = Past(DEFAULT, tuple(states), by_hand=({"name": "By hand"},))
    assert production.ensure(repository.project(), BASE, past).id == "sha256:3"
    assert made == [("sha256:base", "1"), ("sha256:1", "2"), ("sha256:2", "3")]


def test_another_past_asks_for_another_image(fakes: Fakes, repository: Repository, checkout: Project):
    fakes.docker(image_inspect="echo sha256:production")
    shutil.copytree(checkout.root, repository.root, dirs_exist_ok=True)
    state = Before(repository.commit(), "")
    pasts = [
        Past(DEFAULT, (state,)),
        Past("today", (state,), packages=Packages.TODAY),
        Past("sites", (state,), variables={"nginx_sites": []}),
        Past("hand", (state,), by_hand=({"name": "By hand"},)),
    ]
    project = repository.project()
    names = [production.ensure(project, BASE, past).name for past in pasts]
    assert len({*names}) == 4
    assert production.ensure(project, BASE, Past("another-name", (state,))).name == names[0]


def test_the_packages_of_today_are_not_those_of_yesterday(
    fakes: Fakes, repository: Repository, checkout: Project, monkeypatch: pytest.MonkeyPatch
):
    fakes.docker(image_inspect="echo sha256:production")
    shutil.copytree(checkout.root, repository.root, dirs_exist_ok=True)
    state, project = Before(repository.commit(), ""), repository.project()
    names = []
    for day in (1, 1, 2):
        then = type("Then", (), {"now": lambda zone, day=day: datetime(2026, 1, day, tzinfo=zone)})
        monkeypatch.setattr(production, "datetime", then)
        pasts = Past(DEFAULT, (state,)), Past("today", (state,), packages=Packages.TODAY)
        names.append([production.ensure(project, BASE, past).name for past in pasts])
    assert names[0] == names[1]
    assert [one == other for one, other in zip(names[1], names[2], strict=True)] == [True, False]


def test_a_named_image_is_the_default_past_s_alone(
    fakes: Fakes, repository: Repository, checkout: Project, monkeypatch: pytest.MonkeyPatch
):
    docker = fakes.docker(image_inspect="echo sha256:production")
    monkeypatch.setenv("TDI_PRODUCTION_IMAGE", "registry.example.org/web:1")
    shutil.copytree(checkout.root, repository.root, dirs_exist_ok=True)
    past = Past("old", (Before(repository.commit(), ""),))
    assert production.ensure(repository.project(), BASE, past).name.startswith("tdi-production:")
    assert not any(call.startswith("pull") for call in docker.calls)
