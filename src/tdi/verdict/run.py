"""One verdict, from its test bed to what is kept of it."""

import time

from tdi.errors import TdiError
from tdi.images.production import Before
from tdi.machines.run import new_run
from tdi.project import Project, kept
from tdi.verdict import steps
from tdi.verdict.display import Display
from tdi.verdict.docker_bed import DockerBed, junit
from tdi.verdict.outcome import Trouble, Verdict


def run_verdict(project: Project, display: Display, before: Before | None = None) -> Verdict:
    """Take the machines through the scenarios and return the verdict.

    Trouble of the test bed is in the verdict (`could-not-run`), not raised. Logs, records and the comparison are kept
    in the project's artifacts. Raises TdiError where these cannot be written.
    """
    verdict = Verdict()
    began = time.monotonic()
    project.prepare_artifacts()
    junit(project).unlink(missing_ok=True)
    try:
        with new_run() as run, kept(run.directory / "logs", project.artifacts / "logs"):
            steps.take(DockerBed(project, run, before), display, verdict)
    except TdiError as error:
        verdict.trouble = Trouble(error.what, error.remedy)
    except OSError as error:
        what = f"{error.strerror or error}: {error.filename}."
        verdict.trouble = Trouble(what, "Free space, or name other directories in TMPDIR and TDI_ARTIFACTS.")
    verdict.seconds["total"] = time.monotonic() - began
    return verdict
