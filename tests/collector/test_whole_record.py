"""The record as a whole, of small made-up roots."""

import ast
import json
import os
import re
import time

import pytest
from by_program import changed, collect, collect_bytes, write

from tdi.collector.settings import Settings
from tdi.state.program import COLLECTOR, program
from tdi.state.record import ScopeHeader, ScopeStatus, write_record
from tdi.state.schema import validate


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


@pytest.mark.parametrize("module", sorted(COLLECTOR.rglob("*.py")), ids=lambda path: str(path.relative_to(COLLECTOR)))
def test_the_collector_is_python_3_8(module):
    source = module.read_text(encoding="utf-8")
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


def test_a_process_that_dies_costs_the_scopes_that_it_still_had_to_collect(root):
    sent = changed(program(), '    for kind in ("subuid"', '    import os; os._exit(9)\n    for kind in ("subuid"')
    found = json.loads(collect_bytes(root, sent))["scopes"]
    assert (found["subids"]["status"], found["subids"]["reason"]) == (
        "unavailable",
        "the collector's process ended early",
    )
    assert found["system"]["status"] == "unavailable"
    assert found["users"]["status"] == found["files"]["status"] == "ok"


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match="unknown settings: nonsense"):
        Settings({"nonsense": 1})
