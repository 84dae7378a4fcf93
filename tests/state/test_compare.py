"""Pairing, what is not compared, secrets that must differ, and the form of the result."""

import json
import resource
import time
from pathlib import Path

import pytest
from by_hand import NAMES, compared, directory, file, link, only_finding, package, record

from tdi.errors import TdiError
from tdi.state.compare import Result, compare
from tdi.state.finding import Kind, Severity
from tdi.state.record import RecordFile, ScopeHeader, ScopeStatus, write_record
from tdi.state.reports import verdict
from tdi.state.rules import Rules

MACHINE = {
    "files": {"/etc": directory(), "/etc/fstab": file(), "/bin": link("usr/bin")},
    "packages": {"nginx": package()},
    "systemd": {"nginx.service": {"enablement": "enabled", "active": "active"}},
}


def test_equal_machines_are_in_the_same_state(tmp_path: Path):
    comparison = compared(tmp_path, MACHINE, MACHINE)
    assert comparison.result is Result.SAME
    assert comparison.as_json() == {
        "schema": 1,
        "result": "same",
        "findings": [],
        "suppressed": {},
        "compared": {"files": 3, "packages": 1, "systemd": 1},
        "not_compared": {},
    }


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("mode", "0600"),
        ("owner", "www-data"),
        ("group", "adm"),
        ("size", 101),
        ("hash", "b2:2"),
        ("xattrs", {"user.x": "b2:1"}),
        ("capability", "cap_net_raw+ep"),
        ("acl", "user::rw-,user:www-data:rw-"),
        ("hardlink", "/etc/other"),
    ],
)
def test_every_attribute_of_a_file_counts(tmp_path: Path, attribute: str, value: object):
    other = {"files": {"/etc/fstab": file(**{attribute: value})}}
    finding = only_finding(compared(tmp_path, {"files": {"/etc/fstab": file()}}, other))
    assert (finding.scope, finding.key, finding.kind) == ("files", "/etc/fstab", Kind.CHANGED)
    assert finding.attributes == (attribute,)


def test_an_object_on_one_machine_is_told_by_its_side(tmp_path: Path):
    assert only_finding(compared(tmp_path, MACHINE, {**MACHINE, "packages": {}})).kind is Kind.ONLY_A
    assert only_finding(compared(tmp_path, {**MACHINE, "packages": {}}, MACHINE)).kind is Kind.ONLY_B


def test_the_last_objects_of_a_scope_are_compared(tmp_path: Path):
    a = {"files": {"/a": file(), "/b": file()}}
    b = {"files": {"/a": file(), "/b": file(), "/c": file(), "/d": file()}}
    assert [finding.key for finding in compared(tmp_path, a, b).findings] == ["/c", "/d"]
    assert [finding.key for finding in compared(tmp_path, b, a).findings] == ["/c", "/d"]


def test_what_could_not_be_recorded_makes_the_result_unknown(tmp_path: Path):
    comparison = compared(tmp_path, MACHINE, MACHINE, unavailable={"systemd": "not booted"})
    assert comparison.result is Result.UNKNOWN
    assert comparison.not_acceptable == ("systemd",)
    assert comparison.not_compared == {"systemd": "unavailable on the upgraded machine (not booted)"}
    assert "systemd" not in comparison.compared


def test_it_is_acceptable_where_the_rules_say_why(tmp_path: Path):
    rules = Rules(acceptable_unavailable={"systemd": "the machines are never booted"})
    comparison = compared(tmp_path, MACHINE, MACHINE, rules, unavailable={"systemd": "not booted"})
    assert comparison.result is Result.SAME
    assert "the machines are never booted" in comparison.not_compared["systemd"]


def test_a_partial_scope_is_not_compared(tmp_path: Path):
    headers = {"files": ScopeHeader(ScopeStatus.PARTIAL, "/srv: Permission denied")}
    with record(tmp_path / "a", MACHINE, headers) as a, record(tmp_path / "b", MACHINE, headers) as b:
        comparison = compare(a, b)
    assert comparison.result is Result.UNKNOWN
    assert "Permission denied" in comparison.not_compared["files"]


def test_a_scope_that_only_one_record_has_is_not_compared(tmp_path: Path):
    without = {scope: objects for scope, objects in MACHINE.items() if scope != "packages"}
    with record(tmp_path / "a", MACHINE) as a, record(tmp_path / "b", without) as b:
        comparison = compare(a, b, names=NAMES)
    assert comparison.result is Result.UNKNOWN
    assert comparison.not_compared == {"packages": "not recorded on the upgraded machine"}


def test_a_finding_keeps_its_id_whatever_the_values(tmp_path: Path):
    def mode(value: str) -> str:
        return only_finding(compared(tmp_path, {"files": {"/x": file()}}, {"files": {"/x": file(mode=value)}})).id

    assert mode("0600") == mode("0640")
    other = only_finding(compared(tmp_path, {"files": {"/x": file()}}, {"files": {"/x": file(owner="a")}}))
    assert other.id != mode("0600")


def test_the_worst_finding_comes_first(tmp_path: Path):
    b = {
        **MACHINE,
        "files": {**MACHINE["files"], "/srv/old": file(), "/usr/bin/x": file(mode="4755"), "/etc/x.conf": file()},
        "packages": {"nginx": package("1.1")},
    }
    severities = [finding.severity for finding in compared(tmp_path, MACHINE, b).findings]
    assert severities == [Severity.SECURITY, Severity.SERVICE, Severity.CONFIGURATION, Severity.LEFT_OVER]


@pytest.mark.parametrize(
    "path", ["/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key", "/etc/ssl/private/ssl-cert-snakeoil.key"]
)
def test_a_secret_of_its_own_is_expected(tmp_path: Path, path: str):
    comparison = compared(tmp_path, {"files": {path: file()}}, {"files": {path: file(hash="b2:2", size=101)}})
    assert comparison.result is Result.SAME
    assert sum(comparison.suppressed.values()) == 1


@pytest.mark.parametrize(
    "path", ["/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key", "/etc/ssl/private/ssl-cert-snakeoil.key"]
)
def test_a_secret_that_both_have_is_a_finding(tmp_path: Path, path: str):
    finding = only_finding(compared(tmp_path, {"files": {path: file()}}, {"files": {path: file()}}))
    assert finding.severity is Severity.SECURITY
    assert finding.attributes == ("must-differ",)


@pytest.mark.parametrize(
    "path", ["/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key", "/etc/ssl/private/ssl-cert-snakeoil.key"]
)
def test_a_placeholder_for_a_secret_may_be_the_same(tmp_path: Path, path: str):
    both = {"files": {path: file(size=0)}}
    assert compared(tmp_path, both, both).result is Result.SAME


@pytest.mark.parametrize(
    "path", ["/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key", "/etc/ssl/private/ssl-cert-snakeoil.key"]
)
def test_the_mode_of_a_secret_still_counts(tmp_path: Path, path: str):
    opened = {"files": {path: file(hash="b2:2", mode="0666")}}
    assert only_finding(compared(tmp_path, {"files": {path: file()}}, opened)).attributes == ("mode",)


def test_a_damaged_record_is_an_error(tmp_path: Path):
    with record(tmp_path / "a.json", MACHINE):
        pass
    text = (tmp_path / "a.json").read_text()
    (tmp_path / "b.json").write_text(text[: len(text) // 2])
    with pytest.raises(TdiError, match="truncated"), RecordFile(tmp_path / "b.json"):
        pass


def test_the_form_for_programs_is_json_even_for_hostile_names(tmp_path: Path):
    names = {f"/srv/{name}": file() for name in ("a\nb", "\x1b[31m", "caf\udce9", "<script>", "\u202etxt")}
    comparison = compared(tmp_path, {"files": {}}, {"files": names})
    document = json.loads(json.dumps(comparison.as_json()))
    assert {finding["key"] for finding in document["findings"]} == set(names)


def test_two_large_records_are_compared_without_holding_them(tmp_path: Path):
    count = 100_000

    def objects(changed: int):
        for number in range(count):
            yield f"/srv/{number:07d}", file(hash=f"b2:{number}", size=number if number != changed else -1)

    for name, changed in (("a", -1), ("b", 500)):
        write_record(tmp_path / name, {}, {"files": (ScopeHeader(), objects(changed))})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    with RecordFile(tmp_path / "a") as a, RecordFile(tmp_path / "b") as b:
        comparison = compare(a, b)
    assert time.monotonic() - began < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
    assert only_finding(comparison).key == "/srv/0000500"
    assert comparison.compared == {"files": count}


def test_machines_with_nothing_in_common_are_compared_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tdi.state.compare.MOST", 3)
    a = {"files": {f"/srv/{number}": file() for number in range(10)}}
    b = {"files": {f"/srv/{number}": file(mode="0600") for number in range(10)}}
    comparison = compared(tmp_path, a, b)
    assert len(comparison.findings) == 4
    assert "7 more objects of the scope files differ" in "".join(finding.why for finding in comparison.findings)
    assert comparison.compared == {"files": 10}


@pytest.mark.parametrize(("hostname", "result"), [("web1", Result.SAME), ("web2", Result.DIFFERENT)])
def test_one_machine_recorded_twice_shares_its_secrets_with_itself(tmp_path: Path, hostname: str, result: Result):
    machine = {"files": {"/etc/machine-id": file()}}
    with (
        record(tmp_path / "a", machine, target="docker://x", hostname="web1") as a,
        record(tmp_path / "b", machine, target="docker://x", hostname=hostname) as b,
    ):
        assert compare(a, b).result is result


def test_what_was_not_walked_on_one_machine_is_not_compared_and_named(tmp_path: Path):
    layer = "/var/lib/docker/overlay2/layer"
    walked = {"files": {"/var/lib/docker": directory(), layer: file(), "/var/lib/dockerish": file()}}
    other = {"files": {"/var/lib/docker": directory()}}
    left_out = {"/var/lib/docker": "docker"}
    with record(tmp_path / "a.json", walked) as a, record(tmp_path / "b.json", other, not_walked=left_out) as b:
        comparison = compare(a, b, names=NAMES)
    assert only_finding(comparison).key == "/var/lib/dockerish"
    why = "storage of docker; --include /var/lib/docker walks it"
    assert comparison.as_json()["not_walked"] == {"/var/lib/docker": why}
    assert verdict(comparison)[3] == f"Not walked: /var/lib/docker ({why})."
    # The directory itself on both sides, and the one beside it.
    assert comparison.compared == {"files": 2}


def test_a_directory_that_was_excluded_from_one_record_makes_no_difference_and_is_said(tmp_path: Path):
    walked = {"files": {"/srv/data": directory(), "/srv/data/file": file(), "/srv/data.old": file()}}
    with (
        record(tmp_path / "a.json", walked) as a,
        record(tmp_path / "b.json", {"files": {}}, excluded=["/srv/data"]) as b,
    ):
        there, back = compare(a, b, names=NAMES), compare(b, a, names=NAMES)
    for comparison in (there, back):
        assert only_finding(comparison).key == "/srv/data.old"
        assert comparison.as_json()["not_walked"] == {"/srv/data": "--exclude"}
        assert comparison.compared == {"files": 1}
