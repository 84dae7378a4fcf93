"""The engine is killed, or its disk is full, while production is committed: with an engine of the test's own."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from engines import OwnEngine, own_engine
from projects import Done, Tiny, tiny
from registries import RealRegistry, running

from conftest import ROOT
from tdi.images import base_image
from tdi.project import Project

pytestmark = [pytest.mark.docker, pytest.mark.nightly]

SHIM = """\
#!/bin/sh
if [ "$1" = commit ] && [ -e "{switch}" ]; then
    . "{switch}"
fi
exec "{docker}" "$@"
"""


@dataclass
class Ground:
    """A project with one published generation, in an engine whose client does something before it commits."""

    project: Tiny
    engine: OwnEngine
    registry: RealRegistry
    switch: Path

    @property
    def variables(self) -> dict[str, str]:
        return {"DOCKER_HOST": self.engine.host, "PATH": f"{self.switch.parent}{os.pathsep}{os.environ['PATH']}"}

    def tdi(self, *words: str, code: int = 0) -> Done:
        return self.project.tdi(*words, code=code, **self.variables)

    def next_change(self, version: int) -> None:
        self.project.commit(version)
        self.project.passing(self.tdi("production", "pull").json["id"])

    def before_committing(self, script: str) -> None:
        self.switch.write_text(script, encoding="utf-8")


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    directory = tmp_path_factory.mktemp("engine")
    # Paths of sockets are short.
    place = Path(f"/tmp/tdi-own-engine-{os.getpid()}")
    place.mkdir()
    own = Project(ROOT, directory / "artifacts")
    own.prepare_artifacts()
    base = base_image.ensure(own).name
    try:
        with own_engine(place, "1500m") as engine:
            saved = subprocess.Popen(["docker", "save", base], stdout=subprocess.PIPE)
            subprocess.run(["docker", "-H", engine.host, "load"], check=True, stdin=saved.stdout, capture_output=True)
            assert saved.wait() == 0
            with running(RealRegistry(directory / "registry", inside=engine.inside)) as started:
                switch = directory / "bin" / "before-committing"
                switch.parent.mkdir()
                shim = switch.with_name("docker")
                shim.write_text(SHIM.format(switch=switch, docker=shutil.which("docker")), encoding="utf-8")
                shim.chmod(0o755)
                project = tiny(directory, f"{started.host}/web/greeting", engine.inside)
                made = Ground(project, engine, started, switch)
                project.commit(1)
                project.passing(project.built(**made.variables))
                made.tdi("production", "publish", "--bootstrap")
                yield made
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _images(engine: OwnEngine) -> list[str]:
    return [name for name in engine.docker("images", "--format", "{{.Repository}}").split() if name == "tdi-published"]


def test_an_engine_that_is_killed_during_commit(ground: Ground):
    before = ground.tdi("production", "history").json["generations"]
    ground.next_change(2)
    assert ground.engine.child
    ground.before_committing(f'"{shutil.which("docker")}" "$@" & sleep 0.05; kill -9 {ground.engine.child.pid}; wait')
    try:
        ended = ground.tdi("production", "publish", code=2)
    finally:
        ground.switch.unlink()
        ground.engine.stop(signal.SIGKILL)
        ground.engine.start()
    (error,) = (line for line in ended.err.splitlines() if line.startswith("tdi: "))
    assert "docker commit" in error
    assert "Traceback" not in ended.err
    assert ground.tdi("production", "history").json["generations"] == before
    assert _images(ground.engine) == []
    # The engine is back: the same revision is published, on a whole parent.
    again = ground.tdi("production", "publish")
    assert again.json["parent"] == before[0]["digest"]


def test_an_engine_whose_disk_is_full_during_commit(ground: Ground):
    before = ground.tdi("production", "history").json["generations"]
    ground.next_change(3)
    fill = ground.engine.data / "fill"
    ground.before_committing(f"cat /dev/zero > {fill} 2> /dev/null")
    try:
        ended = ground.tdi("production", "publish", code=2)
    finally:
        ground.switch.unlink()
        fill.unlink()
    assert "no space left on device" in ended.err
    assert ground.tdi("production", "history").json["generations"] == before
    assert _images(ground.engine) == []
    assert ground.engine.docker("ps", "--all", "--quiet") == ""
    assert ground.tdi("production", "publish").json["parent"] == before[0]["digest"]
