"""What is wrong on a machine whatever another one looks like."""

from pathlib import Path
from typing import Any

import pytest
from by_hand import directory, file, link, of_package, record

from tdi.state.finding import Severity
from tdi.state.invariants import check
from tdi.state.record import ScopeHeader, ScopeStatus

WANTS = "/etc/systemd/system/multi-user.target.wants/app.service"
UNIT_FILE = "/usr/lib/systemd/system/app.service"


def found(tmp_path: Path, **scopes: dict[str, Any]):
    with record(tmp_path / "machine.json", scopes) as machine:
        return check(machine)


@pytest.mark.parametrize(
    ("scope", "key", "attributes", "severity"),
    [
        ("files", "/srv/x", file(mode="4755"), Severity.SECURITY),
        ("files", "/srv/x", file(mode="2755"), Severity.SECURITY),
        ("files", "/srv/x", file(mode="6755"), Severity.SECURITY),
        ("files", "/srv/x", file(capability="cap_net_raw+ep"), Severity.SECURITY),
        ("files", "/srv/x", file(mode="0666"), Severity.SECURITY),
        ("files", "/srv/x", file(mode="0602"), Severity.SECURITY),
        ("files", "/srv/x", file(mode="0603", next_attribute="of a later collector"), Severity.SECURITY),
        ("files", "/srv/x", file(mode="0607", number=1), Severity.SECURITY),
        ("files", "/srv/x", file(mode="4755", capability="cap_net_raw=ep"), Severity.SECURITY),
        ("files", "/srv/x", file(mode="1363"), Severity.SECURITY),
        ("files", "/srv/x", file(mode="1204"), Severity.SECURITY),
        ("files", "/srv/x", directory(mode="0777"), Severity.SECURITY),
        ("files", "/etc/x.dpkg-dist", file(), Severity.LEFT_OVER),
        ("files", "/etc/x.dpkg-new", file(), Severity.LEFT_OVER),
        ("files", "/etc/x.ucf-dist", file(), Severity.LEFT_OVER),
        ("files", WANTS, link(UNIT_FILE), Severity.SERVICE),
        ("systemd", "x.service", {"active": "failed"}, Severity.SERVICE),
        ("systemd", "x.service", {"active": "restarting"}, Severity.SERVICE),
        ("systemd", "x.service", {"active": "active", "need_reload": True}, Severity.SERVICE),
        ("processes", "x.service|/usr/sbin/x", {"restart_debt": ["deleted:/usr/sbin/x"]}, Severity.SERVICE),
        ("dpkg", "audit:x", {"status": "half-configured"}, Severity.SERVICE),
    ],
)
def test_what_must_not_be_is_found(
    tmp_path: Path, scope: str, key: str, attributes: dict[str, Any], severity: Severity
):
    [finding] = found(tmp_path, **{scope: {key: attributes}})
    assert (finding.scope, finding.key, finding.severity) == (scope, key, severity)
    assert finding.why
    assert finding.action


@pytest.mark.parametrize(
    ("scope", "objects"),
    [
        ("files", {"/usr/bin/passwd": file(mode="4755", origin=of_package("passwd"))}),
        ("files", {"/tmp": directory(mode="1777")}),
        ("files", {"/srv/x": directory(mode="2755")}),
        ("files", {"/usr/x": file(mode="1755", origin=of_package("x"))}),
        ("files", {"/etc/x": link("/nowhere")}),
        ("files", {"/etc/apache.dpkg-dist": directory()}),
        ("files", {WANTS: link(UNIT_FILE), UNIT_FILE: file()}),
        ("files", {WANTS: link("/lib/systemd/system/app.service"), UNIT_FILE: file()}),
        ("files", {WANTS: link("../app.service"), "/etc/systemd/system/app.service": file()}),
        ("files", {"/etc/systemd/system/app.service": link("/dev/null")}),
        ("systemd", {"x.service": {"active": "inactive", "need_reload": False}}),
        ("processes", {"x.service|/usr/sbin/x": {"count": 1}}),
        ("dpkg", {"diversion:/bin/audit:x": {"package": "x"}}),
    ],
)
def test_what_may_be_is_not(tmp_path: Path, scope: str, objects: dict[str, Any]):
    assert found(tmp_path, **{scope: objects}) == ()


@pytest.mark.parametrize(
    ("mode", "words"), [("1363", "`mode: 755` without quotes"), ("1644", "a file has no use for it")]
)
def test_a_mode_without_a_leading_zero_is_named(tmp_path: Path, mode: str, words: str):
    [finding] = found(tmp_path, files={"/srv/x": file(mode=mode)})
    assert words in finding.why


def test_the_worst_comes_first(tmp_path: Path):
    files = {"/etc/a.dpkg-new": file(), "/srv/b": file(mode="4755")}
    assert [finding.key for finding in found(tmp_path, files=files)] == ["/srv/b", "/etc/a.dpkg-new"]


def test_a_scope_that_is_not_complete_is_left_to_the_comparison(tmp_path: Path):
    partial = {"files": ScopeHeader(ScopeStatus.PARTIAL, "x")}
    with record(tmp_path / "x", {"files": {"/srv/x": file(mode="4755"), WANTS: link(UNIT_FILE)}}, partial) as machine:
        assert check(machine) == ()
