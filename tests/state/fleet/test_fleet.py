"""A fleet: hosts are recorded through Ansible, compared with a reference, and grouped by what is found on them."""

import datetime as dt
import gzip
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from by_hand import directory, file, of_package, package, record
from rich.console import Console

from tdi.images import base_image
from tdi.machines import lifecycle
from tdi.molecule import scenario
from tdi.outside import docker
from tdi.project import Project
from tdi.state.allowances import Allowance, Direction
from tdi.state.compare import Result
from tdi.state.finding import Severity
from tdi.state.fleet.common_state import write_common_state
from tdi.state.fleet.compare import Fleet, Status, _with_common_state, compare_fleet
from tdi.state.fleet.own_names import Own, Reference
from tdi.state.fleet.record import Recording, read_inventory
from tdi.state.record import RecordFile, ScopeHeader, ScopeStatus
from tdi.state.reports import fleet as report
from tdi.state.reports import markdown
from tdi.state.rules import Rules
from tdi.state.schema import validate

MACHINE_ID = "/etc/machine-id"


def text_file(text: str) -> dict[str, Any]:
    """A file whose text was recorded."""
    content = text.encode()
    return file(text=text, size=len(content), hash=f"sha256:{sha256(content).hexdigest()}")


class Hosts:
    """Records made by hand, one for each host."""

    def __init__(self, where: Path) -> None:
        self.where = where
        self.records: dict[str, Path] = {}
        self.failures: dict[str, str] = {}

    def add(
        self,
        name: str,
        scopes: Mapping[str, Mapping[str, Any]],
        headers: Mapping[str, ScopeHeader] | None = None,
        addresses: tuple[str, ...] = (),
        **meta: Any,
    ) -> None:
        """Write the record of a host."""
        path = self.where / f"{name}.json.gz"
        own = {"names": [name], "addresses": addresses}
        with record(path, scopes, headers, hostname=name, target=name, own=own, **meta):
            self.records[name] = path

    def common(self, rules: Rules | None = None) -> Reference:
        """The most common state of the hosts so far."""
        path = self.where / "common.json"
        write_common_state(list(self.records.values()), path, rules or Rules())
        return Reference(path)

    def compared(self, rules: Rules | None = None) -> Fleet:
        """The hosts so far, compared with their most common state."""
        return compare_fleet(Recording(self.records, self.failures), self.common(rules), "the common state", rules)


@pytest.fixture
def hosts(tmp_path: Path) -> Hosts:
    return Hosts(tmp_path)


def found(fleet: Fleet) -> dict[str, tuple[str, ...]]:
    """Key of each finding → its hosts."""
    return {shared.finding.key: shared.hosts for shared in fleet.findings}


def printed(fleet: Fleet) -> str:
    console = Console(record=True, width=10_000, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115 (as the console)
    report.show(fleet, console)
    return console.export_text()


# --- the most common state -------------------------------------------------------------------------------------------


def test_the_common_state_has_what_most_hosts_have(hosts: Hosts):
    for name, version in (("a", "2"), ("b", "1"), ("c", "1")):
        extra = {"only-a": package()} if name == "a" else {"not-a": package()}
        hosts.add(name, {"packages": {"x": package(version), **extra}})
    with hosts.common() as common:
        assert {key: json.loads(text)["version"] for key, text in common.objects("packages")} == {
            "not-a": "1.0",
            "x": "1",
        }


def test_in_a_tie_the_first_host_decides_on_all_that_is_tied(hosts: Hosts):
    hosts.add("a", {"packages": {"x": package("1"), "with-1": package()}})
    hosts.add("b", {"packages": {"x": package("2"), "with-2": package()}})
    fleet = hosts.compared()
    assert found(fleet) == {"x": ("b",), "with-1": ("b",), "with-2": ("b",)}
    assert [host.status for host in fleet.hosts] == [Status.SAME, Status.DIFFERENT]


def test_the_content_of_a_log_does_not_outvote_its_mode(hosts: Hosts):
    for number, mode in enumerate(("0666", "0640", "0640")):
        hosts.add(f"h{number}", {"files": {"/var/log/x": file(mode=mode, hash=f"b2:{number}")}})
    fleet = hosts.compared()
    assert found(fleet) == {"/var/log/x": ("h0",)}
    assert fleet.suppressed == {"log-content": 2}


def test_a_scope_that_no_host_has_is_not_in_the_common_state_as_empty(hosts: Hosts):
    for name in "ab":
        hosts.add(name, {"packages": {}}, {"packages": ScopeHeader(ScopeStatus.UNAVAILABLE, "no dpkg")})
    fleet = hosts.compared()
    assert fleet.result is Result.UNKNOWN
    assert [host.status for host in fleet.hosts] == [Status.INCOMPLETE, Status.INCOMPLETE]


def test_no_machine_s_secret_is_in_the_common_state(hosts: Hosts):
    for number in range(3):
        hosts.add(f"h{number}", {"files": {MACHINE_ID: file(hash=f"b2:{number}")}})
    with hosts.common() as common:
        [(key, text)] = common.objects("files")
    assert key == MACHINE_ID
    assert "hash" not in json.loads(text)


def test_a_host_that_sends_nonsense_is_reported_and_the_others_go_on(hosts: Hosts):
    for name in ("web1", "web2", "web3"):
        hosts.add(name, {"files": {"/etc/x": file(hash=f"b2:{name}")}})
    hosts.add("evil", {"files": {"/etc/x": file(mode="rwx", origin=5), "/tmp/y": file(mode=[])}})
    hosts.records = dict(sorted(hosts.records.items()))
    reference = Reference(hosts.records["web1"])
    fleet = compare_fleet(Recording(hosts.records, {}), reference, "web1", itself="web1")
    [evil] = fleet.with_status(Status.NOT_RECORDED)
    assert (evil.name, evil.why[:49]) == ("evil", "what it sends is not a record: files '/etc/x': 'r")
    assert found(fleet) == {"/etc/x": ("web2", "web3")}
    assert fleet.result is Result.UNKNOWN


def test_a_host_that_sends_nonsense_has_no_say_in_the_common_state(hosts: Hosts):
    hosts.add("evil", {"files": {"/var/log/x": {"type": "file", "mode": 7}}})
    path = hosts.records["evil"]
    with gzip.open(path) as opened:
        content = opened.read()
    path.write_bytes(gzip.compress(content.replace(b'"mode":7', b'"mode":')))
    for name in ("web1", "web2"):
        hosts.add(name, {"files": {"/var/log/x": file()}})
    recording = _with_common_state(
        Recording(hosts.records, {}), tuple(hosts.records), hosts.where / "common.json", Rules()
    )
    assert sorted(recording.records) == ["web1", "web2"]
    assert "is not an object" in recording.failures["evil"]


# --- own names and addresses -----------------------------------------------------------------------------------------


def test_a_host_s_own_name_and_address_are_no_difference(hosts: Hosts):
    for number in (1, 2, 3):
        name, address = f"web{number}", f"10.0.0.{number}"
        scopes = {
            "files": {
                "/etc/hostname": text_file(f"{name}\n"),
                "/etc/hosts": text_file(f"127.0.0.1 localhost\n{address} {name}.example.org {name}\n"),
                "/etc/mailname": text_file(f"{name}.example.org\n"),
            },
            "listeners": {f"tcp {address}:80": {"unit": "nginx.service"}, "tcp 0.0.0.0:22": {"unit": "ssh.service"}},
            "processes": {"agent.service|/usr/bin/agent": {"arguments": [f"--node={name}", f"--bind={address}:1"]}},
        }
        hosts.add(name, scopes, addresses=(address,))
    fleet = hosts.compared()
    assert found(fleet) == {}
    assert fleet.result is Result.SAME
    assert fleet.suppressed == {"own-names": 15}


def test_against_one_host_own_names_are_no_difference_either(hosts: Hosts):
    for number in (1, 2):
        hosts.add(f"web{number}", {"files": {"/etc/hosts": text_file(f"127.0.1.1 web{number}\n")}})
    fleet = compare_fleet(
        Recording(hosts.records, {}), Reference(hosts.records["web1"]), "the host web1", itself="web1"
    )
    assert fleet.result is Result.SAME
    assert [host.status for host in fleet.hosts] == [Status.REFERENCE, Status.SAME]


def test_two_hosts_on_their_own_addresses_are_the_same(hosts: Hosts):
    for number in (1, 2):
        address = f"10.0.0.{number}"
        hosts.add(f"web{number}", {"listeners": {f"tcp {address}:80": {}}}, addresses=(address,))
    assert hosts.compared().result is Result.SAME


def test_a_text_that_is_not_the_whole_content_proves_nothing(hosts: Hosts):
    for number in (1, 2, 3):
        own = {**text_file(f"127.0.1.1 web{number}\n"), "hash": f"sha256:{number}"}
        hosts.add(f"web{number}", {"files": {"/etc/hosts": own}})
    assert found(hosts.compared()) == {"/etc/hosts": ("web2", "web3")}


def test_a_list_of_the_whole_fleet_is_equal_as_it_is(hosts: Hosts):
    listed = text_file("10.0.0.1 web1\n10.0.0.2 web2\n10.0.0.3 web3\n")
    for number in (1, 2, 3):
        hosts.add(f"web{number}", {"files": {"/etc/hosts": listed}}, addresses=(f"10.0.0.{number}",))
    assert hosts.compared().result is Result.SAME


def test_what_differs_besides_the_own_name_is_found(hosts: Hosts):
    for number in (1, 2, 3):
        stale = "10.9.9.9 stale\n" if number == 2 else ""
        hosts.add(f"web{number}", {"files": {"/etc/hosts": text_file(f"127.0.1.1 web{number}\n{stale}")}})
    assert found(hosts.compared()) == {"/etc/hosts": ("web2",)}


def test_another_host_s_name_or_address_is_a_difference(hosts: Hosts):
    for number in (1, 10, 100):
        own = f"10.0.0.{number} web{number}\n"
        text = text_file("10.0.0.2 web2\n" if number == 10 else own)
        hosts.add(f"web{number}", {"files": {"/etc/hosts": text}}, addresses=(f"10.0.0.{number}",))
    assert found(hosts.compared()) == {"/etc/hosts": ("web10",)}


def test_a_host_that_is_called_as_a_package_is_compared_by_its_packages(hosts: Hosts):
    for name in ("nginx", "redis", "web1"):
        hosts.add(name, {"packages": {"base": package(), name: package()}, "users": {name: {"uid": 1}}})
    assert set(found(hosts.compared())) == {"nginx", "redis", "web1"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web1", "{name}"),
        ("web1 WEB1.example.org, root@web1.other.org", "{name} {name}.example.org, root@{name}.other.org"),
        ("www.web1.example.org web11 my-web1 web1-old", None),
        ("10.0.0.5:80, [fd00::5]:80 and fd00::5.", "{address}:80, [{address}]:80 and {address}."),
        ("110.0.0.5 10.0.0.55 10.0.0.5.1 fd00::5:1 afd00::5", None),
    ],
)
def test_only_whole_names_and_addresses_are_replaced(text: str, expected: str | None):
    own = Own(("web1.example.org", "web1"), ("10.0.0.5", "fd00::5"))
    assert own.replace(text) == (expected or text)


# --- comparison and report -------------------------------------------------------------------------------------------


def nine(hosts: Hosts) -> None:
    """Nine hosts, of which two have a setuid program and another three an older package, one of them both."""
    for number in range(9):
        mode = "4755" if number in {3, 4} else "0755"
        version = "1" if number in {4, 5, 6} else "2"
        files = {"/usr/bin/x": file(mode=mode, origin=of_package("y")), MACHINE_ID: file(hash=f"b2:{number}")}
        hosts.add(f"web{number}", {"files": files, "packages": {"x": package(version)}})


def test_hosts_are_grouped_by_equal_findings_worst_first(hosts: Hosts):
    nine(hosts)
    fleet = hosts.compared()
    assert list(found(fleet).items()) == [("/usr/bin/x", ("web3", "web4")), ("x", ("web4", "web5", "web6"))]
    assert [shared.finding.severity for shared in fleet.findings] == [Severity.SECURITY, Severity.SERVICE]
    text = printed(fleet)
    assert "5 of 9 hosts are in the state of the reference, 4 not: 2 findings." in text
    assert "3 of 9 hosts: package x: version is 2 on the reference machine and 1 on the other machine" in text
    assert "web4, web5, web6" in text


def test_versions_are_told_apart_and_contents_are_counted(hosts: Hosts):
    for number in range(5):
        scopes = {
            "packages": {"x": package({0: "1", 1: "2"}.get(number, "3"))},
            "files": {"/etc/x": file(hash=f"b2:{number if number < 2 else 'same'}")},
        }
        hosts.add(f"web{number}", scopes)
    fleet = hosts.compared()
    assert [(shared.finding.key, shared.hosts, shared.variants) for shared in fleet.findings] == [
        ("x", ("web0",), 1),
        ("x", ("web1",), 1),
        ("/etc/x", ("web0", "web1"), 2),
    ]
    assert "2 of 5 hosts in 2 variants: file /etc/x: its content differs" in printed(fleet)


def test_what_no_two_hosts_may_share_is_looked_for_among_all(hosts: Hosts):
    for number in range(5):
        hosts.add(f"web{number}", {"files": {MACHINE_ID: file(hash=f"b2:{number // 2}")}})
    fleet = hosts.compared()
    assert [shared.hosts for shared in fleet.findings] == [("web0", "web1"), ("web2", "web3")]
    assert fleet.result is Result.DIFFERENT
    assert [host.name for host in fleet.with_status(Status.SAME)] == ["web4"]
    assert "/etc/machine-id is the same on these hosts" in printed(fleet)


def test_a_host_that_was_not_recorded_is_named_and_the_result_unknown(hosts: Hosts):
    nine(hosts)
    hosts.failures["web9"] = "unreachable: timed out"
    fleet = hosts.compared()
    assert fleet.result is Result.UNKNOWN
    assert len(fleet.findings) == 2
    assert "Not recorded: web9: unreachable: timed out." in printed(fleet)
    assert "of 9 hosts" in printed(fleet)


def test_a_host_that_was_recorded_in_part_makes_the_result_unknown_unless_that_is_acceptable(hosts: Hosts):
    for name in "abc":
        missing = {"packages": ScopeHeader(ScopeStatus.PARTIAL, "out of time")} if name == "c" else None
        hosts.add(name, {"files": {}, "packages": {"x": package()}}, missing)
    fleet = hosts.compared()
    assert fleet.result is Result.UNKNOWN
    assert fleet.with_status(Status.INCOMPLETE)[0].name == "c"
    assert "Not compared on c: packages: partial on the other machine (out of time)." in printed(fleet)
    accepted = hosts.compared(Rules(acceptable_unavailable={"packages": "known"}))
    assert accepted.result is Result.SAME


def test_an_allowance_is_for_the_whole_fleet(hosts: Hosts):
    nine(hosts)
    needed = Allowance("packages", "^x$", "rolled out this week")
    setuid = Allowance("files", "^/usr/bin/x$", "agreed", attributes=("mode",))
    fleet = hosts.compared(Rules(allow=(needed, setuid)))
    assert fleet.result is Result.SAME
    assert fleet.suppressed[needed.id] == 3
    unused = hosts.compared(Rules(allow=(needed, setuid, Allowance("files", "^/gone$", "old"))))
    assert unused.result is Result.DIFFERENT
    assert unused.problems == ("Nothing needs the allowance files ^/gone$ any more (old): remove it.",)


SETUID = {"/srv/x": file(mode="4755")}


def test_what_is_wrong_on_every_host_in_the_same_way_is_found(hosts: Hosts):
    for name in "abc":
        hosts.add(name, {"files": SETUID, "systemd": {"x.service": {"active": "failed"}}})
    fleet = hosts.compared()
    assert found(fleet) == {"/srv/x": ("a", "b", "c"), "x.service": ("a", "b", "c")}
    assert fleet.result is Result.DIFFERENT
    assert [host.status for host in fleet.hosts] == [Status.SAME] * 3
    assert "3 of 3 hosts: /srv/x gives its caller more rights (mode 4755), and no package" in printed(fleet)
    assert "3 of 3 hosts" in report.render(fleet)
    assert [finding["hosts"] for finding in fleet.as_json()["findings"]] == [["a", "b", "c"]] * 2


def test_what_is_wrong_on_the_reference_too_is_found_on_each(hosts: Hosts):
    for name in "abc":
        hosts.add(name, {"files": SETUID if name != "c" else {}})
    fleet = compare_fleet(Recording(hosts.records, {}), Reference(hosts.records["a"]), "the host a", itself="a")
    wrong, missing = fleet.findings
    assert (wrong.hosts, missing.hosts) == (("a", "b"), ("c",))
    assert [host.status for host in fleet.hosts] == [Status.REFERENCE, Status.SAME, Status.DIFFERENT]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ({"files": {"/srv/x": file()}}, {"files": SETUID}),
        ({"files": {}}, {"files": SETUID}),
        ({"systemd": {"x.service": {"active": "active"}}}, {"systemd": {"x.service": {"active": "failed"}}}),
        (  # it follows from another finding
            {"files": {"/etc/x": file()}, "processes": {"x": {"arguments": [], "count": 1}}},
            {
                "files": {"/etc/x": file(mode="0600")},
                "processes": {"x": {"arguments": [], "count": 1, "restart_debt": ["configuration-newer:/etc/x"]}},
            },
        ),
    ],
)
def test_what_the_comparison_says_is_not_said_twice(hosts: Hosts, right: dict[str, Any], wrong: dict[str, Any]):
    for name in "abcd":
        hosts.add(name, wrong if name in "cd" else right)
    [shared] = hosts.compared().findings
    assert shared.hosts == ("c", "d")


def test_what_is_wrong_in_one_object_is_told_apart_as_the_report_says_it(hosts: Hosts):
    reasons = {"a": ["deleted:/x"], "b": ["deleted:/x"], "c": ["deleted:/y"]}
    for name, debt in reasons.items():
        hosts.add(name, {"processes": {"x": {"restart_debt": debt}}, "files": {"/srv/x": file(mode="4777")}})
    fleet = compare_fleet(Recording(hosts.records, {}), Reference(hosts.records["c"]), "the host c", itself="c")
    assert [(shared.hosts, shared.finding.why) for shared in fleet.findings if shared.hosts == ("a", "b", "c")] == [
        (("a", "b", "c"), "/srv/x gives its caller more rights (mode 4777), and no package accounts for it."),
        (("a", "b", "c"), "/srv/x can be written by every user of the machine (mode 4777)."),
    ]
    debts = {shared.hosts: shared.finding.why for shared in fleet.findings if shared.finding.scope == "processes"}
    assert set(debts) == {("a", "b"), ("c",)}
    assert debts["c",] == "Process x is older than what it runs: its program /y was replaced or removed."


def test_what_is_wrong_is_called_as_it_is_on_its_host(hosts: Hosts):
    for name in ("web1", "web2"):
        hosts.add(name, {"systemd": {f"agent@{name}.service": {"active": "failed"}}})
    assert found(hosts.compared()) == {"agent@web1.service": ("web1",), "agent@web2.service": ("web2",)}


def test_one_host_has_what_is_wrong_with_a_file_once(hosts: Hosts):
    for name in "ab":
        hosts.add(name, {"files": {"/srv/x": file(mode="4755", capability="cap_net_raw+ep")}})
    assert [shared.hosts for shared in hosts.compared().findings] == [("a", "b")]


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"attributes": ("mode",)},
        {"direction": Direction.CHANGED, "value": {"b": {"mode": "4755"}}},
        {"direction": Direction.CHANGED, "value": {"a": {"mode": "0755"}, "b": {"mode": "4755"}}},
        {"direction": Direction.ONLY_B},
    ],
)
def test_what_is_wrong_can_be_allowed(hosts: Hosts, entry: dict[str, Any]):
    for name in "ab":
        hosts.add(name, {"files": SETUID})
    allowed = Allowance("files", "^/srv/x$", "agreed", **entry)
    fleet = hosts.compared(Rules(allow=(allowed,)))
    assert (fleet.result, fleet.suppressed) == (Result.SAME, {allowed.id: 2})


@pytest.mark.parametrize(
    "entry",
    [
        {"attributes": ("owner",)},
        {"direction": Direction.ONLY_A},
        {"value": {"b": {"mode": "2755"}}},
        {"until": dt.date(2020, 1, 1)},
    ],
)
def test_what_was_allowed_otherwise_is_found(hosts: Hosts, entry: dict[str, Any]):
    for name in "ab":
        hosts.add(name, {"files": SETUID})
    fleet = hosts.compared(Rules(allow=(Allowance("files", "^/srv/x$", "agreed", **entry),)))
    assert found(fleet) == {"/srv/x": ("a", "b")}
    assert len(fleet.problems) == 1


def test_what_a_comparison_is_allowed_is_not_found_by_itself_nor_counted_twice(hosts: Hosts):
    for name in "abc":
        hosts.add(name, {"files": SETUID if name == "c" else {}})
    allowed = Allowance("files", "^/srv/x$", "agreed", direction=Direction.ONLY_B)
    fleet = hosts.compared(Rules(allow=(allowed,)))
    assert (fleet.result, fleet.suppressed) == (Result.SAME, {allowed.id: 1})


def test_the_json_report_has_every_host_and_finding(hosts: Hosts):
    nine(hosts)
    hosts.failures["web9"] = "unreachable"
    document = json.loads(json.dumps(hosts.compared().as_json()))
    assert (document["schema"], document["result"]) == (1, "unknown")
    assert document["hosts"]["web9"] == {"status": "not-recorded", "why": "unreachable"}
    assert document["findings"][0]["hosts"] == ["web3", "web4"]
    assert set(document["findings"][0]) >= {"id", "scope", "key", "kind", "severity", "differences", "variants"}


def keys(hosts: Hosts, *contents: str, **attributes: Any) -> Fleet:
    """Hosts that differ in the content of one file."""
    for number, content in enumerate(contents):
        hosts.add(f"h{number}", {"files": {"/etc/app/id": file(hash=f"b2:{content}", **attributes), "/etc/x": file()}})
    return hosts.compared()


def test_what_no_two_of_four_hosts_agree_on_is_one_line_and_no_finding(hosts: Hosts):
    fleet = keys(hosts, *"abcd")
    assert fleet.result is Result.SAME
    assert {host.status for host in fleet.hosts} == {Status.SAME}
    (group,) = fleet.varying
    assert (group.owner, group.objects, group.why) == ("/etc/app", 1, "no two hosts agree on it")
    assert "Varies, and was not compared: 1 object" in printed(fleet)
    assert "no two hosts agree on it" in report.render(fleet)
    assert "no two hosts agree on it" in report.page(fleet)
    assert fleet.as_json()["varying"][0]["witness"] == "fleet"


@pytest.mark.parametrize("contents", ["abc", "abca", "aaab", "abcdd"])
def test_what_two_hosts_agree_on_or_three_do_not_is_a_finding(hosts: Hosts, contents: str):
    fleet = keys(hosts, *contents)
    assert found(fleet).keys() == {"/etc/app/id"}
    assert not fleet.varying


def test_sizes_may_vary_with_the_contents(hosts: Hosts):
    for number, size in enumerate((10, 10, 11, 12)):
        hosts.add(f"h{number}", {"files": {"/etc/app/id": file(hash=f"b2:{number}", size=size)}})
    assert hosts.compared().result is Result.SAME


def test_rights_and_keys_never_vary(hosts: Hosts):
    for number, mode in enumerate(("0600", "0640", "0644", "0604")):
        line = {f"root:SHA256:{number}{'x' * 42}": {"files": ["/root/.ssh/authorized_keys"]}}
        hosts.add(f"h{number}", {"files": {"/etc/app/id": file(mode=mode)}, "authorized_keys": line})
    fleet = hosts.compared()
    assert "/etc/app/id" in found(fleet)
    assert sum(shared.finding.scope == "authorized_keys" for shared in fleet.findings) >= 3
    assert not fleet.varying


@pytest.mark.parametrize(("names", "result"), [("1234", Result.SAME), ("1224", Result.DIFFERENT)])
def test_names_that_each_host_has_of_its_own_are_no_finding(hosts: Hosts, names: str, result: Result):
    for number, name in enumerate(names):
        hosts.add(f"h{number}", {"files": {"/etc/x": file(), f"/var/lib/app/run.{name}": file()}})
    assert hosts.compared().result is result


@pytest.mark.parametrize("which", range(4))
def test_a_host_with_one_more_of_such_names_is_found(hosts: Hosts, which: int):
    for number in range(4):
        more = {"/var/lib/app/run.99": file()} if number == which else {}
        hosts.add(f"h{number}", {"files": {"/etc/x": file(), f"/var/lib/app/run.{number}": file(), **more}})
    assert "/var/lib/app/run.99" in found(hosts.compared())


def test_names_are_counted_as_one_host_has_them(hosts: Hosts):
    for number in range(5):
        names = {f"/var/lib/app/run.{number}{last}": file() for last in range(3)}
        hosts.add(f"h{number}", {"files": {"/etc/x": file(), **names}})
    (group,) = hosts.compared().varying
    assert (group.objects, group.examples) == (3, tuple(f"/var/lib/app/run.0{last}" for last in range(3)))


def test_the_data_of_services_is_no_finding_on_two_hosts_either(hosts: Hosts):
    for number in range(2):
        data = file(hash=f"b2:{number}", data_of="app.service")
        hosts.add(f"h{number}", {"files": {"/var/lib/app/table": data}})
    fleet = hosts.compared()
    assert fleet.result is Result.SAME
    assert fleet.varying[0].owner == "app.service"


def test_where_nobody_looked_is_said_with_the_hosts_in_every_form(hosts: Hosts):
    docker = {"not_walked": {"/var/lib/docker": "docker"}}
    for name, meta in (("web1", docker), ("web2", docker), ("db1", {})):
        hosts.add(name, {"files": {"/etc/x": file()}}, **meta)
    reference = Reference(hosts.records["web1"])
    fleet = compare_fleet(Recording(hosts.records, {}), reference, "web1", itself="web1")
    why = "/var/lib/docker (storage of docker; --include /var/lib/docker walks it)"
    # On db1 there is nothing of the kind, but what web1 has there is not known.
    assert fleet.as_json()["not_walked"] == {why: ["web1", "web2", "db1"]}
    line = f"Not walked on web1, web2, db1: {why}."
    assert line in printed(fleet)
    assert markdown.escape(line) in report.render(fleet)
    assert line in report.page(fleet)
    assert fleet.result is Result.SAME


def test_many_hosts_are_named_by_those_that_are_left(hosts: Hosts):
    for number in range(30):
        hosts.add(f"web{number:02}", {"files": {"/srv/x": file()} if number < 3 else {}})
    reference = Reference(hosts.records["web01"])
    fleet = compare_fleet(Recording(hosts.records, {}), reference, "the host web01", itself="web01")
    assert "27 of 30 hosts: file /srv/x is only on the reference machine" in printed(fleet)
    assert "all but web00, web01, web02" in printed(fleet)


def test_reports_escape_what_a_host_sends(hosts: Hosts):
    hostile = "/etc/\x1b[31m<script>|`@everyone\n"
    for name in "abc":
        hosts.add(name, {"files": {hostile: file()} if name == "b" else {}})
    hosts.failures["d"] = "\x1b[2J <b>"
    fleet = hosts.compared()
    assert "\x1b" not in printed(fleet) + report.render(fleet)
    assert "<script>" not in report.render(fleet)
    assert "<b>" not in report.render(fleet)
    page = report.page(fleet)
    assert "\x1b" not in page
    assert hostile not in page
    assert page.count("[2J <b>") == 0


def test_markdown_keeps_its_limit(hosts: Hosts):
    hosts.add("a", {"files": {f"/srv/{number:04}/x": file() for number in range(300)}})
    hosts.add("b", {"files": {}})
    hosts.failures = {f"host-{number:04}": "unreachable: " + "x" * 50 for number in range(300)}
    text = report.render(hosts.compared(), limit=20_000)
    assert len(text.encode()) <= 20_000
    assert "more findings: see the JSON report." in text


# --- through Ansible -------------------------------------------------------------------------------------------------


@pytest.fixture
def local(tmp_path: Path, fakes: Any) -> Callable[..., Path]:
    """An inventory of hosts that are this machine, each with a program of its own in the place of python3."""
    fakes("id", "echo 0")
    fakes("hostname", 'echo "192.0.2.1 192.0.2.2 "')
    lines: list[str] = []

    def add(name: str, body: str | None) -> Path:
        program = tmp_path / f"python-of-{name}"
        if body is not None:
            program.write_text(f"#!/bin/sh\ncat >/dev/null\n{body}\n", encoding="utf-8")
            program.chmod(0o755)
        lines.append(f"{name} ansible_connection=local ansible_python_interpreter={program}\n")
        inventory = tmp_path / "inventory.ini"
        inventory.write_text(f"[web]\n{''.join(lines)}[empty]\n", encoding="utf-8")
        return inventory

    return add


def test_each_host_is_recorded_or_the_reason_is_given(local: Callable[..., Path], tmp_path: Path, tdi: Any):
    canned = tmp_path / "canned"
    record(canned, {"files": {"/etc/x": file(), "/srv": directory()}}, hostname="web").close()
    other = tmp_path / "other"
    record(other, {"files": {"/etc/x": file(mode="0600"), "/srv": directory()}}, hostname="web").close()
    for name in ("web1", "web2"):
        local(name, f"cat {canned}")
    local("web3", f"cat {other}")
    local("cut", f"head -c 200 {canned}")
    local("talks", f"echo hello; cat {canned}")
    local("fails", "echo 'no space' >&2; exit 1")
    inventory = local("bare", None)
    output = tmp_path / "out"
    ended = tdi("state", "fleet", "-i", inventory, "--output", output)
    assert ended.code == 2
    assert "2 of 7 hosts are in the state of the reference, 1 not, 4 not recorded: 1 finding." in ended.out
    assert "1 of 3 hosts: file /etc/x: mode is 0644 on the reference machine and 0600" in ended.out
    assert "Not recorded: cut: the record is not complete" in ended.out
    assert "Not recorded: talks: what it sends is not a record." in ended.out
    assert "Not recorded: fails: the collector failed with status 1: no space." in ended.out
    assert "Not recorded: bare: it has no python3" in ended.out
    assert sorted(path.name for path in (output / "records").iterdir()) == [f"web{n}.json.gz" for n in (1, 2, 3)]
    with RecordFile(output / "records" / "web1.json.gz") as kept:
        assert kept.meta["own"] == {"names": ["web1", "web1"], "addresses": ["192.0.2.1", "192.0.2.2"]}
        assert kept.meta["target"] == "web1"
    assert json.loads((output / "report.json").read_text())["result"] == "unknown"
    assert "1 of 3 hosts" in (output / "report.html").read_text()

    # One of these records, and the common state, serve as the reference of another run.
    for reference in (output / "records" / "web3.json.gz", output / "common-state.json.gz"):
        ended = tdi("state", "fleet", "-i", inventory, "--limit", "web1,web2,web3", "--reference", reference)
        assert ended.code == 1
    ended = tdi("state", "fleet", "-i", inventory, "--limit", "web1", "--reference", "web2", "--format", "json")
    assert ended.code == 0
    statuses = {name: host["status"] for name, host in json.loads(ended.out)["hosts"].items()}
    assert statuses == {"web1": "same", "web2": "reference"}


def test_groups_and_limit_are_ansible_s(local: Callable[..., Path]):
    local("web1", "")
    inventory = str(local("web2", ""))
    found_there = read_inventory([inventory])
    assert found_there.hosts == ("web1", "web2")
    assert found_there.groups["web"] == ("web1", "web2")
    assert read_inventory([inventory], "web2,!web1").hosts == ("web2",)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-i", "none.ini"), "There is no inventory none.ini."),
        (("-i", "empty.ini"), "The inventory has no hosts."),
        (("-i", "broken.yml"), "Ansible cannot read the inventory"),
        (("-i", "a,b,", "--limit", "c"), "No host of the inventory is in --limit c."),
        (("-i", "a,b,", "--reference", "c"), "The reference c is no host and no group"),
        (("-i", "a,b,", "--reference", "empty.ini"), "empty.ini is not a record"),
        (("-i", "a,"), "a is the only host"),
        (("-i", "a,b,", "--text", "etc/x"), "not anchored"),
        (("-i", "a,b,", "--include", "docker"), "no directory that can be walked"),
        (("-i", "a,b,", "--rules", "none.yml"), "none.yml"),
    ],
)
def test_bad_input_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tdi: Any, arguments: tuple[str, ...], said: str
):
    monkeypatch.chdir(tmp_path)
    Path("empty.ini").write_text("[web]\n", encoding="utf-8")
    Path("broken.yml").write_text("web: [\n", encoding="utf-8")
    ended = tdi("state", "fleet", *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert len(ended.err.strip().splitlines()) <= 2


# --- machines --------------------------------------------------------------------------------------------------------

COUNT = 10


@pytest.mark.docker
@pytest.mark.nightly
def test_a_fleet_of_containers(tmp_path: Path, tdi: Any):
    project = Project.find(Path(__file__).parent)
    run_id = lifecycle.new_run_id()
    names = [f"tdi-{run_id}-web{number}" for number in range(COUNT)]
    secret = [secrets.token_hex(8) for _ in range(3)]
    image = base_image.ensure(project).id
    options = scenario.load(project, "fresh").options
    inventory = tmp_path / "inventory.ini"
    lines = ["[web]", *names, "[web:vars]", "ansible_connection=community.docker.docker"]
    inventory.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def prepare(name: str) -> None:
        docker.run_detached(name, image, [*options, "--hostname", name], lifecycle.labels(run_id))
        docker.wait_until_booted(name)
        docker.execute(name, ["sh", "-c", f"echo {name}.example.org > /etc/mailname"])
        plant = (
            f"echo 'password = {secret[0]}' > /etc/app.conf; useradd keeper; echo 'keeper:{secret[1]}' | chpasswd; "
            f"mkdir /etc/app; printf -- '-----BEGIN PRIVATE KEY-----\\n{secret[2]}\\n' > /etc/app/key.pem"
        )
        docker.execute(name, ["sh", "-c", plant])

    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(prepare, names))
        for name in names[1:4]:
            docker.execute(name, ["sh", "-c", "echo old > /etc/old.conf"])
        docker.execute(names[4], ["chmod", "4755", "/usr/bin/base64"])
        docker.execute(names[5], ["useradd", "--uid", "1234", "backdoor"])
        docker.remove([names[9]])
        ended = tdi("state", "fleet", "-i", inventory, "--output", tmp_path / "out", "--forks", "2")
        stored = docker.execute(names[0], ["grep", "^keeper:", "/etc/shadow"]).stdout.split(":")[1]
        left = docker.execute(names[0], ["find", "/root", "/tmp", "/var/tmp", "-newer", "/etc/mailname"]).stdout
    finally:
        lifecycle.remove_run(run_id)
    assert ended.code == 2
    assert "4 of 10 hosts are in the state of the reference, 5 not, 1 not recorded: 3 findings" in ended.out
    assert f"Not recorded: {names[9]}: " in ended.out
    assert "No such container" in ended.out
    document = json.loads((tmp_path / "out" / "report.json").read_text())
    shared = {finding["key"]: finding["hosts"] for finding in document["findings"]}
    assert shared == {
        "/usr/bin/base64": [names[4]],
        "backdoor": [names[5]],
        "/etc/old.conf": names[1:4],
    }
    assert document["suppressed"]["own-names"] >= COUNT - 1
    assert validate(tmp_path / "out" / "records" / f"{names[0]}.json.gz") == []
    assert left == ""
    # Neither in the records nor in the report, the log and what was printed.
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {path.suffix for path in written} >= {".gz", ".json", ".log"}
    texts = [gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in written]
    everything = b"\n".join([*texts, ended.out.encode(), ended.err.encode()]).decode("utf-8", "replace")
    assert "keeper" in everything
    assert [word for word in [*secret, stored] if word in everything] == []


def test_nothing_is_left_of_a_run_that_is_killed_outright(tmp_path: Path):
    hanging = f"76.{os.getpid()}"
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\nexec sleep {hanging}\n")
    ssh.chmod(0o755)
    inventory = tmp_path / "inventory"
    inventory.write_text(f"[all:vars]\nansible_ssh_executable={ssh}\n[web]\nweb1\nweb2\n")
    short = tempfile.TemporaryDirectory()  # a long one is not taken
    temporary = Path(short.name)

    def hangs() -> bool:
        mark = f"sleep\0{hanging}\0".encode()
        found = (directory / "cmdline" for directory in Path("/proc").glob("[0-9]*"))
        return any(mark == file.read_bytes() for file in found if file.exists())

    def within(seconds: float, condition: Callable[[], bool]) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(OSError):  # a process may end while we look
                if condition():
                    return True
            time.sleep(0.1)
        return False

    command = [sys.executable, "-m", "tdi", "state", "fleet", "-i", str(inventory)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(temporary)})
    assert within(60, hangs)
    assert list(temporary.iterdir())
    process.kill()
    process.wait()
    assert within(15, lambda: not hangs())
    assert within(15, lambda: not list(temporary.iterdir()))
    short.cleanup()
