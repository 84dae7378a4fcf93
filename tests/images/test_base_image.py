"""Which platform is used, and where its root file system comes from."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from conftest import Fakes, Program
from tdi.errors import TdiError
from tdi.images import base_image, scrub
from tdi.images.platforms import Platform
from tdi.outside import apt
from tdi.project import Project


@pytest.fixture
def docker(fakes: Fakes, tmp_path: Path) -> Callable[..., Program]:
    """An engine that has `images` (name → architecture), can pull those in `registry`, and builds what is asked for."""
    store = tmp_path / "images"
    store.mkdir()

    def make(images: dict[str, str] | None = None, registry: dict[str, str] | None = None, error: str = "") -> Program:
        shelf = tmp_path / "registry"
        shelf.mkdir()
        for where, held in ((store, images or {}), (shelf, registry or {})):
            for name, architecture in held.items():
                labels = {"tdi.origin": "kept", "tdi.reason": "kept from before"}
                document = [{"Id": f"sha256:{name}", "Architecture": architecture, "Config": {"Labels": labels}}]
                (where / name).write_text(json.dumps(document))
        tagged = 'for word; do case "$before" in --tag) name=$word;; esac; before=$word; done; '
        built = f'{tagged}echo \'[{{"Id": "x", "Architecture": "amd64"}}]\' > "{store}/$name"'
        last = "for last; do :; done; "
        shown = f'case "$*" in *--format*) echo "sha256:$last";; *) cat "{store}/$last";; esac'
        fetched = f'cp "{shelf}/$last" "{store}/$last" 2>/dev/null'
        return fakes.docker(
            image_inspect=f'{last}test -e "{store}/$last" || exit 1; {shown}',
            pull=f'{last}{fetched} || {{ echo "{error or "no such host"}" >&2; exit 1; }}',
            build=built,
            **{"import": f'{last}echo > "{store}/$last"'},
        )

    return make


@pytest.fixture
def serves(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the host's mirror be one of `distribution` that serves `suites`."""
    fakes("mmdebstrap", "")

    def set_up(distribution: str | None, *suites: str) -> None:
        archive = (
            apt.Mirror(distribution, "http://deb.example.org/", "http://deb.example.org/") if distribution else None
        )
        monkeypatch.setattr(apt, "of_host", lambda: archive)
        monkeypatch.setattr(apt.Mirror, "serves", lambda _, suite: suite in suites)

    set_up(None)
    monkeypatch.setattr(base_image, "_host_architecture", lambda: "amd64")
    return set_up


def called(program: Program, word: str) -> list[str]:
    return [call for call in program.calls if call.startswith(word)]


@pytest.mark.usefixtures("serves")
def test_the_default_platform_is_built_from_its_image_where_that_is_present(checkout: Project, docker):
    engine = docker({"ubuntu:24.04": "amd64"})
    image = base_image.ensure(checkout)
    assert (image.platform, image.origin, image.reason) == ("ubuntu-24.04", "ubuntu:24.04", "the default platform")
    assert not called(engine, "pull")
    (build,) = called(engine, "build")
    assert "--build-arg ORIGIN=ubuntu:24.04" in build
    assert "--label tdi=image" in build


@pytest.mark.usefixtures("serves")
def test_it_is_pulled_where_it_is_not_present(checkout: Project, docker):
    engine = docker(registry={"ubuntu:24.04": "amd64"})
    assert base_image.ensure(checkout).platform == "ubuntu-24.04"
    assert called(engine, "pull") == ["pull --quiet ubuntu:24.04"]


def test_where_it_cannot_be_had_the_newest_release_that_the_mirror_serves_is_bootstrapped(
    checkout: Project, docker, serves
):
    docker()
    serves("debian", "trixie", "bookworm")
    image = base_image.ensure(checkout)
    assert (image.platform, image.origin) == ("debian-13", "tdi-root-file-system:debian-13")
    assert "ubuntu:24.04 cannot be had: no registry can be reached" in image.reason
    assert "bootstrapped" in image.reason


def test_a_mirror_that_lacks_the_newest_release_gives_the_one_before(checkout: Project, docker, serves):
    docker()
    serves("debian", "bookworm")
    assert base_image.ensure(checkout).platform == "debian-12"


def test_a_platform_that_is_asked_for_is_never_replaced_by_another(
    checkout: Project, docker, serves, monkeypatch: pytest.MonkeyPatch
):
    docker()
    serves("debian", "trixie", "bookworm")
    monkeypatch.setenv("TDI_PLATFORM", "ubuntu-22.04")
    with pytest.raises(TdiError, match=r"ubuntu:22\.04 cannot be had .*mirror does not serve ubuntu-22\.04"):
        base_image.ensure(checkout)
    monkeypatch.setenv("TDI_PLATFORM", "debian-12")
    assert base_image.ensure(checkout).platform == "debian-12"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("dial tcp: lookup registry: no such host", "no registry can be reached"),
        ("net/http: request canceled (Client.Timeout exceeded)", "the registry does not answer"),
        ("toomanyrequests: You have reached your pull rate limit", "rate limit"),
        ("manifest unknown", "the registry does not have it"),
        ("pull access denied", "refuses access"),
        ("something else at https://registry.example.org", "the pull failed"),
    ],
)
def test_without_a_mirror_the_error_says_why_the_image_cannot_be_had(
    checkout: Project, docker, serves, error: str, reason: str
):
    serves(None)
    docker(error=error)
    with pytest.raises(TdiError, match=reason) as raised:
        base_image.ensure(checkout)
    assert "ubuntu:24.04" in raised.value.what
    assert "registry.example.org" not in raised.value.what
    assert raised.value.remedy


def test_another_architecture_than_the_hosts_is_not_bootstrapped(
    checkout: Project, docker, serves, monkeypatch: pytest.MonkeyPatch
):
    docker()
    serves("debian", "trixie")
    monkeypatch.setattr(base_image, "_host_architecture", lambda: "arm64")
    with pytest.raises(TdiError, match="cannot bootstrap amd64"):
        base_image.ensure(checkout)


@pytest.mark.usefixtures("serves")
@pytest.mark.parametrize("where", ["images", "registry"])
def test_a_public_image_of_another_architecture_is_an_error(checkout: Project, docker, where: str):
    docker(**{where: {"ubuntu:24.04": "arm64"}})
    with pytest.raises(TdiError, match=r"ubuntu:24\.04 is for arm64, .* are amd64") as error:
        base_image.ensure(checkout)
    assert "docker rmi" in error.value.remedy


def _name(platform: str) -> str:
    made_of = [base_image.DOCKERFILE, scrub.SCRIPT]
    return f"tdi-base:{platform}-amd64-{base_image.fingerprint(made_of)[:8]}"


@pytest.mark.usefixtures("serves")
def test_a_base_image_of_another_architecture_is_an_error(checkout: Project, docker):
    docker({_name("ubuntu-24.04"): "arm64"})
    with pytest.raises(TdiError, match=r"base image .* is for arm64, .* are amd64") as error:
        base_image.ensure(checkout)
    assert "docker rmi" in error.value.remedy


@pytest.mark.usefixtures("serves")
def test_a_base_image_that_is_there_is_used_again_and_says_what_it_was_made_from(checkout: Project, docker):
    engine = docker({_name("ubuntu-24.04"): "amd64"})
    image = base_image.ensure(checkout)
    assert (image.name, image.reason) == (_name("ubuntu-24.04"), "kept from before")
    assert not called(engine, "build")


@pytest.mark.usefixtures("serves")
@pytest.mark.parametrize(("module", "name"), [(base_image, "DOCKERFILE"), (scrub, "SCRIPT")])
def test_another_dockerfile_is_another_base_image(
    checkout: Project, docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str
):
    engine = docker({_name("ubuntu-24.04"): "amd64", "ubuntu:24.04": "amd64"})
    changed = tmp_path / getattr(module, name).name
    changed.write_text(getattr(module, name).read_text() + "# changed\n")
    monkeypatch.setattr(module, name, changed)
    base_image.ensure(checkout)
    assert called(engine, "build")


@pytest.mark.usefixtures("serves")
def test_a_platform_that_was_asked_for_once_does_not_become_the_default(checkout: Project, docker):
    docker({_name("debian-12"): "amd64", "ubuntu:24.04": "amd64"})
    assert base_image.ensure(checkout).platform == "ubuntu-24.04"


def test_a_bootstrap_that_fails_says_what_mmdebstrap_said(checkout: Project, docker, serves, fakes: Fakes):
    docker()
    serves("debian", "trixie")
    fakes("mmdebstrap", "echo 'E: apt-get update failed' >&2; exit 1")
    with pytest.raises(TdiError, match="debian-13 could not be bootstrapped: E: apt-get update failed"):
        base_image.ensure(checkout)


@pytest.fixture
def ordinary(docker, serves, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary user on a host whose mirror has Debian 13."""
    docker()
    serves("debian", "trixie")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


@pytest.mark.usefixtures("ordinary")
def test_an_ordinary_user_bootstraps_as_root_where_sudo_asks_no_password(checkout: Project, fakes: Fakes):
    sudo = fakes("sudo", 'shift; TDI_TEST_ROOT=yes exec "$@"')
    mmdebstrap = fakes("mmdebstrap", 'test "$TDI_TEST_ROOT" = yes')
    assert base_image.ensure(checkout).platform == "debian-13"
    assert any("mmdebstrap" in call for call in sudo.calls)
    assert len(mmdebstrap.calls) == 1


@pytest.mark.usefixtures("ordinary")
def test_without_sudo_mmdebstrap_chooses_its_mode(checkout: Project, fakes: Fakes):
    fakes("sudo", "exit 1")
    mmdebstrap = fakes("mmdebstrap", "")
    assert base_image.ensure(checkout).platform == "debian-13"
    assert "--mode" not in mmdebstrap.calls[0]


@pytest.mark.usefixtures("ordinary")
def test_where_mmdebstrap_finds_no_mode_it_says_what_that_takes(checkout: Project, fakes: Fakes):
    fakes("sudo", "exit 1")
    fakes("mmdebstrap", "echo 'E: unable to pick chroot mode automatically' >&2; exit 25")
    with pytest.raises(TdiError, match="takes root, passwordless sudo or user namespaces") as error:
        base_image.ensure(checkout)
    assert "uidmap" in error.value.remedy


def test_a_machine_has_the_usual_modes_whatever_the_umask(
    checkout: Project, docker, serves, fakes: Fakes, tmp_path: Path
):
    docker()
    serves("debian", "trixie")
    fakes("mmdebstrap", f": > {tmp_path}/made")
    former = os.umask(0o077)
    try:
        base_image.ensure(checkout)
    finally:
        os.umask(former)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o644


@pytest.mark.usefixtures("serves")
def test_a_build_that_fails_names_its_log(checkout: Project, docker, fakes: Fakes):
    docker({"ubuntu:24.04": "amd64"})
    script = fakes.directory / "docker"
    script.write_text(script.read_text().replace('"build"*)\n', '"build"*)\necho "no space left"; exit 1\n'))
    with pytest.raises(TdiError, match="could not be built") as error:
        base_image.ensure(checkout)
    log = checkout.artifacts / "base-image-ubuntu-24.04.log"
    assert str(log) in error.value.remedy
    assert "no space left" in log.read_text()


def test_the_mirror_is_asked_for_the_newest_release_first():
    table = base_image.platforms.load()
    order = base_image.archive_order(table, apt.Mirror("debian", "", ""))
    assert order == sorted(order, key=lambda platform: platform.name, reverse=True)
    assert all(isinstance(platform, Platform) for platform in order)
