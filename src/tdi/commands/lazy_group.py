"""A group of commands each of which is imported when it is called: the others cost no time."""

import keyword
from collections.abc import Mapping
from importlib import import_module

import click


class LazyGroup(click.Group):
    """Commands whose modules stand in the package `place`, one each; `commands` says of each what help says of it.

    A group in it stands there itself. `example` is a call that help shows. `default` is the command that is meant where
    none is named.
    """

    def __init__(
        self,
        name: str,
        *,
        place: str,
        help: str,  # noqa: A002 (the name that click gives it)
        example: str,
        commands: Mapping[str, "str | LazyGroup"],
        default: str | None = None,
    ) -> None:
        epilog = f"\b\nExample:\n  {example}"
        super().__init__(name, help=help, epilog=epilog, context_settings={"help_option_names": ["-h", "--help"]})
        self.place = place
        self.table = commands
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the default command where none is named."""
        asks_for_help = args[:1] in (["-h"], ["--help"])
        if self.default and not asks_for_help and (not args or args[0] not in self.table):
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in the order in which help has them."""
        del ctx
        return sorted(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself, imported, or None where there is none of that name."""
        del ctx
        entry = self.table.get(cmd_name)
        if entry is None or isinstance(entry, click.Command):
            return entry
        module = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command: click.Command = import_module(f"{self.place}.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by what the table says of them, without importing any."""
        stand_ins = [
            entry if isinstance(entry, click.Command) else click.Command(name, help=entry)
            for name, entry in self.table.items()
        ]
        click.Group(commands=stand_ins).format_commands(ctx, formatter)
