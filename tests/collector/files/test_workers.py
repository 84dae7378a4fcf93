"""The processes that describe what the walk finds."""

import hashlib
import json

from by_program import changed, collect, collect_bytes, write

from tdi.collector.files.describe import LATER
from tdi.state.program import program


def test_large_files_are_left_for_the_end_and_not_forgotten(root):
    size = LATER + 1
    for number in range(40):
        write(root, f"/srv/large-{number}", bytes([number]) * size)
    found = collect(root, scopes=["files"])["files"]
    assert found["status"] == "ok"
    for number in range(40):
        digest = hashlib.sha256(bytes([number]) * size).hexdigest()
        assert found["objects"][f"/srv/large-{number}"]["hash"] == f"sha256:{digest}"


def test_a_worker_that_dies_makes_the_scope_partial(root):
    line = "            path = item[1:]\n"
    sent = changed(program(), line, f"{line}            'dead' in path and os._exit(9)\n")
    write(root, "/srv/dead", "x")
    found = json.loads(collect_bytes(root, sent, scopes=["files"]))["scopes"]["files"]
    assert found["status"] == "partial"
    assert "paths are missing" in found["reason"]
