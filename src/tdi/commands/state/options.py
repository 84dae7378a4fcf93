"""What the commands of `tdi state` share: the types of their options, and the exit code of a comparison."""

from pathlib import Path

import click

from tdi.errors import ExitCode

FORMS = click.Choice(("text", "json", "markdown", "html"))

FILE = click.Path(path_type=Path, dir_okay=False)

CODES = {"same": ExitCode.HOLDS, "different": ExitCode.DOES_NOT_HOLD, "unknown": ExitCode.COULD_NOT_RUN}
"""What the comparison found (tdi.state.compare.Result) → the exit code."""
