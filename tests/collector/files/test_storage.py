"""The storage of container engines is not walked unless asked for, and the record says so."""

import json
from pathlib import Path
from typing import Any

import pytest
from by_program import collect_bytes, write

LAYER = "/var/lib/docker/overlay2/0123/diff/etc/passwd"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, LAYER, "x")
    write(tmp_path, "/var/lib/dockerish", "x")
    return tmp_path


def said(root: Path, **settings: Any) -> tuple[set[str], dict[str, str]]:
    """The paths below /var/lib that were recorded, and what the record says was not walked."""
    record = json.loads(collect_bytes(root, **settings))
    paths = {path for path in record["scopes"]["files"]["objects"] if path.startswith("/var/lib/")}
    return paths, record["meta"]["not_walked"]


def test_the_directory_is_recorded_and_not_what_is_in_it(root: Path):
    paths, left = said(root)
    assert paths == {"/var/lib/docker", "/var/lib/dockerish"}
    assert left == {"/var/lib/docker": "docker"}


@pytest.mark.parametrize("include", ["/var/lib/docker", "/var/lib/docker/", "/var/lib", "/"])
def test_what_is_asked_for_is_walked(root: Path, include: str):
    paths, left = said(root, include=[include])
    assert LAYER in paths
    assert not left


def test_docker_may_keep_its_data_elsewhere(root: Path):
    write(root, "/etc/docker/daemon.json", json.dumps({"data-root": "/var/lib/elsewhere/"}))
    write(root, "/var/lib/elsewhere/image", "x")
    paths, left = said(root)
    assert "/var/lib/elsewhere" in paths
    assert "/var/lib/elsewhere/image" not in paths
    assert left == {"/var/lib/docker": "docker", "/var/lib/elsewhere": "docker"}


@pytest.mark.parametrize("text", ["{", "[]", '{"data-root": 1}', '{"data-root": "/"}', '{"data-root": "relative"}'])
def test_a_configuration_that_cannot_be_understood_moves_nothing(root: Path, text: str):
    write(root, "/etc/docker/daemon.json", text)
    assert said(root)[1] == {"/var/lib/docker": "docker"}


def test_of_a_machine_without_an_engine_nothing_is_left_out(tmp_path: Path):
    write(tmp_path, "/var/lib/x", "x")
    assert said(tmp_path) == ({"/var/lib/x"}, {})
