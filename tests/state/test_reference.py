"""docs/reference/: the tables of its pages are the code's."""

import re
import shutil
from pathlib import Path

import pytest

from tdi.errors import ExitCode
from tdi.state import reference
from tdi.state.finding import Kind, Severity
from tdi.state.rules import _KEYS
from tdi.state.schema import schema
from tdi.state.scopes.registry import BUILT_IN


@pytest.mark.parametrize("page", reference.TABLES)
def test_a_page_is_up_to_date(page: str):
    text = (reference.PAGES / page).read_text(encoding="utf-8")
    assert reference.up_to_date(text, reference.TABLES[page]) == text, "run `python -m tdi.state.reference`"


def test_a_stale_table_is_renewed_and_said(tmp_path: Path):
    for name in reference.TABLES:
        shutil.copy(reference.PAGES / name, tmp_path)
    page = tmp_path / "scopes-and-rules.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("| `log-content` |", "| `log-contents` |"), encoding="utf-8")
    assert reference.main(tmp_path) == 1
    assert page.read_text(encoding="utf-8") == text
    assert reference.main(tmp_path) == 0


def test_a_page_without_a_place_for_a_table_is_an_error():
    with pytest.raises(ValueError, match="exit codes"):
        reference.up_to_date("# Exit codes\n", {"exit codes": reference.exit_codes})


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
