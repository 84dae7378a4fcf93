"""Runs action.yml as a forge does: with `act`, or step by step where that is not installed.

What the action calls only pretends: the two actions that it uses, the Python that it is given, pip, and `tdi`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
OWN = "OWNER/REPO@REF"
"""What the template calls this action until somebody says where it is."""

_PYTHON = """#!/bin/sh
case "$1 $2" in
"-m venv")
  [ ! -e {here}/no-venv ] || exit 1
  mkdir -p "$3/bin" && ln -sf {here}/python "$3/bin/python" ;;
"-m pip")
  printf '%s\\n' "$*" >> {here}/pip.calls
  [ ! -e {here}/no-pip ] || {{ echo "pip says why"; exit 1; }}
  [ -e {here}/no-command ] || ln -sf {here}/tdi "${{0%/*}}/tdi" ;;
*) PYTHONPATH={source} exec {real} "$@" ;;
esac
"""

_TDI = """#!/bin/sh
printf '%s\\n' "$*" >> {here}/tdi.calls
[ "$1" = verdict ] || {{ echo "tdi $1 says what is missing"; exit 1; }}
{{ pwd; printf '%s\\n' "$TDI_PLATFORM" "$TDI_PRODUCTION_IMAGE" "$TDI_ARTIFACTS"; }} > {here}/tdi.saw
printf '%s\\n' "$TDI_REGISTRY" "$TDI_PAST" >> {here}/tdi.saw
ls "$TDI_ARTIFACTS" "$TDI_ARTIFACTS/records" > {here}/tdi.found 2>/dev/null
mkdir -p "$TDI_ARTIFACTS" && cp -r {here}/leaves/. "$TDI_ARTIFACTS/"
echo "::error title=from-a-machine::this is not ours"
echo "  ::notice title=from-a-machine::nor is this" >&2
exit "$(cat {here}/code)"
"""


@dataclass(frozen=True)
class Ran:
    """What came of a run of the action."""

    code: int | None
    """Of the step that failed first, 0 where none did; None where the runner does not say it."""
    failed: bool
    kind: str
    """The output `class`."""
    commands: list[tuple[str, dict[str, str], str]]
    """The annotations that the runner understood: level, properties, message."""
    summary: str
    said: str


@dataclass
class Stage:
    """A scratch directory with what only pretends, and the workspace of a caller."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    """Of the caller's job."""

    def __post_init__(self) -> None:
        """Set the stage."""
        for name in ("leaves", "uploads", "workspace"):
            (self.root / name).mkdir(parents=True)
        words = {"here": self.root, "source": ROOT / "src", "real": sys.executable}
        for name, body in (("python", _PYTHON), ("tdi", _TDI)):
            (self.root / name).write_text(body.format(**words), encoding="utf-8")
            (self.root / name).chmod(0o755)
        self.ends(0)

    @property
    def leaves(self) -> Path:
        """What `tdi verdict` leaves in its artifacts."""
        return self.root / "leaves"

    @property
    def workspace(self) -> Path:
        """The checkout of the caller."""
        return self.root / "workspace"

    @property
    def uploads(self) -> Path:
        """What was uploaded, a directory each."""
        return self.root / "uploads"

    def ends(self, code: int) -> None:
        """Let `tdi verdict` exit with this code."""
        (self.root / "code").write_text(str(code), encoding="utf-8")

    def lacks(self, what: str) -> None:
        """Let `venv`, `pip` fail, or the `command` not be in what is installed."""
        (self.root / f"no-{what}").touch()

    def noted(self, name: str) -> list[str]:
        """The lines that something which pretends wrote down."""
        file = self.root / name
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def by_hand(stage: Stage, inputs: dict[str, str]) -> Ran:
    """Run the steps one after the other, as far as this action uses what a runner can."""
    given = {name: inputs.get(name, each.get("default", "")) for name, each in ACTION["inputs"].items()}
    runner = _Runner(stage, given)
    for step in STEPS:
        runner.step(step)
    kind = runner.value(ACTION["outputs"]["class"]["value"])
    return Ran(runner.code, runner.code != 0, kind, runner.commands, runner.summary, "\n".join(runner.said))


class _Runner:
    """The part of GitHub's runner that the action needs."""

    def __init__(self, stage: Stage, inputs: dict[str, str]) -> None:
        self.stage, self.inputs = stage, inputs
        self.outputs: dict[str, dict[str, str]] = {}
        self.code = 0
        self.commands: list[tuple[str, dict[str, str], str]] = []
        self.said: list[str] = []
        self.summary = ""

    def value(self, text: str) -> str:
        """A text with its expressions replaced by what they stand for."""
        return re.sub(r"\$\{\{(.*?)\}\}", lambda found: self._either(found[1]), text)

    def _either(self, expression: str) -> str:
        return next(filter(None, (self._one(part.strip()) for part in expression.split("||"))), "")

    def _one(self, term: str) -> str:
        place, _, rest = term.partition(".")
        if term.startswith("'"):
            return term.strip("'")
        if place == "inputs":
            return self.inputs[rest]
        if place == "env":
            return self.stage.environment.get(rest, "")
        found = re.fullmatch(r"steps\.([\w-]+)\.outputs\.([\w-]+)", term)
        assert found, f"this runner does not know {term}"
        return self.outputs.get(found[1], {}).get(found[2], "")

    def _is_due(self, step: dict[str, Any]) -> bool:
        if "if" not in step:
            return self.code == 0
        found = re.fullmatch(r"always\(\) && (\S+) != ''", step["if"])
        assert found, f"this runner does not know {step['if']}"
        return self._one(found[1]) != ""

    def step(self, step: dict[str, Any]) -> None:
        """Run a step, unless a former one failed and it does not say that it always runs."""
        if not self._is_due(step):
            return
        outputs = self.outputs.setdefault(step.get("id", ""), {})
        if "uses" in step:
            given = {name: self.value(str(text)) for name, text in step["with"].items()}
            if step["uses"].startswith("actions/setup-python@"):
                outputs["python-path"] = str(self.stage.root / "python")
            else:
                _upload(self.stage, given["name"], given["path"])
            return
        code = self._script(step, outputs)
        if code and not step.get("continue-on-error"):
            self.code = self.code or code

    def _script(self, step: dict[str, Any], outputs: dict[str, str]) -> int:
        files = {name: self.stage.root / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("", encoding="utf-8")
        (self.stage.root / "temp").mkdir(exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            **self.stage.environment,
            **{name: str(file) for name, file in files.items()},
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_JOB": "verdict",
            "GITHUB_WORKSPACE": str(self.stage.workspace),
            "RUNNER_TEMP": str(self.stage.root / "temp"),
            **{name: self.value(text) for name, text in step.get("env", {}).items()},
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.stage.workspace,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self._hear(done.stdout)
        self.summary += files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
        for line in files["GITHUB_OUTPUT"].read_text(encoding="utf-8").splitlines():
            name, _, text = line.partition("=")
            outputs[name] = text
        return done.returncode

    def _hear(self, output: str) -> None:
        """Take the commands out of what a step prints, unless it says that there are none."""
        stopped = ""
        for line in output.splitlines():
            self.said.append(line)
            text = line.lstrip()
            if stopped:
                stopped = "" if text == f"::{stopped}::" else stopped
            elif text.startswith("::stop-commands::"):
                stopped = text.removeprefix("::stop-commands::")
            elif text.startswith("::"):
                head, _, message = text[2:].partition("::")
                level, _, properties = head.partition(" ")
                pairs = (each.partition("=") for each in properties.split(","))
                self.commands.append((level, {name: _plain(each) for name, _, each in pairs}, _plain(message)))


def _plain(text: str) -> str:
    for escape, letter in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(escape, letter)
    return text


def _upload(stage: Stage, name: str, paths: str) -> None:
    kept = stage.uploads / name
    kept.mkdir(exist_ok=True)
    for path in map(Path, paths.split()):
        if path.is_dir():
            shutil.copytree(path, kept / path.name)
        elif path.exists():
            shutil.copy(path, kept)


def workflow(inputs: dict[str, str], environment: dict[str, str]) -> dict[str, Any]:
    """A workflow of somebody who uses the action."""
    use = {"id": "tdi", "uses": OWN, "with": inputs}
    steps = [{"uses": "actions/checkout@v1"}, use]
    return {"on": "push", "jobs": {"verdict": {"runs-on": "ubuntu-24.04", "env": environment, "steps": steps}}}


def by_act(stage: Stage, inputs: dict[str, str]) -> Ran:
    """Run the action with `act`, on this machine and without a container."""
    (ran,) = act(stage, workflow(inputs, stage.environment)).values()
    return ran


def act(stage: Stage, document: dict[str, Any]) -> dict[str, Ran]:
    """Run a workflow with `act` and return what came of each leg of its one job."""
    (job,) = document["jobs"].values()
    told = 'printf "%s=%s\\n" "$GITHUB_JOB" "$CLASS"'
    use = next(step for step in job["steps"] if step.get("uses") == OWN)
    use.setdefault("id", "tdi")
    job["steps"].append(
        {"name": "told", "if": "always()", "env": {"CLASS": "${{ steps.tdi.outputs.class }}"}, "run": told}
    )
    place = stage.workspace / ".github" / "workflows" / "tdi.yml"
    place.parent.mkdir(parents=True)
    place.write_text(yaml.safe_dump(document), encoding="utf-8")
    _commit(stage.workspace)
    done = subprocess.run(
        ["act", "push", "--json", "--platform", "ubuntu-24.04=-self-hosted", *_stand_ins(stage, job)],
        cwd=stage.workspace,
        env={"PATH": os.environ["PATH"], "HOME": str(stage.root / "home"), "DOCKER_HOST": "unix:///nowhere"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    legs: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        if "job" in event:
            legs.setdefault(json.dumps(event["matrix"]), []).append(event)
    assert legs, done.stdout
    return {leg: _ran(of_leg) for leg, of_leg in legs.items()}


def _ran(events: list[dict[str, Any]]) -> Ran:
    result = next((event["jobResult"] for event in events if "jobResult" in event), "none")
    said = [event["msg"].rstrip("\n") for event in events if event.get("raw_output")]
    kinds = [line.partition("=")[2] for line in said if line.startswith("verdict=")]
    levels = ("error", "warning", "notice")
    commands = [
        (event["command"], event.get("kvPairs") or {}, event["arg"])
        for event in events
        if event.get("command") in levels
    ]
    # Each is told once for the step and once for the action that it is a step of.
    told = [event for event in events if event.get("command") == "summary" and len(event["stepID"]) > 1]
    summary = "".join(event["content"] for event in told)
    everything = "\n".join(event["msg"] for event in events)
    return Ran(None, result != "success", "".join(kinds), commands, summary, everything)


def _commit(repository: Path) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "--quiet"), ("add", "--all"), (*who, "commit", "--quiet", "--message", "a workflow")):
        subprocess.run(["git", *words], cwd=repository, check=True, capture_output=True)


def _stand_ins(stage: Stage, job: dict[str, Any]) -> list[str]:
    """The options that put something in the place of each action: our own as it is, and others that pretend."""
    own = stage.root / "actions" / "own"
    own.mkdir(parents=True)
    for name in ("action.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, own)
    python = f'echo "python-path={stage.root}/python" >> "$GITHUB_OUTPUT"'
    # The paths of one upload are of one directory: what is not there was not left.
    upload = (
        f'mkdir -p "{stage.uploads}/$NAME"; for path in $PATHS; do cp -r "$path" "{stage.uploads}/$NAME/" || :; done'
    )
    known = {
        "actions/checkout": (":", {}, {}),
        "actions/setup-python": (python, {"python-path": {"value": "${{ steps.do.outputs.python-path }}"}}, {}),
        "actions/upload-artifact": (upload, {}, {"NAME": "${{ inputs.name }}", "PATHS": "${{ inputs.path }}"}),
    }
    options = ["--local-repository", f"{OWN}={own}"]
    for step in (*job["steps"], *STEPS):
        used = step.get("uses", OWN)
        if used == OWN or any(each.startswith(f"{used}=") for each in options):
            continue
        script, outputs, environment = known[used.partition("@")[0]]
        directory = stage.root / "actions" / used.partition("@")[0].rpartition("/")[2]
        directory.mkdir(exist_ok=True)
        names = step.get("with", {})
        pretends = {
            "name": used,
            "description": "Pretends.",
            "inputs": {name: {"description": "Taken as it is.", "required": False} for name in names},
            "outputs": outputs,
            "runs": {
                "using": "composite",
                "steps": [{"id": "do", "shell": "bash", "env": environment, "run": script}],
            },
        }
        (directory / "action.yml").write_text(yaml.safe_dump(pretends), encoding="utf-8")
        options += ["--local-repository", f"{used}={directory}"]
    return options
