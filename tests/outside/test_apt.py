"""The host's own apt: which archive it uses, what that serves, and packages from it."""

import os
from pathlib import Path

import pytest

from conftest import Fakes
from tdi.errors import TdiError
from tdi.outside import apt

MIXED = """\
Debian bookworm-backports http://backports.example.org/debian/
Docker bookworm https://packages.example.org/docker
Debian trixie-updates http://deb.example.org/debian/
Debian trixie http://deb.example.org/debian/
Debian trixie-backports http://backports.example.org/debian/
Debian trixie-security http://security.example.org/debian-security/
Debian trixie http://deb.example.org/debian/
"""


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the place of apt's own downloader."""
    file = tmp_path / "apt-helper"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    monkeypatch.setattr(apt, "_HELPER", str(file))
    return file


@pytest.mark.usefixtures("helper")
def test_the_archive_and_the_security_suite_are_those_of_the_distribution(fakes: Fakes):
    fakes("apt-get", f"cat <<'EOF'\n{MIXED}EOF")
    found = apt.of_host()
    assert found == apt.Mirror(
        "debian", "http://deb.example.org/debian/", "http://security.example.org/debian-security/"
    )
    assert found.sources("trixie", ["main"]) == [
        "deb http://deb.example.org/debian/ trixie main",
        "deb http://deb.example.org/debian/ trixie-updates main",
        "deb http://security.example.org/debian-security/ trixie-security main",
    ]


@pytest.mark.usefixtures("helper")
def test_without_a_security_suite_the_archive_takes_its_place(fakes: Fakes):
    fakes("apt-get", "echo Ubuntu noble http://archive.example.org/ubuntu")
    assert apt.of_host() == apt.Mirror(
        "ubuntu", "http://archive.example.org/ubuntu", "http://archive.example.org/ubuntu"
    )


@pytest.mark.usefixtures("helper")
@pytest.mark.parametrize("listed", ["", "Docker bookworm https://packages.example.org", "Debian\nx y\n", "exit"])
def test_a_host_with_no_archive_of_debian_or_ubuntu_has_no_mirror(fakes: Fakes, listed: str):
    fakes("apt-get", "exit 100" if listed == "exit" else f"cat <<'EOF'\n{listed}\nEOF")
    assert apt.of_host() is None


@pytest.mark.usefixtures("only_fakes")
def test_a_host_without_apt_has_no_mirror(helper: Path):
    assert helper.exists()
    assert apt.of_host() is None


def test_a_suite_is_served_when_apt_can_download_its_release_file(helper: Path):
    archive = apt.Mirror("debian", "http://deb.example.org/debian/", "http://deb.example.org/debian/")
    helper.write_text(
        '#!/bin/sh\ncase "$*" in *" http://deb.example.org/debian/dists/trixie/InRelease "*) ;; *) exit 1;; esac\n'
    )
    assert archive.serves("trixie")
    assert not archive.serves("zzz")


def test_an_archive_that_does_not_answer_is_not_taken_for_one_without_the_suite(helper: Path):
    archive = apt.Mirror("debian", "http://a.example.org/debian/", "http://a.example.org/debian/")
    failed = "E: Failed to fetch http://a.example.org/x"
    helper.write_text(f'#!/bin/sh\necho "{failed}  404  Not Found [IP: 192.0.2.1 80]" >&2; exit 100\n')
    assert not archive.serves("trixie")
    helper.write_text(f'#!/bin/sh\necho "{failed}  Could not connect to a.example.org:80" >&2; exit 100\n')
    with pytest.raises(TdiError, match=r"mirror does not answer: Could not connect to a\.example\.org:80") as error:
        archive.serves("trixie")
    assert "apt-get update" in error.value.remedy


def test_packages_are_installed_without_a_question(fakes: Fakes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program = fakes("apt-get", 'test "$DEBIAN_FRONTEND" = noninteractive')
    apt.install(["mmdebstrap"], "Bootstrapping")
    update, install = program.calls
    assert update.endswith("update")
    assert install.endswith("install --yes --no-install-recommends --no-remove mmdebstrap")


def test_a_package_that_cannot_be_installed_says_why_and_what_to_type(fakes: Fakes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    fakes("apt-get", "echo 'E: Unable to locate package mmdebstrap' >&2; exit 100")
    with pytest.raises(TdiError, match="mmdebstrap could not be installed: E: Unable to locate") as error:
        apt.install(["mmdebstrap"], "Bootstrapping")
    assert "sudo apt-get install mmdebstrap" in error.value.remedy


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(apt.time, "sleep", lambda _: None)


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("step", ["update", "install"])
@pytest.mark.parametrize(
    ("says", "holder"),
    [
        ("lock /var/lib/apt/lists/lock. It is held by process 13036 (apt-get)", "process 13036 (apt-get)"),
        (
            "lock /var/lib/dpkg/lock-frontend - open (11: Resource temporarily unavailable)",
            "/var/lib/dpkg/lock-frontend",
        ),
    ],
)
def test_while_another_process_uses_apt_it_waits_and_says_so_once(
    fakes: Fakes, tmp_path: Path, capsys: pytest.CaptureFixture[str], step: str, says: str, holder: str
):
    tries = tmp_path / "tries"
    busy = f'echo >> {tries}; [ $(wc -l < {tries}) -gt 3 ] || {{ echo "E: Could not get {says}" >&2; exit 100; }}'
    program = fakes("apt-get", f'case "$*" in *"--quiet {step}"*) {busy};; esac')
    apt.install(["mmdebstrap"], "Bootstrapping")
    assert len([call for call in program.calls if step in call]) == 4
    assert capsys.readouterr().err.count(f"Waiting: apt is in use by another process ({holder})") == 1


@pytest.mark.usefixtures("root")
def test_apt_that_stays_in_use_is_given_up(fakes: Fakes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(apt, "_LONGEST", 0.2)
    fakes("apt-get", "echo 'E: Could not get lock /var/lib/dpkg/lock. It is held by process 1 (apt)' >&2; exit 100")
    with pytest.raises(TdiError, match=r"could not be installed: .*held by process 1 \(apt\)"):
        apt.install(["mmdebstrap"], "Bootstrapping")


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("update", "install"),
    [
        (
            "W: Failed to fetch http://a.example.org/InRelease  Could not resolve 'a.example.org'",
            "E: Unable to locate it",
        ),
        ("", "E: Failed to fetch http://a.example.org/x.deb  Could not connect to a.example.org:80 (…), timed out"),
        ("", "E: Failed to fetch http://a.example.org/x.deb  Temporary failure resolving 'a.example.org'"),
    ],
)
def test_a_mirror_that_is_down_is_named_as_the_cause(fakes: Fakes, update: str, install: str):
    fakes("apt-get", f'case "$*" in *update) echo "{update}" >&2;; *) echo "{install}" >&2; exit 100;; esac')
    with pytest.raises(TdiError, match=r"mirror does not answer: .*a\.example\.org") as error:
        apt.install(["mmdebstrap"], "Bootstrapping")
    assert "\n" not in error.value.what
    assert "apt-get update" in error.value.remedy


@pytest.mark.usefixtures("root")
def test_a_mirror_of_something_else_that_is_down_does_no_harm(fakes: Fakes):
    fakes("apt-get", 'case "$*" in *update) echo "W: Failed to fetch x  Could not resolve x" >&2;; esac')
    apt.install(["mmdebstrap"], "Bootstrapping")


@pytest.mark.usefixtures("root")
def test_the_second_name_of_a_package_is_for_distributions_without_the_first(fakes: Fakes):
    program = fakes("apt-get", "")
    fakes("apt-cache", 'case "$*" in *" new") echo "Package: new";; *" mentioned") ;; *) exit 100;; esac')
    apt.install(["old", "new|old", "newest|new", "mentioned|other"], "Something")
    assert program.calls[-1].endswith("--no-remove old new other")


@pytest.mark.usefixtures("root")
def test_what_apt_writes_is_readable_for_all_whatever_the_umask(fakes: Fakes, tmp_path: Path):
    fakes("apt-get", f": > {tmp_path}/written")
    former = os.umask(0o077)
    try:
        apt.install(["mmdebstrap"], "Bootstrapping")
    finally:
        os.umask(former)
    assert (tmp_path / "written").stat().st_mode & 0o777 == 0o644


def test_sudo_is_used_where_it_asks_no_password(fakes: Fakes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    fakes("sudo", "")
    assert apt.may_install() == ["sudo", "--non-interactive"]
    fakes("sudo", "exit 1")
    assert apt.may_install() is None
    program = fakes("apt-get", "")
    with pytest.raises(TdiError, match="root or passwordless sudo"):
        apt.install(["mmdebstrap"], "Bootstrapping")
    assert not program.calls
