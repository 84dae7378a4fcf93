"""Registries that ask who one is, and those with TLS: credentials come from Docker's configuration and go nowhere."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import small_images
from registries import RealRegistry, running

from tdi.errors import TdiError
from tdi.images import published
from tdi.outside import docker, registry
from tdi.outside.registry import AccessRefusedError, Registry, RegistryUnreachableError
from tdi.project import Project

pytestmark = pytest.mark.docker

USER, PASSWORD = "publisher", "a-secret-that-nobody-sees"
INLINE = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module", params=["plain", "TLS"])
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """A registry that asks who one is, without TLS and with; Docker trusts its authority."""
    directory = tmp_path_factory.mktemp("registry")
    made = RealRegistry(directory / "registry")
    made.lets_in(USER, PASSWORD)
    place = Path("/etc/docker/certs.d") / made.host
    if request.param == "TLS":
        if os.geteuid() != 0:
            pytest.skip("an authority that Docker trusts is put into /etc/docker by root")
        made.trusts(directory)
        place.mkdir(parents=True)
        shutil.copy(directory / "ca.crt", place)
    try:
        with running(made):
            yield made
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if place.parent.is_dir() and not any(place.parent.iterdir()):
            place.parent.rmdir()


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Docker's configuration for this test; nothing of it at first."""
    directory = tmp_path / "docker"
    directory.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(directory))
    return directory / "config.json"


def _inline(file: Path, host: str, auth: str) -> None:
    file.write_text(json.dumps({"auths": {host: {"auth": auth}}}), encoding="utf-8")


def _publish_and_pull(real: RealRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{real.host}/web/access"
    monkeypatch.setenv("TDI_REGISTRY", name)
    where = Registry(registry.parse(name))
    made = small_images.put(where, tmp_path, 1)
    where.attach(made.manifest, published.RECORD_TYPE, b"", "application/x", {})
    try:
        pulled = published.fetch(Project(tmp_path, tmp_path / "artifacts"), small_images.BASE, "production")
        assert pulled
        assert pulled.generation.digest == made.digest
    finally:
        docker.remove_images_of(name)


def test_credentials_in_docker_s_configuration(
    real: RealRegistry, configured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    _inline(configured, real.host, INLINE)
    _publish_and_pull(real, tmp_path, monkeypatch)


@pytest.mark.parametrize("key", ["credHelpers", "credsStore"])
def test_credentials_from_a_helper(
    real: RealRegistry, configured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
):
    helper = tmp_path / "docker-credential-of-test"
    said = json.dumps({"ServerURL": real.host, "Username": USER, "Secret": PASSWORD})
    helper.write_text(f"#!/bin/sh\ncat > /dev/null\necho '{said}'\n", encoding="utf-8")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    value = {real.host: "of-test"} if key == "credHelpers" else "of-test"
    configured.write_text(json.dumps({key: value}), encoding="utf-8")
    _publish_and_pull(real, tmp_path, monkeypatch)


@pytest.mark.parametrize("auth", ["", base64.b64encode(b"publisher:wrong-and-secret").decode()])
def test_wrong_credentials_are_told_and_not_shown(real: RealRegistry, configured: Path, auth: str):
    if auth:
        _inline(configured, real.host, auth)
    where = Registry(registry.parse(f"{real.host}/web/access"))
    for ask in (where.tags, lambda: where.manifest("production"), lambda: where.put(b"{}", registry.MANIFEST, "x")):
        with pytest.raises(AccessRefusedError, match="refuses access to web/access") as error:
            ask()
        assert "docker login" in error.value.remedy
        assert "wrong-and-secret" not in f"{error.value.what}{error.value.remedy}"
        assert not auth or auth not in f"{error.value.what}{error.value.remedy}"


def test_the_environment_of_oras_and_netrc_are_no_credentials(
    real: RealRegistry, configured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    del configured
    monkeypatch.setenv("ORAS_USER", USER)
    monkeypatch.setenv("ORAS_PASS", PASSWORD)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n", encoding="utf-8")
    with pytest.raises(AccessRefusedError):
        Registry(registry.parse(f"{real.host}/web/access")).tags()


def test_an_authority_that_nobody_trusts(tmp_path: Path):
    made = RealRegistry(tmp_path / "registry")
    made.trusts(tmp_path)
    with running(made), pytest.raises(RegistryUnreachableError, match="is not trusted") as error:
        Registry(registry.parse(f"{made.host}/web/access"))
    assert f"/etc/docker/certs.d/{made.host}/ca.crt" in error.value.remedy


def test_a_registry_without_tls_that_is_not_on_loopback_is_refused(tmp_path: Path):
    found = subprocess.run(["hostname", "-I"], check=True, capture_output=True, text=True).stdout.split()
    own = next((address for address in found if ":" not in address), None)
    if own is None:
        pytest.skip("this machine has no address but the loopback's")
    made = RealRegistry(tmp_path / "registry", address=own)
    with running(made), pytest.raises(TdiError, match=r"has no TLS, and it is not on this machine's loopback"):
        Registry(registry.parse(f"{made.host}/web/access"))
