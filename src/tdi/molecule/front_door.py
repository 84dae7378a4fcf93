"""The `molecule` of the activated environment: Molecule itself, made safe to run side by side and to trust.

It gives each `molecule test` a run id and an ANSIBLE_HOME of its own (Molecule shares one between all checkouts
of the same directory name), removes what an interrupted run would leave, and does not believe a test run that
executed nothing: Molecule itself reports an empty verifier directory, and an idempotence check that saw no recap,
as successful.
"""

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

from tdi.errors import ExitCode, TdiError
from tdi.machines import run
from tdi.outside import ansible, console, docker, process
from tdi.outside.signals import interrupt_on_signals
from tdi.project import Project

_SELF_CONTAINED = "test"
"""The subcommand that creates and destroys: it gets a run of its own. The others share one run per checkout, so that
`molecule converge` and `molecule login` find the same machine."""


def main() -> None:
    """Run Molecule with the arguments of this process and exit with its code, or the contract's."""
    interrupt_on_signals()
    # Molecule's own progress must reach a pipe in order with what its children print.
    arguments = sys.argv[1:]
    try:
        try:
            project = Project.find()
        except TdiError:
            code = _molecule(arguments, dict(os.environ))
        else:
            code = _in_project(project, arguments)
    except TdiError as error:
        console.fail(error.what, error.remedy)
        code = ExitCode.COULD_NOT_RUN
    except KeyboardInterrupt:
        console.fail("Interrupted; everything of this run was removed.")
        code = ExitCode.INTERRUPTED
    sys.exit(int(code))


def _in_project(project: Project, arguments: list[str]) -> int:
    words = [word for word in arguments if not word.startswith("-")]
    if not words or words[0] not in {
        "test",
        "create",
        "prepare",
        "converge",
        "idempotence",
        "verify",
        "destroy",
        "login",
        "syntax",
        "side-effect",
        "cleanup",
        "check",
        "reset",
    }:
        return _molecule(arguments, dict(os.environ))
    docker.engine()
    project.prepare_artifacts()
    os.environ["TDI_ARTIFACTS"] = str(project.artifacts)  # a relative one would be another place for each playbook
    if words[0] == "reset":
        raise TdiError(
            "`molecule reset` removes every Molecule container of the engine, other projects' too.",
            "`molecule destroy` removes this scenario's, `make clean` everything of this project.",
        )
    if words[0] != _SELF_CONTAINED or "--destroy=never" in arguments or "never" in arguments:
        run_id = "dev" + hashlib.sha256(str(project.root).encode()).hexdigest()[:5]
        os.environ["TDI_RUN_ID"] = run_id
        return _molecule(arguments, ansible.environment(_lasting_home(run_id)))
    with run.new_run() as this:
        events = this.directory / "events.jsonl"
        tests = this.directory / "tests.jsonl"
        variables = {
            **ansible.environment(this.directory / "home"),
            "TDI_EVENTS": str(events),
            "TDI_TEST_EVENTS": str(tests),
        }
        quick = ansible.quick_to_say_its_version(this.directory, variables["PATH"])
        variables["PATH"] = f"{quick}{os.pathsep}{variables['PATH']}"
        code = _molecule(arguments, variables)
        if code == 0:
            _believe(project, events, tests)
        return code


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


def _molecule(arguments: list[str], variables: dict[str, str]) -> int:
    """Run Molecule in a process of its own, on our terminal, and end it with all its children at an interrupt."""
    for name in ("TDI_EVENTS", "TDI_TEST_EVENTS"):
        if name in variables:
            Path(variables[name]).touch()
    return process.run_attached([sys.executable, "-m", "molecule", *arguments], variables)


def _believe(project: Project, events: Path, tests: Path) -> None:
    """Raise TdiError where a successful `molecule test` has not shown a second converge, or not one test."""
    happened = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    converged = "converge.yml"
    recaps = []
    playbook = ""
    for event in happened:
        if event["event"] == "playbook":
            playbook = event["path"]
        elif event["event"] == "recap" and playbook.endswith(converged) and event["hosts"]:
            recaps.append(event["hosts"])
    if len(recaps) < 2:  # noqa: PLR2004 (the converge and its repetition)
        raise TdiError(
            "Molecule reports success, but no second converge with a recap was seen: idempotence is not shown.",
            f"Check test_sequence and stdout_callback in {project.root}/molecule/*/molecule.yml.",
        )
    changed = sorted(host for host, counts in recaps[-1].items() if counts["changed"])
    if changed:
        raise TdiError(f"Molecule reports success, but the second converge changed something on {changed[0]}.")
    ran = [json.loads(line) for line in tests.read_text(encoding="utf-8").splitlines()]
    if not any(test["event"] == "test" and test["outcome"] == "passed" for test in ran):
        raise TdiError(
            "Molecule reports success, but not one test was executed.",
            f"Check verifier.directory in {project.root}/molecule/*/molecule.yml.",
        )
    skipped = [test["message"] for test in ran if test.get("message", "").startswith("NOT COMPARED")]
    for message in dict.fromkeys(skipped):  # each case of the comparison says it
        console.say(message)
