"""What is recorded of a path."""

import hashlib
import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from by_program import collect, files, write

from tdi.collector.encoding import encode
from tdi.collector.files.describe import Describer
from tdi.collector.files.origins import Origins
from tdi.collector.machine import Machine
from tdi.collector.settings import Settings


def test_a_file_has_type_mode_owner_size_and_hash(root):
    write(root, "/etc/plain", "hello", 0o4751)
    found = files(root)["/etc/plain"]
    assert found["type"] == "file"
    assert found["mode"] == "4751"
    assert found["size"] == 5
    assert found["hash"] == "sha256:" + hashlib.sha256(b"hello").hexdigest()
    assert "text" not in found
    assert found["origin"] == {"kind": "nobody"}


def test_owners_without_a_name_are_numbers(root):
    if os.geteuid():
        pytest.skip("only root can give files away")
    os.chown(write(root, "/srv/a"), 1000, 4242)
    found = files(root)["/srv/a"]
    assert (found["owner"], found["group"]) == ("alice", "#4242")


def test_hard_links_name_the_first_of_their_group(root):
    first = write(root, "/srv/a", "one")
    (root / "srv/b").hardlink_to(first)
    found = files(root)
    assert found["/srv/a"]["hardlink"] == found["/srv/b"]["hardlink"] == "/srv/a"
    assert found["/srv/a"]["hash"] == found["/srv/b"]["hash"]


def describer(root: Path) -> Describer:
    machine = Machine(Settings({"root": str(root)}))
    return Describer(machine, Origins(machine))


def never(_: bytes) -> bool:
    """No file is left for later."""
    return False


def test_a_conffile_with_another_name_is_checked_whichever_is_read_first(root):
    work = describer(root)
    (root / "srv").mkdir()
    os.link(root / "etc/tool.conf", root / "srv/other")
    for path in ("/srv/other", "/etc/tool.conf"):
        work.take(b"f" + path.encode(), never)
    states = [json.loads(f"{{{line}}}").popitem()[1]["origin"].get("state") for line in work.lines]
    assert states == [None, "pristine"]


def test_text_is_kept_of_allowed_files_only_and_never_of_keys(root):
    write(root, "/etc/app/a.conf", "answer = 42\n")
    write(root, "/etc/app/b.conf", b"\xff\xfe")
    write(root, "/etc/app/c.conf", "-----BEGIN RSA PRIVATE KEY-----\nx\n")
    write(root, "/etc/app/d.conf", "x" * 65537)
    write(root, "/etc/other.conf", "hidden")
    found = files(root, text=[r"^/etc/app/.*\.conf$"])
    assert [path for path in found if "text" in found[path]] == ["/etc/app/a.conf"]
    assert found["/etc/app/a.conf"]["text"] == "answer = 42\n"


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
    monkeypatch.setattr("tdi.collector.files.contents.HASH_LIMIT", 4096)
    hasher = describer(root)
    found = json.loads(hasher.file(str(root / "srv/big"), "/srv/big", never))
    assert "not hashed" in found["error"]
    assert "hash" not in found
    assert hasher.skipped


def test_a_line_that_is_put_together_is_what_the_encoder_writes(root):
    write(root, "/srv/plain", "x")
    (root / "srv/plain").chmod(0o4755)
    line = describer(root).file(str(root / "srv/plain"), "/srv/plain", never)
    assert line == encode(json.loads(line))


def test_secrets_in_the_text_of_an_allowed_file_are_taken_out(root):
    write(root, "/etc/site.conf", 'proxy_set_header Authorization "Basic c2VjcmV0OnNlY3JldA==";\napi_key = hunter2\n')
    text = collect(root, scopes=["files"], text=["^/etc/site\\.conf$"])["files"]["objects"]["/etc/site.conf"]["text"]
    assert "c2VjcmV0" not in text
    assert "hunter2" not in text
    assert "proxy_set_header Authorization" in text
