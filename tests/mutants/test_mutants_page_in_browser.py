"""The page of mutants in a real browser: it needs nothing from elsewhere, and shows what there is."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_mutant_reports import EVERY, RESULTS

from browsing import started
from tdi.mutants.reports import page, stryker

ODD = "- name: </script><!-- A --><b>bold</b>\n  notify: b\n"

TEXT = """
const all = (root) => [...root.querySelectorAll("*")].flatMap((each) => [
  ...[...each.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data),
  ...(each.shadowRoot ? all(each.shadowRoot) : []),
]);
return all(document.body).join(" ");
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from started(tmp_path_factory.mktemp("profile"))


def opened(browser: Any, directory: Path, hash_part: str = "") -> str:
    """Open the page and return all text that it shows, that of the viewer's elements included."""
    results = replace(RESULTS, mutants=EVERY, sources={"a.yml": ODD})
    file = directory / "report.html"
    file.write_text(page.render(stryker.report(results), "a <title>", "score: 60.0%"), encoding="utf-8")
    browser.get("about:blank")
    browser.get(f"{file.as_uri()}{hash_part}")
    return str(browser.execute_script(TEXT))


def test_the_page_shows_the_files_and_how_many_survived(browser: Any, tmp_path: Path):
    said = opened(browser, tmp_path)
    assert "a.yml" in said
    assert "Survived" in said
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_the_source_of_a_file_is_shown_as_it_is(browser: Any, tmp_path: Path):
    said = opened(browser, tmp_path, "#mutant/a.yml")
    assert "</script>" in said
    assert browser.execute_script("return document.querySelectorAll('b').length") == 0


def test_nothing_is_fetched_from_elsewhere(browser: Any, tmp_path: Path):
    browser.get_log("performance")
    opened(browser, tmp_path)
    log = " ".join(entry["message"] for entry in browser.get_log("performance"))
    assert '"url":"http' not in log
