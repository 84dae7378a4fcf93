"""Production through five generations: published, pulled, upgraded and published again, with a real registry."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import Tiny, tiny
from registries import RealRegistry, running

from tdi.outside import docker

pytestmark = pytest.mark.docker

GENERATIONS = 5


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealRegistry]:
    with running(RealRegistry(tmp_path / "registry")) as registry:
        yield registry


@pytest.fixture
def project(tmp_path: Path, real: RealRegistry) -> Iterator[Tiny]:
    made = tiny(tmp_path, f"{real.host}/web/greeting")
    yield made
    docker.remove_images_of(made.repository)


def test_five_generations(project: Tiny, real: RealRegistry, monkeypatch: pytest.MonkeyPatch):
    said = []
    for number in range(1, GENERATIONS + 1):
        revision = project.commit(number)
        began = time.monotonic()
        verdict = project.tdi("verdict").json
        judged = time.monotonic()
        assert verdict["class"] == "pass"
        done = project.tdi("production", "publish", *(["--bootstrap"] if number == 1 else []))
        ended = time.monotonic()
        print(f"generation {number}: verdict {judged - began:.0f} s, publish {ended - judged:.0f} s, "
              f"{done.json['layers']} layers, {done.json['size'] / 1e6:.1f} MB")
        print(done.err)
        assert done.json["generation"] == number
        assert done.json["revision"] == revision
        said.append(done.json)
    assert 0
