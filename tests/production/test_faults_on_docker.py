"""What goes wrong while production is published: nothing is lost, and the message names the cause."""

import hashlib
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from projects import Tiny, tiny
from registries import RealRegistry, running

from tdi.images import published
from tdi.images.published import Generation
from tdi.outside import docker, registry
from tdi.outside.registry import Registry

pytestmark = [pytest.mark.docker, pytest.mark.nightly]


@dataclass
class Ground:
    """A project with one published generation, and its registry, whose data may be on a small disk."""

    project: Tiny
    registry: RealRegistry
    first: dict[str, Any]

    @property
    def where(self) -> Registry:
        return Registry(registry.parse(self.project.repository))

    def production(self) -> Generation:
        found = published.current(self.where)
        assert found
        return found

    def next_change(self) -> None:
        """Another revision, proven on what is production."""
        text = secrets.token_hex(4)
        (self.project.root / "CHANGELOG").write_text(text, encoding="utf-8")
        self.project.commit(int(text, 16))
        self.project.passing(self.project.tdi("production", "pull").json["id"])

    def assert_whole(self, expected: Generation) -> None:
        """Production is what it was, with every byte."""
        now = self.production()
        assert now.digest == expected.digest
        document = now.manifest.document
        for part in (document["config"], *document["layers"]):
            content = self.registry.blob(part["digest"]).read_bytes()
            assert f"sha256:{hashlib.sha256(content).hexdigest()}" == part["digest"]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    directory = tmp_path_factory.mktemp("faults")
    data = directory / "registry" / "data"
    data.mkdir(parents=True)
    small = os.geteuid() == 0
    if small:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", data], check=True)
    try:
        with running(RealRegistry(directory / "registry")) as started:
            project = tiny(directory, f"{started.host}/web/greeting")
            project.commit(1)
            project.passing(project.built())
            first = project.tdi("production", "publish", "--bootstrap").json
            try:
                yield Ground(project, started, first)
            finally:
                docker.remove_images_of(project.repository)
    finally:
        if small:
            subprocess.run(["umount", data], check=True)


@pytest.fixture
def run_id() -> Iterator[str]:
    """The beginning of the ids of a run: when it is over, nothing of it is left."""
    made = secrets.token_hex(3)
    yield made
    for _ in range(50):
        left = subprocess.run(
            ["docker", "ps", "--all", "--filter", f"name=tdi-{made}", "--format", "{{.Names}}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        if not left:
            break
        time.sleep(0.2)
    assert not left
    names = subprocess.run(
        ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not [name for name in names if made in name or name.endswith(":incoming")]


def _ids(run_id: str) -> str:
    """Python that gives a run its id."""
    return (
        "import itertools\nfrom tdi.machines import lifecycle\nnumbers = itertools.count()\n"
        f"lifecycle.new_run_id = lambda: f'{run_id}{{next(numbers):02x}}'\n"
    )


def _publish(ground: Ground, run_id: str, at: str, act: Callable[[subprocess.Popen[str]], None]) -> tuple[int, str]:
    """Publish, and let `act` happen when a line begins with `at`; the exit code and all that was said."""
    child = subprocess.Popen(
        ground.project.command("production", "publish", prelude=_ids(run_id)),
        cwd=ground.project.root,
        env=ground.project.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr
    lines = []
    for line in child.stderr:
        lines.append(line)
        if at in line:
            act(child)
    return child.wait(120), "".join(lines)


def test_a_registry_that_is_down(ground: Ground):
    before = ground.production()
    ground.next_change()
    ground.registry.stop()
    try:
        for words in (["production", "publish"], ["production", "pull"], ["production", "rollback"], ["verdict"]):
            ended = ground.project.tdi(*words, code=2)
            assert "cannot be used: it refuses connections" in ended.out + ended.err
    finally:
        ground.registry.start()
    ground.assert_whole(before)


def test_a_registry_that_is_restarted_in_the_middle_of_a_push(ground: Ground, run_id: str):
    ground.next_change()

    def restart(_: subprocess.Popen[str]) -> None:
        ground.registry.stop()
        threading.Timer(1.5, ground.registry.start).start()

    code, said = _publish(ground, run_id, "Pushing it", restart)
    assert code == 0, said
    assert "It is tried again" in said
    now = ground.production()
    assert now.revision == ground.project.git("rev-parse", "HEAD")
    ground.assert_whole(now)


def test_a_registry_that_goes_down_in_the_middle_of_a_push(ground: Ground, run_id: str):
    before = ground.production()
    ground.next_change()
    code, said = _publish(ground, run_id, "Pushing it", lambda _: ground.registry.stop())
    ground.registry.start()
    assert code == 2, said
    assert "refuses connections" in said
    ground.assert_whole(before)


def test_a_registry_that_is_full_in_the_middle_of_a_push(ground: Ground, run_id: str):
    if not os.path.ismount(ground.registry.data):
        pytest.skip("only root can give the registry a small disk")
    before = ground.production()
    ground.next_change()
    fill = ground.registry.data / "fill"

    def fill_up(_: subprocess.Popen[str]) -> None:
        file = os.open(fill, os.O_CREAT | os.O_WRONLY, 0o600)
        with suppress(OSError):
            while True:
                os.write(file, b"\0" * 4096)
        # Room for a beginning.
        os.ftruncate(file, os.fstat(file).st_size - 16 * 1024)
        os.close(file)

    try:
        code, said = _publish(ground, run_id, "Booting the new", fill_up)
    finally:
        fill.unlink(missing_ok=True)
    assert code == 2, said
    assert "No space left on device" in said
    ground.assert_whole(before)
    # With room again, the same revision is published.
    ground.project.tdi("production", "publish")


def test_a_publisher_that_is_told_to_end(ground: Ground, run_id: str):
    before = ground.production()
    ground.next_change()
    code, said = _publish(ground, run_id, "Booting the new", lambda child: child.send_signal(signal.SIGTERM))
    assert code == 130, said
    ground.assert_whole(before)


def test_a_publisher_that_is_killed_between_the_tags_goes_on_where_it_was(ground: Ground, run_id: str):
    before = ground.production()
    ground.next_change()
    kill = "import os\nfrom tdi.publishing import claims\nclaims.Held.move = lambda *_: os.kill(os.getpid(), 9)\n"
    ended = ground.project.tdi("production", "publish", code=-9, prelude=_ids(run_id) + kill)
    assert "Pushing it" in ended.err
    ground.assert_whole(before)
    # Its claim is good for a minute more; production is not moved behind the back of one that may still live.
    busy = ground.project.tdi("production", "publish", code=2)
    assert "Another publisher is at work" in busy.err
    again = ground.project.tdi(
        "production", "publish", prelude="from tdi.publishing import claims\nclaims.LEASE = 2.0\nclaims.WAIT = 0.5\n"
    )
    assert "taken up where that ended" in again.err
    assert again.json["parent"] == before.digest
    ground.assert_whole(ground.production())


def test_production_that_moved_since_the_verdict(ground: Ground):
    ground.next_change()
    ground.project.tdi("production", "rollback")
    ended = ground.project.tdi("production", "publish", code=2)
    assert "Production moved since the verdict" in ended.err
