"""Runs the workflows with `act` on this machine: jobs, needs, conditions, matrices and scripts are the real ones.

What the scripts call only pretends, and notes how it was called; so do the actions of others. `python` is the real one.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from runners import ROOT

DIGEST = f"sha256:{'5' * 64}"
"""Of the image that the registry has and that is published."""

REPOSITORY = "https://github.com/Some-Owner/The.Repo"

TOKEN = "a-token-that-nobody-may-see"

_MAKE = "mkdir -p .venv/bin && echo 'PATH={here}/programs:$PATH' > .venv/bin/activate"
_TDI = """
mkdir -p artifacts/mutants
case "$*" in
"production history --json "*)
  [ -e "{here}/has/$TDI_PLATFORM" ] || {{ echo "tdi: no such repository" >&2; exit 2; }}
  repository=$(echo "$TDI_REGISTRY" | sed "s,{{platform}},$TDI_PLATFORM,")
  printf '{{"repository": "%s", "generations": [%s]}}' "$repository" "$(cat "{here}/has/$TDI_PLATFORM")" > "$4" ;;
"production publish"*)
  for file; do :; done
  printf '{{"digest": "{digest}", "result": "published"}}' > "$file" ;;
"mutants --shard "*)
  echo "$*" > artifacts/mutants/results.jsonl ;;
"mutants merge "*)
  shift 2; cat "$@" > artifacts/mutants/summary.md ;;
"state diff"*)
  cat "$3" "$4" && echo "the comparison" ;;
esac
"""
_MOLECULE = """
[ ! -e {here}/broken ] || exit 1
mkdir -p artifacts/records && echo "$TDI_PLATFORM $TDI_PAST" > "artifacts/records/$3.json"
touch "artifacts/junit-$3.xml"
"""
_DOCKER = 'printf "password: %s\\n" "$(cat)" >> {here}/passwords'
_PYTHON = """
case "$*" in
"-m tdi.ci legs"|"-c "*|"-m flit_core.wheel"*) PYTHONPATH={source} exec {real} "$@" ;;
"-m venv "*) mkdir -p "$3/bin" && ln -sf {here}/programs/python "$3/bin/python" ;;
"-m pip "*) ln -sf {here}/programs/tdi "${{0%/*}}/tdi" ;;
"-m tdi.ci class") echo pass ;;
esac
"""
_PROGRAMS = {
    "make": _MAKE,
    "tdi": _TDI,
    "molecule": _MOLECULE,
    "docker": _DOCKER,
    "python": _PYTHON,
    "go": 'echo "{here}/go"',
    "gh": '[ "$1 $2" != "release view" ]',
    "ansible-galaxy": "",
}

_ACTIONS = {
    "actions/checkout": ":",
    "actions/setup-python": 'echo "python-path={here}/programs/python" >> "$GITHUB_OUTPUT"',
    "actions/upload-artifact": (
        'to="{here}/kept/$NAME/"; mkdir -p "$to"; for path in $PATHS; do cp -r "$path" "$to" || :; done'
    ),
    "actions/download-artifact": (
        'mkdir -p "$PATHS"; [ -z "$PATTERN" ] || cp -r "{here}/kept/"$PATTERN "$PATHS/"; '
        '[ -z "$NAME" ] || cp -r "{here}/kept/$NAME/"*/. "$PATHS/"'
    ),
    "actions/attest-build-provenance": 'echo "$SUBJECT@$DIGEST" >> "{here}/attested"',
}


@dataclass(frozen=True)
class Call:
    """A call of a program that pretends."""

    words: str
    environment: dict[str, str]
    """What of TDI_ and of credentials was set for it."""


@dataclass
class Forge:
    """A scratch clone of this project on a forge, a registry that has images, and what came of the workflows."""

    here: Path
    source: bool = False
    """Whether the clone has the source of the tool: a job takes a copy of the clone each time."""
    ref: str = "refs/heads/main"
    secrets: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Of a workflow that is started by hand."""
    said: str = ""

    def __post_init__(self) -> None:
        """Make the clone, and the programs."""
        for name in ("programs", "has", "kept", "actions", "home"):
            (self.here / name).mkdir(parents=True)
        words = {"here": self.here, "source": ROOT / "src", "real": sys.executable, "digest": DIGEST}
        # In one piece, for several write at the same time.
        seen = '$(env | grep -E "^(TDI_|ANSIBLE_GALAXY_|GH_)")'
        note = f'printf "%s\\n%s\\n\\n" "${{0##*/}} $*" "{seen}" >> {self.here}/calls'
        for name, body in _PROGRAMS.items():
            file = self.here / "programs" / name
            file.write_text(f"#!/bin/sh\n{note}\n{body.format(**words)}\n", encoding="utf-8")
            file.chmod(0o755)
        self.clone = self.here / "clone"
        for part in (".github", "molecule", "roles", *(("src",) if self.source else ())):
            shutil.copytree(ROOT / part, self.clone / part, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("action.yml", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, self.clone)
        publish = self.clone / ".github" / "workflows" / "publish.yml"
        # act does not know it yet.
        publish.write_text(publish.read_text(encoding="utf-8").replace("      queue: max\n", ""), encoding="utf-8")
        self._git("init", "--quiet", "--initial-branch=main")
        self._git("remote", "add", "origin", REPOSITORY)
        subprocess.run(["git", "init", "--quiet", "--bare", self.pushed], check=True)
        self._git("config", f"url.{self.pushed}.pushInsteadOf", REPOSITORY)
        self._git("add", "--all")
        self._git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", "a commit")

    def _git(self, *words: str) -> None:
        subprocess.run(["git", *words], cwd=self.clone, check=True, capture_output=True)

    @property
    def pushed(self) -> Path:
        """The repository that gets what is pushed."""
        return self.here / "pushed.git"

    def breaks(self) -> None:
        """Let every scenario fail."""
        (self.here / "broken").touch()

    def has(self, *platforms: str) -> None:
        """Let the registry have an image for these platforms."""
        for platform in platforms:
            (self.here / "has" / platform).write_text(f'{{"digest": "{DIGEST}"}}', encoding="utf-8")

    def runs(self, workflow: str, event: str = "push", job: str | None = None) -> dict[str, list[str]]:
        """Run a workflow, or one job of it with what it needs; return the results of each job's legs."""
        payload: dict[str, Any] = {
            "ref": self.ref,
            "inputs": dict(self.inputs),
            "repository": {"default_branch": "main"},
        }
        if event == "pull_request":
            payload["pull_request"] = {"number": 7, "head": {"ref": "theirs"}, "base": {"ref": "main"}}
        (self.here / "event.json").write_text(json.dumps(payload), encoding="utf-8")
        words = ["act", event, "--json", "--platform", "ubuntu-24.04=-self-hosted", "--action-offline-mode"]
        words += ["--eventpath", str(self.here / "event.json"), "--workflows", f".github/workflows/{workflow}"]
        words += ["--secret", f"GITHUB_TOKEN={TOKEN}", "--concurrent-jobs", "2"]
        words += [word for name, value in self.secrets.items() for word in ("--secret", f"{name}={value}")]
        words += [word for name, value in self.inputs.items() for word in ("--input", f"{name}={value}")]
        words += [*(("--job", job) if job else ()), *self._stand_ins()]
        done = subprocess.run(
            words,
            cwd=self.clone,
            env={
                "PATH": f"{self.here}/programs:{os.environ['PATH']}",
                "HOME": str(self.here / "home"),
                "DOCKER_HOST": "unix:///nowhere",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        self.said = done.stdout
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        found: dict[str, list[str]] = {}
        for each in events:
            if "jobResult" in each:
                found.setdefault(each["jobID"], []).append(each["jobResult"])
        assert found, done.stdout
        return found

    def commands(self, command: str) -> list[tuple[dict[str, str], str]]:
        """The properties and messages of the workflow commands of a kind, as the runner understood them."""
        events = [json.loads(line) for line in self.said.splitlines() if line.startswith("{")]
        return [(each.get("kvPairs") or {}, each["arg"]) for each in events if each.get("command") == command]

    @property
    def summaries(self) -> str:
        """All that was written to summaries of jobs."""
        events = [json.loads(line) for line in self.said.splitlines() if line.startswith("{")]
        return "".join(each["content"] for each in events if each.get("command") == "summary")

    def calls(self, start: str) -> list[Call]:
        """The calls that begin with these words, in their order."""
        file = self.here / "calls"
        blocks = file.read_text(encoding="utf-8").split("\n\n") if file.exists() else []
        return [call for block in blocks if (call := _call(block)).words.startswith(start)]

    @property
    def kept(self) -> set[str]:
        """What was uploaded."""
        return {directory.name for directory in (self.here / "kept").iterdir()}

    def _stand_ins(self) -> Iterator[str]:
        """The options that put something in the place of each action of others."""
        for step in _uses():
            used = step["uses"]
            name = used.partition("@")[0]
            directory = self.here / "actions" / name.rpartition("/")[2]
            directory.mkdir(exist_ok=True)
            inputs = {
                "NAME": "name",
                "PATTERN": "pattern",
                "PATHS": "path",
                "SUBJECT": "subject-name",
                "DIGEST": "subject-digest",
            }
            (directory / "action.yml").write_text(
                yaml.safe_dump(
                    {
                        "name": used,
                        "description": "Pretends.",
                        "inputs": {
                            each: {"description": "Taken as it is.", "required": False}
                            for each in {*step.get("with", {}), *inputs.values()}
                        },
                        "outputs": {
                            "python-path": {"description": "Python.", "value": "${{ steps.do.outputs.python-path }}"}
                        },
                        "runs": {
                            "using": "composite",
                            "steps": [
                                {
                                    "id": "do",
                                    "shell": "bash",
                                    "env": {key: f"${{{{ inputs.{value} }}}}" for key, value in inputs.items()},
                                    "run": _ACTIONS[name].format(here=self.here),
                                }
                            ],
                        },
                    }
                ),
                encoding="utf-8",
            )
            yield "--local-repository"
            yield f"{used}={directory}"


def _call(block: str) -> Call:
    words, *environment = block.strip("\n").split("\n")
    return Call(words, dict(line.partition("=")[::2] for line in environment))


def _uses() -> list[dict[str, Any]]:
    """A step for each action of others that the workflows and our own action use."""
    files = [*(ROOT / ".github" / "workflows").glob("*.yml"), ROOT / "action.yml"]
    documents: Sequence[dict[str, Any]] = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files]
    jobs = [job for each in documents for job in each.get("jobs", {"": each.get("runs")}).values()]
    steps = [step for job in jobs for step in job.get("steps", ()) if not step.get("uses", ".").startswith(".")]
    return list({step["uses"]: step for step in steps}.values())
