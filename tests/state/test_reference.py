"""docs/state.md: its tables are the code's."""

import re
from pathlib import Path

import click
import pytest

from tdi.cli import cli
from tdi.errors import ExitCode
from tdi.state import reference
from tdi.state.finding import Kind, Severity
from tdi.state.rules import _KEYS
from tdi.state.schema import schema
from tdi.state.scopes.registry import BUILT_IN


def test_the_page_is_up_to_date():
    page = reference.PAGE.read_text(encoding="utf-8")
    assert reference.up_to_date(page) == page, "run `python -m tdi.state.reference`"


def test_a_stale_table_is_renewed_and_said(tmp_path: Path):
    page = tmp_path / "state.md"
    text = reference.PAGE.read_text(encoding="utf-8")
    page.write_text(text.replace("| `log-content` |", "| `log-contents` |"), encoding="utf-8")
    assert reference.main(page) == 1
    assert page.read_text(encoding="utf-8") == text
    assert reference.main(page) == 0


def test_a_page_without_a_place_for_a_table_is_an_error():
    with pytest.raises(ValueError, match="exit codes"):
        reference.up_to_date(reference.PAGE.read_text(encoding="utf-8").replace("<!-- generated: exit codes -->", ""))


def test_everything_that_the_code_knows_is_in_the_tables():
    def first_cells(table: str) -> set[str]:
        return {line.split("|")[1].strip(" `") for line in table.splitlines()[2:]}

    assert first_cells(reference.scopes()) == set(schema()["properties"]["scopes"]["properties"])
    assert first_cells(reference.built_in_rules()) == {rule.id for rule in BUILT_IN}
    assert first_cells(reference.severities()) == {*Severity}
    assert first_cells(reference.kinds()) == {*Kind}
    assert first_cells(reference.rules_file()) == _KEYS
    assert first_cells(reference.exit_codes()) == {str(int(code)) for code in ExitCode}


def test_a_pattern_with_alternatives_does_not_break_its_row():
    for line in reference.built_in_rules().splitlines():
        assert len(re.findall(r"(?<!\\)\|", line)) == 6


def test_every_command_on_the_page_exists():
    page = reference.PAGE.read_text(encoding="utf-8")
    context = click.Context(cli)
    state = cli.get_command(context, "state")
    assert isinstance(state, click.Group)
    commands = {name: state.get_command(context, name) for name in state.list_commands(context)}
    options = {
        name: {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for name, command in commands.items()
        if command
    }
    called = re.findall(r"^    tdi state (\w+)(.*)$", page, re.MULTILINE)
    assert {name for name, _ in called} == set(options)
    for name, rest in called:
        assert set(re.findall(r"(?<=\s)--?[a-z][\w-]*", rest)) <= options[name], rest
