"""Slices of a fleet: who is in which, and all of them together as if one run had recorded them."""

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from by_hand import file, record

from tdi.errors import TdiError
from tdi.state.allowances import Allowance
from tdi.state.compare import Result
from tdi.state.fleet.compare import Status, merge_slices
from tdi.state.fleet.record import Inventory, Recording
from tdi.state.fleet.slices import FILE, Settings, Slice, write_slice
from tdi.state.rules import Rules

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
            write_slice(directory, part, Inventory(HOSTS, groups), Recording(records, {}), Settings())
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
    compares = (["--reference", "a"], ["--rules", "r.yml"], ["--format", "json"], ["--verbose"])
    for arguments in (["--slice=1/2"], *(["--slice=1/2", "--output", tmp_path, *given] for given in compares)):
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
    (slices[0] / "records" / "web02.json.gz").write_bytes(b"no record")
    whole = slices[1] / "records" / "web05.json.gz"
    (slices[0] / "records" / "web04.json.gz").write_bytes(whole.read_bytes())
    whole.write_bytes(whole.read_bytes()[:-20])
    merged = merge_slices(slices, tmp_path)
    missing = {host.name: host.why for host in merged.with_status(Status.NOT_RECORDED)}
    assert {host: why.replace(str(tmp_path), "") for host, why in missing.items()} == {
        "web00": "its record /slice-1/records/web00.json.gz is not there",
        "web01": "its record /slice-2/records/web01.json.gz is truncated or damaged",
        "web02": "its record /slice-1/records/web02.json.gz is truncated or damaged",
        "web04": "its record /slice-1/records/web04.json.gz is that of another host, web05",
        "web05": "its record is truncated or damaged",
    }
    assert [(shared.finding.key, shared.hosts) for shared in merged.findings] == [("/etc/x", ("web03",))]


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
        ({"groups": {"web": ["web00"]}}, "inventory"),
        *(
            ({"settings": {**Settings().as_json(), name: value}}, said)
            for name, value, said in (
                ("text", ["^/x$"], "--text"),
                ("include", ["/var/lib/docker"], "--include"),
                ("become", False, "--become"),
                ("limit", "web*", "--limit"),
                ("collector", "0", "version of tdi"),
            )
        ),
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
    [
        (None, "it has no slice.json"),
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[" * 100_000, "is damaged"),
        ("[]", "is damaged"),
        ("null", "is damaged"),
        ('{"schema": 1}', "is damaged"),
    ],
)
def test_what_is_no_slice_is_said(tmp_path: Path, text: str | None, said: str):
    if text is not None:
        (tmp_path / FILE).write_text(text)
    with pytest.raises(TdiError, match=re.escape(said)):
        merge_slices([tmp_path], tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"slice": 0},
        {"slice": 3},
        {"slice": "1"},
        {"of": 0},
        {"of": None},
        {"inventory": []},
        {"inventory": "web00"},
        {"inventory": [1, 2]},
        {"inventory": [["web00"], ["web01"]]},
        {"inventory": list(HOSTS[::-1])},
        {"inventory": ["web00", *HOSTS]},
        {"groups": {"web": None}},
        {"groups": []},
        {"records": {"web00": 7}},
        {"records": {"web00": "../web00.json.gz"}},
        {"records": None},
        {"failures": {"web00": 7}},
        {"failures": {"web00": "it is recorded, too"}},
        {"failures": []},
        {"settings": {}},
        {"settings": None},
    ],
)
def test_a_slice_that_is_damaged_is_refused(fleet: Fleet, tdi: Any, change: dict[str, object]):
    slices = fleet(2)
    document = json.loads((slices[0] / FILE).read_text()) | change
    (slices[0] / FILE).write_text(json.dumps(document))
    ended = tdi("state", "fleet", "merge", *slices)
    assert ended.code == 2
    assert f"{slices[0] / FILE} is damaged, or of another version." in ended.err
    assert len(ended.err.strip().splitlines()) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"records": {}}, "it lacks its own host web00"),
        ({"failures": {"web01": "timed out"}}, "it has the host of another slice, web01"),
        ({"failures": {"db1": "timed out"}}, "it has the host of another slice, db1"),
    ],
)
def test_each_slice_has_its_own_hosts_and_all_of_them(
    fleet: Fleet, tmp_path: Path, change: dict[str, object], said: str
):
    slices = fleet(2)
    document = json.loads((slices[0] / FILE).read_text()) | change
    (slices[0] / FILE).write_text(json.dumps(document))
    with pytest.raises(TdiError, match=said):
        merge_slices(slices, tmp_path)


def test_the_only_host_is_not_compared_with_itself(tmp_path: Path):
    path = tmp_path / "records" / "a.json.gz"
    record(path, {"files": {}}, hostname="a", target="a").close()
    write_slice(tmp_path, Slice(1, 1), Inventory(("a",), {}), Recording({"a": path}, {}), Settings())
    with pytest.raises(TdiError, match="a is the only host"):
        merge_slices([tmp_path], tmp_path)
    assert merge_slices([tmp_path], tmp_path, reference=str(path)).result is Result.SAME


def test_an_allowance_must_be_needed_unless_hosts_were_left_out(fleet: Fleet, tmp_path: Path):
    slices = fleet(1)
    rules = Rules(allow=(Allowance("files", "^/gone$", "old"),))
    assert merge_slices(slices, tmp_path, rules=rules).problems
    document = json.loads((slices[0] / FILE).read_text())
    document["settings"]["limit"] = "web*"
    (slices[0] / FILE).write_text(json.dumps(document))
    assert not merge_slices(slices, tmp_path, rules=rules).problems


def test_many_hosts_that_are_missing_for_one_reason_are_one_line(tmp_path: Path, tdi: Any):
    names = tuple(f"web{number}" for number in range(10, 30))
    records = {name: tmp_path / "records" / f"{name}.json.gz" for name in names[::2]}
    for name, path in records.items():
        record(path, {"files": {}}, hostname=name, target=name).close()
    write_slice(tmp_path, Slice(1, 2), Inventory(names, {}), Recording(records, {}), Settings())
    ended = tdi("state", "fleet", "merge", tmp_path)
    assert ended.code == 2
    named = "web11, web13, web15, web17, web19, web21, web23, web25 and 2 more"
    assert f"Not recorded: 10 hosts ({named}): the slice 2/2 is missing." in ended.out
    assert ended.out.count("the slice 2/2 is missing") == 1


# --- through Ansible -------------------------------------------------------------------------------------------------


@pytest.fixture
def inventory(tmp_path: Path, fakes: Any) -> Path:
    """Five hosts that are this machine, each of which prints a record made by hand.

    No two agree on an identity, some share a secret, one has another mode, and one cannot be recorded.
    """
    fakes("id", "echo 0")
    fakes("hostname", 'echo "192.0.2.1 "')
    lines = []
    for number in range(6):
        files = {
            "/etc/app/id": file(hash=f"b2:{number}"),
            "/etc/machine-id": file(hash=f"b2:{number % 3}", size=33),
            "/etc/x": file(mode="0666" if number == 1 else "0644"),
        }
        canned, program = tmp_path / f"canned-{number}", tmp_path / f"python-{number}"
        record(canned, {"files": files}, hostname=f"web{number}").close()
        if number != 5:
            program.write_text(f"#!/bin/sh\ncat >/dev/null\ncat {canned}\n", encoding="utf-8")
            program.chmod(0o755)
        lines.append(f"web{number} ansible_connection=local ansible_python_interpreter={program}\n")
    path = tmp_path / "inventory.ini"
    path.write_text("[web]\n" + "".join(lines), encoding="utf-8")
    return path


def test_the_report_of_slices_is_that_of_a_single_run(inventory: Path, tmp_path: Path, tdi: Any):
    whole, merged = tmp_path / "whole", tmp_path / "merged"
    limit = ("--limit", "!web5")
    assert tdi("state", "fleet", "-i", inventory, *limit, "--output", whole).code == 1
    slices = [tmp_path / f"slice-{number}" for number in (1, 2, 3)]
    for number, output in enumerate(slices, 1):
        ended = tdi("state", "fleet", "-i", inventory, *limit, "--slice", f"{number}/3", "--output", output)
        assert (ended.code, ended.out) == (0, "")
    assert tdi("state", "fleet", "merge", *reversed(slices), "--output", merged).code == 1
    told = json.loads((merged / "report.json").read_text())
    assert told == json.loads((whole / "report.json").read_text())
    assert sorted((finding["key"], finding["hosts"]) for finding in told["findings"]) == [
        ("/etc/machine-id", ["web0", "web3"]),
        ("/etc/machine-id", ["web1", "web4"]),
        ("/etc/x", ["web1"]),
    ]
    assert [(group["objects"], group["witness"]) for group in told["varying"]] == [(1, "fleet")]
    common = [(place / "common-state.json.gz").read_bytes() for place in (whole, merged)]
    assert common[0] == common[1]


def test_a_slice_says_what_it_lacks_and_its_owner_alone_reads_it(inventory: Path, tmp_path: Path, tdi: Any):
    output = tmp_path / "slice"
    ended = tdi("state", "fleet", "-i", inventory, "--slice", "2/2", "--output", output)
    assert ended.code == 2
    assert "2 hosts of the slice 2/2 are in" in ended.err
    assert "Not recorded: web5: it has no python3" in ended.err
    assert stat.S_IMODE((output / FILE).stat().st_mode) == 0o600


def test_a_slice_whose_recording_was_interrupted_is_none(
    inventory: Path, tmp_path: Path, tdi: Any, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / FILE).write_text("of an earlier run")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tdi.state.fleet.compare.record_hosts", interrupted)
    assert tdi("state", "fleet", "-i", inventory, "--slice", "1/1", "--output", tmp_path).code == 130
    ended = tdi("state", "fleet", "merge", tmp_path)
    assert (ended.code, "is no slice of a fleet" in ended.err) == (2, True)


def test_merging_from_the_command_line(fleet: Fleet, tmp_path: Path, tdi: Any):
    ended = tdi("state", "fleet", "merge", *fleet(4), "--output", tmp_path / "report")
    assert ended.code == 1
    assert "9 of 10 hosts are in the state of the reference, 1 not: 1 finding" in ended.out
    assert (tmp_path / "report" / "report.html").is_file()
    ended = tdi("state", "fleet", "merge", tmp_path)
    assert (ended.code, "is no slice of a fleet" in ended.err) == (2, True)
    ended = tdi("state", "fleet")
    assert (ended.code, "Missing option '-i'" in ended.err) == (2, True)
    ended = tdi("state", "fleet", "-i", "a,b,", "merge", tmp_path)
    assert (ended.code, "it takes no inventory" in ended.err) == (2, True)
