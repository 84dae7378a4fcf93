"""What the package tools leave: one list of endings, whatever asks for them."""

from pathlib import Path

import pytest
from by_hand import compared, file, only_finding, record
from by_program import collect, write

from tdi.collector.leftovers import LEFT_BY, UNDECIDED, is_left, original
from tdi.state.finding import Severity
from tdi.state.invariants import check

MERGE = "Decide on the conflict that dpkg or ucf left: let the role write /etc/x.conf as it must be"


@pytest.mark.parametrize("ending", LEFT_BY)
def test_a_left_over_is_one_for_all_that_speak_of_it(tmp_path: Path, ending: str):
    path = f"/etc/x.conf{ending}"
    assert original(path) == "/etc/x.conf"
    for scope, key, attributes in (("files", path, file()), ("dpkg", f"leftover:{path}", {})):
        finding = only_finding(compared(tmp_path, {scope: {}}, {scope: {key: attributes}}))
        assert finding.severity is Severity.LEFT_OVER
        assert finding.action.startswith(MERGE)


@pytest.mark.parametrize(
    "path", ["/etc/x.conf", "/etc/x.conf.bak", "/etc/x.dpkg-old.conf", "/etc/dpkg-old", ".dpkg-old"]
)
def test_what_only_looks_alike_is_none(path: str):
    assert original(path) is None


def test_the_collector_lists_files_of_these_endings_and_no_others(root: Path):
    kinds = ("old", "new", "dist", "tmp", "bak", "remove", "backup", "conf", "save")
    for ending in (f".{tool}-{kind}" for tool in ("dpkg", "ucf") for kind in kinds):
        write(root, f"/etc/x{ending}")
    found = collect(root, scopes=["dpkg"])["dpkg"]["objects"]
    assert {key for key in found if key.startswith("leftover:")} == {f"leftover:/etc/x{ending}" for ending in LEFT_BY}


def test_only_a_version_that_nobody_merged_is_wrong_by_itself(tmp_path: Path):
    found = check(record(tmp_path / "r.json", {"files": {f"/etc/x{ending}": file() for ending in LEFT_BY}}))
    assert {each.key for each in found} == {f"/etc/x{ending}" for ending in UNDECIDED}


@pytest.mark.parametrize(
    "name",
    [
        *(f"x.conf{ending}" for ending in LEFT_BY),
        "sshd_config.86.2026-11-26@15:16:20~", "x~", ".x.conf.swp", "#x.conf#", ".#x.conf", "x.bak", "x.orig", "x.rej",
    ],
)  # fmt: skip
def test_what_lies_beside_a_configuration_file_is_told_by_its_name(name: str):
    assert is_left(name)


@pytest.mark.parametrize("name", ["x.conf", "~", "backup", "x.bakery", "#x", ".htaccess", "x~y", ".swp", "original"])
def test_a_configuration_file_is_not_left_there(name: str):
    assert not is_left(name)
