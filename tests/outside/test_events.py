"""What the callback plugin takes from a module's result: what a task made, and what it is about."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tdi.outside import ansible
from tdi.outside.ansible_plugins.callback.tdi_events import _about, _condition, _made, _message, _units


def asked(**arguments: Any) -> dict[str, Any]:
    return {"invocation": {"module_args": arguments}}


@pytest.mark.parametrize(
    ("action", "values", "made"),
    [
        ("ansible.builtin.copy", {"dest": "/etc/x", "state": "file"}, ["/etc/x"]),
        ("ansible.builtin.copy", {"dest": "/etc/d/x", **asked(dest="/etc/d")}, ["/etc/d/x"]),
        ("ansible.builtin.lineinfile", asked(path="/etc/x", line="a", state="absent"), ["/etc/x"]),
        ("ansible.builtin.file", {"path": "/etc/x", "state": "absent"}, []),
        ("ansible.builtin.cron", asked(cron_file="report", name="report"), ["/etc/cron.d/report"]),
        ("ansible.builtin.command", asked(_raw_params="make x", creates="/srv/x"), ["/srv/x"]),
        ("ansible.builtin.apt_repository", {"sources_added": ["/etc/apt/x.list"]}, ["/etc/apt/x.list"]),
        ("ansible.builtin.apt", asked(name=["curl=8.*", "jq:amd64"]), ["packages:curl", "packages:jq"]),
        ("apt", asked(name="nano", state="absent"), []),
        ("ansible.builtin.user", asked(name="app", state="present"), ["users:app"]),
        ("ansible.builtin.systemd_service", asked(name="app"), ["systemd:app.service"]),
        ("ansible.builtin.systemd_service", asked(name="app.timer"), ["systemd:app.timer"]),
        ("ansible.builtin.systemd_service", asked(daemon_reload=True, name=None), []),
        ("ansible.builtin.command", {"censored": "no_log"}, []),
    ],
)  # fmt: skip
def test_what_a_task_made(action: str, values: dict[str, Any], made: list[str]):
    assert list(_made(action, values)) == made


def test_of_a_loop_only_the_items_count_that_changed():
    results = [{"changed": True, "path": "/srv/a"}, {"changed": False, "path": "/srv/b"}]
    assert list(_made("ansible.builtin.file", {"results": results})) == ["/srv/a"]


@pytest.mark.parametrize(
    ("values", "paths"),
    [
        (asked(_raw_params='date >> "/srv/x/deployed.txt"'), {"/srv/x/deployed.txt"}),
        (asked(argv=["tee", "--append", "/srv/y/log"]), {"/srv/y/log"}),
        ({"results": [asked(_raw_params="touch /srv/z"), asked(_raw_params="rm /srv/y")]}, {"/srv/z", "/srv/y"}),
        (asked(_raw_params="curl https://example.org/a/b; ls relative/path"), set()),
        ({"dest": "/etc/x/y", **asked(dest="/etc/x", mode=None)}, {"/etc/x/y"}),
        ({"censored": "no_log"}, set()),
    ],
)  # fmt: skip
def test_what_a_task_is_about(values: dict[str, Any], paths: set[str]):
    assert {path for path in _about(values) if path != "/etc/x"} == paths


@pytest.mark.parametrize(
    ("action", "values", "message", "units"),
    [
        ("ansible.builtin.systemd_service", asked(name="app"), "Unable to start service app", ["app.service"]),
        ("ansible.builtin.service", asked(name="app@1.service"), "", ["app@1.service"]),
        (
            "ansible.builtin.apt",
            asked(name="app"),
            'Job for app.service failed.\nSee "systemctl status app.service"',
            None,
        ),
        ("ansible.builtin.command", {}, "Failed to start web-app@1.service: Unit not found", ["web-app@1.service"]),
        ("ansible.builtin.command", {}, "nothing of a unit", []),
    ],
)
def test_the_units_that_a_failure_has_to_do_with(action: str, values: dict, message: str, units: list[str] | None):
    assert list(_units(action, values, message)) == (["app.service"] if units is None else units)


@pytest.mark.parametrize("variable", ["item", "__app_site"])
def test_a_failed_item_is_named_whatever_the_loop_calls_it(variable: str):
    failed = {"failed": True, "ansible_loop_var": variable, variable: "/srv/a", "msg": "is absent"}
    passed = {"failed": False, "ansible_loop_var": variable, variable: "/srv/b"}
    assert _message({"msg": "One or more items failed", "results": [passed, failed]}) == (
        "One or more items failed\nitem /srv/a: is absent"
    )


@pytest.mark.parametrize(
    ("values", "when", "told"),
    [
        ({"false_condition": "not in_container"}, ["a", "not in_container"], "not in_container"),
        ({"false_condition": False}, [False], "False"),
        ({"results": [{"skipped": True}, {"false_condition": "item"}]}, ["item"], "item"),
        ({"censored": "no_log"}, ["a", "b"], "a and b"),
        ({"results": None}, "a", "a"),
    ],
)
def test_the_condition_that_did_not_hold(values: dict[str, Any], when: Any, told: str):
    assert _condition(values, when) == told


PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars: {in_container: true}
  tasks:
    - {name: Write, ansible.builtin.debug: {}, changed_when: true, notify: [Reload, Told, Many]}
    - {name: Left out, ansible.builtin.debug: {}, when: not in_container}
  handlers:
    - {name: Reload, ansible.builtin.debug: {}, when: [true, not in_container]}
    - {name: Many, ansible.builtin.debug: {}, loop: [1, 2], when: not in_container}
    - {name: Never, ansible.builtin.debug: {}, when: not in_container}
    - {name: Restart, ansible.builtin.debug: {}, listen: Told}
"""


@pytest.mark.parametrize("strategy", ["linear", "mitogen_linear"])
def test_ansible_says_which_handlers_were_notified_and_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str
):
    monkeypatch.setenv("TDI_STRATEGY", strategy)
    monkeypatch.setattr(ansible.docker, "environment", dict)
    (tmp_path / "play.yml").write_text(PLAY)
    variables = ansible.environment(tmp_path / "home", {**ansible.FOR_MACHINES, **ansible.strategy()})
    subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "--inventory", "localhost,", tmp_path / "play.yml"],
        check=True,
        capture_output=True,
        env={**variables, "HOME": str(tmp_path), "PATH": os.environ["PATH"], "TDI_EVENTS": str(tmp_path / "events")},
    )
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    handlers = {each["task"]: each.get("when") for each in events if each.get("handler")}
    assert handlers == {"Reload": "not in_container", "Many": "not in_container", "Restart": None}
    tasks = {each["task"] for each in events if each["event"] == "result" and not each.get("handler")}
    assert tasks == {"Write", "Left out"}
