"""What an administrator, a package or an intruder does is one finding, however many objects it shows in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from by_hand import compared, directory, file, link, of_package, only_finding, package

from tdi.state.compare import Comparison
from tdi.state.finding import Finding, Kind, Severity

USER = {
    "uid": 1001,
    "gid": 1001,
    "gecos": "",
    "home": "/home/eva",
    "shell": "/bin/bash",
    "groups": [],
    "password": "$y$",
}
GROUP = {"gid": 1001, "members": [], "password": "locked"}

Pair = tuple[Mapping[str, Any], Mapping[str, Any]]


def between(tmp_path: Path, **scopes: Pair) -> Comparison:
    """Compare machines whose scopes are given as pairs."""
    a, b = ({name: dict(pair[side]) for name, pair in scopes.items()} for side in (0, 1))
    return compared(tmp_path, a, b)


def said(comparison: Comparison) -> list[tuple[str, str, Kind]]:
    """Scope, key and kind of each finding."""
    return sorted((finding.scope, finding.key, finding.kind) for finding in comparison.findings)


def only(tmp_path: Path, **scopes: Pair) -> Finding:
    """The one finding that there must be between two machines."""
    return only_finding(between(tmp_path, **scopes))


def test_a_renamed_account_is_one_change_with_its_files(tmp_path: Path):
    finding = only(
        tmp_path,
        users=({"eva": USER}, {"eve": USER}),
        groups=({"eva": GROUP}, {"eve": GROUP}),
        subids=({"subuid:eva": {"ranges": ["1:2"]}}, {"subuid:eve": {"ranges": ["1:2"]}}),
        files=({"/home/eva": directory(owner="eva", group="eva")}, {"/home/eva": directory(owner="eve", group="eve")}),
    )
    assert (finding.scope, finding.key, finding.kind) == ("users", "eve", Kind.CHANGED)
    assert "called eva on the new machine and eve on the upgraded machine" in finding.why
    assert "eva or eve" in finding.action


def test_an_account_that_got_the_number_of_another_is_not_that_one_renamed(tmp_path: Path):
    other = {**USER, "home": "/home/otto"}
    comparison = between(tmp_path, users=({"eva": USER}, {"otto": other}), groups=({"eva": GROUP}, {"otto": GROUP}))
    assert said(comparison) == [("users", "eva", Kind.ONLY_A), ("users", "otto", Kind.ONLY_B)]


def test_accounts_without_a_home_are_never_one_renamed(tmp_path: Path):
    homeless = {**USER, "home": "/nonexistent"}
    assert len(between(tmp_path, users=({"a": homeless}, {"b": homeless})).findings) == 2


def test_a_renamed_group_is_one_change_with_memberships_and_files(tmp_path: Path):
    finding = only(
        tmp_path,
        groups=({"crew": {**GROUP, "members": ["eva"]}}, {"team": {**GROUP, "members": ["eva"]}}),
        users=({"eva": {**USER, "groups": ["crew"]}}, {"eva": {**USER, "groups": ["team"]}}),
        files=({"/srv/x": directory(group="crew")}, {"/srv/x": directory(group="team")}),
    )
    assert (finding.scope, finding.key, len(finding.differences)) == ("groups", "team", 3)


def test_a_new_group_takes_the_membership_with_it_but_not_the_shell(tmp_path: Path):
    comparison = between(
        tmp_path,
        groups=({}, {"docker": {**GROUP, "gid": 900, "members": ["eva"]}}),
        users=({"eva": USER}, {"eva": {**USER, "groups": ["docker"], "shell": "/bin/sh"}}),
    )
    assert said(comparison) == [("groups", "docker", Kind.ONLY_B), ("users", "eva", Kind.CHANGED)]
    assert [finding.attributes for finding in comparison.findings if finding.scope == "users"] == [("shell",)]


@pytest.mark.parametrize(
    ("account", "shown"), [({}, "#1001"), ({"eva": {**USER, "uid": 7}}, "#1001")], ids=["removed", "renumbered"]
)
def test_files_that_an_account_left_behind_go_with_it(tmp_path: Path, account: dict[str, Any], shown: str):
    home = "/home/eva"
    finding = only(
        tmp_path, users=({"eva": USER}, account), files=({home: directory(owner="eva")}, {home: directory(owner=shown)})
    )
    assert (finding.scope, finding.key, len(finding.differences)) == ("users", "eva", 2)


def test_an_owner_that_no_account_explains_stays_a_finding(tmp_path: Path):
    comparison = between(
        tmp_path,
        users=({"eva": USER}, {"eva": {**USER, "shell": "/bin/sh"}}),
        files=({"/srv/x": file(owner="eva")}, {"/srv/x": file(owner="root")}),
    )
    assert len(comparison.findings) == 2


def test_a_home_that_was_moved_goes_with_its_account(tmp_path: Path):
    finding = only(
        tmp_path,
        users=({"eva": USER}, {"eva": {**USER, "home": "/srv/eva"}}),
        files=({"/home/eva": directory(owner="eva")}, {"/srv/eva": directory(owner="eva")}),
    )
    assert (finding.key, len(finding.differences)) == ("eva", 3)


def test_files_that_got_the_owner_s_new_group_go_with_the_account(tmp_path: Path):
    finding = only(
        tmp_path,
        users=({"eva": USER}, {"eva": {**USER, "gid": 4}}),
        files=({"/home/eva": directory(owner="eva", group="eva")}, {"/home/eva": directory(owner="eva", group="adm")}),
    )
    assert finding.attributes == ("gid",)


def test_each_of_two_new_packages_takes_its_own_dependency(tmp_path: Path):
    new = {
        "one": package(depends=["lib-one", "libc6"]),
        "lib-one": package(auto=True),
        "two": package(depends=["lib-two"]),
        "lib-two": package(auto=True),
    }
    comparison = between(tmp_path, packages=({}, new))
    assert [(finding.key, len(finding.differences)) for finding in comparison.findings] == [("one", 2), ("two", 2)]


def test_packages_of_one_source_that_stayed_old_are_one_finding(tmp_path: Path):
    def versions(version: str) -> dict[str, Any]:
        return {
            "nginx": package(version, depends=["nginx-common"]),
            "nginx-common": package(version),
            "other": package(version, depends=["nginx-common"], auto=True) if version == "2" else package("2"),
        }

    finding = only(tmp_path, packages=(versions("2"), {**versions("1"), "other": versions("2")["other"]}))
    assert (finding.key, finding.attributes) == ("nginx", ("version",))


def test_a_package_with_another_history_of_versions_stays_a_finding(tmp_path: Path):
    comparison = between(
        tmp_path,
        packages=(
            {"app": package("2", depends=["lib"]), "lib": package("7")},
            {"app": package("1", depends=["lib"]), "lib": package("6")},
        ),
    )
    assert {finding.key for finding in comparison.findings} == {"app", "lib"}


def test_what_dpkg_lost_takes_with_it_that_nobody_can_tell_pristine_files(tmp_path: Path):
    path = "/var/lib/dpkg/info/x.md5sums"
    known, unknown = (file(origin=origin) for origin in (of_package("x"), {"kind": "package", "package": "x"}))
    assert only(tmp_path, files=({path: file(), "/usr/share/x": known}, {"/usr/share/x": unknown})).key == path


UNIT = {"enablement": "static", "active": "active", "fragment": "/usr/lib/systemd/system/x.service"}


def test_a_drop_in_for_all_services_is_one_finding(tmp_path: Path):
    path = "/etc/systemd/system/service.d/x.conf"
    units = {name: {**UNIT, "fragment": f"/usr/lib/systemd/system/{name}"} for name in ("a.service", "b.service")}
    with_it = {name: {**unit, "dropins": [path], "text_hash": "2"} for name, unit in units.items()}
    debt = {"a.service|/usr/bin/a": {"arguments": [], "user": "root", "count": 1}}
    finding = only(
        tmp_path,
        systemd=(units, with_it),
        files=({}, {path: file(), path.rpartition("/")[0]: directory()}),
        processes=(debt, {key: {**value, "restart_debt": ["unit-changed"]} for key, value in debt.items()}),
    )
    assert (finding.scope, finding.key) == ("files", "/etc/systemd/system/service.d")
    assert finding.severity is Severity.SERVICE


def test_a_drop_in_of_a_template_is_a_change_of_the_template(tmp_path: Path):
    path = "/etc/systemd/system/getty@.service.d/x.conf"
    units = {"getty@.service": UNIT, "getty@tty1.service": UNIT}
    with_it = {name: {**unit, "dropins": [path], "text_hash": "2"} for name, unit in units.items()}
    assert only(tmp_path, systemd=(units, with_it), files=({}, {path: file()})).key == "getty@.service"


def test_a_unit_that_also_has_another_drop_in_stays_a_finding(tmp_path: Path):
    shared, own = "/etc/systemd/system/service.d/x.conf", "/etc/systemd/system/a.service.d/y.conf"
    comparison = between(
        tmp_path,
        systemd=({"a.service": UNIT}, {"a.service": {**UNIT, "dropins": [shared, own]}}),
        files=({}, {shared: file(), own: file()}),
    )
    assert ("systemd", "a.service", Kind.CHANGED) in said(comparison)


WANTS = "/etc/systemd/system/{}.target.wants"


def enabled(*targets: str, unit: str = "x.timer") -> dict[str, dict[str, object]]:
    """The links by which a unit is wanted by targets, with the directories that they are in."""
    return {
        **{WANTS.format(target): directory() for target in targets},
        **{f"{WANTS.format(target)}/{unit}": link(f"/etc/systemd/system/{unit}") for target in targets},
    }


@pytest.mark.parametrize(
    ("new", "old", "key"),
    [
        (("timers",), ("multi-user",), "multi-user.target.wants/x.timer"),
        (("timers", "a", "b"), ("multi-user", "b"), "multi-user.target.wants/x.timer"),
        (("timers", "multi-user"), ("multi-user",), "timers.target.wants/x.timer"),
    ],
)
def test_a_unit_that_was_not_enabled_anew_is_one_finding_that_says_so(tmp_path: Path, new, old, key):
    always = {WANTS.format("multi-user"): directory()}
    finding = only_finding(
        compared(tmp_path, {"files": {**enabled(*new), **always}}, {"files": {**always, **enabled(*old)}})
    )
    assert finding.key == f"/etc/systemd/system/{key}"
    assert "`systemctl reenable x.timer`" in finding.action


def test_two_units_that_share_a_directory_are_a_finding_each(tmp_path: Path):
    new = {**enabled("timers"), **enabled("timers", unit="y.timer")}
    old = {**enabled("multi-user"), **enabled("multi-user", unit="y.timer")}
    new[WANTS.format("multi-user")] = directory()
    findings = compared(tmp_path, {"files": new}, {"files": old}).findings
    assert {finding.key.rpartition("/")[2] for finding in findings} == {"x.timer", "y.timer"}
    assert all("reenable" in finding.action for finding in findings)
    assert len(findings) == 2


def test_two_units_that_a_new_directory_wants_are_named_in_one_finding(tmp_path: Path):
    new = {**enabled("timers"), **enabled("timers", unit="y.timer")}
    assert (
        "`systemctl reenable x.timer y.timer`" in only_finding(compared(tmp_path, {"files": new}, {"files": {}})).action
    )


def test_a_link_to_a_unit_that_is_gone_is_not_enabled_anew(tmp_path: Path):
    always = {WANTS.format("multi-user"): directory()}
    found = compared(tmp_path, {"files": always}, {"files": {**always, **enabled("multi-user")}})
    assert "reenable" not in only_finding(found).action


def test_an_edited_unit_explains_its_links_only_where_it_was_enabled_otherwise(tmp_path: Path):
    units = [{"x.timer": {**UNIT, "enablement": state}} for state in ("disabled", "enabled")]
    found = compared(tmp_path, {"files": {}, "systemd": units[0]}, {"files": enabled("timers"), "systemd": units[1]})
    assert only_finding(found).key == "x.timer"


def test_what_is_enabled_with_a_unit_goes_with_it(tmp_path: Path):
    unit = {**UNIT, "properties": {"Also": ["x.socket"], "Alias": ["dbus-x.service"]}}
    off, on = (
        {name: {**unit, "enablement": state} for name in ("x.service", "x.socket")} for state in ("disabled", "enabled")
    )
    on["dbus-x.service"] = {"enablement": "alias"}
    assert only(tmp_path, systemd=(off, on)).key == "x.service"


def test_an_init_script_goes_with_the_unit_that_systemd_makes_of_it(tmp_path: Path):
    unit = {**UNIT, "fragment": "/run/systemd/generator.late/old.service"}
    finding = only(tmp_path, systemd=({}, {"old.service": unit}), files=({}, {"/etc/init.d/old": file(mode="0755")}))
    assert finding.key == "old.service"
    assert "removes /etc/init.d/old" in finding.action


def test_a_link_goes_with_what_it_leads_to_or_through(tmp_path: Path):
    new = {
        "/opt/tool-2": directory(),
        "/opt/tool-2/bin": file(),
        "/opt/tool": link("tool-2"),
        "/usr/local/bin/tool": link("/opt/tool/bin"),
    }
    assert only(tmp_path, files=({}, new)).key == "/opt/tool-2"


def test_a_link_to_what_both_machines_have_stays_a_finding(tmp_path: Path):
    comparison = between(
        tmp_path, files=({"/srv/a": file()}, {"/srv/a": file(), "/srv/b": link("a"), "/srv/c": file()})
    )
    assert {finding.key for finding in comparison.findings} == {"/srv/b", "/srv/c"}


def test_what_pip_keeps_of_a_distribution_goes_with_it(tmp_path: Path):
    place = "/usr/local/lib/python3.13/dist-packages"
    new = {f"{place}/foo_bar": directory(), f"{place}/Foo_Bar-1.0.dist-info": directory()}
    assert only(tmp_path, files=({}, new)).key == f"{place}/foo_bar"


def test_what_was_in_a_directory_goes_with_the_file_in_its_place(tmp_path: Path):
    assert only(tmp_path, files=({"/srv/a": directory(), "/srv/a/b": file()}, {"/srv/a": file()})).key == "/srv/a"


def test_another_mirror_in_one_file_is_one_finding(tmp_path: Path):
    def sources(host: str) -> dict[str, Any]:
        keys = (f"source:deb http://{host}/debian trixie", f"source:deb http://{host}/security trixie-security")
        return {key: {"files": ["/etc/apt/sources.list"], "components": ["main"]} for key in keys}

    files = ({"/etc/apt/sources.list": file()}, {"/etc/apt/sources.list": file(hash="b2:2")})
    finding = only(tmp_path, apt=(sources("a.example.org"), sources("b.example.org")), files=files)
    assert (finding.scope, finding.kind) == ("apt", Kind.CHANGED)
    assert "a.example.org" in finding.why


def test_a_directory_of_one_package_has_that_owner(tmp_path: Path):
    gone = {
        "/usr/share/doc/x": directory(origin={"kind": "package"}),
        "/usr/share/doc/x/copyright": file(origin=of_package("x")),
    }
    finding = only(tmp_path, files=(gone, {}))
    assert (finding.owner, "package x brings it" in finding.action) == ("x", True)


def test_a_certificate_with_another_key_is_one_finding(tmp_path: Path):
    certificate = {"subject": "CN=a", "key": "/etc/tls/a.key", "fingerprint": "sha256:1"}
    files = {"/etc/tls/a.crt": file(), "/etc/tls/a.key": file(mode="0600")}
    finding = only(
        tmp_path,
        certificates=({"/etc/tls/a.crt": certificate}, {"/etc/tls/a.crt": {**certificate, "fingerprint": "sha256:2"}}),
        files=(files, {path: {**known, "hash": "b2:2"} for path, known in files.items()}),
    )
    assert (finding.scope, finding.key) == ("certificates", "/etc/tls/a.crt")
    assert "/etc/tls/a.crt and /etc/tls/a.key" in finding.action


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("deleted:/usr/bin/x", "its program /usr/bin/x was replaced or removed"),
        ("library:/usr/lib/l.so", "its library /usr/lib/l.so was replaced or removed"),
        ("script-newer:/opt/x.py", "its script /opt/x.py was written since"),
        ("configuration-newer:/etc/x", "/etc/x was written since"),
    ],
)
def test_why_a_process_should_be_restarted_is_said_in_words(tmp_path: Path, reason: str, words: str):
    process = {"arguments": ["x"], "user": "root", "count": 1}
    both = ({"x.service|/usr/bin/x": process}, {"x.service|/usr/bin/x": {**process, "restart_debt": [reason]}})
    assert words in only(tmp_path, processes=both).why


def test_a_key_that_others_may_read_stays_a_finding_beside_its_certificate(tmp_path: Path):
    certificate = {"subject": "CN=a", "key": "/etc/tls/a.key"}
    comparison = between(
        tmp_path,
        certificates=({"/etc/tls/a.crt": certificate}, {"/etc/tls/a.crt": {**certificate, "chain": 2}}),
        files=({"/etc/tls/a.key": file(mode="0600")}, {"/etc/tls/a.key": file(mode="0644")}),
    )
    assert {finding.scope for finding in comparison.findings} == {"certificates", "files"}


def test_a_directory_that_one_package_lost_is_not_another_package_s(tmp_path: Path):
    docs = {
        "/usr/share/doc/x": directory(origin={"kind": "package"}),
        "/usr/share/doc/x/copyright": file(origin=of_package("x")),
    }
    comparison = between(tmp_path, packages=({"y": package()}, {}), files=(docs, {}))
    assert {finding.key for finding in comparison.findings} == {"y", "/usr/share/doc/x"}


def test_what_a_package_s_scripts_make_goes_with_it_but_not_what_they_do_not_name(tmp_path: Path):
    comparison = between(
        tmp_path,
        packages=({}, {"mta": package(makes=["mta", "eva", "/var/log/mta", "/etc/aliases"])}),
        users=({}, {"mta": {**USER, "uid": 105}, "eva": USER, "older": {**USER, "uid": 999, "home": "/home/older"}}),
        files=(
            {},
            {"/var/log/mta": directory(), "/var/log/mta/main": file(), "/etc/aliases": file(), "/etc/other": file()},
        ),
    )
    assert {finding.key for finding in comparison.findings} == {"mta", "eva", "older", "/etc/other"}


def test_what_packages_need_and_say_of_themselves_is_no_difference(tmp_path: Path):
    known, other = package(depends=["a"], makes=["/var/lib/x"]), package(depends=["b"])
    assert not between(tmp_path, packages=({"x": known}, {"x": other})).findings


def test_packages_that_need_each_other_go_with_the_one_that_was_asked_for(tmp_path: Path):
    new = {
        "cron": package(depends=["mail-transport-agent"]),
        "base": package(auto=True, depends=["daemon"]),
        "daemon": package(auto=True, depends=["base"], provides=["mail-transport-agent"]),
        "tree": package(),
    }
    comparison = between(tmp_path, packages=({}, new))
    assert [(finding.key, len(finding.differences)) for finding in comparison.findings] == [("cron", 3), ("tree", 1)]


def test_a_unit_that_lost_its_program_goes_with_the_package(tmp_path: Path):
    program = {"/usr/sbin/web": file(origin=of_package("web"))}
    unit = {**UNIT, "properties": {"ExecStart": ["-/usr/sbin/web -g x"]}}
    finding = only(
        tmp_path,
        packages=({"web": package()}, {}),
        files=(program, {}),
        systemd=({"web.service": unit}, {"web.service": {**unit, "active": "inactive"}}),
    )
    assert finding.key == "web"


def test_a_file_that_hides_one_of_a_package_goes_with_the_setting(tmp_path: Path):
    finding = only(
        tmp_path,
        sysctl=({"configured:kernel.x": {"value": "1", "file": "/usr/lib/sysctl.d/10-x.conf"}}, {}),
        files=({}, {"/etc/sysctl.d/10-x.conf": link("/dev/null")}),
    )
    assert finding.key == "configured:kernel.x"
    assert "removes /etc/sysctl.d/10-x.conf, which hides it" in finding.action


def test_a_program_that_an_alternative_has_on_both_machines_is_not_its_matter(tmp_path: Path):
    choices = {"/usr/local/bin/vi": 1}
    comparison = between(
        tmp_path,
        alternatives=(
            {"editor": {"current": "/a", "choices": choices}},
            {"editor": {"current": "/b", "choices": choices}},
        ),
        files=({"/usr/local/bin/vi": file()}, {}),
    )
    assert len(comparison.findings) == 2


def test_a_script_that_is_no_longer_run_gets_its_mode_back(tmp_path: Path):
    path = "/etc/cron.daily/x"
    script = {"period": "daily", "runs": True}
    finding = only(
        tmp_path,
        cron=({f"script:{path}": script}, {f"script:{path}": {**script, "runs": False}}),
        files=({path: file(mode="0755")}, {path: file(mode="0644")}),
    )
    assert (finding.scope, '`mode: "0755"`' in finding.action) == ("cron", True)


def test_a_line_in_a_file_that_both_have_is_removed_from_that_file(tmp_path: Path):
    finding = only(
        tmp_path,
        system=({}, {"environment": {"values": {"X": "1"}}}),
        files=({"/etc/environment": file()}, {"/etc/environment": file(hash="b2:2")}),
    )
    assert "from /etc/environment" in finding.action


def test_an_edited_conffile_can_be_had_back_from_its_package(tmp_path: Path):
    path = "/etc/x.conf"
    edited = file(origin=of_package("x", "conffile", "modified"), hash="b2:2")
    finding = only(tmp_path, files=({path: file(origin=of_package("x", "conffile"))}, {path: edited}))
    assert "--force-confmiss x" in finding.action


@pytest.mark.parametrize(
    ("count", "more", "found"), [(5, {}, 1), (4, {}, 4), (5, {"/srv/a/kept": file()}, 5)], ids=["all", "few", "not all"]
)
def test_all_that_a_directory_held_is_one_finding(tmp_path: Path, count: int, more: dict[str, Any], found: int):
    held = {f"/srv/a/{number}": file() for number in range(count)}
    comparison = between(tmp_path, files=({"/srv/a": directory(), **held, **more}, {"/srv/a": directory(), **more}))
    assert len(comparison.findings) == found
    if found == 1:
        assert "which has 5 entries in /srv/a, and the upgraded machine none" in comparison.findings[0].why
