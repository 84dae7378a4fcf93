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


@pytest.mark.parametrize(
    ("file", "text", "engine"),
    [
        ("/etc/containerd/config.toml", 'version = 2\nroot = "/var/lib/elsewhere"\n', "containerd"),
        ("/etc/containers/storage.conf", '[storage]\ngraphroot = "/var/lib/elsewhere"\n', "podman"),
    ],
)
def test_other_engines_may_keep_their_data_elsewhere(tmp_path: Path, file: str, text: str, engine: str):
    write(tmp_path, file, text)
    write(tmp_path, "/var/lib/elsewhere/image", "x")
    assert said(tmp_path) == ({"/var/lib/elsewhere"}, {"/var/lib/elsewhere": engine})


def test_a_user_may_keep_containers_at_home(tmp_path: Path):
    home = "/var/lib/ci"
    write(tmp_path, "/etc/passwd", f"ci:x:1000:1000::{home}:/bin/sh\nodd\n")
    write(tmp_path, f"{home}/.local/share/containers/storage/layer", "x")
    paths, left = said(tmp_path)
    assert f"{home}/.local/share/containers" in paths
    assert f"{home}/.local/share/containers/storage" not in paths
    assert left == {f"{home}/.local/share/containers": "podman"}


@pytest.mark.parametrize("include", [[], ["/var/lib/docker"], ["/var/lib/big/docker"]])
def test_a_link_to_the_storage_is_followed(tmp_path: Path, include: list[str]):
    write(tmp_path, "/var/lib/big/docker/layer", "x")
    (tmp_path / "var/lib/docker").symlink_to("/var/lib/big/docker")
    paths, left = said(tmp_path, include=include)
    assert {"/var/lib/docker", "/var/lib/big/docker"} <= paths
    assert ("/var/lib/big/docker/layer" in paths) is bool(include)
    assert left == ({} if include else {"/var/lib/big/docker": "docker"})


@pytest.mark.parametrize("text", ["{", "[]", '{"data-root": 1}', '{"data-root": "/"}', '{"data-root": "relative"}'])
def test_a_configuration_that_cannot_be_understood_moves_nothing(root: Path, text: str):
    write(root, "/etc/docker/daemon.json", text)
    assert said(root)[1] == {"/var/lib/docker": "docker"}


def test_of_a_machine_without_an_engine_nothing_is_left_out(tmp_path: Path):
    write(tmp_path, "/var/lib/x", "x")
    assert said(tmp_path) == ({"/var/lib/x"}, {})


@pytest.mark.parametrize("given", ["/srv/data", "/srv/data/"])
def test_what_was_excluded_stands_in_the_record(tmp_path: Path, given: str):
    write(tmp_path, "/srv/data/file", "x")
    record = json.loads(collect_bytes(tmp_path, exclude=[given]))
    assert "/srv/data" not in record["scopes"]["files"]["objects"]
    assert record["meta"]["excluded"] == ["/srv/data"]
