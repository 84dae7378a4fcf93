"""What files are by what runs: a service's data, a PID, a copy; told from lines that were recorded."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from by_program import files, write

from tdi.collector.files import meanings
from tdi.collector.files.meanings import Meanings, originals
from tdi.collector.hashes import hash_of
from tdi.collector.layout import object_line
from tdi.collector.machine import Machine
from tdi.collector.settings import Settings

SERVICES = {
    "users": {"app": ["app.service", "app"]},
    "open": {"/var/lib/root-app/db": "root-app.service", "/srv/app/log": "app.service", "/etc/app.db": "app.service"},
    "pids": {"1": "init.scope", "4711": "app.service", "23": "process helper"},
}


def file(content: str = "x", **attributes: Any) -> dict[str, Any]:
    data = content.encode()
    plain = {"type": "file", "mode": "0640", "owner": "root", "group": "root", "origin": {"kind": "nobody"}}
    return {**plain, "hash": hash_of(data), "size": len(data), **attributes}


def directory(**attributes: Any) -> dict[str, Any]:
    return {"type": "dir", "mode": "0750", "owner": "app", "group": "app", "origin": {"kind": "nobody"}, **attributes}


def told(
    files: dict[str, Any], services: dict[str, Any] = SERVICES, outside: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The objects after everything was found out about them; `outside`: path → hash of what is not among them."""
    paths = sorted(files)
    lines = [object_line(path, files[path]).encode("ascii") for path in paths]
    Meanings(paths, lines, services, lambda path: (outside or {}).get(path, "")).apply()
    objects = {path: json.loads(b"{" + line + b"}")[path] for path, line in zip(paths, lines, strict=True)}
    # However a line was put together, it is as it would be written.
    assert lines == [object_line(path, objects[path]).encode("ascii") for path in paths]
    return objects


def data_of(path: str, attributes: dict[str, Any], above: dict[str, Any] | None = None) -> str | None:
    files = {path.rpartition("/")[0]: above or directory(), path: attributes}
    found: str | None = told(files)[path].get("data_of")
    return found


def test_what_a_services_user_owns_in_a_directory_of_its_own_is_its_data():
    assert data_of("/var/lib/app/table", file(owner="app")) == "app.service"
    assert data_of("/var/lib/app/sub", directory()) == "app.service"
    assert data_of("/var/lib/äpp/täble", file(owner="app")) == "app.service"


@pytest.mark.parametrize(
    "beside", [{"acl": "user::rw-"}, {"capability": "="}, {"error": "x"}, {"xattrs": {"user.mode": "x"}}]
)
def test_data_is_told_whatever_other_attributes_it_has(beside: dict[str, Any]):
    assert data_of("/var/lib/app/table", file(owner="app", **beside)) == "app.service"


@pytest.mark.parametrize("user", ['we"ird\\', "größe", "#4242"])
def test_users_may_have_any_name(user: str):
    services = {"users": {user: ["app.service", user]}, "open": {}, "pids": {}}
    files = {"/var/lib/app": directory(owner=user), "/var/lib/app/table": file(owner=user)}
    assert told(files, services)["/var/lib/app/table"]["data_of"] == "app.service"


def test_what_a_file_says_of_itself_does_not_make_it_anybodys():
    name = '/var/lib/app/"owner":"app","mode":"0640"'
    assert data_of(name, file(owner="root", text='"owner":"app"')) is None
    assert data_of(name, file(owner="app", mode="0666", text='"mode":"0640"')) is None


def test_the_directory_that_the_data_is_in_is_not_data():
    assert "data_of" not in told({"/var/lib": directory(owner="root"), "/var/lib/app": directory()})["/var/lib/app"]


@pytest.mark.parametrize(
    "attributes",
    [
        {"owner": "root"},
        {"owner": "app", "mode": "4755"},
        {"owner": "app", "mode": "0666"},
        {"owner": "app", "origin": {"kind": "package", "package": "app"}},
        {"owner": "app", "type": "block"},
        {"owner": "app2"},
    ],
)
def test_what_others_put_there_or_may_write_is_not_data(attributes: dict[str, Any]):
    assert data_of("/var/lib/app/table", file(**attributes)) is None


@pytest.mark.parametrize("path", ["/srv/app/app.ini", "/var/www/app/index.php", "/opt/app/app.ini", "/etc/app/app.ini"])
def test_what_an_application_lies_in_is_not_data(path: str):
    assert data_of(path, file(owner="app")) is None


def test_a_directory_may_be_shared_with_the_services_group():
    shared = directory(owner="root", mode="0775")
    assert data_of("/var/cache/app/x", file(owner="app"), shared) == "app.service"
    assert data_of("/var/cache/app/x", file(owner="app"), {**shared, "mode": "0755"}) is None
    assert data_of("/var/cache/app/x", file(owner="app"), {**shared, "group": "adm"}) is None


def test_what_is_in_a_services_directory_may_be_in_one_of_roots_there():
    files = {
        "/var/lib/app": directory(),
        "/var/lib/app/run": directory(owner="root"),
        "/var/lib/app/run/boot.1": directory(),
        "/var/lib/other": directory(owner="root"),
        "/var/lib/other/app": directory(),
        "/var/lib/loose": file(owner="app"),
    }
    assert [path for path, each in told(files).items() if "data_of" in each] == ["/var/lib/app/run/boot.1"]


def test_a_cache_is_that_of_the_service_which_holds_a_file_in_it_open():
    services = {**SERVICES, "open": {"/var/cache/samba/profile": "smbd.service"}}
    files = {
        "/var/cache": directory(owner="root"),
        "/var/cache/samba": directory(owner="root"),
        "/var/cache/samba/browse.dat": file(),
        "/var/cache/samba/deep/browse.dat": file(),
        "/var/cache/samba/of-others": file(owner="somebody"),
        "/var/cache/samba/profile": file(),
        "/var/lib/samba/browse.dat": file(),
    }
    found = {path: each["data_of"] for path, each in told(files, services).items() if "data_of" in each}
    assert found == dict.fromkeys(("/var/cache/samba/browse.dat", "/var/cache/samba/profile"), "smbd.service")


def test_what_a_service_of_root_holds_open_for_writing_is_its_data():
    files = {
        "/var/lib/root-app/db": file(),
        "/var/lib/root-app/conf": file(),
        "/srv/app/log": file(),
        "/etc/app.db": file(),
    }
    found = {path: each.get("data_of") for path, each in told(files).items()}
    assert found == {
        "/var/lib/root-app/db": "root-app.service",
        "/var/lib/root-app/conf": None,
        "/srv/app/log": "app.service",
        "/etc/app.db": None,
    }


@pytest.mark.parametrize("content", ["4711", "4711\n", "      4711\n", f"{4711:31}\n"])
def test_a_pid_is_told_by_whose_it_is(content: str):
    found = told({"/var/spool/app/pid/app.pid": file(content)})["/var/spool/app/pid/app.pid"]
    assert found["content"] == "pid of app.service"
    assert not {"hash", "size", "text"} & found.keys()
    assert found["mode"] == "0640"


def test_a_process_without_a_unit_has_its_own_name():
    assert told({"/var/lib/x.pid": file("23")})["/var/lib/x.pid"]["content"] == "pid of process helper"


@pytest.mark.parametrize(
    ("path", "content"),
    [("/var/lib/dpkg/info/format", "23\n"), ("/var/lib/x/serial", "4711\n"), ("/var/lib/x/clock", "4711\n")],
)
def test_a_number_that_happens_to_be_a_pid_is_none(path: str, content: str):
    assert told({path: file(content)})[path] == file(content)


def test_a_pid_of_nothing_that_runs_is_content():
    assert told({"/var/lib/app.pid": file("99")})["/var/lib/app.pid"] == file("99")


def test_a_copy_is_told_by_what_it_is_a_copy_of():
    files = {"/etc/hosts": file("h"), "/var/spool/app/etc/hosts": file("h"), "/srv/root/etc/hosts": file("other")}
    found = told(files)
    assert found["/var/spool/app/etc/hosts"]["content"] == "copy of /etc/hosts"
    assert "hash" not in found["/var/spool/app/etc/hosts"]
    assert found["/etc/hosts"] == files["/etc/hosts"]
    assert found["/srv/root/etc/hosts"] == files["/srv/root/etc/hosts"]


def test_a_program_may_be_a_copy_and_a_packaged_file_is_none():
    of_package = {"origin": {"kind": "package", "package": "x"}}
    files = {"/usr/lib/x.so": file("x", **of_package), "/var/spool/app/usr/lib/x.so": file("x")}
    assert told(files)["/var/spool/app/usr/lib/x.so"]["content"] == "copy of /usr/lib/x.so"
    files["/var/spool/app/usr/lib/x.so"] = file("x", **of_package)
    assert told(files) == files


def test_a_copy_is_found_of_what_the_record_does_not_have_as_it_is():
    files = {"/etc/hosts": file("added"), "/var/spool/app/etc/hosts": file("whole")}
    outside = {"/etc/hosts": hash_of(b"whole")}
    assert told(files, outside=outside)["/var/spool/app/etc/hosts"]["content"] == "copy of /etc/hosts"
    files["/var/spool/app/etc/hosts"] = file("added")
    assert told(files, outside=outside) == files


def test_links_and_mounted_files_are_originals_that_are_read(root: Path, monkeypatch: pytest.MonkeyPatch):
    write(root, "/etc/plain", "plain")
    write(root, "/run/resolver", "resolved")
    (root / "etc/resolv.conf").symlink_to("/run/resolver")
    (root / "etc/loop").symlink_to("loop")
    write(root, "/etc/hosts", "whole")
    monkeypatch.setattr(meanings, "mounts", lambda _: [("/etc/hosts", "", "", "", "", "")])
    original = originals(Machine(Settings({"root": str(root)})))
    assert original("/etc/resolv.conf") == hash_of(b"resolved")
    assert original("/etc/hosts") == hash_of(b"whole")
    assert [original(f"/etc/{name}") for name in ("plain", "loop", "missing")] == ["", "", ""]


def test_copies_are_told_of_a_root_in_which_nothing_runs(root: Path):
    write(root, "/etc/services", "ssh 22/tcp\n")
    write(root, "/srv/jail/etc/services", "ssh 22/tcp\n")
    assert files(root)["/srv/jail/etc/services"]["content"] == "copy of /etc/services"


def test_an_empty_file_is_no_copy():
    files = {"/etc/hosts": file(""), "/var/spool/app/etc/hosts": file("")}
    assert told(files) == files


def test_where_nothing_runs_nothing_is_said_but_copies():
    nothing = {"users": {}, "open": {}, "pids": {}}
    files = {"/var/lib/app": directory(), "/var/lib/app/table": file(owner="app")}
    assert told(files, nothing) == files


def test_what_is_in_a_directory_that_systemd_made_for_a_service_of_root_is_its_data():
    services = {"directories": {"/var/lib/d": "d.service"}}
    mine = {"/var/lib/d/state": file(), "/var/lib/d/sub": directory(owner="root")}
    others = {
        "/var/lib/d": directory(owner="root"),
        "/var/lib/dd": file(),
        "/var/lib/d/of-somebody": file(owner="app"),
        "/var/lib/d/of-a-package": file(origin={"kind": "package", "package": "d", "state": "pristine"}),
        "/var/lib/d/for-everybody": file(mode="0666"),
    }
    found = told({**mine, **others}, services)
    assert {path for path, attributes in found.items() if attributes.get("data_of") == "d.service"} == set(mine)
