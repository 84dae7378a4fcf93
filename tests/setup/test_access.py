"""Being let in by an engine that is there: as a member of its group, at once, and never by another way."""

import grp
import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from conftest import ENGINE, Fakes, Program
from tdi.errors import TdiError
from tdi.outside import docker
from tdi.setup import access, engine

USER = "somebody"
REFUSES = "echo 'permission denied while trying to connect' >&2; exit 1"


@pytest.fixture
def host(only_fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    """A host whose engine belongs to the group `engineers`, which an ordinary user is not in, and lets that in."""
    belong_to(monkeypatch, "engineers")
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name=USER))
    monkeypatch.setattr(access, "_groups_of_session", lambda: {USER})
    let_in = only_fakes.directory / "let-in"
    only_fakes.docker(info=f"[ -e {let_in} ] && echo '{ENGINE}' || {{ {REFUSES}; }}")
    only_fakes("usermod", "")
    only_fakes("setfacl", f": > {let_in}")
    return only_fakes


def belong_to(monkeypatch: pytest.MonkeyPatch, name: str, *members: str) -> None:
    monkeypatch.setattr(access, "_group_of", lambda _: grp.struct_group((name, "x", 998, list(members))))


@pytest.fixture
def sudo(host: Fakes) -> Program:
    """A sudo that asks no password."""
    return host("sudo", '[ "$2" = true ] && exit; shift; exec "$@"')


def test_the_user_is_put_into_the_engines_group_and_let_in_at_once(
    host: Fakes, sudo: Program, capsys: pytest.CaptureFixture[str]
):
    assert engine.ensure().version == "20.10.24"
    assert Program(host.directory / "usermod").calls == [f"--append --groups engineers {USER}"]
    assert Program(host.directory / "setfacl").calls == ["--modify user:1234:rw /var/run/docker.sock"]
    assert sudo.calls
    assert f"Put {USER} into the group engineers" in capsys.readouterr().err


def test_who_is_in_the_group_already_is_only_let_in(host: Fakes, sudo: Program, monkeypatch: pytest.MonkeyPatch):
    belong_to(monkeypatch, "engineers", USER)
    assert engine.ensure().version == "20.10.24"
    assert not Program(host.directory / "usermod").calls
    assert sudo.calls


@pytest.mark.parametrize("sudo", [None, "echo 'sudo: a password is required' >&2; exit 1"])
def test_who_may_not_join_is_told_the_group_of_the_engine(host: Fakes, sudo: str | None):
    if sudo:
        host("sudo", sudo)
    with pytest.raises(TdiError, match="may not use it") as error:
        engine.ensure()
    assert error.value.remedy.endswith(f"sudo usermod --append --groups engineers {USER}")
    assert not Program(host.directory / "usermod").calls
    assert not Program(host.directory / "setfacl").calls


def test_a_member_since_the_login_is_told_to_log_in_again(host: Fakes, monkeypatch: pytest.MonkeyPatch):
    belong_to(monkeypatch, "engineers", USER)
    with pytest.raises(TdiError, match="older than the membership in engineers") as error:
        engine.ensure()
    assert "sg engineers" in error.value.remedy
    assert not Program(host.directory / "setfacl").calls


@pytest.mark.usefixtures("sudo")
@pytest.mark.parametrize("setfacl", ["exit 1", ""])
def test_a_socket_that_cannot_let_a_single_user_in_asks_for_a_new_login(host: Fakes, setfacl: str):
    host("setfacl", setfacl)
    with pytest.raises(TdiError, match="older than the membership"):
        engine.ensure()


@pytest.mark.usefixtures("sudo")
def test_a_group_that_cannot_be_joined_says_why(host: Fakes):
    host("usermod", "echo 'usermod: user is not in /etc/passwd' >&2; exit 6")
    with pytest.raises(TdiError, match=r"could not be put into .*: usermod: user is not in /etc/passwd"):
        engine.ensure()
    assert not Program(host.directory / "setfacl").calls


@pytest.mark.usefixtures("sudo")
def test_what_lets_a_single_user_in_is_installed_where_it_is_missing(host: Fakes):
    (host.directory / "setfacl").rename(host.directory / "kept")
    (host.directory / "real-mv").symlink_to("/bin/mv")
    put = f"case $* in *install*acl*) real-mv {host.directory}/kept {host.directory}/setfacl;; esac"
    apt = host("apt-get", put)
    assert engine.ensure().version == "20.10.24"
    assert apt.calls[-1].endswith(" acl")


@pytest.mark.usefixtures("sudo")
@pytest.mark.parametrize("why", ["no group", "a member", "root"])
def test_where_no_group_helps_nothing_is_tried(host: Fakes, monkeypatch: pytest.MonkeyPatch, why: str):
    if why == "no group":
        monkeypatch.setattr(access, "_group_of", lambda _: None)
    elif why == "root":
        monkeypatch.setattr(os, "geteuid", lambda: 0)
    else:
        monkeypatch.setattr(access, "_groups_of_session", lambda: {"engineers"})
    with pytest.raises(TdiError, match="permission denied"):
        engine.ensure()
    assert not Program(host.directory / "usermod").calls
    assert not Program(host.directory / "setfacl").calls


@pytest.mark.parametrize(
    ("owner", "group", "mode", "joined"),
    [
        (0, os.getgid() or 1, 0o660, True),
        (0, 0, 0o660, False),
        (0, os.getgid() or 1, 0o600, False),
        (1000, os.getgid() or 1, 0o660, False),
        (0, 3_999_999_999, 0o660, False),
    ],
)
def test_only_a_group_that_root_lets_use_its_socket_is_joined(owner: int, group: int, mode: int, *, joined: bool):
    facts = SimpleNamespace(st_uid=owner, st_gid=group, st_mode=mode)
    found = access._group_of(SimpleNamespace(stat=lambda: facts))  # type: ignore[arg-type]
    assert (found is not None) == joined


def test_a_socket_that_is_gone_has_no_group(tmp_path: Path):
    assert access._group_of(tmp_path / "docker.sock") is None


@pytest.mark.parametrize(("where", "refuses"), [("unix:///var/run/docker.sock", True), ("ssh://there", False)])
def test_only_a_socket_of_this_machine_has_a_group_to_join(only_fakes: Fakes, where: str, *, refuses: bool):
    only_fakes.docker(info=REFUSES, context=f"echo {where}")
    with pytest.raises(docker.EngineUnreachableError) as error:
        docker.engine()
    assert isinstance(error.value, docker.EngineRefusesError) == refuses
    assert ("group" in error.value.remedy) == refuses


def test_root_and_members_need_nothing(only_fakes: Fakes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(access, "_groups_of_session", lambda: {USER})
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert not access.will_be_needed()
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    assert access.will_be_needed()
    monkeypatch.setattr(access, "_groups_of_session", lambda: {"docker"})
    assert not access.will_be_needed()
    monkeypatch.setattr(access, "_groups_of_session", lambda: {USER})
    only_fakes("setfacl", "")
    assert not access.will_be_needed()
