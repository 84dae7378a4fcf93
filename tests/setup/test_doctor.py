"""`tdi doctor`: each requirement found or missing, each lack with its remedy."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ENGINE, Ended, Fakes, Program
from tdi.machines import kernel
from tdi.outside import apt, screen
from tdi.project import Project
from tdi.setup import doctor

PROGRAMS = ("git",)


@pytest.fixture
def host(only_fakes: Fakes, checkout: Project, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    """A host that has everything."""
    for name in PROGRAMS:
        only_fakes(name, "")
    only_fakes.docker()
    monkeypatch.chdir(checkout.root)
    monkeypatch.setattr(apt, "of_host", lambda: apt.Mirror("debian", "", ""))
    return only_fakes


@pytest.fixture
def examined(tdi: Callable[..., Ended], tmp_path: Path) -> Callable[[], tuple[Ended, dict[str, dict]]]:
    def call() -> tuple[Ended, dict[str, dict]]:
        ended = tdi("doctor", "--json", tmp_path / "doctor.json")
        document = json.loads((tmp_path / "doctor.json").read_text())
        assert document["met"] == (ended.code == 0)
        return ended, {one["name"]: one for one in document["requirements"]}

    return call


@pytest.mark.usefixtures("host")
def test_a_host_that_has_everything_is_code_0(examined):
    ended, found = examined()
    assert ended.code == 0
    assert all(one["met"] for one in found.values())
    assert {"python", "ansible", "molecule", "docker engine", "platform", "artifacts", *PROGRAMS} <= set(found)
    assert "missing" not in ended.out


def _remove(name: str) -> Callable[[Fakes], None]:
    return lambda host: (host.directory / name).unlink()


def _no_engine(host: Fakes) -> Program:
    return host.docker(info="echo 'Cannot connect' >&2; exit 1")


def _full(host: Fakes) -> Program:
    return host.docker(info=f"echo '{ENGINE.replace('/nowhere', str(host.directory))}'")


@pytest.mark.parametrize(
    ("lack", "name", "remedy"),
    [
        (_remove("git"), "git", "apt-get install git"),
        pytest.param(_remove("docker"), "docker", "docker.io"),
        (_no_engine, "docker engine", "make setup"),
        (_full, "disk", "free 3 GiB"),
    ],
)
def test_what_is_missing_is_code_2_and_has_its_remedy(host: Fakes, examined, monkeypatch, lack, name: str, remedy: str):
    lack(host)
    if name == "disk":
        usage = type("Usage", (), {"free": 2**30})
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    ended, found = examined()
    assert ended.code == 2
    assert not found[name]["met"]
    assert remedy in found[name]["remedy"]
    assert remedy in ended.out
    others = {one["name"] for one in found.values() if not one["met"]} - {name}
    assert others <= {"docker engine"}


@pytest.mark.usefixtures("host")
def test_an_unknown_platform_is_listed(examined, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TDI_PLATFORM", "debian-99")
    ended, found = examined()
    assert ended.code == 2
    assert "debian-99" in found["platform"]["found"]
    assert "debian-13" in found["platform"]["remedy"]


@pytest.mark.usefixtures("host")
def test_results_that_cannot_be_written_are_listed(examined, checkout: Project):
    checkout.artifacts.touch()
    _, found = examined()
    assert not found["artifacts"]["met"]


@pytest.mark.usefixtures("host")
def test_an_environment_without_a_package_or_of_an_old_python_says_how_to_renew_it(monkeypatch: pytest.MonkeyPatch):
    assert not doctor._package("no-such-package-here").met
    assert doctor._package("no-such-package-here").remedy == "install tdi anew: pip, or in its checkout make setup"
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    assert not doctor._python().met


def test_what_was_found_may_have_brackets(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(screen.out, "_width", 200)
    doctor.show([doctor.Requirement("docker engine", met=True, found="20.10 at [proxy] unix:///x")])
    assert "[proxy]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ipv6", "namespaces", "said"),
    [
        (True, "96365\n", ["IPv6 and user namespaces"]),
        (False, "96365\n", ["no IPv6", "services that listen on ::1 do not start", "ipv6.disable=1"]),
        (True, "0\n", ["no user namespaces", "services with `PrivateUsers=` do not start", "user.max_user_namespaces"]),
        (True, None, ["no user namespaces"]),
    ],
)
@pytest.mark.usefixtures("host")
def test_what_the_kernel_of_the_host_lacks_is_said_and_no_hindrance(
    examined, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, ipv6: bool, namespaces: str | None, said: list[str]
):
    settings = tmp_path / "sys"
    (settings / "user").mkdir(parents=True)
    if namespaces is not None:
        (settings / "user" / "max_user_namespaces").write_text(namespaces)
    if ipv6:
        (settings / "net" / "ipv6").mkdir(parents=True)
    monkeypatch.setattr(kernel, "_SETTINGS", settings)
    ended, found = examined()
    assert ended.code == 0
    assert all(words in found["kernel"]["found"] for words in said), found["kernel"]
    assert ("no " in found["kernel"]["found"]) == (said[0].startswith("no "))


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize(
    ("name", "found"),
    [("me:secret@example.org/web", "holds credentials"), ("127.0.0.1:1/web", "it refuses connections")],
)
def test_a_registry_that_cannot_be_used_is_listed(examined, monkeypatch: pytest.MonkeyPatch, name: str, found: str):
    monkeypatch.setenv("TDI_REGISTRY", name)
    ended, rows = examined()
    assert ended.code == 2
    assert not rows["registry"]["met"]
    assert found in rows["registry"]["found"]
    assert "secret" not in str(rows)
