"""Testinfra's connection to a machine that is kept open."""

from unittest import mock

import pytest
import testinfra
import testinfra.backend

from conftest import Fakes, Program
from tdi.verifier import plugin
from tdi.verifier.backend import KeptOpenDockerBackend

PLAIN = 'shift; case "$1" in --interactive) shift;; esac; case "$1" in -u) shift 2;; esac; shift; exec "$@"'
"""A `docker exec` that runs the command here instead of in a container."""


@pytest.fixture
def docker(fakes: Fakes) -> Program:
    return fakes.docker(exec=PLAIN)


@pytest.fixture
def backend(docker: Program):
    del docker
    made = KeptOpenDockerBackend("machine")
    yield made
    KeptOpenDockerBackend.close_all()


def test_all_commands_go_through_one_exec(backend: KeptOpenDockerBackend, docker: Program):
    for number in range(5):
        assert backend.run("echo %s", str(number)).stdout == f"{number}\n"
    assert len(docker.calls) == 1


def test_a_result_has_the_exit_code_and_both_outputs_to_the_byte(backend: KeptOpenDockerBackend):
    done = backend.run("printf 'a\\n\\377'; printf 'ä\\n' >&2; exit 3")
    assert done.rc == 3
    assert done.stdout_bytes == b"a\n\xff"
    assert done.stderr_bytes == "ä\n".encode()
    assert not done.succeeded


def test_a_command_has_no_input_and_its_arguments_are_quoted(backend: KeptOpenDockerBackend):
    assert backend.run("cat").stdout == ""
    assert backend.run("echo %s", "a'b; $HOME\nc").stdout == "a'b; $HOME\nc\n"


def test_large_outputs_arrive_whole(backend: KeptOpenDockerBackend):
    assert len(backend.run("head -c 3000000 /dev/zero").stdout_bytes) == 3_000_000


def test_an_exec_that_breaks_is_replaced_by_the_ordinary_way(backend: KeptOpenDockerBackend, docker: Program):
    assert backend.run("echo one").stdout == "one\n"
    assert backend._agent
    backend._agent.child.kill()
    backend._agent.child.wait()
    assert backend.run("echo two").stdout == "two\n"
    assert "/bin/sh -c echo two" in docker.calls[-1]
    assert backend.run("echo three").stdout == "three\n"


def test_a_machine_without_python_is_reached_in_the_ordinary_way(fakes: Fakes):
    fakes.docker(exec=f'case "$*" in *python3*) exit 127;; esac; {PLAIN}')
    assert KeptOpenDockerBackend("machine").run("echo one").stdout == "one\n"
    KeptOpenDockerBackend.close_all()


def test_after_closing_nothing_of_ours_runs_and_the_next_command_opens_again(
    backend: KeptOpenDockerBackend, docker: Program
):
    backend.run("true")
    agent = backend._agent
    assert agent
    KeptOpenDockerBackend.close_all()
    assert agent.child.poll() is not None
    assert backend.run("echo again").stdout == "again\n"
    assert len(docker.calls) == 2


def test_the_connection_named_docker_is_the_kept_open_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(testinfra.backend, "BACKENDS", dict(testinfra.backend.BACKENDS))
    plugin.pytest_configure(mock.MagicMock())
    assert isinstance(testinfra.get_host("docker://a-machine").backend, KeptOpenDockerBackend)
