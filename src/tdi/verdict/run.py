"""One verdict, from its test bed to what is kept of it."""

import time
from collections.abc import Sequence

from tdi.content.history import Before
from tdi.errors import ExitCode, TdiError
from tdi.machines.run import new_run
from tdi.molecule import pasts
from tdi.project import Project, kept
from tdi.verdict import page, steps
from tdi.verdict.display import Display
from tdi.verdict.docker_bed import DockerBed, junit
from tdi.verdict.outcome import Trouble, Verdict


def run_verdict(
    project: Project,
    display: Display,
    before: Before | None = None,
    *,
    asked: Sequence[str] = (),
    keep: bool = False,
) -> Verdict:
    """Take the machines through the scenarios and return the verdict; with `keep`, leave those of a failed one up.

    `asked` names the pasts that production comes from (default: those of the project), `before` says what the project
    is a copy of.

    Trouble of the test bed is in the verdict (`could-not-run`), not raised. Logs, records and the comparison are kept
    in the project's artifacts. Raises TdiError where these cannot be written.
    """
    verdict = Verdict()
    began = time.monotonic()
    project.prepare_artifacts()
    for former in (junit(project), project.artifacts / page.NAME):
        former.unlink(missing_ok=True)
    try:
        with new_run() as run, kept(run.directory / "logs", project.artifacts / "logs"):
            bed = DockerBed(project, run, pasts.of_verdict(project, asked, before), before)
            steps.take(bed, display, verdict)
            if keep and verdict.exit_code is ExitCode.DOES_NOT_HOLD:
                run.keeps_machines = True
                verdict.kept = [machine.name for machine in bed.machines]
    except TdiError as error:
        verdict.trouble = Trouble(error.what, error.remedy)
    except OSError as error:
        what = f"{error.strerror or error}: {error.filename}."
        verdict.trouble = Trouble(what, "Free space, or name other directories in TMPDIR and TDI_ARTIFACTS.")
    verdict.seconds["total"] = time.monotonic() - began
    return verdict
