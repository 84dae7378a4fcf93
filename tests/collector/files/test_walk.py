"""Which paths are walked."""

import json
import os
import shutil
import socket
import threading
from pathlib import Path

from by_program import collect, collect_bytes, files, write


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


def test_directories_of_the_kernel_and_for_temporary_files_are_left_out(root):
    for path in ("/proc/1/x", "/sys/x", "/dev/x", "/run/x", "/tmp/x", "/var/tmp/x", "/srv/tmp/x"):
        write(root, path)
    found = files(root)
    assert {"/tmp", "/var/tmp", "/srv/tmp/x"} <= found.keys()
    assert not {"/tmp/x", "/var/tmp/x", "/proc", "/sys", "/dev", "/run"} & found.keys()


def test_excluded_directories_are_not_walked(root):
    write(root, "/srv/big/file")
    assert "/srv/big/file" not in files(root, exclude=["/srv/big"])


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
