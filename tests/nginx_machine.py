"""A machine with the role on it, for tests of the role on a real engine: it runs the role, and says what came of it."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from conftest import ROOT
from tdi.images import base_image
from tdi.machines import lifecycle
from tdi.molecule import scenario
from tdi.outside import docker
from tdi.project import Project

PROBES = ROOT / "molecule" / "verifier" / "record.yml"


@dataclass(frozen=True)
class Ran:
    """A run of the role: whether it held, which tasks changed something, what the one said that failed."""

    code: int
    changed: list[str]
    failed: str


class Machine:
    """A machine, the role on it, and what it answers."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name, self.directory = name, directory

    def shell(self, lines: str) -> str:
        return docker.execute(self.name, ["sh", "-eu", "-c", lines]).stdout

    def get(self, url: str, *words: str) -> str:
        return self.shell(" ".join(["curl --silent --insecure --max-time 5 --include", *words, url]))

    def command(self, roles: list[dict[str, Any]], *options: str, file: str = "play") -> list[str]:
        play = {"hosts": "all", "gather_facts": False, "roles": [{"role": "nginx", **given} for given in roles]}
        playbook = self.directory / f"{file}.yml"
        playbook.write_text(yaml.safe_dump([play]))
        program = Path(sys.executable).parent / "ansible-playbook"
        where = ["-i", f"{self.name},", "-c", "docker", "-e", "ansible_python_interpreter=/usr/bin/python3"]
        return [str(program), *where, *options, str(playbook)]

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
            "ANSIBLE_HOME": str(self.directory / "home"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_PIPELINING": "1",
        }

    def run(self, *roles: dict[str, Any], options: tuple[str, ...] = ()) -> Ran:
        done = subprocess.run(
            self.command(list(roles), *options), env=self.environment, capture_output=True, text=True, check=False
        )
        tasks = [task for play in json.loads(done.stdout)["plays"] for task in play["tasks"]]
        results = [(task["task"]["name"], task["hosts"][self.name]) for task in tasks if task["hosts"]]
        changed = [name.removeprefix("nginx : ") for name, result in results if result.get("changed")]
        return Ran(done.returncode, changed, "".join(result["msg"] for _, result in results if result.get("failed")))

    def sites(self, *given: dict[str, Any], **more: Any) -> Ran:
        return self.run({"nginx_sites": list(given), **more})

    def lost(self, *given: dict[str, Any], download: bool = True) -> str:
        """What became of requests while the role ran: the report, which fails the test where one was lost."""
        large = ["--download", "/large"] if download else []
        return self._lost(self.command([{"nginx_sites": list(given)}]), *large, "--after", "3")

    def lost_between(self, first: list[dict[str, Any]], second: list[dict[str, Any]], answered: int, tls: int) -> str:
        """The same while production changes to other sites and back, again and again, until so many were answered."""
        commands = [
            self.command([{"nginx_sites": sites}], file=file) for sites, file in ((second, "second"), (first, "first"))
        ]
        both = ["sh", "-c", " && ".join(map(shlex.join, commands))]
        return self._lost(both, "--answered", str(answered), "--tls", str(tls))

    def _lost(self, command: list[str], *options: str) -> str:
        facts = docker.container_facts(self.name)["NetworkSettings"]["Networks"]
        address = next(iter(facts.values()))["IPAddress"]
        program = [sys.executable, str(ROOT / "benchmarks" / "requests_lost.py"), f"{address}:80", "/"]
        words = [*program, *options, "--", *command]
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False)
        report = done.stdout[done.stdout.rfind("}") + 1 :]
        assert done.returncode == 0, done.stdout + done.stderr
        return report

    def record(self, name: str) -> Path:
        """The record of the machine as it is now, with what the probe of nginx says it reads."""
        file = self.directory / f"{name}.json"
        words = [sys.executable, "-m", "tdi", "state", "record", f"docker://{self.name}", "-o", str(file)]
        subprocess.run([*words, "--probes", str(PROBES)], check=True, capture_output=True)
        return file

    def difference(self, before: Path) -> str:
        """What differs from a record."""
        return difference(before, self.record("after"))


def difference(first: Path, second: Path) -> str:
    """What two records differ in, as text; nothing where they do not."""
    tdi = [sys.executable, "-m", "tdi", "state", "diff", str(first), str(second)]
    done = subprocess.run(tdi, check=False, capture_output=True, text=True)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout if done.returncode else ""


@contextmanager
def new(directory: Path) -> Iterator[Machine]:
    """A machine booted from the base image, for the length of a `with` block; what it needs stands in `directory`."""
    project = Project(ROOT, directory / "artifacts")
    run_id = lifecycle.new_run_id()
    options = scenario.load(project, "fresh").options
    with lifecycle.one(f"tdi-{run_id}-role", base_image.ensure(project).id, options, run_id) as name:
        yield Machine(name, directory)
