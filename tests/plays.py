"""Plays on this machine, for tests of the role."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml


def run(directory: Path, tasks: Sequence[Any], *, extra: Mapping[str, Any] | None = None, **keywords: Any) -> str:
    """Run tasks in `directory`, where roles may stand below `roles`, and return what Ansible printed.

    `keywords` are those of the play; `extra` are variables that go over all others. Fails the test where a task fails.
    """
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": list(tasks), **keywords}
    (directory / "play.yml").write_text(yaml.safe_dump([play]))
    words = ["--inventory", "localhost,", "--extra-vars", json.dumps(dict(extra or {})), "play.yml"]
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", *words],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": "/usr/bin:/bin",
            "ANSIBLE_HOME": str(directory / "home"),
            "HOME": str(directory),
            "LC_ALL": "C.UTF-8",
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
