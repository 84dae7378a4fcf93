"""Molecule under supervision: safe to run side by side, and to be trusted.

As soon as Molecule chooses our driver, its process becomes a supervisor, which runs the same command again: with a run
id and an ANSIBLE_HOME for each `molecule test` (Molecule shares one between all checkouts of the same directory name).
The supervisor removes what an interrupted run would leave, and does not believe a test run that executed nothing:
Molecule itself reports an empty verifier directory, and an idempotence check that saw no recap, as successful.
"""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from tdi.errors import ExitCode, TdiError
from tdi.machines import lifecycle, run
from tdi.molecule import playing, scenario
from tdi.outside import ansible, console, docker, process
from tdi.outside.signals import interrupt_on_signals
from tdi.project import Project

_UNDER_SUPERVISION = "TDI_SUPERVISED"
"""Set for the Molecule that a supervisor runs."""

_SELF_CONTAINED = "test"
"""The subcommand that creates and destroys: it gets a run of its own. The others share one run per project, so that
`molecule converge` and `molecule login` find the same machine."""

_NEED_NO_ENGINE = {"list", "matrix", "dependency", "syntax"}
_DEFAULTS = Path(__file__).with_name("defaults.yml")
"""What molecule.yml need not say."""


def take_over() -> None:
    """Become the supervisor of this very command, and exit as it does; nothing where it has one already."""
    if os.environ.get(_UNDER_SUPERVISION):
        return
    for name in ("stdout", "stderr"):
        # Molecule has taken both over by now, to print them with its colours: errors would go to stdout.
        stream = getattr(sys, name)
        setattr(sys, name, getattr(stream, "rich_proxied_file", stream))
    interrupt_on_signals()
    _supervise(sys.argv[1:])


def run_id() -> str:
    """The id of the run that the machines belong to."""
    return lifecycle.this_run(scenario.PLAIN_RUN)


def _supervise(arguments: list[str]) -> NoReturn:
    try:
        code = _in_project(Project.find(), arguments)
    except TdiError as error:
        console.fail(error.what, error.remedy)
        code = ExitCode.COULD_NOT_RUN
    except KeyboardInterrupt:
        console.fail("Interrupted; everything of this run was removed.")
        code = ExitCode.INTERRUPTED
    # Molecule catches what it can: nothing of the command goes on here.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code))


def _in_project(project: Project, arguments: list[str]) -> int:
    words = [word for word in arguments if not word.startswith("-")]
    if words[:1] == ["reset"]:
        raise TdiError(
            "`molecule reset` removes every Molecule container of the engine, other projects' too.",
            "`molecule destroy` removes this scenario's, `tdi clean` everything of tdi.",
        )
    if words and words[0] not in _NEED_NO_ENGINE:
        docker.engine()
    project.prepare_artifacts()
    os.environ["TDI_ARTIFACTS"] = str(project.artifacts)  # a relative one would be another place for each playbook
    if words[:1] != [_SELF_CONTAINED] or "--destroy=never" in arguments or "never" in arguments:
        lasting = "dev" + hashlib.sha256(str(project.root).encode()).hexdigest()[:5]
        home = _lasting_home(lasting)
        os.environ["TDI_RUN_ID"] = lasting
        return _molecule(arguments, _environment(project, home, home / "content"))
    with run.new_run() as this:
        events = this.directory / "events.jsonl"
        tests = this.directory / "tests.jsonl"
        variables = {
            **_environment(project, this.directory / "home", this.directory / "content"),
            "TDI_EVENTS": str(events),
            "TDI_TEST_EVENTS": str(tests),
        }
        quick = ansible.quick_to_say_its_version(this.directory, variables["PATH"])
        variables["PATH"] = f"{quick}{os.pathsep}{variables['PATH']}"
        code = _molecule(arguments, variables)
        if code == 0:
            _believe(project, events, tests)
        return code


def _environment(project: Project, home: Path, content: Path) -> dict[str, str]:
    """What Molecule and all that it starts are told: where Ansible finds the content, and its settings."""
    found = scenario.load(project, scenario.NAMES[0])
    placed = playing.environment(playing.as_checked_out(project), found, found.ansible, content)
    return {**ansible.environment(home, {**ansible.strategy(), **placed}), _UNDER_SUPERVISION: "yes"}


def _lasting_home(run_id: str) -> Path:
    """Where Molecule finds again what it knows of a machine. Raises TdiError where it cannot be written."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tdi" / run_id
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise TdiError(
            f"Molecule cannot keep what it knows of the machine in {home}: {error.strerror}.",
            "Name a directory that can be written: XDG_CACHE_HOME. `molecule test` needs none.",
        ) from None
    return home


def _molecule(arguments: list[str], variables: Mapping[str, str]) -> int:
    """Run Molecule in a process of its own, on our terminal, and end it with all its children at an interrupt."""
    for name in ("TDI_EVENTS", "TDI_TEST_EVENTS"):
        if name in variables:
            Path(variables[name]).touch()
    # Where one is named, Molecule does not look for the project's own any more.
    own = Path(variables["MOLECULE_PROJECT_DIRECTORY"]) / ".config" / "molecule" / "config.yml"
    configs = [_DEFAULTS, *([own] if own.is_file() else [])]
    words = [*(word for config in configs for word in ("--base-config", str(config))), *arguments]
    return process.run_attached([sys.executable, "-m", "molecule", *words], variables)


def _believe(project: Project, events: Path, tests: Path) -> None:
    """Raise TdiError where a successful `molecule test` has not shown a second converge, or not one test."""
    happened = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    converged = {str(scenario.load(project, name).ansible.playbook) for name in scenario.NAMES}
    recaps = []
    playbook = ""
    for event in happened:
        if event["event"] == "playbook":
            playbook = event["path"]
        elif event["event"] == "recap" and str(Path(playbook).resolve()) in converged and event["hosts"]:
            recaps.append(event["hosts"])
    if len(recaps) < 2:  # noqa: PLR2004 (the converge and its repetition)
        raise TdiError(
            "Molecule reports success, but no second converge with a recap was seen: idempotence is not shown.",
            f"Check test_sequence and stdout_callback in {project.scenarios}/*/molecule.yml.",
        )
    changed = sorted(host for host, counts in recaps[-1].items() if counts["changed"])
    if changed:
        raise TdiError(f"Molecule reports success, but the second converge changed something on {changed[0]}.")
    ran = [json.loads(line) for line in tests.read_text(encoding="utf-8").splitlines()]
    if not any(test["event"] == "test" and test["outcome"] == "passed" for test in ran):
        raise TdiError(
            "Molecule reports success, but not one test was executed.",
            f"Check verifier.directory in {project.scenarios}/*/molecule.yml.",
        )
    skipped = [test["message"] for test in ran if test.get("message", "").startswith("NOT COMPARED")]
    for message in dict.fromkeys(skipped):  # each case of the comparison says it
        console.say(message)
