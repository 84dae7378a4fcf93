"""The plan: what a change does to one machine."""

import json
from pathlib import Path
from typing import Any

from by_hand import directory, file, of_package, package, record

from tdi.state.plan import LINES, TEXT_LINES, Plan, plan
from tdi.state.record import ScopeHeader, ScopeStatus


def planned(tmp_path: Path, **scopes: tuple[dict[str, Any], dict[str, Any]]) -> Plan:
    first = {name: pair[0] for name, pair in scopes.items()}
    second = {name: pair[1] for name, pair in scopes.items()}
    with record(tmp_path / "a", first) as before, record(tmp_path / "b", second) as after:
        return plan(before, after)


def test_a_change_that_does_nothing_says_so(tmp_path: Path):
    same = {"/etc/x": file()}
    assert list(planned(tmp_path, files=(same, same)).lines()) == ["Plan: the change does nothing to this machine."]


def test_what_comes_goes_and_changes_is_marked_and_counted(tmp_path: Path):
    made = planned(
        tmp_path,
        packages=({"x": package("1")}, {"x": package("2")}),
        files=({"/srv/gone": file()}, {"/srv/new": directory(), "/srv/new/a": file()}),
        systemd=({"x.service": {"enablement": "disabled"}}, {"x.service": {"enablement": "enabled"}}),
    )
    assert list(made.lines()) == [
        "~ packages x: 1 → 2",
        "- files /srv/gone",
        "+ files /srv/new: dir (with 1 in files)",
        "~ systemd x.service: enablement disabled → enabled",
        "Plan: 1 to add, 2 to change, 1 to remove.",
    ]


def test_a_text_is_shown_as_a_diff(tmp_path: Path):
    texts = [{"/etc/x": file(text="a\nb\nc\n")}, {"/etc/x": file(text="a\nB\nc\n", hash="b2:2")}]
    lines = list(planned(tmp_path, files=(texts[0], texts[1])).lines())
    assert lines[0] == "~ files /etc/x: content"
    assert [line.strip() for line in lines[2:6]] == ["a", "-b", "+B", "c"]


def test_a_long_diff_is_cut_and_says_so(tmp_path: Path):
    new = {"/etc/x": file(text="".join(f"{number}\n" for number in range(500)))}
    lines = list(planned(tmp_path, files=({}, new)).lines())
    assert len(lines) == TEXT_LINES + 3
    assert lines[-2].endswith(f"{501 - TEXT_LINES} more lines of the text")


def test_the_plan_of_many_long_texts_still_ends_with_its_sum(tmp_path: Path):
    new = {f"/etc/{name}": file(text="".join(f"{number}\n" for number in range(500))) for name in range(300)}
    lines = list(planned(tmp_path, files=({}, new)).lines())
    assert len(lines) < 4 * LINES
    assert lines[-2:] == ["… 200 more steps", "Plan: 300 to add, 0 to change, 0 to remove."]


def test_restarted_and_reloaded_services_are_named(tmp_path: Path):
    runs = {"kept": ["1", "10"], "restarted": ["2", "20"], "reloaded": ["3", "30"], "gone": ["4", "40"]}
    later = {"kept": ["1", "10"], "restarted": ["9", "90"], "reloaded": ["3", "90"], "new": ["5", "50"]}
    machine = {"files": {"/etc/x": file()}}
    with record(tmp_path / "a", machine, runs=runs) as before, record(tmp_path / "b", machine, runs=later) as after:
        made = plan(before, after)
    assert list(made.lines()) == [
        "! restarted: restarted",
        "! reloaded: reloaded",
        "Plan: 0 to add, 0 to change, 0 to remove.",
    ]
    assert (made.as_json()["restarted"], made.as_json()["reloaded"]) == (["restarted"], ["reloaded"])


def test_the_files_of_an_upgraded_package_are_counted_only(tmp_path: Path):
    origin = of_package("x")
    made = planned(
        tmp_path,
        packages=({"x": package("1")}, {"x": package("2")}),
        files=({"/usr/bin/x": file(origin=origin)}, {"/usr/bin/x": file(origin=origin, hash="b2:2")}),
    )
    assert next(made.lines()) == "~ packages x: 1 → 2 (with 1 in files)"


def test_a_restart_is_a_step(tmp_path: Path):
    stale = {"x.service|/usr/sbin/x": {"restart_debt": ["deleted:/usr/sbin/x"]}}
    fresh = {"x.service|/usr/sbin/x": {}}
    assert next(planned(tmp_path, processes=(stale, fresh)).lines()) == "~ processes x.service|/usr/sbin/x: restarted"
    assert "needs a restart: its program /usr/sbin/x was replaced" in next(
        planned(tmp_path, processes=(fresh, stale)).lines()
    )


def test_what_is_not_in_the_plan_is_said(tmp_path: Path):
    missing = {"files": ScopeHeader(ScopeStatus.UNAVAILABLE, "no reason")}
    with record(tmp_path / "a", {"files": {}}) as before, record(tmp_path / "b", {"files": {}}, missing) as after:
        assert list(plan(before, after).lines())[-1].startswith("Not in the plan: files")


def test_names_from_the_machine_are_made_visible(tmp_path: Path):
    new = {"/srv/a\n\x1b[31mb": file(text="\tindented\n\x1b]0;x\x07\n")}
    lines = list(planned(tmp_path, files=({}, new)).lines())
    assert all(line.isprintable() for line in lines)
    assert any(line.endswith("+   indented") for line in lines)


def test_the_form_for_programs_is_json(tmp_path: Path):
    document = json.loads(json.dumps(planned(tmp_path, files=({}, {"/srv/x": file()})).as_json()))
    assert document["add"] == 1
    assert document["steps"][0]["kind"] == "add"


def test_a_package_that_goes_and_leaves_its_configuration_is_told_in_short(tmp_path: Path):
    before = {"x": package(auto=False)}
    after = {"x": package(status="config-files", selection="deinstall")}
    assert next(planned(tmp_path, packages=(before, after)).lines()) == "~ packages x: status installed → config-files"


def test_of_a_list_is_told_what_came_and_went(tmp_path: Path):
    before, after = ({"app.service": {"dropins": paths}} for paths in (["/a", "/b"], ["/b", "/c"]))
    assert next(planned(tmp_path, systemd=(before, after)).lines()) == "~ systemd app.service: dropins - /a, + /c"


def test_a_conffile_that_the_change_deletes_does_not_hide_in_the_upgrade_of_its_package(tmp_path: Path):
    path = "/etc/x/default"
    packages = ({"x": package("1")}, {"x": package("2", conffiles={path: "missing"})})
    files = ({path: file(origin=of_package("x", "conffile"), text="a\n"), "/usr/x": file(origin=of_package("x"))}, {})
    lines = list(planned(tmp_path, packages=packages, files=files).lines())
    assert lines[0] == "~ packages x: 1 → 2 (with 1 in files)"
    assert lines[1] == f"- files {path} (with 1 in packages)"


def test_a_text_inside_of_something_else_is_told_with_its_path(tmp_path: Path):
    path = "/etc/sysctl.d/x.conf"
    setting = {"configured:net.x": {"value": "1", "file": path}}
    lines = list(planned(tmp_path, sysctl=({}, setting), files=({}, {path: file(text="net.x = 1\n")})).lines())
    assert [line.strip() for line in lines[:3]] == [
        "+ sysctl configured:net.x (with 1 in files)", f"+ {path}", "@@ -0,0 +1 @@"
    ]  # fmt: skip
