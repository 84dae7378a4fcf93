"""What a twin, a later record and the machine itself take out of a comparison, and what they leave in it."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from by_hand import NAMES, directory, file, link, only_finding, package, record

from tdi.state.compare import Comparison, Result, compare
from tdi.state.finding import MUST_DIFFER, UNSTEADY, Kind
from tdi.state.varying.taken import Witness

CONF, KEY, DATA = "/etc/app/app.conf", "/etc/app/app.key", "/var/lib/app"


def files(**objects: Any) -> dict[str, Any]:
    return {"files": objects}


def compared(
    tmp_path: Path, a: Any, b: Any, twin: Any = None, later: Any = None, booted: Any = None, **options: Any
) -> Comparison:
    """Compare new and upgraded machine, with a twin of the new one, as it is and booted, and the upgraded one later."""
    with ExitStack() as opened:

        def opens(name: str, scopes: Any) -> Any:
            return opened.enter_context(record(tmp_path / f"{name}.json", scopes, target=name, hostname=name))

        first, second = opens("a", a), opens("b", b)
        return compare(
            first,
            second,
            names=NAMES,
            twin=opens("twin", twin) if twin else None,
            later=[(second, opens("later", later))] if later else (),
            booted=opens("booted", booted) if booted else None,
            **options,
        )


def one(key: str, attributes: Any, **scopes: Any) -> Any:
    return {"files": {key: attributes}, **scopes}


def test_content_that_varies_between_new_machines_is_no_finding_and_is_listed(tmp_path: Path):
    found = compared(tmp_path, one(KEY, file(hash="b2:1")), one(KEY, file(hash="b2:2")), one(KEY, file(hash="b2:3")))
    assert found.result is Result.SAME
    (group,) = found.varying
    assert (group.witness, group.objects, group.attributes) == (Witness.TWIN, 1, ("hash",))
    assert group.examples == (KEY,)
    assert found.as_json()["varying"][0]["why"] == "it varies between two new machines"
    assert not found.suppressed


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("mode", "0666"), ("owner", "app"), ("group", "app"), ("type", "link"), ("capability", "c")],
)
def test_what_it_is_and_for_whom_counts_beside_content_that_varies(tmp_path: Path, attribute: str, value: str):
    other = file(hash="b2:2", **{attribute: value})
    finding = only_finding(
        compared(tmp_path, one(KEY, file(hash="b2:1")), one(KEY, other), one(KEY, file(hash="b2:3")))
    )
    assert attribute in finding.attributes


def test_a_size_that_does_not_vary_counts(tmp_path: Path):
    found = compared(tmp_path, one(CONF, file()), one(CONF, file(hash="b2:2", size=180)), one(CONF, file(hash="b2:3")))
    assert only_finding(found).attributes == ("size",)


def test_a_key_may_be_a_few_bytes_longer(tmp_path: Path):
    a, b, twin = (file(hash=f"b2:{number}", size=size) for number, size in ((1, 2484), (2, 2488), (3, 2484)))
    assert compared(tmp_path, one(KEY, a), one(KEY, b), one(KEY, twin)).result is Result.SAME
    assert compared(tmp_path, one(CONF, a), one(CONF, b), one(CONF, twin)).result is Result.DIFFERENT


def test_what_only_the_upgraded_machine_differs_in_is_a_finding(tmp_path: Path):
    found = compared(tmp_path, one(CONF, file()), one(CONF, file(hash="b2:2")), one(CONF, file()))
    assert only_finding(found).key == CONF
    assert not found.varying


def test_a_line_that_varies_hides_no_other_line(tmp_path: Path):
    def conf(token: str, level: str = "info") -> dict[str, Any]:
        text = f"level {level}\ntoken {token}\n"
        return file(hash=f"b2:{text}", text=text)

    words = [conf(token) for token in ("monkey", "donkey", "turkey")]
    assert compared(tmp_path, *(one(CONF, each) for each in words)).result is Result.SAME
    changed = (words[0], conf("donkey", "debug"), words[2])
    assert only_finding(compared(tmp_path, *(one(CONF, each) for each in changed))).key == CONF


def test_two_new_machines_that_differ_in_rights_are_a_finding_even_where_the_upgraded_one_agrees(tmp_path: Path):
    a, twin = one(CONF, file()), one(CONF, file(mode="0600"))
    finding = only_finding(compared(tmp_path, a, a, twin))
    assert UNSTEADY in finding.attributes
    assert "mode is 0644 on the new machine and 0600 on the twin machine" in finding.why
    assert "not steady" in finding.why
    assert only_finding(compared(tmp_path, a, twin, twin)).attributes == finding.attributes


def test_a_secret_that_each_machine_makes_for_itself_must_not_be_shared(tmp_path: Path):
    a, twin = (one(KEY, file(mode="0600", hash=f"b2:{number}")) for number in (1, 2))
    finding = only_finding(compared(tmp_path, a, a, twin))
    assert finding.attributes == (MUST_DIFFER,)
    public = one(KEY, file(hash="b2:1"))
    assert compared(tmp_path, public, public, one(KEY, file(hash="b2:2"))).result is Result.SAME


def test_names_that_vary_are_compared_as_a_set(tmp_path: Path):
    def made(*names: str, **attributes: Any) -> Any:
        return {"files": {f"{DATA}/vcl.{name}": file(**attributes) for name in names}}

    a, twin = made("1795706616.38", "1795706617.1"), made("1795706900.7", "1795706901.99")
    assert compared(tmp_path, a, made("1795707000.3", "1795707001.44"), twin).result is Result.SAME
    more = compared(tmp_path, a, made("1795707000.3", "1795707001.44", "1795707002.5"), twin)
    assert only_finding(more).kind is Kind.ONLY_B
    fewer = compared(tmp_path, a, made("1795707000.3"), twin)
    assert only_finding(fewer).kind is Kind.ONLY_A
    readable = compared(tmp_path, a, made("1795707000.3", "1795707001.44", mode="0666"), twin)
    assert readable.result is Result.DIFFERENT


def test_a_left_over_among_names_that_vary_is_found(tmp_path: Path):
    a, b, twin = ({"files": {f"{DATA}/x.{name}": file()}} for name in ("1795706616.38", "1795706700.1", "1795706800.2"))
    b["files"][f"{DATA}/old.conf"] = file()
    b["files"][f"{DATA}/x.1795706701.1"] = file(owner="app")
    found = compared(tmp_path, a, b, twin)
    assert {each.key for each in found.findings} == {f"{DATA}/old.conf", f"{DATA}/x.1795706701.1"}


def test_a_number_in_a_name_that_does_not_vary_is_not_taken_for_another(tmp_path: Path):
    a, b = one("/usr/lib/libssl.so.3", file()), one("/usr/lib/libssl.so.1", file())
    found = compared(tmp_path, a, b, a)
    assert {each.kind for each in found.findings} == {Kind.ONLY_A, Kind.ONLY_B}


def test_any_number_will_do_where_new_machines_do_not_have_as_many(tmp_path: Path):
    a, b, twin = (
        {"files": {f"{DATA}/{number}.wal": file() for number in range(first, last)}}
        for first, last in ((10, 11), (20, 25), (30, 33))
    )
    assert compared(tmp_path, a, b, twin).result is Result.SAME


def test_ports_that_vary_are_compared_by_what_listens_there(tmp_path: Path):
    def socket(name: str, program: str = "app") -> Any:
        return {"listeners": {name: {"program": [program], "unit": "app.service"}}}

    a, twin = socket("udp 127.0.0.1:40001"), socket("udp 127.0.0.1:40002")
    assert compared(tmp_path, a, socket("udp 127.0.0.1:40003"), twin).result is Result.SAME
    assert compared(tmp_path, a, socket("udp 0.0.0.0:40003"), twin).result is Result.DIFFERENT
    assert compared(tmp_path, a, socket("udp 127.0.0.1:40003", "nc"), twin).result is Result.DIFFERENT


def test_backup_copies_on_both_machines_need_no_witness(tmp_path: Path):
    def copy(stamp: str, **attributes: Any) -> Any:
        return {"files": {f"/etc/app.conf.{stamp}~": file(**attributes)}}

    a, b = copy("86.2026-11-26@15:16:20", hash="b2:1"), copy("99.2026-11-27@00:00:00", hash="b2:2")
    found = compared(tmp_path, a, b)
    assert found.result is Result.SAME
    assert found.varying[0].witness is Witness.BACKUP
    assert compared(tmp_path, {"files": {}}, b).result is Result.DIFFERENT
    assert compared(tmp_path, a, copy("99.2026-11-27@00:00:00", mode="0666")).result is Result.DIFFERENT


def test_backup_copies_that_a_second_run_adds_are_a_finding(tmp_path: Path):
    first = {"files": {"/etc/app.conf.1.2026-11-26@15:16:20~": file()}}
    second = {"files": {**first["files"], "/etc/app.conf.2.2026-11-26@15:17:20~": file()}}
    same = {"target": "docker://m", "hostname": "m"}
    with record(tmp_path / "a.json", first, **same) as once, record(tmp_path / "b.json", second, **same) as twice:
        assert only_finding(compare(once, twice)).kind is Kind.ONLY_B


def test_what_a_service_writes_is_its_data(tmp_path: Path):
    data = {"owner": "app", "data_of": "app.service"}
    a = {"files": {DATA: directory(owner="app"), f"{DATA}/table": file(hash="b2:1", **data)}}
    b = {
        "files": {
            DATA: directory(owner="app"),
            f"{DATA}/table": file(hash="b2:2", size=7, **data),
            f"{DATA}/undo001": file(**data),
        }
    }
    found = compared(tmp_path, a, b)
    assert found.result is Result.SAME
    assert [(group.owner, group.objects) for group in found.varying] == [("app.service", 2)]


def test_a_log_that_a_server_in_production_lacks_is_a_finding(tmp_path: Path):
    log = one("/var/log/app.log", file(data_of="app.service"))
    assert only_finding(compared(tmp_path, log, {"files": {}})).kind is Kind.ONLY_A
    assert compared(tmp_path, {"files": {}}, log).result is Result.SAME


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        (DATA, directory(owner="app", mode="0777")),
        (f"{DATA}/table", file(owner="app", mode="0644", data_of="app.service")),
        (f"{DATA}/table", link("/srv/table", owner="app", data_of="app.service")),
        (f"{DATA}/left-over", file(owner="root")),
    ],
)
def test_rights_types_and_what_is_not_its_own_count_among_a_services_data(tmp_path: Path, path: str, changed: Any):
    data = {"mode": "0600", "owner": "app", "data_of": "app.service"}
    machine = {DATA: directory(owner="app", mode="0700"), f"{DATA}/table": file(hash="b2:1", **data)}
    found = compared(tmp_path, {"files": machine}, {"files": {**machine, path: changed}})
    assert only_finding(found).key == path


def test_what_a_task_wrote_is_no_services_data(tmp_path: Path):
    a, b = (one(f"{DATA}/app.ini", file(hash=f"b2:{number}", data_of="app.service")) for number in (1, 2))
    assert compared(tmp_path, a, b).result is Result.SAME
    assert only_finding(compared(tmp_path, a, b, written={f"{DATA}/app.ini"})).key == f"{DATA}/app.ini"


def test_whose_data_it_is_is_no_difference(tmp_path: Path):
    a, b = one(CONF, file(data_of="app.service")), one(CONF, file())
    found = compared(tmp_path, a, b)
    assert found.result is Result.SAME
    assert not found.varying


def test_what_changes_while_nobody_acts_is_no_finding(tmp_path: Path):
    a, b, later = (one(f"{DATA}/state", file(hash=f"b2:{number}")) for number in (1, 2, 3))
    found = compared(tmp_path, a, b, later=later)
    assert found.result is Result.SAME
    assert found.varying[0].witness is Witness.LATER
    assert compared(tmp_path, a, b, later=b).result is Result.DIFFERENT


def test_what_comes_by_itself_is_no_finding_below_var_only(tmp_path: Path):
    for path, result in ((f"{DATA}/lock", Result.SAME), ("/etc/cron.d/lock", Result.DIFFERENT)):
        none = {"files": {}}
        assert compared(tmp_path, none, one(path, file()), later=none).result is result


@pytest.mark.parametrize(
    ("scope", "first", "second", "third"),
    [
        ("users", {"app": {"shell": "/bin/sh"}}, {"app": {"shell": "/bin/bash"}}, {"app": {"shell": "/bin/zsh"}}),
        ("packages", {"app": package("1")}, {"app": package("2")}, {"app": package("3")}),
        (
            "authorized_keys",
            {"root:SHA256:bLWTmy1UeBQ": {}},
            {"root:SHA256:sPGBovb9MqA": {}},
            {"root:SHA256:UeaEwnLdm0b": {}},
        ),
        ("probes", {"p": {"value": "1"}}, {"p": {"value": "2"}}, {"p": {"value": "3"}}),
    ],
)
def test_who_may_do_what_and_what_was_declared_never_varies(
    tmp_path: Path, scope: str, first: Any, second: Any, third: Any
):
    found = compared(tmp_path, {scope: first}, {scope: second}, {scope: third})
    assert found.result is Result.DIFFERENT
    assert not found.varying


def test_arguments_of_a_process_may_name_what_varies_and_nothing_else(tmp_path: Path):
    def process(*arguments: str) -> Any:
        return {"processes": {"app.service|app": {"arguments": list(arguments), "count": 1, "user": "app"}}}

    a, twin = process("app --id monkey", "app: helper"), process("app --id donkey", "app: helper")
    assert compared(tmp_path, a, process("app --id turkey", "app: helper"), twin).result is Result.SAME
    assert compared(tmp_path, a, process("app --id turkey", "app: debug"), twin).result is Result.DIFFERENT


def started(active: str = "active", **processes: Any) -> Any:
    """A machine with a unit, and the processes that are there because of it."""
    unit = {"enablement": "static", "active": active}
    return {"systemd": {"app.socket": unit}, "processes": {f"app.socket|{name}": of for name, of in processes.items()}}


def test_what_a_new_machine_is_after_its_next_boot_is_no_drift(tmp_path: Path):
    new, upgraded = started("inactive"), started(app={"count": 1, "user": "app"})
    found = compared(tmp_path, new, upgraded, twin=new, booted=upgraded)
    assert found.result is Result.SAME
    assert {(group.scope, group.witness) for group in found.varying} == {
        ("systemd", Witness.BOOT),
        ("processes", Witness.BOOT),
    }
    assert "next boot" in found.varying[0].why


@pytest.mark.parametrize(
    "booted",
    [
        started("inactive"),  # a boot changes nothing
        started("failed"),  # it does, but not to what production is
        None,
    ],
)
def test_what_a_boot_does_not_explain_is_drift(tmp_path: Path, booted: Any):
    new, upgraded = started("inactive"), started()
    finding = only_finding(compared(tmp_path, new, upgraded, twin=new, booted=booted))
    assert (finding.scope, finding.attributes) == ("systemd", ("active",))


def test_a_boot_explains_nothing_but_what_is_started(tmp_path: Path):
    # After a boot no process is older than what it runs; that one is in production is a fault all the same.
    old = {"count": 1, "user": "app", "restart_debt": ["unit-changed"]}
    new, upgraded = started(app={"count": 1, "user": "app"}), started(app=old)
    for twin, booted in ((new, new), (upgraded, new)):
        finding = only_finding(compared(tmp_path, upgraded, new, twin=twin, booted=booted))
        assert finding.attributes == ("restart_debt",)


def test_the_json_report_lists_what_varies_by_owner(tmp_path: Path):
    a, b, twin = (
        {"files": {f"/etc/app/{name}": file(hash=f"b2:{number}") for name in "abcdefg"}} for number in (1, 2, 3)
    )
    document = json.loads(json.dumps(compared(tmp_path, a, b, twin).as_json()))
    assert document["varying"] == [
        {
            "owner": "/etc/app",
            "witness": "twin",
            "scope": "files",
            "objects": 7,
            "attributes": ["hash"],
            "examples": [f"/etc/app/{name}" for name in "abcde"],
            "why": "it varies between two new machines",
        }
    ]
