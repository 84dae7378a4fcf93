"""Slices of a fleet: who is in which, and all of them together as if one run had recorded them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from by_hand import file, record

from tdi.errors import TdiError
from tdi.state.compare import Result
from tdi.state.fleet.compare import Status, merge_slices
from tdi.state.fleet.record import Inventory, Recording
from tdi.state.fleet.slices import FILE, Slice, write_slice

HOSTS = tuple(f"web{number:02}" for number in range(10))

Fleet = Callable[[int], list[Path]]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """The slices of ten hosts that are alike but for web03, each in a directory."""

    def slices(of: int) -> list[Path]:
        directories = []
        for number in range(1, of + 1):
            part = Slice(number, of)
            directory = tmp_path / f"slice-{number}"
            records = {}
            for host in part.hosts(HOSTS):
                path = directory / "records" / f"{host}.json.gz"
                mode = "0600" if host == "web03" else "0644"
                record(path, {"files": {"/etc/x": file(mode=mode)}}, hostname=host, target=host).close()
                records[host] = path
            groups = {"web": HOSTS, "some": HOSTS[:2]}
            write_slice(directory, part, Inventory(HOSTS, groups), Recording(records, {}), ())
            directories.append(directory)
        return directories

    return slices


@pytest.mark.parametrize("of", [1, 2, 3, 4, 10])
def test_each_host_is_in_one_slice_whatever_the_order_of_the_inventory(of: int):
    parts = [Slice(number, of).hosts(HOSTS[::-1]) for number in range(1, of + 1)]
    assert sorted(host for part in parts for host in part) == list(HOSTS)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert parts[0][0] == "web00"


@pytest.mark.parametrize("text", ["0/4", "5/4", "a/b", "1", "1/0", "-1/4", "1/4/2", ""])
def test_what_is_no_slice_is_refused(text: str, tdi: Any):
    with pytest.raises(ValueError, match="is no slice"):
        Slice.parse(text)
    ended = tdi("state", "fleet", "-i", "a,b,", "--output", "x", f"--slice={text}")
    assert ended.code == 2
    assert "is no slice" in ended.err


def test_a_slice_only_records(tdi: Any, tmp_path: Path):
    for arguments in (["--slice=1/2"], ["--slice=1/2", "--output", tmp_path, "--reference", "a"]):
        ended = tdi("state", "fleet", "-i", "a,b,", *arguments)
        assert ended.code == 2
        assert "--slice only records" in ended.err


def test_a_slice_that_no_host_is_in_is_refused():
    with pytest.raises(TdiError, match="The slice 11/11 has no host"):
        Slice(11, 11).hosts(HOSTS)


@pytest.mark.parametrize("of", [1, 4])
def test_all_slices_are_compared_as_one_fleet(fleet: Fleet, tmp_path: Path, of: int):
    merged = merge_slices(fleet(of), tmp_path)
    assert [host.name for host in merged.hosts] == list(HOSTS)
    assert [(shared.finding.key, shared.hosts) for shared in merged.findings] == [("/etc/x", ("web03",))]
    assert "10 recorded hosts of the fleet" in merged.reference


def test_a_group_of_the_inventory_may_be_the_reference(fleet: Fleet, tmp_path: Path):
    assert "2 recorded hosts of the group some" in merge_slices(fleet(2), tmp_path, reference="some").reference


def test_the_hosts_of_a_missing_slice_are_named_and_the_result_is_unknown(fleet: Fleet, tmp_path: Path):
    merged = merge_slices(fleet(4)[:3], tmp_path)
    missing = {host.name: host.why for host in merged.with_status(Status.NOT_RECORDED)}
    assert missing == dict.fromkeys(("web03", "web07"), "the slice 4/4 is missing")
    assert merged.result is Result.UNKNOWN


def test_a_record_that_is_gone_or_damaged_is_its_hosts_alone(fleet: Fleet, tmp_path: Path):
    slices = fleet(2)
    (slices[0] / "records" / "web00.json.gz").unlink()
    (slices[1] / "records" / "web01.json.gz").write_bytes(b"\x1f\x8b no record")
    merged = merge_slices(slices, tmp_path)
    missing = {host.name: host.why for host in merged.with_status(Status.NOT_RECORDED)}
    assert missing.keys() == {"web00", "web01"}
    assert "is not there" in missing["web00"]


def test_the_same_slice_twice_is_refused(fleet: Fleet, tmp_path: Path):
    slices = fleet(2)
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / FILE).write_text((slices[0] / FILE).read_text())
    with pytest.raises(TdiError, match="are the same slice, 1/2"):
        merge_slices([*slices, tmp_path / "copy"], tmp_path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"of": 3}, "number of slices"),
        ({"inventory": ["web00"]}, "inventory"),
        ({"settings": "x"}, "version or --text"),
    ],
)
def test_slices_of_different_fleets_are_refused(fleet: Fleet, tmp_path: Path, changed: dict[str, object], said: str):
    slices = fleet(2)
    document = json.loads((slices[1] / FILE).read_text()) | changed
    (slices[1] / FILE).write_text(json.dumps(document))
    with pytest.raises(TdiError, match=f"are of another {said}"):
        merge_slices(slices, tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "it has no slice.json"), ("{", "cannot be read"), ("[]", "is damaged"), ('{"schema": 1}', "is damaged")],
)
def test_what_is_no_slice_is_said(tmp_path: Path, text: str | None, said: str):
    if text is not None:
        (tmp_path / FILE).write_text(text)
    with pytest.raises(TdiError, match=re.escape(said)):
        merge_slices([tmp_path], tmp_path)


def test_merging_from_the_command_line(fleet: Fleet, tmp_path: Path, tdi: Any):
    ended = tdi("state", "fleet", "merge", *fleet(4), "--output", tmp_path / "report")
    assert ended.code == 1
    assert "9 of 10 hosts are in the state of the reference, 1 not: 1 finding" in ended.out
    assert (tmp_path / "report" / "report.html").is_file()
    ended = tdi("state", "fleet", "merge", tmp_path)
    assert (ended.code, "is no slice of a fleet" in ended.err) == (2, True)
    ended = tdi("state", "fleet")
    assert (ended.code, "Missing option '-i'" in ended.err) == (2, True)
