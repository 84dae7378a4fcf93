"""The command line: which commands there are. Exit codes and the form of errors are decided here, and nowhere else."""

import sys

import click

from tdi import __version__
from tdi.commands.lazy_group import LazyGroup
from tdi.errors import ExitCode, TdiError
from tdi.outside import console
from tdi.outside.signals import interrupt_on_signals

cli = LazyGroup(
    "cli",
    place="tdi.commands",
    help="""Test-driven infrastructure: whether a change works on new servers, on production, and to the same end.

    Exit codes: 0 it holds, 1 it does not hold, 2 it could not be run or compared, 130 interrupted.
    """,
    example="tdi verdict",
    commands={
        "verdict": (
            "Take a new machine and production through the scenarios, compare them, and say what the change does."
        ),
        "try": "Give the verdict for patches against HEAD, each in a throw-away copy; the checkout is not touched.",
        "init": "Set this project up for verdicts: scenarios, a verifier and its rules, by what the project has.",
        "explain": "Say what a WORD in a report means, and what to do; without one, list the words.",
        "setup": "Have a Docker engine that answers, installing and starting one where that is possible.",
        "doctor": "List what this machine has and lacks, each lack with its remedy.",
        "clean": "Remove everything of this project from the engine: containers, images, and what bootstrapping kept.",
        "base": LazyGroup(
            "base",
            place="tdi.commands.base",
            help="Base images: empty machines of a platform.",
            example="tdi base build",
            commands={"build": "Have the base image of the platform; it is built once."},
        ),
        "production": LazyGroup(
            "production",
            place="tdi.commands.production",
            help="Production images: machines as production is before the change.",
            example="tdi production history",
            commands={
                "build": (
                    "Have the production image for the checked-out role; it is built once, or pulled "
                    "(TDI_PRODUCTION_IMAGE)."
                ),
                "publish": (
                    "Take production through the checked-out revision, whose verdict is a pass, and push it as "
                    "production."
                ),
                "pull": "Pull production from the project's registry, by its digest, with its record.",
                "history": (
                    "List production's generations in the registry, newest first; without one, the images of the local "
                    "engine."
                ),
                "rollback": (
                    "Let the generation before be production again; the one of now stays, under the tag of its "
                    "revision."
                ),
                "prune": "Remove older generations from the registry, with their records, and from the local engine.",
                "verify": (
                    "Record TARGET, a server in production, and say whether it is what is tested: production's image."
                ),
            },
        ),
        "mutants": LazyGroup(
            "mutants",
            place="tdi.commands.mutants",
            help="Mutation testing: break the role on purpose, one edit at a time, and count what the suite notices.",
            example="tdi mutants --in-diff main",
            commands={
                "run": "Try mutants of the role, each with the suite's own verdict; `tdi mutants` alone means this.",
                "operators": "List the ways in which a role is broken, each with what it imitates.",
                "merge": "Put the results of several shards together, and report them as one.",
            },
            default="run",
        ),
        "machine": LazyGroup(
            "machine",
            place="tdi.commands.machine",
            help="Single machines, for the scenarios' playbooks.",
            example="tdi machine start fresh",
            commands={
                "start": "Start the machine of a scenario, and wait until it has booted.",
                "remove": "Remove the machine of a scenario, where it is there.",
                "record": "Record a machine of a scenario, before or after the change.",
            },
        ),
        "state": LazyGroup(
            "state",
            place="tdi.commands.state",
            help="Record the state of machines and compare them.",
            example="tdi state diff web1.json.gz web2.json.gz",
            commands={
                "record": "Record TARGET: docker://NAME, ssh://[USER@]HOST[:PORT] or local://.",
                "diff": "Compare the records A and B: what differs, why, and what to do.",
                "fleet": (
                    "Record every host of an Ansible inventory, and say which of them are not in the state of the "
                    "reference."
                ),
                "allow": "Print the narrowest entry that allows FINDING_ID, for the list `allow:` in the rules file.",
            },
        ),
    },
)
click.version_option(__version__, prog_name="tdi")(cli)


def main() -> None:
    """Run the command line and exit with the contract's code."""
    interrupt_on_signals()
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
