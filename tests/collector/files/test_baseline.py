"""The hashes that a record leaves for the next one."""

import base64
import hashlib
import json
import os
import time
import zlib
from pathlib import Path

from by_program import changed, collect_bytes, write

from tdi.state import recording
from tdi.state.program import program

OF_ANY_AGE = ("\nBASELINE_AGE = 2 * 10**9\n", "\nBASELINE_AGE = 0\n")


def make_baseline(root: Path, file: Path) -> dict[str, str]:
    """Write the baseline of a tree that was made just now, which the collector by itself leaves out; its entries."""
    sent = changed(program(), *OF_ANY_AGE)
    return keep_baseline(collect_bytes(root, sent, make_baseline=True, scopes=["files"]), file)


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
    sent = recording._program(tmp_path / "baseline")
    whole, layered = collect_bytes(root, scopes=["files"]), collect_bytes(root, sent, scopes=["files"])
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
    raw = collect_bytes(root, recording._program(tmp_path / "baseline"), scopes=["files"])
    found = json.loads(raw)["scopes"]["files"]["objects"]
    assert found["/srv/a"]["hash"] == "sha256:from-the-baseline"
    assert found["/srv/b"]["hash"] == "sha256:" + hashlib.sha256(b"b").hexdigest()


def test_a_baseline_that_is_kept_current_knows_the_files_that_it_did_not_read(root, tmp_path):
    write(root, "/srv/old", "x")
    time.sleep(0.02)
    first = make_baseline(root, tmp_path / "baseline")
    again = changed(recording._program(tmp_path / "baseline"), *OF_ANY_AGE)
    assert keep_baseline(collect_bytes(root, again, make_baseline=True, scopes=["files"]), tmp_path / "next") == first


def test_a_conffile_is_checked_with_a_baseline_as_without(root, tmp_path):
    time.sleep(0.02)
    make_baseline(root, tmp_path / "baseline")
    write(root, "/etc/tool.conf", "edited\n")
    raw = collect_bytes(root, recording._program(tmp_path / "baseline"), scopes=["files"])
    assert json.loads(raw)["scopes"]["files"]["objects"]["/etc/tool.conf"]["origin"]["state"] == "modified"
    make_baseline(root, tmp_path / "baseline")
    raw = collect_bytes(root, recording._program(tmp_path / "baseline"), scopes=["files"])
    assert json.loads(raw)["scopes"]["files"]["objects"]["/etc/tool.conf"]["origin"]["state"] == "modified"


def test_files_that_changed_just_now_are_not_in_a_baseline(root, tmp_path):
    write(root, "/srv/young", "x")
    assert keep_baseline(collect_bytes(root, make_baseline=True, scopes=["files"]), tmp_path / "baseline") == {}
