"""Writes docs/reference/commands.md from what each command says of itself: `python tests/docs/commands_page.py`."""

from collections.abc import Iterator
from pathlib import Path

import click

from tdi.cli import cli

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "commands.md"

HEAD = """# Commands

`python tests/docs/commands_page.py` writes this page from the commands themselves; `--help` of each says the same.
[Exit codes](exit-codes.md) are the same everywhere, and so are [settings](settings.md).
"""

_WIDTH = 110
"""Columns of the help texts on the page, whatever the terminal is."""


def commands() -> Iterator[tuple[tuple[str, ...], click.Context]]:
    """Every command and group with its words, in the order of its help, a group before what is in it."""
    yield from _below(click.Context(cli, info_name="tdi", terminal_width=_WIDTH, **cli.context_settings), ("tdi",))


def _below(context: click.Context, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Context]]:
    yield words, context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None and not command.hidden:
                child = click.Context(
                    command, parent=context, info_name=name, **command.context_settings, terminal_width=_WIDTH
                )
                yield from _below(child, (*words, name))


def page() -> str:
    """The whole page, as it must be now."""
    parts = [HEAD]
    for words, context in commands():
        text = "\n".join(line.rstrip() for line in context.get_help().splitlines())
        parts.append(f"{'#' * max(2, min(len(words), 3))} {' '.join(words)}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
