"""Trouble with Docker: each has its own clear error, and none of them hangs."""

import json
import time
from collections.abc import Callable

import pytest

from conftest import Ended, Fakes
from tdi.errors import TdiError
from tdi.outside import docker


def test_an_engine_that_answers_is_described(fakes: Fakes):
    fakes.docker()
    engine = docker.engine()
    assert (engine.version, engine.architecture, engine.cgroup_version) == ("20.10.24", "amd64", "2")
    assert engine.endpoint == "unix:///var/run/docker.sock"


@pytest.mark.usefixtures("only_fakes")
def test_no_client_says_that_there_is_no_engine_and_how_to_get_one():
    with pytest.raises(docker.EngineUnreachableError, match="docker is not installed") as error:
        docker.engine()
    assert "make setup" in error.value.remedy


@pytest.mark.usefixtures("only_fakes")
def test_no_client_ends_the_command_line_with_code_2(tdi: Callable[..., Ended]):
    ended = tdi("base", "build")
    assert ended.code == 2
    assert "docker is not installed" in ended.err
    assert "Traceback" not in ended.err


UNREACHABLE = json.dumps({"ServerErrors": ["Cannot connect to the Docker daemon."]})


def test_an_unreachable_engine_is_named_by_its_address(fakes: Fakes, monkeypatch: pytest.MonkeyPatch):
    fakes.docker(info=f"echo '{UNREACHABLE}'; exit 1")
    monkeypatch.setenv("DOCKER_HOST", "tcp://engine.example.org:2376")
    with pytest.raises(docker.EngineUnreachableError) as error:
        docker.engine()
    assert error.value.what.endswith("at tcp://engine.example.org:2376: Cannot connect to the Docker daemon.")
    assert "unset DOCKER_HOST" in error.value.remedy


def test_a_client_that_only_complains_is_quoted(fakes: Fakes):
    fakes.docker(info="echo 'permission denied while trying to connect' >&2; exit 1")
    with pytest.raises(docker.EngineUnreachableError, match="permission denied"):
        docker.engine()


def test_an_answer_that_is_no_json_is_no_engine(fakes: Fakes):
    fakes.docker(info="echo 'Emulate Docker CLI using another one.'")
    with pytest.raises(docker.EngineUnreachableError):
        docker.engine()


def test_an_engine_that_hangs_is_given_up(fakes: Fakes):
    fakes.docker(info="sleep 60")
    began = time.monotonic()
    with pytest.raises(docker.EngineUnreachableError, match="did not end within"):
        docker.engine(timeout=0.3)
    assert time.monotonic() - began < 5


def test_the_sdk_is_told_the_address_that_the_client_uses(fakes: Fakes, monkeypatch: pytest.MonkeyPatch):
    fakes.docker(context="echo tcp://of-the-context:2375")
    assert docker.environment() == {"DOCKER_HOST": "tcp://of-the-context:2375"}
    monkeypatch.setenv("DOCKER_HOST", "ssh://of-the-environment")
    assert docker.environment() == {"DOCKER_HOST": "ssh://of-the-environment"}


def test_a_missing_image_or_container_is_none_or_an_error(fakes: Fakes):
    fakes.docker(image_inspect="exit 1", container_inspect="exit 1")
    assert docker.image_id("a:1") is None
    assert docker.state("a") is None
    with pytest.raises(TdiError, match="no image a:1"):
        docker.image_facts("a:1")
    with pytest.raises(TdiError, match="no container a"):
        docker.image_of("a")


def test_a_container_that_does_not_start_says_why(fakes: Fakes):
    fakes.docker(run="echo 'docker: Error response from daemon: no space left on device.' >&2; exit 125")
    with pytest.raises(TdiError, match=r"tdi-x-fresh could not be started: .*no space left"):
        docker.run_detached("tdi-x-fresh", "image", [], {"tdi": "machine"})


def test_containers_are_removed_with_their_volumes_and_none_is_no_call(fakes: Fakes):
    program = fakes.docker(rm="exit 1")
    docker.remove([])
    assert not program.calls
    docker.remove(["a", "b"])
    assert program.calls == ["rm --force --volumes a b"]


def test_images_without_a_name_are_listed_too(fakes: Fakes):
    fakes.docker(images="echo sha256:1 tdi-base:x; echo sha256:2 '<none>:<none>'; echo")
    assert [image["id"] for image in docker.images("tdi")] == ["sha256:1", "sha256:2"]


def test_a_machine_is_asked_until_it_is_up(fakes: Fakes, tmp_path):
    # What is run inside the machine is run here, with a systemctl that only pretends.
    asked = tmp_path / "asked"
    answers = "1) exit 1;; 2) echo starting;; *) echo running;;"
    fakes("systemctl", f"echo >> {asked}; case $(wc -l < {asked}) in {answers} esac")
    program = fakes.docker(exec='shift 2; exec "$@"')
    docker.wait_until_booted("m", timeout=10)
    assert asked.read_text().count("\n") == 3
    assert len(program.calls) == 1


UNITS = 'echo "nginx.service loaded"; echo "a.mount x"'


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (
            {"exec": f'case "$*" in *list-units*) {UNITS};; *) echo degraded;; esac'},
            "nginx.service and a.mount failed",
        ),
        ({"exec": "exit 1", "container_inspect": "echo exited 137"}, r"stopped while booting \(exited\)"),
        ({"exec": "exit 1", "container_inspect": "exit 1"}, r"stopped while booting \(it is gone\)"),
        ({"exec": 'shift 2; "$@"', "container_inspect": "echo running 0"}, r"not up after 0 s \(it says starting\)"),
        ({"exec": "sleep 60"}, "did not end within"),
    ],
)
def test_a_machine_that_does_not_boot_says_why(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch, answers: dict[str, str], said: str
):
    fakes.docker(**answers)
    fakes("systemctl", "echo starting; exit 1")
    monkeypatch.setattr(docker, "_TO_ANSWER", 1)
    with pytest.raises(TdiError, match=said):
        docker.wait_until_booted("m", timeout=0.4)
