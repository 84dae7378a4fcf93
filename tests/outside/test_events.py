"""What the callback plugin takes from a module's result: what a task made, and what it is about."""

from typing import Any

import pytest

from tdi.outside.ansible_plugins.callback.tdi_events import _about, _made, _message, _units


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
