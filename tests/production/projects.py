"""A role that is as small as one can be, so that a generation of production costs little; and verdicts on it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WHO = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")

CONVERGE = "---\n- name: Converge\n  hosts: all\n  gather_facts: false\n  roles:\n    - role: greeting\n"
TASKS = """\
---
- name: Say which version this is
  ansible.builtin.copy:
    content: "version {version}\\n"
    dest: /etc/greeting
    owner: root
    group: root
    mode: "0644"
"""
TESTS = """\
def test_greeting(host):
    assert host.file("/etc/greeting").content_string.startswith("version ")
"""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str
    json: Any


@dataclass(frozen=True)
class Tiny:
    """The project of the role, and its production in `repository`."""

    root: Path
    repository: str
    inside: tuple[str, ...] = ()
    """The words before a command that is to run in another network."""

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *WHO, *words], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, version: int) -> str:
        """The role at another version; the commit's id."""
        (self.root / "tasks" / "main.yml").write_text(TASKS.format(version=version), encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", f"version {version}")
        return self.git("rev-parse", "HEAD")

    def environment(self, **variables: str) -> dict[str, str]:
        return {**os.environ, "TDI_REGISTRY": self.repository, **variables}

    def command(self, *words: str, prelude: str = "") -> list[str]:
        """The words of a command; `prelude` is Python that comes before it."""
        return [*self.inside, sys.executable, "-c", f"{prelude}\nfrom tdi.cli import main\nmain()", *words]

    def tdi(self, *words: str, code: int | None = 0, prelude: str = "", **variables: str) -> Done:
        """Run the command line in the project, and hold it to its exit code."""
        file = self.root / "artifacts" / "said.json"
        file.unlink(missing_ok=True)
        extra = ["--json", str(file)]
        done = subprocess.run(
            self.command(*words, *extra, prelude=prelude),
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            env=self.environment(**variables),
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        said = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
        return Done(done.returncode, done.stdout, done.stderr, said)

    def built(self, **variables: str) -> str:
        """The id of what production is without a registry."""
        words = self.command("production", "build", "--print-id")
        done = subprocess.run(
            words,
            cwd=self.root,
            capture_output=True,
            text=True,
            check=True,
            env=self.environment(TDI_REGISTRY="", **variables),
        )
        return done.stdout.strip()

    def passing(self, production: str, **other: Any) -> None:
        """A verdict as `tdi verdict` writes one, where a test is about what comes after it."""
        provenance = {"revision": self.git("rev-parse", "HEAD"), "production_id": production}
        said = {"class": "pass", "platform": os.environ["TDI_PLATFORM"], "provenance": provenance, **other}
        (self.root / "artifacts").mkdir(exist_ok=True)
        (self.root / "artifacts" / "verdict.json").write_text(json.dumps(said), encoding="utf-8")


def tiny(directory: Path, repository: str, inside: tuple[str, ...] = ()) -> Tiny:
    """The project, set up by `tdi init`, with one commit."""
    root = directory / "greeting"
    (root / "tasks").mkdir(parents=True)
    (root / "meta").mkdir()
    (root / "meta" / "main.yml").write_text("---\ngalaxy_info: {role_name: greeting, namespace: a}\n", encoding="utf-8")
    made = Tiny(root, repository, inside)
    made.git("init", "--quiet", "--initial-branch=main")
    (root / "tasks" / "main.yml").write_text(TASKS.format(version=0), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "tdi", "init"], cwd=root, check=True, capture_output=True)
    (root / "molecule" / "fresh" / "converge.yml").write_text(CONVERGE, encoding="utf-8")
    (root / "molecule" / "verifier" / "test_example.py").write_text(TESTS, encoding="utf-8")
    made.commit(0)
    return made
