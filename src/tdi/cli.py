"""The command line. Exit codes and the form of errors are decided here, and nowhere else."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from tdi import __version__
from tdi.errors import ExitCode, TdiError
from tdi.machines import run
from tdi.outside import console
from tdi.outside.files import write_atomically
from tdi.project import Project
from tdi.state.cli import state

json_option = click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the machine-readable result here.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tdi")
def cli() -> None:
    """Test-driven infrastructure: whether a change works on new servers, on production, and to the same end.

    Exit codes: 0 it holds, 1 it does not hold, 2 it could not be run or compared, 130 interrupted.
    """


def main() -> None:
    """Run the command line and exit with the contract's code."""
    run.interrupt_on_signals()
    try:
        result = cli.main(standalone_mode=False)
        code = result if isinstance(result, int) else ExitCode.HOLDS
    except TdiError as error:
        console.fail(error.what, error.remedy)
        code = ExitCode.COULD_NOT_RUN
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = ExitCode.COULD_NOT_RUN
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "tdi"
        console.fail(error.format_message(), f"`{where} --help` says how to call it.")
        code = ExitCode.COULD_NOT_RUN
    except click.ClickException as error:
        console.fail(error.format_message())
        code = ExitCode.COULD_NOT_RUN
    except (KeyboardInterrupt, click.exceptions.Abort):
        console.fail("Interrupted; everything of this run was removed.")
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = ExitCode.COULD_NOT_RUN
    except OSError as error:
        console.fail(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))
        code = ExitCode.COULD_NOT_RUN
    sys.exit(int(code))


def _write(path: Path | None, document: Any) -> None:
    if path:
        write_atomically(path, json.dumps(document, indent=2) + "\n")


@cli.command()
@json_option
def verdict(json_file: Path | None) -> int:
    """Take a new machine and production through the scenarios, compare them, and say what the change does."""
    from tdi.verdict import display  # noqa: PLC0415 (`--help` and small commands stay quick)
    from tdi.verdict import run as verdicts  # noqa: PLC0415

    project = Project.find()
    project.prepare_artifacts()
    # Whatever happens now, the verdict of a former run is not this one's.
    (project.artifacts / "verdict.json").unlink(missing_ok=True)
    with display.Display() as progress:
        found = verdicts.run_verdict(project, progress)
    _write(project.artifacts / "verdict.json", found.as_json())
    _write(json_file, found.as_json())
    display.show(found, project.artifacts)
    return found.exit_code


@cli.command()
def setup() -> None:
    """Have a Docker engine that answers, installing and starting one where that is possible."""
    from tdi.setup import engine  # noqa: PLC0415

    engine.ensure()


@cli.command()
@json_option
def doctor(json_file: Path | None) -> int:
    """List what this machine has and lacks, each lack with its remedy."""
    from tdi.setup import doctor as examine  # noqa: PLC0415

    requirements = examine.examine()
    examine.show(requirements)
    _write(json_file, examine.as_json(requirements))
    return ExitCode.HOLDS if all(one.met for one in requirements) else ExitCode.COULD_NOT_RUN


@cli.command("try")
@click.argument("patches", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--kept", is_flag=True, help="Try the kept changes; each must get the class that changes/expected.yml says."
)
@json_option
def try_(patches: tuple[Path, ...], kept: bool, json_file: Path | None) -> int:  # noqa: FBT001 (click hands flags over like this)
    """Give the verdict for patches against HEAD, each in a throw-away copy; the checkout is not touched."""
    from tdi.verdict import patches as trials  # noqa: PLC0415

    if kept == bool(patches):
        raise click.UsageError("Name patches, or --kept for the kept changes.")
    project = Project.find()
    expected = trials.kept_changes(project) if kept else {}
    return trials.try_all(project, patches or tuple(expected), expected, lambda document: _write(json_file, document))


cli.add_command(state)


@cli.group()
def base() -> None:
    """Base images: empty machines of a platform."""


@base.command("build")
@click.option("--print-id", is_flag=True, help="Print the image's id alone, for playbooks.")
def base_build(print_id: bool) -> None:  # noqa: FBT001 (click hands flags over like this)
    """Have the base image of the platform; it is built once."""
    from tdi.images import base_image  # noqa: PLC0415

    with run.new_run():
        image = base_image.ensure(Project.find())
    click.echo(image.id if print_id else f"{image.name} from {image.origin} ({image.reason})")


@cli.group()
def production() -> None:
    """Production images: machines as production is before the change."""


@production.command("build")
@click.option("--print-id", is_flag=True, help="Print the image's id alone, for playbooks.")
def production_build(print_id: bool) -> None:  # noqa: FBT001 (click hands flags over like this)
    """Have the production image for the checked-out role; it is built once, or pulled (TDI_PRODUCTION_IMAGE)."""
    from tdi.images import base_image  # noqa: PLC0415
    from tdi.images import production as images  # noqa: PLC0415

    project = Project.find()
    with run.new_run():
        image = images.ensure(project, base_image.ensure(project))
    click.echo(image.id if print_id else f"{image.name} ({image.source})")


@production.command("history")
@json_option
def production_history(json_file: Path | None) -> None:
    """List the production images of the local engine, newest first."""
    from tdi.images import production as images  # noqa: PLC0415

    rows = images.history()
    for row in rows:
        click.echo(f"{row['created']}  {row['revision'][:12]:12}  {row['name']}")
    _write(json_file, rows)


@cli.group()
def machine() -> None:
    """Single machines, for the scenarios' playbooks."""


@machine.command("wait")
@click.argument("name")
def machine_wait(name: str) -> None:
    """Wait until a machine has booted; a unit that failed is an error that names it."""
    from tdi.outside import docker  # noqa: PLC0415

    docker.wait_until_booted(name)


@machine.command("record")
@click.argument("name")
@click.option("--moment", type=click.Choice(["before", "after"]), default="after", show_default=True)
def machine_record(name: str, moment: str) -> None:
    """Record a machine of a scenario, before or after the change."""
    from tdi.machines import lifecycle  # noqa: PLC0415
    from tdi.same_state import kept_records  # noqa: PLC0415

    click.echo(str(kept_records.record_machine(Project.find(), lifecycle.known(name), moment)))


@cli.command()
def clean() -> None:
    """Remove everything of this project from the engine: containers, images, and what bootstrapping kept."""
    from tdi.outside import docker  # noqa: PLC0415

    try:
        docker.engine()
    except TdiError:
        console.say("No Docker engine answers: nothing to remove there.")
        return
    docker.remove(docker.containers(docker.LABEL))
    stay = docker.remove_images(docker.LABEL)
    if stay:
        raise TdiError(f"In use, and therefore still there: {', '.join(stay)}.", "Remove what was made of it first.")
