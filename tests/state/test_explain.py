"""Differences with one cause become one finding, with the severity, the owner and the sentences that it needs."""

from pathlib import Path
from typing import Any

import pytest
from by_hand import compared, directory, file, link, of_package, only_finding, package

from tdi.state.finding import Kind, Severity

UNIT = {"enablement": "enabled", "active": "active", "fragment": "/usr/lib/systemd/system/app.service"}
USER = {"uid": 1000, "gid": 1000, "home": "/home/deploy", "shell": "/bin/bash", "groups": [], "password": "locked"}


def on_b(tmp_path: Path, **scopes: dict[str, Any]):
    """Compare an empty machine with one that has these objects."""
    return compared(tmp_path, {scope: {} for scope in scopes}, scopes)


def changed(tmp_path: Path, **scopes: tuple[dict[str, Any], dict[str, Any]]):
    """Compare machines whose scopes are given as pairs."""
    return compared(
        tmp_path, {name: pair[0] for name, pair in scopes.items()}, {name: pair[1] for name, pair in scopes.items()}
    )


def test_files_go_with_a_package_of_another_version(tmp_path: Path):
    lib = "/usr/lib/libx.so.1"
    origin = of_package("libx")
    finding = only_finding(
        changed(
            tmp_path,
            packages=({"libx": package("1")}, {"libx": package("2")}),
            files=(
                {lib: file(origin=origin), "/var/lib/dpkg/info/libx:amd64.md5sums": file()},
                {lib: file(origin=origin, hash="b2:2"), "/var/lib/dpkg/info/libx:amd64.md5sums": file(size=2)},
            ),
        )
    )
    assert (finding.scope, finding.key, finding.owner) == ("packages", "libx", "libx")
    assert len(finding.differences) == 3
    assert "1 on the new machine and 2 on the upgraded machine" in finding.why


def test_a_modified_conffile_is_never_folded(tmp_path: Path):
    conf = "/etc/x.conf"
    comparison = changed(
        tmp_path,
        packages=({"x": package("1")}, {"x": package("2")}),
        files=(
            {conf: file(origin=of_package("x", "conffile"))},
            {conf: file(origin=of_package("x", "conffile", "modified"), hash="b2:2")},
        ),
    )
    assert {finding.key for finding in comparison.findings} == {"x", conf}


def test_a_modified_program_is_not_folded_either(tmp_path: Path):
    comparison = changed(
        tmp_path,
        packages=({"x": package("1")}, {"x": package("2")}),
        files=(
            {"/usr/bin/x": file(origin=of_package("x"))},
            {"/usr/bin/x": file(origin=of_package("x", state="modified"), hash="b2:2")},
        ),
    )
    program = next(finding for finding in comparison.findings if finding.key == "/usr/bin/x")
    assert program.severity is Severity.SECURITY


def test_files_of_an_equal_package_are_findings(tmp_path: Path):
    same = {"x": package("1")}
    b = {"/usr/share/x": file(origin=of_package("x"), hash="b2:2")}
    finding = only_finding(
        changed(tmp_path, packages=(same, same), files=({"/usr/share/x": file(origin=of_package("x"))}, b))
    )
    assert (finding.key, finding.owner) == ("/usr/share/x", "x")


def test_a_new_package_is_one_finding_with_all_it_brought(tmp_path: Path):
    packaged = directory(origin={"kind": "package"})
    finding = only_finding(
        on_b(
            tmp_path,
            packages={"app": package(makes=["/var/lib/app"]), "libapp": package(auto=True)},
            files={
                "/etc/app": packaged,
                "/etc/app/app.conf": file(origin=of_package("app", "conffile")),
                "/etc/app/more.conf": file(),
                "/var/lib/app": packaged,
                UNIT["fragment"]: file(origin=of_package("app")),
                "/usr/lib/libapp.so.1": file(origin=of_package("libapp")),
                "/etc/systemd/system/multi-user.target.wants/app.service": link(UNIT["fragment"]),
            },
            systemd={"app.service": UNIT},
        )
    )
    assert (finding.key, finding.kind) == ("app", Kind.ONLY_B)
    assert len(finding.differences) == 10


def test_a_setuid_program_makes_its_package_a_matter_of_security(tmp_path: Path):
    program = file(mode="4755", origin=of_package("app"))
    finding = only_finding(on_b(tmp_path, packages={"app": package()}, files={"/usr/bin/app": program}))
    assert (finding.key, finding.severity) == ("app", Severity.SECURITY)


def test_a_removed_package_that_was_not_purged(tmp_path: Path):
    removed = package(status="config-files", selection="deinstall")
    conffile = file(origin=of_package("app", "conffile"))
    finding = only_finding(on_b(tmp_path, packages={"app": removed}, files={"/etc/app.conf": conffile}))
    assert finding.severity is Severity.LEFT_OVER
    assert "purge" in finding.action.lower()


@pytest.mark.parametrize(("change", "word"), [({"selection": "hold"}, "hold"), ({"auto": True}, "apt-mark")])
def test_hold_and_automatic_have_an_advice_of_their_own(tmp_path: Path, change: dict[str, Any], word: str):
    finding = only_finding(changed(tmp_path, packages=({"x": package()}, {"x": package(**change)})))
    assert finding.severity is Severity.CONFIGURATION
    assert word in finding.action


def test_an_edited_conffile_is_one_finding_of_the_file(tmp_path: Path):
    path = "/etc/x.conf"
    comparison = changed(
        tmp_path,
        packages=({"x": package()}, {"x": package(auto=True, conffiles={path: "modified"})}),
        files=(
            {path: file(origin=of_package("x", "conffile"))},
            {path: file(origin=of_package("x", "conffile", "modified"), hash="b2:2")},
        ),
    )
    assert {finding.key: finding.attributes for finding in comparison.findings} == {
        path: ("hash", "origin"),
        "x": ("auto",),
    }


def test_a_directory_is_told_with_the_number_of_what_is_in_it(tmp_path: Path):
    tree = {"/srv/old": directory(), "/srv/old/a": directory()} | {f"/srv/old/a/{n}": file() for n in range(20)}
    finding = only_finding(on_b(tmp_path, files=tree | {}))
    assert finding.key == "/srv/old"
    assert len(finding.differences) == 22
    assert "21 differences follow" in finding.why


def test_a_name_that_only_begins_alike_is_not_inside(tmp_path: Path):
    comparison = on_b(tmp_path, files={"/srv/old": directory(), "/srv/old-x": file(), "/srv/old!": file()})
    assert len(comparison.findings) == 3


def test_a_setuid_program_in_a_new_directory_stands_alone(tmp_path: Path):
    comparison = on_b(tmp_path, files={"/srv/old": directory(), "/srv/old/a": file(), "/srv/old/x": file(mode="4755")})
    assert [(finding.key, finding.severity) for finding in comparison.findings] == [
        ("/srv/old/x", Severity.SECURITY),
        ("/srv/old", Severity.LEFT_OVER),
    ]


def test_a_user_with_group_home_keys_and_ranges(tmp_path: Path):
    finding = only_finding(
        on_b(
            tmp_path,
            users={"deploy": USER},
            groups={"deploy": {"gid": 1000, "members": []}},
            subids={"subuid:deploy": {"ranges": ["100000:65536"]}},
            authorized_keys={"deploy:SHA256:x": {"file": "/home/deploy/.ssh/authorized_keys"}},
            files={
                "/home/deploy": directory(owner="deploy"),
                "/home/deploy/.ssh": directory(owner="deploy"),
                "/home/deploy/.ssh/authorized_keys": file(owner="deploy"),
            },
        )
    )
    assert (finding.scope, finding.key, finding.severity) == ("users", "deploy", Severity.SECURITY)
    assert len(finding.differences) == 7


def test_a_shifted_uid_is_one_finding(tmp_path: Path):
    finding = only_finding(
        changed(
            tmp_path,
            users=({"www": USER}, {"www": USER | {"uid": 1001, "gid": 1001}}),
            groups=({"www": {"gid": 1000, "members": []}}, {"www": {"gid": 1001, "members": []}}),
        )
    )
    assert finding.attributes == ("gid", "uid")
    assert "uid" in finding.action


def test_an_additional_group_is_one_finding_of_the_user(tmp_path: Path):
    finding = only_finding(
        changed(
            tmp_path,
            users=({"deploy": USER}, {"deploy": USER | {"groups": ["sudo"]}}),
            groups=({"sudo": {"gid": 27, "members": []}}, {"sudo": {"gid": 27, "members": ["deploy"]}}),
        )
    )
    assert (finding.scope, finding.attributes) == ("users", ("groups",))
    assert "has sudo only on the upgraded machine" in finding.why


WANTS = "/etc/systemd/system/multi-user.target.wants"


def test_an_enablement_link_goes_with_the_state_of_the_unit(tmp_path: Path):
    stopped = UNIT | {"enablement": "disabled", "active": "inactive"}
    finding = only_finding(
        changed(
            tmp_path,
            systemd=({"app.service": UNIT}, {"app.service": stopped}),
            files=({WANTS: directory(), f"{WANTS}/app.service": link(UNIT["fragment"])}, {}),
            listeners=({"tcp 0.0.0.0:80": {"unit": "app.service"}}, {}),
            processes=({"app.service|/usr/bin/app": {"count": 1}}, {}),
        )
    )
    assert (finding.scope, finding.key) == ("systemd", "app.service")
    assert finding.attributes == ("active", "enablement")
    assert len(finding.differences) == 5


def test_a_drop_in_goes_with_its_unit(tmp_path: Path):
    path = "/etc/systemd/system/app.service.d/old.conf"
    finding = only_finding(
        changed(
            tmp_path,
            systemd=({"app.service": UNIT}, {"app.service": UNIT | {"dropins": [path]}}),
            files=({}, {"/etc/systemd/system/app.service.d": directory(), path: file()}),
        )
    )
    assert finding.key == "app.service"
    assert path in finding.why


def test_the_link_that_masks_a_unit_goes_with_it(tmp_path: Path):
    finding = only_finding(
        changed(
            tmp_path,
            systemd=({"app.service": UNIT}, {"app.service": UNIT | {"enablement": "masked"}}),
            files=({}, {"/etc/systemd/system/app.service": link("/dev/null")}),
        )
    )
    assert finding.attributes == ("enablement",)


def test_the_owner_of_a_unit_is_the_package_of_the_unit_file(tmp_path: Path):
    files = {UNIT["fragment"]: file(origin=of_package("app"))}
    finding = only_finding(
        changed(
            tmp_path,
            files=(files, files),
            systemd=({"app.service": UNIT}, {"app.service": UNIT | {"enablement": "disabled"}}),
        )
    )
    assert finding.owner == "app"


def test_a_stale_process_goes_with_the_configuration_that_is_newer(tmp_path: Path):
    process = {"app.service|/usr/bin/app": {"count": 1}}
    stale = {"app.service|/usr/bin/app": {"count": 1, "restart_debt": ["configuration-newer:/etc/app.conf"]}}
    a, b = {"/etc/app.conf": file()}, {"/etc/app.conf": file(hash="b2:2")}
    assert only_finding(changed(tmp_path, files=(a, b), processes=(process, stale))).key == "/etc/app.conf"
    alone = only_finding(changed(tmp_path, files=(a, a), processes=(process, stale)))
    assert (alone.scope, alone.severity) == ("processes", Severity.SERVICE)
    assert "handler" in alone.action


@pytest.mark.parametrize(
    ("scope", "key", "path", "attributes"),
    [
        ("cron", "/etc/cron.d/old: * * * * * root /bin/x", "/etc/cron.d/old", {"file": "/etc/cron.d/old"}),
        ("cron", "script:/etc/cron.daily/old", "/etc/cron.daily/old", {"period": "daily"}),
        (
            "apt",
            "source:deb http://x trixie",
            "/etc/apt/sources.list.d/x.list",
            {"files": ["/etc/apt/sources.list.d/x.list"]},
        ),
        ("apt", "key:04B54C3C", "/etc/apt/trusted.gpg.d/x.asc", {"files": ["/etc/apt/trusted.gpg.d/x.asc"]}),
        ("dpkg", "leftover:/etc/x.dpkg-dist", "/etc/x.dpkg-dist", {}),
        ("dpkg", "diversion:/usr/bin/x", "/usr/bin/x.distrib", {"to": "/usr/bin/x.distrib"}),
        ("sudoers", "/etc/sudoers.d/x:ALL", "/etc/sudoers.d/x", {}),
        ("sysctl", "configured:net.ipv4.ip_forward", "/etc/sysctl.d/x.conf", {"file": "/etc/sysctl.d/x.conf"}),
        ("limits", "* hard core", "/etc/security/limits.d/x.conf", {"file": "/etc/security/limits.d/x.conf"}),
    ],
)
def test_an_entry_is_one_finding_with_the_file_it_stands_in(
    tmp_path: Path, scope: str, key: str, path: str, attributes: dict[str, Any]
):
    finding = only_finding(on_b(tmp_path, **{scope: {key: attributes}, "files": {path: file()}}))
    assert (finding.scope, finding.key) == (scope, key)
    assert len(finding.differences) == 2


def test_several_entries_of_one_file_are_one_finding(tmp_path: Path):
    path = "/etc/sysctl.d/x.conf"
    keys = {f"configured:net.x{n}": {"file": path, "value": "1"} for n in range(3)} | {"live:net.x0": {"value": "1"}}
    assert len(only_finding(on_b(tmp_path, sysctl=keys, files={path: file()})).differences) == 5


def test_a_switched_alternative_is_one_finding(tmp_path: Path):
    links = ("/etc/alternatives/editor", "/etc/alternatives/editor.1.gz")
    finding = only_finding(
        changed(
            tmp_path,
            alternatives=({"editor": {"current": "/bin/nano"}}, {"editor": {"current": "/usr/bin/vim.basic"}}),
            files=(
                {links[0]: link("/bin/nano"), links[1]: link("/usr/share/man/man1/nano.1.gz")},
                {links[0]: link("/usr/bin/vim.basic"), links[1]: link("/usr/share/man/man1/vim.1.gz")},
            ),
        )
    )
    assert (finding.scope, finding.key, len(finding.differences)) == ("alternatives", "editor", 3)


def test_a_derived_file_goes_with_what_it_is_made_of(tmp_path: Path):
    cache, library = "/etc/ld.so.cache", "/usr/local/lib/libx.so.1"
    both = changed(tmp_path, files=({cache: file()}, {cache: file(hash="b2:2"), library: file()}))
    assert only_finding(both).key == library
    alone = changed(tmp_path, files=({cache: file()}, {cache: file(hash="b2:2")}))
    assert only_finding(alone).key == cache


def test_blame_is_told_in_the_explanation(tmp_path: Path):
    b = {"files": {"/srv/old": directory(), "/srv/old/x": file()}}
    text = "the task 'Configure sites' wrote it until revision 3f2a1c0"
    comparison = compared(tmp_path, {"files": {}}, b, blame=lambda group: text if group[0].key == "/srv/old" else None)
    assert only_finding(comparison).why.endswith(f"; {text}.")


def test_what_is_on_both_machines_is_blamed_on_somebody_too(tmp_path: Path):
    a, b = {"files": {"/srv/x": file()}}, {"files": {"/srv/x": file(mode="0600")}}
    assert only_finding(compared(tmp_path, a, b, blame=lambda _: "the task writes it")).why.endswith(
        "; the task writes it."
    )


def test_a_unit_that_runs_its_former_programs_is_one_finding(tmp_path: Path):
    new = {"app.service|/bin/sh": {"count": 1}, "app.service|/bin/x": {"arguments": ["new"]}, "b.service|/bin/y": {}}
    old = {"app.service|/bin/x": {"arguments": ["old"], "restart_debt": ["configuration-newer:/etc/app"]}}
    found = changed(tmp_path, processes=(new, old)).findings
    assert sorted([each.key for each in one.differences] for one in found) == [
        ["app.service|/bin/x", "app.service|/bin/sh"], ["b.service|/bin/y"]
    ]  # fmt: skip


def test_what_does_not_hold_is_said_so_though_it_is_not_recorded(tmp_path: Path):
    unit = {"app.service": {"active": "active"}}
    b = {"app.service": {"active": "active", "need_reload": True}}
    why = only_finding(changed(tmp_path, systemd=(unit, b))).why
    assert "need reload is no on the new machine and yes on the upgraded machine" in why


def test_what_may_be_a_machines_own_can_be_allowed(tmp_path: Path):
    a, b = ({"/etc/key": file(hash=value), "/etc/text": file(hash=value, text=value)} for value in ("b2:1", "b2:2"))
    found = compared(tmp_path, {"files": a}, {"files": b}).findings
    assert [(one.key, "tdi state allow" in one.action) for one in found] == [("/etc/key", True), ("/etc/text", False)]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("deleted:/usr/sbin/x", "its program /usr/sbin/x was replaced or removed"),
        ("library:/usr/lib/x.so", "its library /usr/lib/x.so was replaced or removed"),
        ("configuration-newer:/etc/x", "/etc/x was written since"),
        ("configuration-removed:/etc/x", "something in /etc/x was removed since"),
        ("unit-changed", "its unit was changed since"),
        ("of-another-collector:/x", "of-another-collector:/x"),
    ],
)
def test_why_a_process_should_be_restarted_is_said_in_words(tmp_path: Path, reason: str, words: str):
    stale = {"processes": {"x.service|/usr/sbin/x": {"restart_debt": [reason]}}}
    found = only_finding(compared(tmp_path, {"processes": {"x.service|/usr/sbin/x": {}}}, stale))
    assert f"on the upgraded machine it is older than what it should run ({words})." in found.why


SITE = "/etc/app/sites/old"
SERVER = {"file": SITE, "listeners": ["tcp 0.0.0.0:81"], "says": {SITE: "app serves it for old.example"}}


def test_a_left_over_site_is_one_finding_that_says_what_the_service_makes_of_it(tmp_path: Path):
    finding = only_finding(
        compared(
            tmp_path,
            {"files": {}, "probes": {}, "listeners": {}},
            {
                "files": {SITE: file()},
                "probes": {f"app/server {SITE}": SERVER, f"app/response {SITE}": {"files": [SITE], "status": 200}},
                "listeners": {"tcp 0.0.0.0:81": {}},
            },
            blame=lambda _: "the task 'Configure sites' wrote it until revision 3f2a1c0 (No old site)",
        )
    )
    assert (finding.scope, finding.key, len(finding.differences)) == ("files", SITE, 4)
    assert finding.why == (
        f"file {SITE} is only on the upgraded machine; 3 differences follow from it (1 in listeners, 2 in probes); "
        "app serves it for old.example; the task 'Configure sites' wrote it until revision 3f2a1c0 (No old site)."
    )
    assert finding.action.startswith(f"Add a task that removes {SITE} (`ansible.builtin.file` with `state: absent`)")


@pytest.mark.parametrize(
    ("path", "told"),
    [("/srv/one/a/b", "app serves /srv/one"), ("/srv/one/logo", "app shows it"), ("/srv/oneself", ""), ("/x", "")],
)
def test_a_file_is_told_by_the_nearest_word_that_a_probe_has_for_it(tmp_path: Path, path: str, told: str):
    probes = {"app/x": {"says": {"/srv/one/": "app serves /srv/one", "/srv/one/logo": "app shows it"}}}
    a = {"files": {}, "probes": probes}
    finding = only_finding(compared(tmp_path, a, {"files": {path: file()}, "probes": probes}))
    assert finding.why == f"file {path} is only on the upgraded machine{told and '; '}{told}."


def test_the_machine_that_has_a_file_says_what_it_means(tmp_path: Path):
    probes = [{"app/x": {"file": SITE, "says": {SITE: f"app serves it for {name}"}}} for name in ("a", "b")]
    both = {"files": {}, "probes": probes[0]}, {"files": {SITE: file()}, "probes": probes[1]}
    assert "app serves it for b" in only_finding(compared(tmp_path, *both)).why
    swapped = {"files": {SITE: file()}, "probes": probes[0]}, {"files": {}, "probes": probes[1]}
    assert "app serves it for a" in only_finding(compared(tmp_path, *swapped)).why


def test_a_directory_names_the_file_in_it_that_means_something(tmp_path: Path):
    probes = {"app/x": {"file": "/srv/old/site", "says": {"/srv/old/site": "app serves it"}}}
    files = {"/srv/old": directory(), "/srv/old/site": file()}
    why = only_finding(compared(tmp_path, {"files": {}, "probes": {}}, {"files": files, "probes": probes})).why
    assert "app serves it (/srv/old/site)" in why


def test_two_parts_of_a_probe_may_speak_of_one_path(tmp_path: Path):
    probes = {f"app/{name}": {"says": {SITE: f"app serves it for {name}"}} for name in "ab"}
    why = only_finding(
        compared(tmp_path, {"files": {}, "probes": probes}, {"files": {SITE: file()}, "probes": probes})
    ).why
    assert "app serves it for a; app serves it for b" in why


def test_words_of_a_probe_that_changed_are_not_told_beside_what_changed_them(tmp_path: Path):
    a, b = ({"app/x": {"names": [name], "says": {SITE: f"app serves it for {name}"}}} for name in "ab")
    why = only_finding(changed(tmp_path, probes=(a, b))).why
    assert "says" not in why


@pytest.mark.parametrize("said", [None, "words", ["words"], 1])
def test_words_that_are_not_declared_as_they_must_be_are_left_alone(tmp_path: Path, said: Any):
    probes = {"app/x": {"says": said}}
    assert only_finding(
        compared(tmp_path, {"files": {}, "probes": probes}, {"files": {SITE: file()}, "probes": probes})
    )


UNIT_FILE = "/etc/systemd/system/app.service"
ABSENT = "(`ansible.builtin.file` with `state: absent`)"

LEFT_OVERS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "file": ({"files": {"/srv/x": file()}}, [f"removes /srv/x {ABSENT}", "on the new machine too"]),
    "directory": ({"files": {"/srv/x": directory()}}, [f"removes /srv/x and all that is in it {ABSENT}"]),
    "enablement": (
        {"files": {f"{UNIT_FILE}.wants/app.timer": link("/x")}},
        ["disables app.timer", "`enabled: false`"],
    ),
    "packaged file": (
        {"files": {"/usr/bin/x": file(origin=of_package("x"))}},
        ["what removed it from the new machine: the package x"],
    ),
    "package": ({"packages": {"x:amd64": package()}}, ["`name: x`, `state: absent`, `purge: true`"]),
    "configuration of a package": (
        {"packages": {"x": package(status="config-files")}},
        ["purges it", "`name: x`, `state: absent`, `purge: true`"],
    ),
    "user": ({"users": {"deploy": USER}}, ["`ansible.builtin.user` with `name: deploy`, `state: absent`)"]),
    "user with a home": (
        {"users": {"deploy": USER}, "files": {"/home/deploy": directory(owner="deploy")}},
        ["`name: deploy`, `state: absent`, `remove: true`"],
    ),
    "group": ({"groups": {"crew": {}}}, ["`ansible.builtin.group` with `name: crew`, `state: absent`"]),
    "unit": (
        {"systemd": {"app.service": UNIT | {"fragment": UNIT_FILE}}, "files": {UNIT_FILE: file()}},
        ["stops and disables app.service", f"removes {UNIT_FILE} {ABSENT}", "reload systemd"],
    ),
    "unit with a drop-in": (
        {
            "systemd": {"app.service": UNIT | {"fragment": UNIT_FILE, "dropins": [f"{UNIT_FILE}.d/x.conf"]}},
            "files": {UNIT_FILE: file(), f"{UNIT_FILE}.d": directory(), f"{UNIT_FILE}.d/x.conf": file()},
        },
        [f"removes {UNIT_FILE} and {UNIT_FILE}.d {ABSENT}"],
    ),
    "mask": ({"systemd": {"app.service": {"enablement": "masked"}}}, ["unmasks app.service", "`masked: false`"]),
    "unit without a file": ({"systemd": {"app.service": UNIT}}, ["what started it"]),
    "cron file": (
        {"cron": {"/etc/cron.d/x: * * * * * root x": {"file": "/etc/cron.d/x"}}, "files": {"/etc/cron.d/x": file()}},
        [f"removes /etc/cron.d/x {ABSENT}"],
    ),
    "cron line": (
        {"cron": {"/etc/crontab: * * * * * root x": {"file": "/etc/crontab"}}},
        ["removes the entry from /etc/crontab (`ansible.builtin.lineinfile` with `state: absent`)"],
    ),
    "cron script": (
        {"cron": {"script:/etc/cron.daily/x": {}}, "files": {"/etc/cron.daily/x": file()}},
        [f"removes /etc/cron.daily/x {ABSENT}"],
    ),
    "at job": ({"cron": {"at:a0001": {}}}, ["`atrm`"]),
    "source of apt": (
        {"apt": {"source:deb http://x sid": {"files": ["/etc/apt/x.list"]}}, "files": {"/etc/apt/x.list": file()}},
        [f"removes /etc/apt/x.list {ABSENT}"],
    ),
    "source among others": (
        {"apt": {"source:deb http://x sid": {"files": ["/etc/apt/sources.list"]}}},
        ["from /etc/apt/sources.list (`ansible.builtin.apt_repository` with `state: absent`)"],
    ),
    "sudo rule": (
        {"sudoers": {"/etc/sudoers:anna ALL": {}}},
        ["from /etc/sudoers (`ansible.builtin.lineinfile`"],
    ),
    "key": (
        {"authorized_keys": {"anna:SHA256:x": {"file": "/home/anna/.ssh/authorized_keys"}}},
        ["takes the key from anna", "`ansible.posix.authorized_key` with `user: anna`, `state: absent`"],
    ),
    "range of ids": ({"subids": {"subuid:anna": {}}}, ["the line of anna from /etc/subuid"]),
    "kernel setting": (
        {
            "sysctl": {"configured:net.x": {"file": "/etc/sysctl.d/x.conf", "value": "1"}},
            "files": {"/etc/sysctl.d/x.conf": file()},
        },
        [f"removes /etc/sysctl.d/x.conf {ABSENT}", "sets net.x back"],
    ),
    "kernel setting of now": ({"sysctl": {"live:net.x": {"value": "1"}}}, ["sets net.x on both machines"]),
    "mount": ({"mounts": {"configured:/srv/x": {}}}, ["`ansible.posix.mount` with `path: /srv/x`, `state: absent`"]),
    "alternative": ({"alternatives": {"vi": {"current": "/x/vim"}}}, ["`update-alternatives --remove vi /x/vim`"]),
    "diversion": ({"dpkg": {"diversion:/x": {"to": "/y"}}}, ["`dpkg-divert --rename --remove /x`"]),
    "stat override": ({"dpkg": {"statoverride:/x": {}}}, ["`dpkg-statoverride --remove /x`"]),
    "architecture": ({"dpkg": {"architecture:i386": {}}}, ["`dpkg --remove-architecture i386`"]),
    "answer to debconf": ({"dpkg": {"debconf:tz/area": {}}}, ["debconf-communicate tz`"]),
    "unfinished package": ({"dpkg": {"audit:x": {}}}, ["`dpkg --configure --pending`"]),
    "conflict": (
        {"dpkg": {"leftover:/etc/x.dpkg-dist": {}}, "files": {"/etc/x.dpkg-dist": file()}},
        ["let the role write /etc/x as it must be", f"removes /etc/x.dpkg-dist {ABSENT}"],
    ),
    "conflict that only the tree shows": ({"files": {"/etc/x.ucf-old": file()}}, ["the role write /etc/x as it"]),
    "limit": (
        {"limits": {"* hard core": {"file": "/etc/security/limits.conf"}}},
        ["removes it from /etc/security/limits.conf"],
    ),
    "certificate": (
        {"certificates": {"/etc/tls/x.crt": {}}, "files": {"/etc/tls/x.crt": file()}},
        [f"removes /etc/tls/x.crt {ABSENT}"],
    ),
    "socket": ({"listeners": {"tcp 0.0.0.0:81": {"unit": "app.service"}}}, ["It belongs to app.service"]),
    "process": ({"processes": {"app.service|/usr/bin/x": {}}}, ["It belongs to app.service"]),
    "process of no unit": ({"processes": {"|/usr/bin/x": {}}}, ["Find out what started it"]),
    "packet filter": ({"packet_filter": {"nft:x": {}}}, ["Add a task that removes it"]),
}


@pytest.mark.parametrize("name", LEFT_OVERS)
def test_a_left_over_comes_with_the_task_that_removes_it(tmp_path: Path, name: str):
    scopes, parts = LEFT_OVERS[name]
    action = only_finding(on_b(tmp_path, **scopes)).action
    assert [part for part in parts if part not in action] == [], action
    assert action.endswith(".")


@pytest.mark.parametrize(
    ("scope", "key", "a", "b", "part"),
    [
        ("files", "/x", file(), file(owner="a", mode="0600"), "Set mode and owner explicitly"),
        ("files", "/x", file(), file(hash="b2:2"), "write it whole"),
        ("files", "/x", link("/a"), link("/b"), "`state: link`"),
        ("files", "/x", directory(), file(), "`state: directory`"),
        ("files", "/x", file(capability="cap_net_raw=ep"), file(), "`community.general.capabilities`"),
        ("files", "/x", file(), file(capability="cap_net_raw=ep"), "`setcap -r /x`"),
        ("files", "/x", file(acl="user:a:rwx"), file(), "`ansible.posix.acl`"),
        ("files", "/x", file(), file(acl="user:a:rwx"), "`setfacl --remove-all /x`"),
        ("files", "/x", file(), file(xattrs={"user.a": "sha256:1"}), "`setfattr --remove user.a /x`"),
        (
            "files", "/usr/bin/su", file(mode="4755", origin=of_package("util-linux")),
            file(mode="0755", hardlink="/usr/bin/su", origin=of_package("util-linux")), '`mode: "4755"`',
        ),
        (
            "files", "/usr/bin/x", file(origin=of_package("x")),
            file(origin=of_package("x", state="modified"), hash="b2:2"), "reinstall the package x",
        ),
        ("packages", "x", package("1"), package("2"), "one version"),
        ("packages", "x", package(), package(status="half-configured"), "the same status"),
        ("packages", "x", package(), package(selection="hold"), "`ansible.builtin.dpkg_selections` with `name: x`"),
        ("users", "x", USER, USER | {"groups": ["sudo"]}, "`append: false`"),
        ("users", "x", USER, USER | {"password": "empty"}, "`update_password: always`"),
        ("users", "x", USER, USER | {"shell": "/bin/sh"}, "Set shell explicitly"),
        ("groups", "x", {"gid": 1}, {"gid": 2}, "Set gid explicitly"),
        ("systemd", "app.service", UNIT, UNIT | {"enablement": "disabled"}, "`enabled` and `state` of app.service"),
        ("systemd", "app.service", UNIT, UNIT | {"enablement": "masked"}, "`masked` of app.service"),
        ("systemd", "app.service", UNIT, UNIT | {"need_reload": True}, "a file of app.service changes"),
        ("systemd", "app.service", UNIT, UNIT | {"dropins": ["/x.conf"]}, f"removes /x.conf {ABSENT}"),
        ("systemd", "app.service", UNIT | {"dropins": ["/x.conf"]}, UNIT, "writes /x.conf also act on the upgraded"),
        ("systemd", "app.service", UNIT, UNIT | {"text_hash": "b2:2"}, f"write {UNIT['fragment']} whole"),
        ("processes", "app.service|/x", {}, {"restart_debt": ["program-deleted"]}, "handler restart app.service"),
        ("alternatives", "vi", {"current": "/a"}, {"current": "/b"}, "`name: vi` and `path`"),
        ("sysctl", "configured:net.x", {"value": "1"}, {"value": "2"}, "`name: net.x`"),
        ("system", "timezone", {"value": "a"}, {"value": "b"}, "`community.general.timezone`"),
        ("cron", "/etc/cron.d/x: y", {"user": "a"}, {"user": "b"}, "write /etc/cron.d/x whole"),
        ("probes", "app/x", {"value": "a"}, {"value": "b"}, "Make the role set it"),
    ],
)  # fmt: skip
def test_what_differs_comes_with_the_setting_that_makes_it_alike(
    tmp_path: Path, scope: str, key: str, a: dict[str, Any], b: dict[str, Any], part: str
):
    assert part in only_finding(changed(tmp_path, **{scope: ({key: a}, {key: b})})).action


def test_what_one_more_file_says_again_is_mended_by_removing_that_file(tmp_path: Path):
    first, second = "/etc/apt/sources.list.d/a.list", "/etc/apt/sources.list.d/b.list"
    sources = [{"source:deb https://x.org/ y": {"files": files}} for files in ([first], [first, second])]
    found = only_finding(changed(tmp_path, apt=(sources[0], sources[1]), files=({}, {second: file()})))
    assert f"Add a task that removes {second} {ABSENT}" in found.action


@pytest.mark.parametrize(
    ("scope", "key", "attributes", "part"),
    [
        ("files", "/srv/x", file(), "look for what holds it back there"),
        ("files", "/srv/x", file(), "Where no task makes it, add one that removes it."),
        ("files", "/usr/bin/x", file(origin=of_package("x")), "what removed it from the upgraded machine"),
        ("packages", "x", package(), "on the upgraded machine too (`ansible.builtin.apt` with `name: x`"),
        ("listeners", "tcp 0.0.0.0:81", {"unit": "app.service"}, "stops or configures that unit on the upgraded"),
    ],
)
def test_what_only_the_new_machine_has_is_to_be_made_on_the_other_too(
    tmp_path: Path, scope: str, key: str, attributes: dict[str, Any], part: str
):
    assert part in only_finding(changed(tmp_path, **{scope: ({key: attributes}, {})})).action


def test_a_sentence_names_the_machines_and_shortens_long_values(tmp_path: Path):
    finding = only_finding(changed(tmp_path, users=({"x": {"gecos": "a"}}, {"x": {"gecos": "b" * 500}})))
    assert "a on the new machine" in finding.why
    assert "on the upgraded machine" in finding.why
    assert len(finding.why) < 200


@pytest.mark.parametrize(
    ("path", "attributes", "severity"),
    [
        ("/usr/bin/x", {"mode": "4755"}, Severity.SECURITY),
        ("/usr/bin/x", {"capability": "cap_net_raw+ep"}, Severity.SECURITY),
        ("/etc/ssh/sshd_config.d/x.conf", {}, Severity.SECURITY),
        ("/usr/bin/x", {}, Severity.SERVICE),
        ("/etc/app/x.conf", {}, Severity.CONFIGURATION),
        ("/etc/app/x.conf.dpkg-dist", {}, Severity.LEFT_OVER),
        ("/srv/x", {}, Severity.LEFT_OVER),
    ],
)
def test_a_new_file_is_as_bad_as_where_it_is(tmp_path: Path, path: str, attributes: dict[str, Any], severity: Severity):
    assert only_finding(on_b(tmp_path, files={path: file(**attributes)})).severity is severity


@pytest.mark.parametrize(
    ("key", "severity"), [("tcp 0.0.0.0:81", Severity.SECURITY), ("tcp 127.0.0.1:81", Severity.SERVICE)]
)
def test_a_new_socket_is_worse_where_others_reach_it(tmp_path: Path, key: str, severity: Severity):
    assert only_finding(on_b(tmp_path, listeners={key: {}})).severity is severity


def test_a_setting_goes_with_the_file_it_is_kept_in(tmp_path: Path):
    zones = [f"/usr/share/zoneinfo/{zone}" for zone in ("Etc/UTC", "Europe/Berlin")]
    finding = only_finding(
        changed(
            tmp_path,
            system=({"timezone": {"value": "Etc/UTC"}}, {"timezone": {"value": "Europe/Berlin"}}),
            files=({"/etc/localtime": link(zones[0])}, {"/etc/localtime": link(zones[1])}),
        )
    )
    assert (finding.scope, finding.key) == ("system", "timezone")


def test_a_process_goes_with_the_socket_it_listens_on(tmp_path: Path):
    finding = only_finding(
        on_b(
            tmp_path,
            listeners={"tcp 0.0.0.0:8099": {"program": ["python3"]}},
            processes={"|/usr/bin/python3.13": {"count": 1}},
        )
    )
    assert finding.scope == "listeners"


def test_a_hard_link_is_told_by_its_new_name(tmp_path: Path):
    old, new = "/srv/a", "/srv/b"
    b = {old: file(hardlink=old), new: file(hardlink=old)}
    assert only_finding(changed(tmp_path, files=({old: file()}, b))).key == new


def test_a_setting_of_apt_goes_with_the_one_file_that_differs(tmp_path: Path):
    key = "config:APT::Install-Recommends"
    finding = only_finding(
        changed(
            tmp_path,
            apt=({key: {"value": "1"}}, {key: {"value": "0"}}),
            files=({}, {"/etc/apt/apt.conf.d/99x": file()}),
        )
    )
    assert finding.key == key


def test_a_new_directory_with_a_private_key_is_a_matter_of_security(tmp_path: Path):
    finding = only_finding(on_b(tmp_path, files={"/srv/tls": directory(), "/srv/tls/old.key": file()}))
    assert (finding.key, finding.severity) == ("/srv/tls", Severity.SECURITY)


def test_a_modified_conffile_in_a_new_directory_stands_alone(tmp_path: Path):
    conffile = file(origin=of_package("x", "conffile", "modified"))
    comparison = on_b(tmp_path, files={"/etc/x": directory(), "/etc/x/a": file(), "/etc/x/x.conf": conffile})
    assert {finding.key for finding in comparison.findings} == {"/etc/x", "/etc/x/x.conf"}


@pytest.mark.parametrize(
    ("key", "severity"),
    [
        ("key:04B54C3C", Severity.SECURITY),
        ("source:deb http://x trixie", Severity.SECURITY),
        ("preference:nginx release a=stable", Severity.CONFIGURATION),
    ],
)
def test_whom_apt_trusts_is_a_matter_of_security(tmp_path: Path, key: str, severity: Severity):
    assert only_finding(on_b(tmp_path, apt={key: {}})).severity is severity


@pytest.mark.parametrize(
    ("first", "second", "said", "action"),
    [
        (
            {"content": "pid of a@-.service"},
            {"content": "pid of process b"},
            "it holds the pid of a@-.service on the new machine and the pid of process b on the upgraded machine",
            "Restart what writes it",
        ),
        (
            {"content": "copy of /etc/hosts", "mode": "0600"},
            file(),
            "it holds a copy of /etc/hosts on the new machine and content of its own on the upgraded machine",
            "anew of /etc/hosts",
        ),
    ],
)
def test_what_a_file_holds_is_said_in_place_of_its_hash(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], said: str, action: str
):
    path = "/var/spool/x"
    a, b = ({"type": "file", **side} for side in (first, second))
    finding = only_finding(changed(tmp_path, files=({path: a}, {path: b})))
    assert said in finding.why
    assert "its content" not in finding.why
    assert ("mode" in finding.why) is ("mode" in first)
    assert action in finding.action
    assert finding.severity is (Severity.SECURITY if "mode" in first else Severity.CONFIGURATION)
