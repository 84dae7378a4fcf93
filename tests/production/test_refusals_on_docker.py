"""What is not published, and why: told before anything is made, with a real registry."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import small_images
from projects import Tiny, tiny
from registries import RealRegistry, running
from small_images import BASE

from tdi.errors import TdiError
from tdi.images import provisioning, published
from tdi.images.published import Generation
from tdi.machines.run import Run
from tdi.outside import docker, registry
from tdi.outside.registry import Registry
from tdi.project import Project
from tdi.publishing import publish, succession

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    with running(RealRegistry(tmp_path_factory.mktemp("registry"))) as started:
        yield started


@pytest.fixture(scope="module")
def module_project(real: RealRegistry, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return tiny(tmp_path_factory.mktemp("project"), f"{real.host}/web/greeting")


@pytest.fixture
def where(real: RealRegistry, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A repository of the test's own."""
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name.lower()).strip("-")
    while "--" in name:
        name = name.replace("--", "-")
    found = Registry(registry.parse(f"{real.host}/{name}"))
    monkeypatch.setenv("TDI_REGISTRY", str(found.repository))
    yield found
    docker.remove_images_of(str(found.repository))


@pytest.fixture
def project(module_project: Tiny, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """The project, where nothing may be provisioned."""

    def never(*_: object) -> str:
        raise AssertionError

    monkeypatch.setattr(provisioning, "provision", never)
    (module_project.root / "artifacts" / "verdict.json").unlink(missing_ok=True)
    return module_project


def _publish(project: Tiny, tmp_path: Path, *, bootstrap: bool = False) -> publish.Published:
    return publish.publish(Project.at(project.root), BASE, Run("test", tmp_path), bootstrap=bootstrap)


def _production(where: Registry, tmp_path: Path, number: int = 1, parent: Generation | None = None) -> str:
    """Something is production; its id in the engine."""
    small_images.put(where, tmp_path, number, parent)
    found = published.fetch(Project(tmp_path, tmp_path / "artifacts"), BASE, "production")
    assert found
    return found.id


def test_without_a_registry(project: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("TDI_REGISTRY", raising=False)
    with pytest.raises(TdiError, match="has no registry") as error:
        _publish(project, tmp_path)
    assert "production.yml" in error.value.remedy


@pytest.mark.usefixtures("where")
def test_a_tree_that_differs_from_its_commit(project: Tiny, tmp_path: Path):
    new = project.root / "new-file"
    new.touch()
    try:
        with pytest.raises(TdiError, match="differs from what is committed"):
            _publish(project, tmp_path)
    finally:
        new.unlink()


@pytest.mark.usefixtures("where")
def test_nothing_to_start_from(project: Tiny, tmp_path: Path):
    with pytest.raises(TdiError, match="no production to start from") as error:
        _publish(project, tmp_path)
    assert "--bootstrap" in error.value.remedy
    for ask in (succession.roll_back, lambda repository: succession.prune(repository, 1)):
        with pytest.raises(TdiError, match="has no production"):
            ask(published.repository(Project.at(project.root), "debian-13"))


def test_a_second_first_one(project: Tiny, where: Registry, tmp_path: Path):
    _production(where, tmp_path)
    with pytest.raises(TdiError, match=r"has a production already: generation 1"):
        _publish(project, tmp_path, bootstrap=True)


@pytest.mark.parametrize("lacks", ["annotations", "label"])
def test_an_image_that_this_project_did_not_make(project: Tiny, where: Registry, tmp_path: Path, lacks: str):
    if lacks == "label":
        small_images.put(where, tmp_path, 1, labels={docker.LABEL: "image"})
    else:
        image = small_images.imported(tmp_path, "theirs")
        docker.push(image, str(where.repository), "production")
        docker.remove_image(image)
    with pytest.raises(TdiError, match="did not make"):
        _publish(project, tmp_path)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"class": "drift"}, "The last verdict is drift"),
        ({"class": "could-not-run"}, "The last verdict is could-not-run"),
        ({"platform": "debian-12"}, "The last verdict is on debian-12, and this is debian-13"),
        ({"provenance": {"production_id": "ours", "revision": "f" * 40}}, "The last verdict is on ffffffffffff"),
        ({"provenance": {"production_id": "ours", "revision": ""}}, "differed from what was committed"),
        ({"provenance": {"production_id": "ours"}}, "differed from what was committed"),
        ({"provenance": None}, "is no verdict"),
    ],
)
def test_a_verdict_that_is_not_a_pass_on_this(
    project: Tiny, where: Registry, tmp_path: Path, other: dict[str, Any], reason: str
):
    image = _production(where, tmp_path)
    if (other.get("provenance") or {}).get("production_id"):
        other["provenance"]["production_id"] = image
    project.passing(image, **other)
    with pytest.raises(TdiError, match=reason):
        _publish(project, tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"class": "pass"}', '{"class": "pass", "provenance": []}'])
def test_a_file_that_is_no_verdict(project: Tiny, where: Registry, tmp_path: Path, text: str):
    _production(where, tmp_path)
    (project.root / "artifacts" / "verdict.json").write_text(text, encoding="utf-8")
    with pytest.raises(TdiError, match="is no verdict"):
        _publish(project, tmp_path)


def test_no_verdict_at_all(project: Tiny, where: Registry, tmp_path: Path):
    _production(where, tmp_path)
    with pytest.raises(TdiError, match="There is no verdict on"):
        _publish(project, tmp_path)


def test_production_that_moved_since(project: Tiny, where: Registry, tmp_path: Path):
    project.passing(_production(where, tmp_path))
    _production(where, tmp_path, 2, published.current(where))
    with pytest.raises(TdiError, match=r"Production moved since the verdict: it is generation 2"):
        _publish(project, tmp_path)


def test_a_revision_that_was_published_on_another_production(project: Tiny, where: Registry, tmp_path: Path):
    head = project.git("rev-parse", "HEAD")
    first = small_images.put(where, tmp_path, 1)
    other = small_images.put(where, tmp_path, 2, first, production=False)
    where.put(other.manifest.content, registry.MANIFEST, head)
    image = _production(where, tmp_path, 3, first)
    project.passing(image)
    with pytest.raises(TdiError, match="was published before, on another production"):
        _publish(project, tmp_path)


def test_what_is_production_already_is_left_as_it_is(
    project: Tiny, where: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    head = project.git("rev-parse", "HEAD")
    monkeypatch.setattr(small_images, "revision", lambda _: head)
    _production(where, tmp_path)
    done = _publish(project, tmp_path)
    assert not done.anew
    assert done.generation.revision == head


def test_there_is_nothing_before_the_first(project: Tiny, where: Registry, tmp_path: Path):
    del project
    first = small_images.put(where, tmp_path, 1)
    with pytest.raises(TdiError, match="has no parent"):
        succession.roll_back(where.repository)
    small_images.put(where, tmp_path, 2, first)
    where.delete(first.digest)
    with pytest.raises(TdiError, match="was pruned"):
        succession.roll_back(where.repository)
    now = published.current(where)
    assert now
    assert now.number == 2


def test_a_registry_that_deletes_nothing_prunes_nothing(project: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    del project
    with running(RealRegistry(tmp_path / "registry", deletes=False)) as keeps:
        where = Registry(registry.parse(f"{keeps.host}/web/greeting"))
        monkeypatch.setenv("TDI_REGISTRY", str(where.repository))
        first = small_images.put(where, tmp_path, 1)
        small_images.put(where, tmp_path, 2, first)
        with pytest.raises(registry.DeletionRefusedError, match="deletes nothing"):
            succession.prune(where.repository, 1)
        assert [each.number for each in published.history(where)] == [2, 1]


def test_pruning_keeps_what_was_rolled_back(project: Tiny, where: Registry, tmp_path: Path):
    del project
    first = small_images.put(where, tmp_path, 1)
    second = small_images.put(where, tmp_path, 2, first)
    third = small_images.put(where, tmp_path, 3, second)
    succession.roll_back(where.repository)
    done = succession.prune(where.repository, 1)
    assert [each.number for each in done.kept] == [2]
    assert [each.number for each in done.removed] == [1]
    assert where.manifest(third.revision)


def test_the_line_of_the_settings_names_the_repository(
    project: Tiny, where: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    del where
    monkeypatch.delenv("TDI_REGISTRY")
    file = project.root / "molecule" / "production.yml"
    try:
        file.write_text("registry: registry.example.org/web/{platform}\n", encoding="utf-8")
        found = published.repository(Project.at(project.root), "debian-13")
        assert str(found) == "registry.example.org/web/debian-13"
        for text in ("registry: 1", "register: a/b", "- a", "registry: [", json.dumps({"registry": "a", "more": 1})):
            file.write_text(text, encoding="utf-8")
            with pytest.raises(TdiError, match=r"production\.yml cannot be used"):
                _publish(project, tmp_path)
    finally:
        file.unlink()
