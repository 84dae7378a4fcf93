"""What is pulled is what was meant, whole, and for these machines: with a real registry and engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import small_images
from registries import RealRegistry, running
from small_images import BASE

from tdi.errors import TdiError
from tdi.images import published
from tdi.outside import docker, process, registry
from tdi.outside.registry import Registry
from tdi.project import Project

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    with running(RealRegistry(tmp_path_factory.mktemp("registry"))) as started:
        yield started


@pytest.fixture
def where(real: RealRegistry, request: pytest.FixtureRequest) -> Iterator[Registry]:
    """A repository of the test's own."""
    found = Registry(registry.parse(f"{real.host}/{request.node.name.replace('[', '-').strip(']').lower()}"))
    yield found
    docker.remove_images_of(str(found.repository))


@pytest.fixture
def project(tmp_path: Path, where: Registry, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("TDI_REGISTRY", str(where.repository))
    return Project(tmp_path, tmp_path / "artifacts")


def test_a_tag_that_moves_between_resolve_and_pull_changes_nothing(
    project: Project, where: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first = small_images.put(where, tmp_path, 1)
    real_pull = docker.pull

    def moved(name: str, timeout: float = 600) -> process.Completed:
        small_images.put(where, tmp_path, 2, first)
        return real_pull(name, timeout)

    monkeypatch.setattr(docker, "pull", moved)
    pulled = published.fetch(project, BASE, "production")
    assert pulled
    assert pulled.generation.digest == first.digest
    assert first.digest in pulled.name
    now = published.current(where)
    assert now
    assert now.number == 2


def test_a_corrupted_layer_is_no_production(project: Project, where: Registry, real: RealRegistry, tmp_path: Path):
    made = small_images.put(where, tmp_path, 1)
    (layer,) = made.manifest.document["layers"]
    file = real.blob(layer["digest"])
    whole = file.read_bytes()
    file.write_bytes(bytes([*whole[:-1], whole[-1] ^ 1]))
    try:
        with pytest.raises(TdiError, match="could not be pulled") as error:
            published.fetch(project, BASE, "production")
    finally:
        file.write_bytes(whole)
    assert "damaged" in error.value.remedy
    assert docker.image_id(f"{where.repository}@{made.digest}") is None
    assert published.fetch(project, BASE, "production")


def test_a_corrupted_manifest_is_no_production(project: Project, where: Registry, real: RealRegistry, tmp_path: Path):
    made = small_images.put(where, tmp_path, 1)
    file = real.blob(made.digest)
    file.write_bytes(file.read_bytes().replace(b"debian-13", b"debian-12"))
    with pytest.raises(TdiError, match=r"damaged|could not read"):
        published.fetch(project, BASE, made.digest)


def test_a_damaged_record_costs_time_only(
    project: Project, where: Registry, real: RealRegistry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    made = small_images.put(where, tmp_path, 1)
    where.attach(made.manifest, published.RECORD_TYPE, b"no gzip", "application/x", {})
    pulled = published.fetch(project, BASE, "production")
    assert pulled
    assert published.kept_record(project, pulled.id) is None
    assert "cannot be used" in capsys.readouterr().err
    real.blob(registry.digest_of(b"no gzip")).write_bytes(b"changed")
    assert published.fetch(project, BASE, "production")
    assert "damaged" in capsys.readouterr().err


@pytest.mark.parametrize("says", ["annotation", "label"])
def test_an_image_of_another_platform_is_refused(project: Project, where: Registry, tmp_path: Path, says: str):
    labels = {**small_images.LABELS, published.PLATFORM: "debian-12"}
    other = {published.PLATFORM: "debian-12" if says == "annotation" else ""}
    small_images.put(where, tmp_path, 1, labels=labels, **other)
    with pytest.raises(TdiError, match="is of debian-12, and this run is of debian-13") as error:
        published.fetch(project, BASE, "production")
    assert "{platform}" in error.value.remedy


def test_an_image_of_another_architecture_is_refused(project: Project, where: Registry, tmp_path: Path):
    small_images.put(where, tmp_path, 1, architecture="arm64")
    with pytest.raises(TdiError, match="is for arm64, and the engine's machines are amd64"):
        published.fetch(project, BASE, "production")


def test_an_image_of_nobody_can_be_upgraded(project: Project, where: Registry, tmp_path: Path):
    image = small_images.imported(tmp_path, "theirs", {docker.LABEL: "image"})
    docker.push(image, str(where.repository), "production")
    docker.remove_image(image)
    pulled = published.fetch(project, BASE, "production")
    assert pulled
    assert pulled.generation.number is None
    assert "did not publish" in pulled.generation.called
    assert not published.made_here(docker.image_facts(pulled.id))


def test_nothing_is_production_yet(project: Project, capsys: pytest.CaptureFixture[str]):
    assert published.fetch(project, BASE, "production") is None
    assert "has no production yet" in capsys.readouterr().err
    with pytest.raises(TdiError, match=r"There is no generation 1: .* has none"):
        published.fetch(project, BASE, "1")
    with pytest.raises(TdiError, match="There is no sha256:0000"):
        published.fetch(project, BASE, f"sha256:{'0' * 64}")


def test_a_generation_is_found_by_number_and_by_digest(project: Project, where: Registry, tmp_path: Path):
    first = small_images.put(where, tmp_path, 1)
    second = small_images.put(where, tmp_path, 2, first)
    for which, expected in (("1", first), (first.digest, first), ("2", second), ("production", second)):
        pulled = published.fetch(project, BASE, which)
        assert pulled
        assert pulled.generation.digest == expected.digest
