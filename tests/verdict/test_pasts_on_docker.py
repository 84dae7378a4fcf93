"""Verdicts from several pasts, on real machines: a role whose releases leave something behind, or not."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.docker

WRITES = """\
- name: Have the directory
  ansible.builtin.file: {{path: /etc/app, state: directory, owner: root, group: root, mode: "0755"}}

- name: Write the configuration
  ansible.builtin.copy:
    {{dest: "/etc/app/{name}.conf", content: "{{{{ app_says }}}}\\n", owner: root, group: root, mode: "0644"}}
"""

CLEANS = """
- name: Remove the configuration of former releases
  ansible.builtin.file: {path: /etc/app/first.conf, state: absent}
"""

DEFAULTS = "app_says: hello\n"
RELEASES = {
    "1.0.0": (WRITES.format(name="first"), "app_says: hello\napp_greets: nobody\n"),
    "1.1.0": (WRITES.format(name="second") + CLEANS, DEFAULTS),
    # Whoever comes from 1.0.0 keeps what only 1.1.0 removes.
    "": (WRITES.format(name="second"), DEFAULTS),
}

Verdict = dict[str, Any]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A role with two releases and a commit after them, set up for verdicts."""
    root = tmp_path_factory.mktemp("pasts") / "ansible-role-app"
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for part in ("tasks", "defaults", "meta"):
        (root / part).mkdir(parents=True)
    (root / "meta" / "main.yml").write_text("galaxy_info: {role_name: app, author: a, min_ansible_version: '2.18'}\n")
    run(root, "git", "init", "--quiet", "--initial-branch=main")
    for release, (tasks, defaults) in RELEASES.items():
        (root / "tasks" / "main.yml").write_text(tasks)
        (root / "defaults" / "main.yml").write_text(defaults)
        run(root, "git", "add", "--all")
        run(root, "git", *who, "commit", "--quiet", "--message", release or "The next one")
        if release:
            run(root, "git", "tag", release)
    run(root, sys.executable, "-m", "tdi", "init")
    return root


@pytest.fixture
def verdict(project: Path) -> Callable[..., tuple[int, str, Verdict]]:
    """The verdict on the project, with the files of pasts that are declared for it: exit code, what it said, and it."""

    def call(*options: str, **declared: str) -> tuple[int, str, Verdict]:
        directory = project / "molecule" / "upgrade" / "past"
        directory.mkdir(exist_ok=True)
        for file in directory.iterdir():
            file.unlink()
        for name, text in declared.items():
            (directory / f"{name.replace('_', '-')}.yml").write_text(text)
        done = subprocess.run(
            [sys.executable, "-m", "tdi", "verdict", *options], cwd=project, capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        file = project / "artifacts" / "verdict.json"
        assert "Traceback" not in said, said
        return done.returncode, said, json.loads(file.read_text()) if file.exists() else {}

    return call


def run(directory: Path, *words: str) -> None:
    subprocess.run(words, cwd=directory, capture_output=True, text=True, check=True)


def classes(found: Verdict) -> dict[str, str]:
    return {label: past["class"] for label, past in found["pasts"].items()}


def left_over(project: Path, past: str) -> list[str]:
    report = json.loads((project / "artifacts" / "records" / f"same-state-{past}.json").read_text())
    return [finding["key"] for finding in report["findings"]]


def test_each_release_is_a_past_and_what_one_of_them_leaves_behind_is_found(verdict, project: Path):
    code, said, found = verdict("--from", "all", "--from", "long-lived")
    assert classes(found) == {"upgrade-1.0.0": "drift", "upgrade-1.1.0": "pass", "upgrade-long-lived": "pass"}, said
    assert (code, found["class"]) == (1, "drift")
    assert (found["upgrade"]["result"], found["same_state"]) == ("pass", {"result": "different", "findings": 1})
    assert left_over(project, "1.0.0") == ["/etc/app/first.conf"]
    assert left_over(project, "long-lived") == []
    assert re.search(r"^1\.0\.0 +drift +1 +\S+, the release 1\.0\.0$", said, re.MULTILINE), said
    assert (project / "artifacts" / "records" / "same-state-1.0.0.html").is_file()
    assert (project / "artifacts" / "records" / "plan-long-lived.json").is_file()


@pytest.mark.nightly
def test_declared_pasts_have_their_settings_and_what_was_done_by_hand(verdict, project: Path):
    by_hand = """\
tdi_past:
  by_hand:
    - name: Write a page
      ansible.builtin.copy: {dest: /etc/app/by-hand.conf, content: "x", owner: root, group: root, mode: "0644"}
"""
    settings = "app_says: what it said then\napp_greets: everybody\ntdi_past: {from: 1.0.0, packages: today}\n"
    unknown = "app_shouts: true\n"
    code, said, found = verdict(by_hand=by_hand, settings=settings, unknown=unknown)
    assert classes(found) == {
        "upgrade": "pass",
        "upgrade-by-hand": "drift",
        "upgrade-settings": "drift",
        "upgrade-unknown": "could-not-run",
    }, said
    assert (code, found["class"]) == (1, "drift")
    assert left_over(project, "by-hand") == ["/etc/app/by-hand.conf"]
    assert left_over(project, "settings") == ["/etc/app/first.conf"]
    assert (
        "unknown.yml sets app_shouts, which nothing of the role as it was then"
        in found["pasts"]["upgrade-unknown"]["upgrade"]["detail"]
    )


def test_a_past_that_cannot_be_provisioned_says_why_and_one_alone_is_no_verdict(verdict):
    fails = "tdi_past:\n  by_hand:\n    - name: Do the impossible\n      ansible.builtin.command: /bin/false\n"
    code, said, found = verdict("--from", "fails", fails=fails)
    assert (code, found["class"]) == (2, "could-not-run"), said
    assert "Do the impossible" in said
    assert "Trying" not in said, "another playbook for the role would not mend it"


@pytest.mark.nightly
def test_the_way_back_is_shown_and_not_supported(verdict, project: Path):
    code, said, found = verdict("--to", "1.0.0")
    assert "A downgrade is shown, and not supported" in said
    assert (code, found["class"]) == (1, "drift"), said
    report = json.loads((project / "artifacts" / "records" / "same-state.json").read_text())
    assert [finding["key"] for finding in report["findings"]] == ["/etc/app/second.conf"]
    changed = subprocess.run(
        ["git", "status", "--porcelain", "tasks"], cwd=project, capture_output=True, text=True, check=True
    )
    assert not changed.stdout, "the checkout is not touched"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--from", "9.9.9"), "Production cannot be taken from 9.9.9"),
        (("--from", "-x"), "Production cannot be taken from -x"),
        (("--from", "7"), "Production cannot be taken from 7"),
        (("--to", "HEAD"), "does not come before HEAD"),
        (("--to", "9.9.9"), "there is no such revision"),
    ],
)
def test_what_cannot_be_found_is_said_before_anything_is_run(verdict, options: tuple[str, ...], what: str):
    code, said, _ = verdict(*options)
    assert code == 2, said
    assert what in said
    assert "converge:" not in said
