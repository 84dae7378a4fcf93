"""What each command imports: it waits for nothing that it does not need, and help for nothing at all."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from tdi.cli import cli
from tdi.commands.lazy_group import LazyGroup

HEAVY = {
    *(
        "ansible",
        "jinja2",
        "jsonschema",
        "mitogen",
        "molecule",
        "oras",
        "pytest",
        "requests",
        "rich",
        "testinfra",
        "yaml",
    )
}

COMMANDS: dict[str, tuple[set[str], int]] = {
    "": (set(), 90),
    "base build": ({"yaml"}, 180),
    "clean": (set(), 110),
    "doctor": ({"molecule", "rich", "yaml"}, 290),
    "explain": ({"molecule", "yaml"}, 330),
    "init": ({"molecule", "rich", "yaml"}, 260),
    "machine record": ({"molecule", "yaml"}, 290),
    "machine remove": ({"molecule", "yaml"}, 200),
    "machine start": ({"molecule", "yaml"}, 300),
    "mutants merge": ({"molecule", "rich", "yaml"}, 420),
    "mutants operators": ({"rich", "yaml"}, 220),
    "mutants run": ({"molecule", "rich", "yaml"}, 440),
    "production build": ({"molecule", "yaml"}, 240),
    "production history": ({"molecule", "yaml"}, 240),
    "production prune": ({"yaml"}, 180),
    "production publish": ({"molecule", "yaml"}, 330),
    "production pull": ({"yaml"}, 190),
    "production rollback": ({"yaml"}, 180),
    "production verify": ({"molecule", "rich", "yaml"}, 380),
    "setup": (set(), 130),
    "state allow": ({"rich", "yaml"}, 260),
    "state diff": ({"rich", "yaml"}, 260),
    "state fleet": ({"rich", "yaml"}, 340),
    "state fleet merge": ({"rich", "yaml"}, 340),
    "state record": (set(), 140),
    "try": ({"molecule", "rich", "yaml"}, 390),
    "verdict": ({"molecule", "rich", "yaml"}, 390),
}
"""Command → which of these it imports before it does anything, and how many modules of Python's and ours at most."""

LOADED = """
import sys
bare = set(sys.modules)
import click
from tdi import cli
place = cli.cli
for word in {words!r}:
    place = place.get_command(click.Context(place), word)
print(*(set(sys.modules) - bare))
"""


def _loaded(words: str) -> set[str]:
    program = LOADED.format(words=words.split())
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_imports_no_more_than_it_needs(words: str):
    heavy, most = COMMANDS[words]
    loaded = _loaded(words)
    assert {name.partition(".")[0] for name in loaded} & HEAVY == heavy
    assert len(loaded) <= most


@pytest.mark.parametrize("words", ["", "state", "base"])
def test_help_of_a_group_imports_no_command(words: str):
    program = f"import sys; sys.argv = ['tdi', *{words.split()!r}, '--help']; from tdi.cli import main\n"
    program += "try: main()\nexcept SystemExit: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    loaded = {name for name in done.stdout.split() if name.startswith("tdi")}
    assert loaded == {
        *("tdi", "tdi.cli", "tdi.errors", "tdi.commands", "tdi.commands.lazy_group"),
        *("tdi.outside", "tdi.outside.console", "tdi.outside.signals"),
    }


def _every(group: click.Group, *words: str) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield (*words, name)
        if isinstance(command, click.Group):
            yield from _every(command, *words, name)


def test_every_command_has_its_bound():
    assert {" ".join(words) for words in _every(cli)} | {""} == set(COMMANDS)


def test_what_help_lists_is_what_each_command_says_of_itself():
    def walk(group: click.Group) -> None:
        context = click.Context(group)
        for name, entry in group.table.items():
            command = group.get_command(context, name)
            assert command
            if isinstance(command, LazyGroup):
                walk(command)
            else:
                assert command.name == name
                assert click.Command(name, help=entry).get_short_help_str(999) == command.get_short_help_str(999)

    walk(cli)
