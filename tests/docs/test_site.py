"""The documentation: a site that builds without a warning, whose links lead somewhere and whose commands exist."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import commands_page
import kept_changes_page
import operators_page
import pytest
import yaml

from tdi.verdict.outcome import MEANINGS, Class

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
AWAITED: dict[tuple[str, ...], set[str]] = {}
"""Commands and options that pages show before they are there."""

BESIDE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "DESIGN.md"]
"""What people read in a forge, where no site builder checks it."""


def _build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", root / "mkdocs.yml", "--site-dir", site],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once for the tests that look at it."""
    directory = tmp_path_factory.mktemp("site")
    built = _build(ROOT, directory)
    assert built.returncode == 0, built.stdout + built.stderr
    return directory


def _in_nav(entries: list[dict[str, str | list]]) -> Iterator[str]:
    for entry in entries:
        for value in entry.values():
            yield from [value] if isinstance(value, str) else _in_nav(value)


def test_every_page_of_the_navigation_is_there(site: Path):
    pages = list(_in_nav(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    assert {"index.md", "tutorial/break-it.md", "how-to/own-role.md", "reference/commands.md"} < set(pages)
    for page in pages:
        text = (site / page).with_suffix(".html").read_text(encoding="utf-8")
        assert "<h1" in text, page


def test_every_page_is_in_the_navigation():
    listed = _in_nav(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    assert sorted(listed) == sorted(file.relative_to(DOCS).as_posix() for file in DOCS.rglob("*.md"))


def test_nothing_is_loaded_from_elsewhere(site: Path):
    loads = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']?((?:https?:)?//[^\"' >]+)")
    found = {
        (page.name, url) for page in site.rglob("*.html") for url in loads.findall(page.read_text(encoding="utf-8"))
    }
    assert not found


@pytest.mark.parametrize(
    ("broken", "said"),
    [("[x](how-to/no-such-page.md)", "no-such-page.md"), ("[x](how-to/ci.md#no-such-part)", "no-such-part")],
)
def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path, broken: str, said: str):
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    with (tmp_path / "docs" / "index.md").open("a", encoding="utf-8") as page:
        page.write(f"\n{broken}\n")
    built = _build(tmp_path, tmp_path / "site")
    assert built.returncode == 1
    assert said in built.stdout + built.stderr


def test_a_page_that_the_navigation_does_not_have_fails_the_build(tmp_path: Path):
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    (tmp_path / "docs" / "forgotten.md").write_text("# Forgotten\n", encoding="utf-8")
    assert _build(tmp_path, tmp_path / "site").returncode == 1


@pytest.mark.parametrize("file", BESIDE, ids=lambda file: file.name)
def test_the_links_beside_the_site_lead_somewhere(file: Path):
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)", file.read_text(encoding="utf-8"))
    assert not [link for link in links if not (file.parent / link).exists()]


def test_the_readme_is_read_in_two_minutes():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) < 1000


def test_the_page_of_commands_is_what_the_commands_say():
    assert commands_page.PAGE.read_text(encoding="utf-8") == commands_page.page(), (
        "python tests/docs/commands_page.py writes it"
    )


def test_the_page_of_operators_is_what_the_operators_say():
    assert operators_page.PAGE.read_text(encoding="utf-8") == operators_page.page(), (
        "python tests/docs/operators_page.py writes it"
    )


def test_the_classes_are_told_as_a_verdict_tells_them():
    page = (DOCS / "reference" / "json.md").read_text(encoding="utf-8")
    part = page.partition("## Classes")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.*) \|$", part, re.MULTILINE))
    assert rows == {kind.value: MEANINGS[kind] for kind in Class}


def _called(text: str) -> Iterator[tuple[str, ...]]:
    """The calls of tdi that a page shows as commands of their own: an indented line that begins with it."""
    for line in re.findall(r"^    (?:\$ )?(?:TDI_\w+=\S+ )*(tdi (?!\w+:).*)$", text, re.MULTILINE):
        words = re.sub(r"\s+#.*|;.*|\s+(?:\||>).*", "", line).split()
        yield tuple(words)


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))], ids=lambda page: page.name)
def test_every_command_that_a_page_shows_exists_with_its_options(page: Path):
    contexts = dict(commands_page.commands())
    for words in _called(page.read_text(encoding="utf-8")):
        if words[:2] in AWAITED and words[:2] not in contexts:
            continue
        named = [words[:count] for count in range(1, len(words) + 1) if words[:count] in contexts][-1]
        default = getattr(contexts[named].command, "default", None)
        context = contexts[(*named, default)] if default else contexts[named]
        assert not isinstance(context.command, click.Group) or context.command.invoke_without_command, words
        options = {
            option
            for parameter in context.command.get_params(context)
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        shown = {word for word in words if re.match(r"--?[a-z]", word)}
        assert shown - AWAITED.get(words[:2], set()) <= options, words


def test_what_is_awaited_is_not_there_yet():
    contexts = dict(commands_page.commands())
    there = {
        words: {option for parameter in contexts[words].command.params for option in parameter.opts} & options
        for words, options in AWAITED.items()
        if words in contexts
    }
    assert not any(there.values()), "take it out of AWAITED, and write the page of commands anew"


def test_most_pages_show_commands():
    shown = {page.name for page in DOCS.rglob("*.md") if [*_called(page.read_text(encoding="utf-8"))]}
    assert {"break-it.md", "own-role.md", "own-servers.md", "ci.md", "write-a-probe.md", "settings.md"} <= shown


def test_every_kept_change_is_in_the_table_of_who_notices_it_with_its_class():
    expected = yaml.safe_load(kept_changes_page.EXPECTED.read_text(encoding="utf-8"))
    kinds = {
        name.removesuffix(".patch"): row["class"] if isinstance(row, dict) else row for name, row in expected.items()
    }
    table = re.findall(r"(?m)^\| `(\S+)` \| `(\S+)` \|(.*)$", kept_changes_page.PAGE.read_text(encoding="utf-8"))
    assert {change: kind for change, kind, _ in table} == kinds
    assert all(("x" in crosses) == (kind != "pass") for _, kind, crosses in table)
    head = kept_changes_page.HEAD.split()
    assert kept_changes_page.PAGE.read_text(encoding="utf-8").split()[: len(head)] == head
