"""Whether content looks at the other hosts of its play; in doubt it does."""

from pathlib import Path

import pytest

from conftest import ROOT
from tdi.content import together


@pytest.mark.parametrize(
    "text",
    [
        "- command: id\n  run_once: true\n",
        "- debug: {msg: \"{{ hostvars['a'].b }}\"}\n",
        "- debug: {msg: \"{{ groups['web'] }}\"}\n",
        "- debug: {msg: '{{ groups.web }}'}\n",
        "- debug: {msg: '{{ groups | dict2items }}'}\n",
        "- debug: {msg: '{{ ansible_play_hosts_all | length }}'}\n",
        "- command: id\n  delegate_to: localhost\n",
        "- local_action: command id\n",
        "- add_host: {name: x}\n",
        "- group_by: {key: x}\n",
        "- hosts: all\n  serial: 1\n",
        "- serial: 1\n  hosts: all\n",
        "- hosts: all\n  strategy: free\n",
        "- hosts: all\n  connection: local\n",
        "- hosts: all\n  any_errors_fatal: true\n",
        "- hosts: all\n  max_fail_percentage: 10\n",
        "- command: id\n  throttle: 1\n",
        "{% for host in play_hosts %}{% endfor %}\n",
    ],
)
def test_what_depends_on_other_hosts_is_seen(tmp_path: Path, text: str):
    file = tmp_path / "tasks" / "main.yml"
    file.parent.mkdir()
    file.write_text(text)
    assert together.looks_at_other_hosts([file])
    assert together.looks_at_other_hosts([tmp_path])


@pytest.mark.parametrize(
    "text",
    [
        "- user: {name: a, groups: [sudo]}\n",
        "- user:\n    groups: web\n",
        "- debug: {msg: '{{ nginx_groups | join }}'}\n",
        "- template: {src: hosts.j2}\n  notify: reorder\n",
        "- uri: {url: x, serialize: true}\n",
        "- hosts: all\n  tasks: []\n",
    ],
)
def test_what_only_looks_like_it_is_passed_over(tmp_path: Path, text: str):
    (tmp_path / "main.yml").write_text(text)
    assert not together.looks_at_other_hosts([tmp_path])


@pytest.mark.parametrize(
    ("name", "seen"),
    [("a.j2", True), ("a.yaml", True), ("a.py", True), ("README.md", False), ("a.bin", False), ("LICENSE", False)],
)
def test_only_what_ansible_reads_counts(tmp_path: Path, name: str, *, seen: bool):
    (tmp_path / name).write_text("{{ hostvars }}\n")
    assert together.looks_at_other_hosts([tmp_path]) is seen


def test_files_that_are_gone_or_no_text_are_no_trouble(tmp_path: Path):
    (tmp_path / "link.yml").symlink_to("gone.yml")
    (tmp_path / "a.yml").write_bytes(b"\xff\xfe")
    (tmp_path / "directory.yml").mkdir()
    assert not together.looks_at_other_hosts([tmp_path, tmp_path / "gone", tmp_path / "gone.yml"])


def test_the_role_of_this_repository_does_not():
    assert not together.looks_at_other_hosts([ROOT / "roles"])
