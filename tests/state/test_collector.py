"""What the collector records of a machine: small made-up roots for the rules, real machines for what runs."""

import ast
import base64
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from importlib import resources
from pathlib import Path
from types import SimpleNamespace

import pytest

from tdi.state import collector, target
from tdi.state.record import ScopeHeader, ScopeStatus, write_record
from tdi.state.schema import validate

SOURCE = resources.files("tdi.state").joinpath("collector.py")
PYTHON = ["-I", "-S", "-B", "-X", "utf8", "-"]


def collect_bytes(root: Path, program: bytes | None = None, **settings):
    done = subprocess.run(
        [sys.executable, *PYTHON, json.dumps({"root": str(root), **settings})],
        input=program or SOURCE.read_bytes(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    return done.stdout


def collect(root: Path, **settings):
    return json.loads(collect_bytes(root, **settings))["scopes"]


def files(root: Path, **settings):
    return collect(root, scopes=["files"], **settings)["files"]["objects"]


def write(root: Path, path: str, content: str | bytes = "", mode: int = 0o644) -> Path:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    file.chmod(mode)
    return file


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def status_entry(name, version="1.0", status="install ok installed", conffiles=""):
    text = f"Package: {name}\nStatus: {status}\nArchitecture: amd64\nVersion: {version}\n"
    return text + (f"Conffiles:\n {conffiles}\n" if conffiles else "") + "\n"


@pytest.fixture
def root(tmp_path):
    """A root file system with two packages."""
    top = tmp_path / "machine"
    write(top, "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000:Alice:/home/alice:/bin/sh\n")
    write(top, "/etc/group", "root:x:0:\nsudo:x:27:alice\nalice:x:1000:\n")
    write(
        top, "/etc/shadow", "root:*:19000:0:99999:7:::\nalice:$y$j9T$salt$hashhashhash:19000:0:99999:7::20000:\n", 0o640
    )
    conffile = md5(b"as packaged\n")
    write(
        top,
        "/var/lib/dpkg/status",
        status_entry("dpkg") + status_entry("tool", "2.0", conffiles=f"/etc/tool.conf {conffile}"),
    )
    write(top, "/etc/tool.conf", "as packaged\n")
    write(top, "/usr/bin/tool", "#!/bin/sh\n", 0o755)
    write(top, "/var/lib/dpkg/info/tool.list", "/.\n/etc\n/etc/tool.conf\n/usr\n/usr/bin\n/usr/bin/tool\n")
    digest = md5(b"#!/bin/sh\n")
    write(top, "/var/lib/dpkg/info/tool.md5sums", f"{digest}  usr/bin/tool\n")
    return top


def test_a_file_has_type_mode_owner_size_and_hash(root):
    write(root, "/etc/plain", "hello", 0o4751)
    found = files(root)["/etc/plain"]
    assert found["type"] == "file"
    assert found["mode"] == "4751"
    assert found["size"] == 5
    assert found["hash"] == "sha256:" + hashlib.sha256(b"hello").hexdigest()
    assert "text" not in found
    assert found["origin"] == {"kind": "nobody"}


def test_links_fifos_and_sockets_are_recorded_and_never_opened(root, monkeypatch):
    (root / "link").symlink_to("/nowhere")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(root)  # a socket's path has a hundred bytes
        listener.bind("sock")
        found = files(root)
    assert found["/link"]["target"] == "/nowhere"
    assert "mode" not in found["/link"]
    assert found["/loop"]["type"] == "link"
    assert found["/pipe"]["type"] == "fifo"
    assert found["/sock"]["type"] == "socket"


def test_owners_without_a_name_are_numbers(root):
    if os.geteuid():
        pytest.skip("only root can give files away")
    os.chown(write(root, "/srv/a"), 1000, 4242)
    found = files(root)["/srv/a"]
    assert (found["owner"], found["group"]) == ("alice", "#4242")


def test_names_of_any_bytes_are_recorded(root):
    names = [
        b"new\nline",
        b"not\xffutf8",
        b"\x1b[31mred",
        b"<b>bold<b>",
        b'quote"back\\',
        "smile\U0001f600".encode(),
    ]
    for name in names:
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_text("x")
    raw = collect_bytes(root, scopes=["files"])
    raw.decode("ascii")
    found = json.loads(raw)["scopes"]["files"]["objects"]
    assert {os.fsencode(path[1:]) for path in found if "/" not in path[1:]} >= set(names)
    lines = [line for line in raw.split(b"\n") if line.startswith(b'"/')]
    assert len(lines) == len(found)


def test_the_order_of_the_lines_is_that_of_the_keys(root):
    for name in ("a", "a-b", "a/b", "a.b", "B", "é", "\U0001f600", "\udcff"):
        write(root, "/srv/" + name + "/file")
    found = list(files(root))
    assert found == sorted(found)


def test_hard_links_name_the_first_of_their_group(root):
    first = write(root, "/srv/a", "one")
    (root / "srv/b").hardlink_to(first)
    found = files(root)
    assert found["/srv/a"]["hardlink"] == found["/srv/b"]["hardlink"] == "/srv/a"
    assert found["/srv/a"]["hash"] == found["/srv/b"]["hash"]


def test_a_conffile_with_another_name_is_checked_whichever_is_read_first(root):
    work = describer(root)
    (root / "srv").mkdir()
    os.link(root / "etc/tool.conf", root / "srv/other")
    for path in ("/srv/other", "/etc/tool.conf"):
        work.take(b"f" + path.encode(), never)
    states = [json.loads(f"{{{line}}}").popitem()[1]["origin"].get("state") for line in work.lines]
    assert states == [None, "pristine"]


def test_of_a_hosts_file_that_an_engine_wrote_only_what_was_added_counts():
    engine = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\n172.17.0.3\tweb1\n"
    own = (["172.17.0.3"], "web1")
    assert collector.added_hosts(engine, *own) == "127.0.0.1 localhost\n"
    added = "192.0.2.9   old.example.org # gone\n172.17.0.3 shop.example.org\n"
    assert collector.added_hosts(engine + added, *own) == (
        "127.0.0.1 localhost\n192.0.2.9 old.example.org\n172.17.0.3 shop.example.org\n"
    )


def test_directories_of_the_kernel_and_for_temporary_files_are_left_out(root):
    for path in ("/proc/1/x", "/sys/x", "/dev/x", "/run/x", "/tmp/x", "/var/tmp/x", "/srv/tmp/x"):
        write(root, path)
    found = files(root)
    assert {"/tmp", "/var/tmp", "/srv/tmp/x"} <= found.keys()
    assert not {"/tmp/x", "/var/tmp/x", "/proc", "/sys", "/dev", "/run"} & found.keys()


def test_excluded_directories_are_not_walked(root):
    write(root, "/srv/big/file")
    assert "/srv/big/file" not in files(root, exclude=["/srv/big"])


def test_text_is_kept_of_allowed_files_only_and_never_of_keys(root):
    write(root, "/etc/app/a.conf", "answer = 42\n")
    write(root, "/etc/app/b.conf", b"\xff\xfe")
    write(root, "/etc/app/c.conf", "-----BEGIN RSA PRIVATE KEY-----\nx\n")
    write(root, "/etc/app/d.conf", "x" * 65537)
    write(root, "/etc/other.conf", "hidden")
    found = files(root, text=[r"^/etc/app/.*\.conf$"])
    assert [path for path in found if "text" in found[path]] == ["/etc/app/a.conf"]
    assert found["/etc/app/a.conf"]["text"] == "answer = 42\n"


def test_a_package_file_is_modified_when_its_content_is_not_the_packages(root):
    assert files(root)["/usr/bin/tool"]["origin"] == {"kind": "package", "package": "tool", "state": "pristine"}
    write(root, "/usr/bin/tool", "#!/bin/evil", 0o755)
    later = time.time() + 10
    os.utime(root / "usr/bin/tool", (later, later))
    assert files(root)["/usr/bin/tool"]["origin"]["state"] == "modified"


def test_a_conffile_is_checked_whatever_its_time(root):
    assert files(root)["/etc/tool.conf"]["origin"] == {"kind": "conffile", "package": "tool", "state": "pristine"}
    file = write(root, "/etc/tool.conf", "edited\n")
    os.utime(file, (0, 0))
    assert files(root)["/etc/tool.conf"]["origin"]["state"] == "modified"
    assert collect(root, scopes=["packages"])["packages"]["objects"]["tool"]["conffiles"] == {
        "/etc/tool.conf": "modified"
    }
    file.unlink()
    assert collect(root, scopes=["packages"])["packages"]["objects"]["tool"]["conffiles"] == {
        "/etc/tool.conf": "missing"
    }


def test_files_of_the_old_directories_belong_to_their_package_on_a_merged_usr(root):
    (root / "bin").symlink_to("usr/bin")
    write(root, "/var/lib/dpkg/info/old.list", "/.\n/bin\n/bin/old\n")
    write(root, "/usr/bin/old", "x")
    assert files(root)["/usr/bin/old"]["origin"]["package"] == "old"


def test_who_accounts_for_a_file(root):
    write(root, "/var/lib/dpkg/diversions", "/usr/bin/tool\n/usr/bin/tool.orig\nother\n")
    write(root, "/usr/bin/tool.orig", "#!/bin/sh\n")
    write(root, "/var/lib/dpkg/alternatives/editor", "auto\n/usr/bin/editor\n\n/usr/bin/vi\n30\n\n")
    (root / "etc/alternatives").mkdir()
    (root / "etc/alternatives/editor").symlink_to("/usr/bin/vi")
    (root / "usr/bin/editor").symlink_to("/etc/alternatives/editor")
    write(root, "/var/lib/ucf/registry", "ucfpkg /etc/ucf.conf\n")
    write(root, "/var/lib/ucf/hashfile", f"{md5(b'u')}  /etc/ucf.conf\n")
    write(root, "/etc/ucf.conf", "changed")
    (root / "etc/systemd/system/multi-user.target.wants").mkdir(parents=True)
    (root / "etc/systemd/system/multi-user.target.wants/x.service").symlink_to("/usr/lib/systemd/system/x.service")
    write(root, "/usr/lib/x/__pycache__/x.pyc")
    found = {path: attributes["origin"] for path, attributes in files(root).items()}
    assert found["/usr/bin/tool.orig"] == {"kind": "diversion", "package": "other"}
    assert found["/usr/bin/tool"]["package"] == "other"
    assert found["/usr/bin/editor"]["kind"] == found["/etc/alternatives/editor"]["kind"] == "alternative"
    assert found["/etc/ucf.conf"] == {"kind": "ucf", "package": "ucfpkg", "state": "modified"}
    assert found["/etc/systemd/system/multi-user.target.wants/x.service"]["kind"] == "enablement"
    assert found["/usr/lib/x/__pycache__/x.pyc"]["kind"] == "generated"
    assert found["/usr/bin"] == {"kind": "package"}
    assert found["/srv" if "/srv" in found else "/"]["kind"] in ("nobody", "package")


def test_databases_that_are_parsed_have_no_hash(root):
    found = files(root)
    for path in ("/etc/passwd", "/etc/shadow", "/etc/group", "/var/lib/dpkg/status"):
        assert "hash" not in found[path]
        assert "size" not in found[path]
        assert found[path]["mode"]


def test_a_sparse_file_costs_what_it_holds_and_equals_the_same_content_in_full(root):
    sparse = root / "sparse"
    with sparse.open("wb") as file:
        file.truncate(10 * 1024**3)
        file.seek(5 * 1024**3 + 7)
        file.write(b"data")
    began = time.monotonic()
    found = files(root)
    assert time.monotonic() - began < 5
    assert found["/sparse"]["size"] == 10 * 1024**3
    other = root / "other"
    with other.open("wb") as file:
        file.truncate(10 * 1024**3)
        file.seek(5 * 1024**3)
        file.write(b"\0" * 7 + b"data" + b"\0" * 100)
    again = files(root)
    assert again["/other"]["hash"] == again["/sparse"]["hash"] == found["/sparse"]["hash"]
    with other.open("r+b") as file:
        file.seek(9 * 1024**3)
        file.write(b"!")
    moved = root / "moved"
    with moved.open("wb") as file:
        file.truncate(10 * 1024**3)
        file.seek(6 * 1024**3 + 7)
        file.write(b"data")
    changed = files(root)
    assert len({changed[path]["hash"] for path in ("/sparse", "/other", "/moved")}) == 3


def test_a_file_that_changes_while_it_is_read_is_marked_and_bounded(root):
    file = write(root, "/srv/log", b"x" * 50_000_000)
    done = threading.Event()

    def keep_writing():
        with file.open("ab") as out:
            while not done.wait(0.001):
                out.write(b"y")
                out.flush()

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        found = collect(root, scopes=["files"])["files"]
    finally:
        done.set()
        writer.join()
    assert found["objects"]["/srv/log"]["unstable"] is True
    assert "hash" not in found["objects"]["/srv/log"]
    assert found["status"] == "ok"


def test_a_directory_that_vanishes_costs_nothing_but_itself(root):
    for number in range(300):
        write(root, f"/srv/{number:03d}/file")
    done = threading.Event()

    def come_and_go():
        while not done.is_set():
            shutil.rmtree(root / "srv", ignore_errors=True)
            for number in range(300):
                write(root, f"/srv/{number:03d}/file")

    worker = threading.Thread(target=come_and_go)
    worker.start()
    try:
        for _ in range(3):
            assert collect(root, scopes=["files"])["files"]["status"] == "ok"
    finally:
        done.set()
        worker.join()


def describer(root: Path) -> "collector.Describer":
    machine = collector.Machine(collector.Settings({"root": str(root)}))
    return collector.Describer(machine, collector.Origins(machine))


def never(_: bytes) -> bool:
    """No file is left for later."""
    return False


def test_a_file_that_became_something_else_is_not_waited_for(root):
    (root / "srv").mkdir()
    os.mkfifo(root / "srv/fifo")
    (root / "srv/link").symlink_to("/etc/passwd")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(root / "srv/socket"))
    signal.alarm(10)
    try:
        for name in ("fifo", "link", "socket"):
            found = json.loads(describer(root).file(str(root / "srv" / name), f"/srv/{name}", never))
            assert found["type"] == name
            assert "hash" not in found
    finally:
        signal.alarm(0)


def test_a_file_that_cannot_be_hashed_makes_the_scope_partial(root, monkeypatch):
    write(root, "/srv/big", b"x" * 10000)
    monkeypatch.setattr(collector, "HASH_LIMIT", 4096)
    hasher = describer(root)
    found = json.loads(hasher.file(str(root / "srv/big"), "/srv/big", never))
    assert "not hashed" in found["error"]
    assert "hash" not in found
    assert hasher.skipped


def test_a_line_that_is_put_together_is_what_the_encoder_writes(root):
    write(root, "/srv/plain", "x")
    (root / "srv/plain").chmod(0o4755)
    line = describer(root).file(str(root / "srv/plain"), "/srv/plain", never)
    assert line == collector.encode(json.loads(line))


def test_large_files_are_left_for_the_end_and_not_forgotten(root):
    size = collector.LATER + 1
    for number in range(40):
        write(root, f"/srv/large-{number}", bytes([number]) * size)
    found = collect(root, scopes=["files"])["files"]
    assert found["status"] == "ok"
    for number in range(40):
        digest = hashlib.sha256(bytes([number]) * size).hexdigest()
        assert found["objects"][f"/srv/large-{number}"]["hash"] == f"sha256:{digest}"


def test_a_worker_that_dies_makes_the_scope_partial(root):
    program = SOURCE.read_bytes().replace(
        b"            path = item[1:]\n", b"            path = item[1:]\n            'dead' in path and os._exit(9)\n"
    )
    write(root, "/srv/dead", "x")
    found = json.loads(collect_bytes(root, program, scopes=["files"]))["scopes"]["files"]
    assert found["status"] == "partial"
    assert "paths are missing" in found["reason"]


def make_baseline(root: Path, file: Path) -> dict[str, str]:
    """Write the baseline of a tree that was made just now, which the collector by itself leaves out; its entries."""
    program = SOURCE.read_bytes().replace(b"\nBASELINE_AGE = 2 * 10**9\n", b"\nBASELINE_AGE = 0\n")
    return keep_baseline(collect_bytes(root, program, make_baseline=True, scopes=["files"]), file)


def keep_baseline(record: bytes, file: Path) -> dict[str, str]:
    line = record.partition(b"\n")[0] + b"\n"
    file.write_bytes(line)
    items = zlib.decompress(base64.b64decode(json.loads(line)["baseline"])).decode().split("\0")
    return dict(zip(items[::2], items[1::2], strict=True)) if items != [""] else {}


def test_files_that_are_untouched_since_the_baseline_are_not_read_again(root, tmp_path):
    write(root, "/srv/kept", "kept")
    write(root, "/srv/edited", "before")
    write(root, "/srv/owner", "x")
    write(root, "/srv/replaced", "x")
    (root / "srv/link").hardlink_to(root / "srv/kept")
    time.sleep(0.02)
    assert "/srv/link" in make_baseline(root, tmp_path / "baseline")
    when = (root / "srv/edited").stat()
    write(root, "/srv/edited", "after!")
    os.utime(root / "srv/edited", ns=(when.st_atime_ns, when.st_mtime_ns))
    (root / "srv/owner").chmod(0o600)
    write(root, "/srv/new", "y").replace(root / "srv/replaced")
    write(root, "/srv/added", "z")
    program = target._program(tmp_path / "baseline")
    whole, layered = collect_bytes(root, scopes=["files"]), collect_bytes(root, program, scopes=["files"])
    assert json.loads(layered)["scopes"] == json.loads(whole)["scopes"]
    hashed = json.loads(layered)["meta"]["hashed"]
    assert hashed["files"] == 4
    assert hashed["reused"] >= 2


def test_what_the_baseline_says_is_taken_for_files_that_match_it_only(root, tmp_path):
    write(root, "/srv/a", "a")
    write(root, "/srv/b", "b")
    time.sleep(0.02)
    entries = make_baseline(root, tmp_path / "baseline")
    *same, _, md5 = entries["/srv/a"].split(" ")
    entries["/srv/a"] = " ".join([*same, "sha256:from-the-baseline", md5])
    inode, size, written, changed, _, md5 = entries["/srv/b"].split(" ")
    entries["/srv/b"] = " ".join([inode, size, written, str(int(changed) + 1), "sha256:from-the-baseline", md5])
    packed = zlib.compress("\0".join(part for entry in entries.items() for part in entry).encode())
    (tmp_path / "baseline").write_text(json.dumps({"baseline": base64.b64encode(packed).decode()}) + "\n")
    raw = collect_bytes(root, target._program(tmp_path / "baseline"), scopes=["files"])
    found = json.loads(raw)["scopes"]["files"]["objects"]
    assert found["/srv/a"]["hash"] == "sha256:from-the-baseline"
    assert found["/srv/b"]["hash"] == "sha256:" + hashlib.sha256(b"b").hexdigest()


def test_a_baseline_that_is_kept_current_knows_the_files_that_it_did_not_read(root, tmp_path):
    write(root, "/srv/old", "x")
    time.sleep(0.02)
    first = make_baseline(root, tmp_path / "baseline")
    again = target._program(tmp_path / "baseline").replace(b"\nBASELINE_AGE = 2 * 10**9\n", b"\nBASELINE_AGE = 0\n")
    assert keep_baseline(collect_bytes(root, again, make_baseline=True, scopes=["files"]), tmp_path / "next") == first


def test_a_conffile_is_checked_with_a_baseline_as_without(root, tmp_path):
    time.sleep(0.02)
    make_baseline(root, tmp_path / "baseline")
    write(root, "/etc/tool.conf", "edited\n")
    raw = collect_bytes(root, target._program(tmp_path / "baseline"), scopes=["files"])
    assert json.loads(raw)["scopes"]["files"]["objects"]["/etc/tool.conf"]["origin"]["state"] == "modified"
    make_baseline(root, tmp_path / "baseline")
    raw = collect_bytes(root, target._program(tmp_path / "baseline"), scopes=["files"])
    assert json.loads(raw)["scopes"]["files"]["objects"]["/etc/tool.conf"]["origin"]["state"] == "modified"


def test_files_that_changed_just_now_are_not_in_a_baseline(root, tmp_path):
    write(root, "/srv/young", "x")
    assert keep_baseline(collect_bytes(root, make_baseline=True, scopes=["files"]), tmp_path / "baseline") == {}


def test_secrets_in_the_text_of_an_allowed_file_are_taken_out(root):
    write(root, "/etc/site.conf", 'proxy_set_header Authorization "Basic c2VjcmV0OnNlY3JldA==";\napi_key = hunter2\n')
    text = collect(root, scopes=["files"], text=["^/etc/site\\.conf$"])["files"]["objects"]["/etc/site.conf"]["text"]
    assert "c2VjcmV0" not in text
    assert "hunter2" not in text
    assert "proxy_set_header Authorization" in text


def test_capabilities_and_acls_are_text(root):
    machine = collector.Machine(collector.Settings({"root": str(root)}))
    raw = bytes.fromhex("0100000200200000000000000000000000000000")
    assert collector.capability_text(raw) == "cap_net_raw+ep"
    acl = bytes.fromhex("0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000000ffffffff")
    assert collector.acl_text(acl, machine) == "user::rw-,user:alice:r--,group::r--,mask::r--,other::---"


def test_recording_twice_gives_the_same_bytes_but_for_meta(root):
    first, second = (collect_bytes(root).split(b"\n") for _ in range(2))
    assert first[1].startswith(b'"meta"')
    assert first[:1] + first[2:] == second[:1] + second[2:]


def test_the_record_fits_its_schema(root, tmp_path):
    write(root, "/etc/apt/sources.list", "deb [arch=amd64] https://me:pw@mirror.example/debian stable main contrib\n")
    output = tmp_path / "record.json"
    raw = json.loads(collect_bytes(root))
    meta = raw["meta"] | {"tool": "tdi", "target": "x", "key": None, "platform": None, "scenario": None}
    scopes = {
        name: (ScopeHeader(ScopeStatus(scope["status"]), scope["reason"]), scope["objects"].items())
        for name, scope in raw["scopes"].items()
    }
    write_record(output, meta, scopes)
    assert validate(output) == []


def test_the_collector_leaves_nothing_and_the_times_of_access_alone(root):
    file = write(root, "/etc/read-me", "x")
    os.utime(file, (1, time.time()))
    before = sorted(str(path) for path in root.rglob("*"))
    collect(root)
    assert sorted(str(path) for path in root.rglob("*")) == before
    if not os.geteuid():
        assert file.stat().st_atime == 1


def test_a_machine_that_has_not_booted_says_so(root):
    found = collect(root)
    for scope in ("systemd", "processes", "listeners"):
        assert (found[scope]["status"], found[scope]["reason"]) == ("unavailable", "not booted")


def test_the_collector_is_python_3_8():
    source = SOURCE.read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))
    assert not re.search(r"\.remove(prefix|suffix)\(|zip\(.*strict=|\bmatch \w+:$", source, re.MULTILINE)


def test_one_broken_scope_costs_itself_only(root):
    write(root, "/etc/group", "root:x:0:\n")
    (root / "etc/sudoers").mkdir()
    (root / "var/lib/dpkg/status").unlink()
    found = collect(root)
    assert found["packages"]["status"] == "unavailable"
    assert found["users"]["status"] == "ok"
    assert found["sudoers"]["objects"] == {}


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match="unknown settings: nonsense"):
        collector.Settings({"nonsense": 1})


def test_packages(root):
    write(
        root,
        "/var/lib/dpkg/status",
        status_entry("dpkg")
        + status_entry("held", status="hold ok installed")
        + status_entry("gone", status="deinstall ok config-files")
        + status_entry("never", status="purge ok not-installed")
        + status_entry("lib").replace("amd64", "i386"),
    )
    write(root, "/var/lib/apt/extended_states", "Package: dpkg\nArchitecture: amd64\nAuto-Installed: 1\n\n")
    found = collect(root, scopes=["packages"])["packages"]["objects"]
    assert list(found) == ["dpkg", "gone", "held", "lib:i386"]
    assert found["dpkg"]["auto"] is True
    assert found["held"]["selection"] == "hold"
    assert found["held"]["auto"] is False
    assert found["gone"]["status"] == "config-files"


def test_packages_say_what_they_need_and_what_their_scripts_make(root):
    status = root / "var/lib/dpkg/status"
    lists = "Depends: liba (>= 1) | libb, libc:any\nPre-Depends: init\nRecommends: mta\nProvides: www (= 2), httpd\n"
    status.write_text(status.read_text() + status_entry("web").replace("\n\n", "\n") + lists + "\n")
    write(root, "/var/lib/dpkg/info/web.list", "/.\n/etc\n/etc/web.conf\n/usr/bin/web\n/var/lib/web\n")
    (root / "var/lib/web").mkdir()
    script = "addgroup --quiet --system web\nadduser --system $NAME \\\n  web-user\ntouch /etc/default/web\n"
    write(root, "/var/lib/dpkg/info/web.postinst", script)
    found = collect(root, scopes=["packages"])["packages"]["objects"]["web"]
    assert found["depends"] == ["init", "liba", "libb", "libc", "mta"]
    assert found["provides"] == ["httpd", "www"]
    assert {"web", "web-user", "/etc/default/web", "/var/lib/web"} <= {*found["makes"]}
    assert not {"/etc/web.conf", "NAME", "system"} & {*found["makes"]}


def test_users_have_a_class_of_password_and_no_hash(root):
    write(root, "/etc/shadow", "root::19000:0:99999:7:::\nalice:!$6$x$y:19000:0:99999:7::20000:\n", 0o640)
    raw = collect_bytes(root)
    found = json.loads(raw)["scopes"]
    assert found["users"]["objects"]["root"]["password"] == "empty"
    assert found["users"]["objects"]["alice"] == {
        "uid": 1000, "gid": 1000, "gecos": "Alice", "home": "/home/alice", "shell": "/bin/sh",
        "groups": ["sudo"], "password": "locked", "expires": "2024-10-04",
    }  # fmt: skip
    assert found["groups"]["objects"]["sudo"]["members"] == ["alice"]


@pytest.mark.parametrize(
    ("field", "expected"),
    [("", "empty"), ("!", "locked"), ("*", "locked"), ("!$y$x", "locked"), ("$y$j9T$x$y", "$y$"), ("$6$x$y", "$6$"),
     ("abJnggxhB/yWI", "des")],
)  # fmt: skip
def test_password_classes(field, expected):
    assert collector.password_class(field) == expected


def test_apt_sources_of_both_formats_are_the_same_things(root):
    write(
        root,
        "/etc/apt/sources.list",
        "deb [signed-by=/k.gpg] http://m.example/d trixie main contrib # c\n# deb x y z\n",
    )
    write(
        root,
        "/etc/apt/sources.list.d/x.sources",
        "Types: deb deb-src\nURIs: http://n.example/d\nSuites: trixie trixie-updates\n"
        "Components: main\nSigned-By: /k.gpg\n",
    )
    write(root, "/etc/apt/sources.list.d/off.list.save", "deb http://no.example/d trixie main\n")
    write(root, "/etc/apt/preferences.d/pin", "Package: tool\nPin: version 1.*\nPin-Priority: 1001\n")
    found = collect(root, scopes=["apt"])["apt"]["objects"]
    assert found["source:deb http://m.example/d trixie"]["components"] == ["contrib", "main"]
    assert found["source:deb-src http://n.example/d trixie-updates"]["signed-by"] == "/k.gpg"
    assert sum(key.startswith("source:") for key in found) == 5
    assert found["preference:tool version 1.*"] == {"file": "/etc/apt/preferences.d/pin", "priority": "1001"}


def test_openpgp_keys_have_a_fingerprint_and_an_expiry(root):
    created = 1_600_000_000
    body = bytes([4]) + created.to_bytes(4, "big") + bytes([22]) + b"key material"
    hashed = bytes([5, 2]) + created.to_bytes(4, "big") + bytes([5, 9]) + (86400 * 365).to_bytes(4, "big")
    signature = bytes([4, 0x13, 22, 10]) + len(hashed).to_bytes(2, "big") + hashed + b"\0\0"
    uid = b"Archive <a@example>"
    of_subkey = bytes([4, 0x18]) + signature[2:9] + (1).to_bytes(4, "big") + signature[13:]
    parts = ((6, body), (13, uid), (2, signature), (14, body), (2, of_subkey))
    packets = b"".join(bytes([0xC0 | tag, len(data)]) + data for tag, data in parts)
    write(root, "/etc/apt/trusted.gpg.d/a.gpg", packets)
    armoured = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" + base64.encodebytes(packets) + b"=abcd\n-----END PGP"
    write(root, "/etc/apt/keyrings/b.asc", armoured)
    found = collect(root, scopes=["apt"])["apt"]["objects"]
    fingerprint = hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False).hexdigest().upper()
    assert found == {
        f"key:{fingerprint}": {
            "expires": "2021-09-13",
            "files": ["/etc/apt/keyrings/b.asc", "/etc/apt/trusted.gpg.d/a.gpg"],
        }
    }


def test_dpkg_overrides_audit_and_left_overs(root):
    write(root, "/var/lib/dpkg/statoverride", "root messagebus 4754 /usr/lib/helper\n")
    write(root, "/var/lib/dpkg/arch", "amd64\ni386\n")
    write(root, "/etc/tool.conf.dpkg-dist")
    write(root, "/etc/tool.conf.ucf-old")
    write(root, "/etc/tool.conf.bak")
    write(
        root,
        "/var/lib/dpkg/status",
        status_entry("dpkg") + status_entry("bad", status="install reinstreq half-installed"),
    )
    write(root, "/var/cache/debconf/config.dat", "Name: a/b\nValue: yes\n\nName: x/root_password\nValue: very secret\n")
    found = collect(root, scopes=["dpkg"])["dpkg"]["objects"]
    assert found["statoverride:/usr/lib/helper"] == {"owner": "root", "group": "messagebus", "mode": "4754"}
    assert found["audit:bad"] == {"status": "half-installed", "flag": "reinstreq"}
    assert [key for key in found if key.startswith("leftover:")] == [
        "leftover:/etc/tool.conf.dpkg-dist",
        "leftover:/etc/tool.conf.ucf-old",
    ]
    assert "architecture:i386" in found
    assert found["debconf:a/b"] == {"value": "yes"}
    assert found["debconf:x/root_password"] == {"value": "[redacted]"}


def test_sudoers_keep_what_they_allow(root):
    write(root, "/etc/sudoers", "# comment\nroot  ALL=(ALL:ALL)   ALL\n@includedir /etc/sudoers.d\n")
    write(root, "/etc/sudoers.d/deploy", "deploy ALL=(ALL) NOPASSWD: \\\n  /bin/ls\n")
    write(root, "/etc/sudoers.d/deploy.bak", "evil ALL=(ALL) ALL\n")
    assert list(collect(root, scopes=["sudoers"])["sudoers"]["objects"]) == [
        "/etc/sudoers.d/deploy:deploy ALL=(ALL) NOPASSWD: /bin/ls",
        "/etc/sudoers:@includedir /etc/sudoers.d",
        "/etc/sudoers:root ALL=(ALL:ALL) ALL",
    ]


def test_authorized_keys_by_fingerprint(root):
    blob = b"\0\0\0\x0bssh-ed25519" + b"k" * 36
    key = base64.b64encode(blob).decode()
    write(
        root,
        "/home/alice/.ssh/authorized_keys",
        f'# c\nno-pty,command="run it" ssh-ed25519 {key} alice@host two\nrubbish\n',
    )
    fingerprint = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    assert collect(root, scopes=["authorized_keys"])["authorized_keys"]["objects"] == {
        f"alice:SHA256:{fingerprint}": {
            "type": "ssh-ed25519",
            "options": 'no-pty,command="run it"',
            "comment": "alice@host two",
            "file": "/home/alice/.ssh/authorized_keys",
        }
    }


def test_authorized_keys_where_sshd_is_told_to_look(root):
    key = "ssh-ed25519 " + base64.b64encode(b"\0\0\0 key of alice").decode()
    write(root, "/etc/ssh/sshd_config", "Include sshd_config.d/*.conf\nAuthorizedKeysFile none\n")
    write(root, "/etc/ssh/sshd_config.d/a.conf", "AuthorizedKeysFile /etc/ssh/keys/%u %h/keys\n")
    write(root, "/etc/ssh/sshd_config.d/a.old", "AuthorizedKeysFile /etc/ssh/old/%u\n")
    write(root, "/etc/ssh/keys/alice", f'{key} x\ncommand="/bin/true" {key}\n')
    write(root, "/etc/ssh/old/alice", key)
    write(root, "/root/keys", key)
    write(root, "/root/.ssh/authorized_keys", key)
    found = collect(root, scopes=["authorized_keys"])["authorized_keys"]["objects"]
    assert {(entry["file"], entry.get("options")) for entry in found.values()} == {
        ("/etc/ssh/keys/alice", None),
        ("/root/keys", None),
    }
    (twice,) = (entry for name, entry in found.items() if name.startswith("alice:"))
    assert twice["every_line"] == ["", 'command="/bin/true"']


def test_subids(root):
    write(root, "/etc/subuid", "alice:100000:65536\n")
    assert collect(root, scopes=["subids"])["subids"]["objects"] == {"subuid:alice": {"ranges": ["100000:65536"]}}


def test_cron_jobs_of_the_system_and_of_users(root):
    write(
        root,
        "/etc/cron.d/job",
        "MAILTO=ops@example\nAPI_TOKEN=abc123\n*/5 *  * * * root  /bin/job --password hunter2\n",
    )
    write(root, "/etc/cron.d/job.bak", "@daily root /bin/old\n")
    write(root, "/var/spool/cron/crontabs/alice", "@reboot /home/alice/start\n")
    write(root, "/etc/cron.daily/script", "#!/bin/sh\n", 0o755)
    found = collect(root, scopes=["cron"])["cron"]["objects"]
    job = found["/etc/cron.d/job: */5 * * * * root /bin/job --password [redacted]"]
    assert (job["schedule"], job["user"]) == ("*/5 * * * *", "root")
    assert "ignored" in found["/etc/cron.d/job.bak: @daily root /bin/old"]
    assert found["/var/spool/cron/crontabs/alice: @reboot alice /home/alice/start"]["user"] == "alice"
    assert found["script:/etc/cron.daily/script"] == {"period": "daily", "runs": True}
    assert "/etc/cron.d/job: MAILTO=ops@example" in found
    assert "/etc/cron.d/job: API_TOKEN=[redacted]" in found


def test_a_cron_job_that_stands_there_twice_runs_twice(root):
    write(root, "/etc/cron.d/job", "@daily root /bin/once\n" + "@daily root /bin/twice\n" * 2)
    found = collect(root, scopes=["cron"])["cron"]["objects"]
    assert "times" not in found["/etc/cron.d/job: @daily root /bin/once"]
    assert found["/etc/cron.d/job: @daily root /bin/twice"]["times"] == 2


@pytest.mark.parametrize("line", ["17 *\t* * *\troot\tcd / && run-parts /x", "17 * * * * root   cd / && run-parts /x"])
def test_tabs_and_blanks_part_the_columns_of_a_crontab(root, line):
    write(root, "/etc/crontab", f"{line}\n")
    assert collect(root, scopes=["cron"])["cron"]["objects"] == {
        "/etc/crontab: 17 * * * * root cd / && run-parts /x": {
            "file": "/etc/crontab",
            "schedule": "17 * * * *",
            "user": "root",
            "command": "cd / && run-parts /x",
        }
    }


def test_sysctl_files_by_precedence(root):
    write(root, "/usr/lib/sysctl.d/10-a.conf", "net.ipv4.ip_forward = 0\nkernel.x = 1\n")
    write(root, "/etc/sysctl.d/10-a.conf", "net/ipv4/ip_forward=1\n")
    write(root, "/etc/sysctl.d/50-b.conf", "-net.ipv6.conf.all.x =  2  3\nnet.ipv4.tcp_fastopen_key = aaaa-bbbb\n")
    found = collect(root, scopes=["sysctl"])["sysctl"]["objects"]
    assert found == {
        "configured:net.ipv4.ip_forward": {"value": "1", "file": "/etc/sysctl.d/10-a.conf"},
        "configured:net.ipv4.tcp_fastopen_key": {"value": "[redacted]", "file": "/etc/sysctl.d/50-b.conf"},
        "configured:net.ipv6.conf.all.x": {"value": "2 3", "file": "/etc/sysctl.d/50-b.conf"},
    }


def test_alternatives_mounts_modules_limits_and_system(root):
    write(
        root,
        "/var/lib/dpkg/alternatives/editor",
        "manual\n/usr/bin/editor\neditor.1.gz\n/usr/share/man/editor.1.gz\n\n/usr/bin/vi\n30\n/man/vi\n/usr/bin/ed\n-10\n\n\n",
    )
    (root / "etc/alternatives").mkdir()
    (root / "etc/alternatives/editor").symlink_to("/usr/bin/vi")
    write(root, "/etc/fstab", "//srv/share /mnt\\040x cifs user=a,password=secret,rw 0 0\n")
    write(root, "/etc/modules-load.d/a.conf", "br_netfilter\n")
    write(root, "/etc/modprobe.d/b.conf", "blacklist  floppy\n")
    write(root, "/etc/security/limits.d/a.conf", "www-data  soft nofile 4096\n")
    write(root, "/etc/systemd/system.conf", "[Manager]\nDefaultLimitNOFILE=1024\n#DefaultLimitNPROC=1\n")
    write(root, "/etc/default/locale", 'LANG="de_DE.UTF-8"\n')
    write(root, "/etc/environment", "PATH=/bin\nAPI=abc123\n")
    (root / "etc/localtime").symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    found = collect(root)
    assert found["alternatives"]["objects"]["editor"] == {
        "mode": "manual", "link": "/usr/bin/editor", "current": "/usr/bin/vi",
        "choices": {"/usr/bin/vi": 30, "/usr/bin/ed": "-10"},
    }  # fmt: skip
    assert found["mounts"]["objects"]["configured:/mnt x"]["options"] == "user=a,password=[redacted],rw"
    assert found["modules"]["objects"].keys() == {"load:br_netfilter", "blacklist floppy"}
    assert found["limits"]["objects"]["www-data soft nofile"]["value"] == "4096"
    assert found["limits"]["objects"]["systemd-system:DefaultLimitNOFILE"]["value"] == "1024"
    assert found["system"]["objects"]["timezone"] == {"value": "Europe/Berlin"}
    assert found["system"]["objects"]["locale"]["values"] == {"LANG": "de_DE.UTF-8"}
    assert found["system"]["objects"]["environment"]["values"] == {"PATH": "/bin", "API": "[redacted]"}


@pytest.mark.parametrize(
    "text",
    [
        "--password=hunter2", "--password hunter2", "--db-password 'hunter2 and more'", "DB_PASSWORD_1=hunter2",
        '{"api_key": "hunter2"}', "Authorization: Bearer hunter2xyz", "postgres://user:hunter2@db/x",
        "curl -u admin:hunter2 https://x", "mysql -uroot -phunter2 db", "secret_token: hunter2",
        "sshpass -p hunter2 ssh x",
    ],
)  # fmt: skip
def test_values_that_look_like_secrets_are_redacted(text):
    assert "hunter2" not in collector.redact("run " + text)
    assert "[redacted]" in collector.redact("run " + text)


@pytest.mark.parametrize("text", ["nginx -p 8080", "tool --pass-through x", "run --user www-data --group x", "a key b"])
def test_other_values_stay(text):
    assert collector.redact(text).replace("[redacted]", "") == text


def test_unit_properties_follow_the_rules_of_systemd():
    lines = collector.significant(
        '[Service]\n# c\nExecStart=/a \\\n  b\nExecStart=\nExecStart=/c --token=x\nUser=u\nEnvironment=A=1 "B=2 3"\n'
    )
    assert collector.unit_properties(lines) == {
        "ExecStart": ["/c --token=[redacted]"],
        "User": "u",
        "Environment": ["A", "B"],
    }


def test_units_are_found_with_their_drop_ins(root):
    write(root, "/usr/lib/systemd/system/a-b@.service", "[Service]\n")
    write(root, "/etc/systemd/system/a-b@x.service.d/20.conf", "[Service]\n")
    write(root, "/etc/systemd/system/a-b@.service.d/10.conf", "[Service]\n")
    write(root, "/usr/lib/systemd/system/a-.service.d/30.conf", "[Service]\n")
    write(root, "/usr/lib/systemd/system/service.d/10.conf", "[Service]\n")
    units = collector.Units(collector.Machine(collector.Settings({"root": str(root)})))
    assert units.fragment("a-b@x.service") == "/usr/lib/systemd/system/a-b@.service"
    assert units.drop_ins("a-b@x.service") == [
        "/etc/systemd/system/a-b@.service.d/10.conf",
        "/etc/systemd/system/a-b@x.service.d/20.conf",
        "/usr/lib/systemd/system/a-.service.d/30.conf",
    ]


def test_a_job_that_began_after_its_state_was_asked_for_is_no_part_of_the_state(root):
    for unit, kind in (("job", "oneshot"), ("kept", "oneshot"), ("daemon", "simple"), ("asked", "oneshot")):
        write(root, f"/etc/systemd/system/{unit}.service", f"[Service]\nType={kind}\n")
    machine = collector.Machine(collector.Settings({"root": str(root)}))
    machine.booted = True
    units = [f"{unit}.service" for unit in ("job", "kept", "daemon", "asked")] + ["init.scope", ""]
    machine.__dict__["processes"] = {pid: SimpleNamespace(unit=unit) for pid, unit in enumerate(units)}
    machine.__dict__["unit_states"] = {
        "kept.service": {"ActiveState": "active"},
        "asked.service": {"ActiveState": "activating"},
    }
    assert collector.passing_units(machine) == {"job.service", "asked.service"}


def test_certificates_and_their_keys(root):
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("openssl makes the certificates")
    (root / "etc/ssl/private").mkdir(parents=True)

    def make(name, key, *kind):
        request = ["-x509", "-nodes", "-subj", "/O=Example/CN=site.example", "-days", "90"]
        names = ["-addext", "subjectAltName=DNS:site.example,DNS:www.site.example,IP:127.0.0.1"]
        subprocess.run(
            [openssl, "req", *request, *names, *kind, "-keyout", root / key, "-out", root / name],
            check=True,
            capture_output=True,
        )

    make("etc/ssl/rsa.crt", "etc/ssl/private/rsa.key", "-newkey", "rsa:2048")
    make("etc/ssl/ec.pem", "etc/ssl/ec.key", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    make("etc/ssl/wrong.crt", "etc/ssl/unused", "-newkey", "rsa:2048")
    shutil.copy(root / "etc/ssl/private/rsa.key", root / "etc/ssl/wrong.key")
    write(root, "/etc/broken.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    raw = collect_bytes(root, scopes=["certificates"])
    found = json.loads(raw)["scopes"]["certificates"]["objects"]
    rsa = found["/etc/ssl/rsa.crt"]
    assert rsa["subject"] == "O=Example, CN=site.example"
    assert rsa["names"] == ["127.0.0.1", "site.example", "www.site.example"]
    assert (rsa["issuer_class"], rsa["key_type"], rsa["key_bits"], rsa["validity_days"]) == (
        "self-signed",
        "rsa",
        2048,
        90,
    )
    assert rsa["key_matches"] is True
    assert (found["/etc/ssl/ec.pem"]["key_type"], found["/etc/ssl/ec.pem"]["key_bits"]) == ("ec", 256)
    assert found["/etc/ssl/ec.pem"]["key_matches"] is True
    assert found["/etc/ssl/wrong.crt"]["key_matches"] is False
    assert "error" in found["/etc/broken.crt"]


def test_a_certificate_that_was_cut_off_is_one_that_cannot_be_read(root):
    write(root, "/etc/tls/cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB")
    found = collect(root, scopes=["certificates"])["certificates"]["objects"]
    assert found == {"/etc/tls/cut.pem": {"error": "not a certificate that can be read"}}


def test_a_time_zone_that_was_copied_is_told_by_its_rule(root):
    write(root, "/etc/localtime", b"TZif2\0\0\xff\nJST-9\n")
    assert collect(root, scopes=["system"])["system"]["objects"]["timezone"] == {"value": "a copy: JST-9"}


def test_each_swap_of_fstab_counts(root):
    write(root, "/etc/fstab", "/a none swap sw 0 0\n/b none swap sw 0 0\n")
    assert {"configured:/a", "configured:/b"} <= collect(root, scopes=["mounts"])["mounts"]["objects"].keys()


def test_instances_of_templates_are_those_that_links_start(root):
    write(root, "/etc/systemd/system/x@.service", "[Service]\n")
    (root / "etc/systemd/system/x.target.wants").mkdir()
    for name in ("x@one.service", "y.service", "x@.service"):
        (root / "etc/systemd/system/x.target.wants" / name).symlink_to("/nowhere")
    machine = collector.Machine(collector.Settings({"root": str(root)}))
    assert collector.Units(machine).instances() == {"x@one.service"}


@pytest.mark.parametrize(
    ("program", "words", "script"),
    [
        ("/usr/bin/python3.13", ["python3", "-u", "/opt/app.py", "/x"], "/opt/app.py"),
        ("/usr/bin/python3.13", ["python3", "-m", "app"], ""),
        ("/usr/sbin/nginx", ["nginx", "/etc/x"], ""),
    ],
)
def test_the_script_of_an_interpreter(program, words, script):
    process = collector.Process.__new__(collector.Process)
    process.program, process.words = program, words
    assert collector.script_of(process) == script


@pytest.mark.parametrize("name", ["run-r0123456789abcdef.service", "run-u12.service", "run-p34-i56.service"])
def test_a_unit_without_a_name_of_its_own_has_none_in_the_record(name):
    assert collector.unit_of(f"0::/system.slice/{name}\n") == "run-N.service"
    assert collector.unit_of("0::/system.slice/run-parts.service\n") == "run-parts.service"


def test_probes_are_normalised_and_bounded(root):
    found = collect(
        root,
        scopes=["probes"],
        probes=[
            {"name": "text", "command": ["printf", "b 12\\na\\nnoise\\ntoken=x\\n"],
             "drop": ["^noise"], "replace": [["\\d+", "N"]], "sort": True},
            {"name": "json", "command": ["echo", '{"one": {"a": 1}, "two": "x"}']},
            {"name": "missing", "command": ["/no/such/program"]},
        ],
    )["probes"]  # fmt: skip
    assert found["status"] == "ok"
    assert found["objects"] == {
        "text": {"status": 0, "text": "a\nb N\ntoken=[redacted]"},
        "json/one": {"a": 1},
        "json/two": {"value": "x"},
        "missing": {"status": 127, "text": "No such file or directory"},
    }


def test_a_probe_without_end_is_stopped(root):
    began = time.monotonic()
    found = collect(
        root,
        scopes=["probes"],
        probes=[
            {"name": "endless", "command": ["yes"]},
            {"name": "slow", "command": ["sh", "-c", "sleep 60 & sleep 60"], "timeout": 0.5},
            {"name": "fine", "command": ["echo", "x"]},
        ],
    )["probes"]
    assert time.monotonic() - began < 20
    assert found["status"] == "partial"
    assert "endless: more than" in found["reason"]
    assert "slow: no end" in found["reason"]
    assert found["objects"]["fine"] == {"status": 0, "text": "x"}
