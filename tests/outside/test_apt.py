"""The host's own apt: which archive it uses, what that serves, and packages from it."""

import os
from pathlib import Path

import pytest

from conftest import Fakes
from tdi.errors import TdiError
from tdi.images.platforms import Platform
from tdi.outside import apt

DEBIAN_13 = Platform("debian-13", "debian", "debian:13", "trixie", ("main",))
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
    assert found.sources(DEBIAN_13) == [
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
    assert archive.serves(DEBIAN_13)
    assert not archive.serves(Platform("debian-99", "debian", "debian:99", "zzz", ("main",)))


def test_packages_are_installed_without_a_question(fakes: Fakes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program = fakes("apt-get", 'test "$DEBIAN_FRONTEND" = noninteractive')
    apt.install(["mmdebstrap"], "Bootstrapping")
    update, install = program.calls
    assert update.endswith("update")
    assert install.endswith("install --yes --no-install-recommends mmdebstrap")


def test_a_package_that_cannot_be_installed_says_why_and_what_to_type(fakes: Fakes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    fakes("apt-get", "echo 'E: Unable to locate package mmdebstrap' >&2; exit 100")
    with pytest.raises(TdiError, match="mmdebstrap could not be installed: E: Unable to locate") as error:
        apt.install(["mmdebstrap"], "Bootstrapping")
    assert "sudo apt-get install mmdebstrap" in error.value.remedy


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
