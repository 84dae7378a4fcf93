"""The reports say everything, keep their limits, and let nothing from a machine act."""

import difflib
import io
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from by_hand import compared, file, package
from rich.console import Console

from tdi.state.allowances import Allowance
from tdi.state.compare import Comparison, Result
from tdi.state.reports import html, markdown, printable, terminal
from tdi.state.reports import json as json_report
from tdi.state.reports.text import unified
from tdi.state.rules import Rules

HOSTILE = "/srv/a\nb\x1b[31m<script>alert(1)</script>|`@you`\udcff\u202e</script>"


def of(tmp_path: Path, count: int, **options: Any) -> Comparison:
    files = {f"/etc/app/{number:05}": file(text=f"old {number}\n") for number in range(count)}
    changed = {path: {**attributes, "text": "new\n", "hash": "b2:2"} for path, attributes in files.items()}
    log = {"/var/log/x": file(size=1)}
    other = {"/var/log/x": file(size=2)}
    return compared(tmp_path, {"files": files | log}, {"files": changed | other}, **options)


def text(comparison: Comparison, *, verbose: bool = False, **options: Any) -> str:
    written = io.StringIO()
    terminal.show(comparison, Console(file=written, width=80, **options), verbose=verbose)
    return written.getvalue()


def data(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found.group(1))


REPORTS = {"text": text, "json": json_report.render, "markdown": markdown.render, "html": html.render}


@pytest.mark.parametrize("form", REPORTS)
@pytest.mark.parametrize("count", [0, 5, 5000])
def test_every_report_can_be_made_of_any_number_of_findings(tmp_path: Path, form: str, count: int):
    report = REPORTS[form](of(tmp_path, count))
    assert report
    assert ("/etc/app/00004" in report) == (count > 4)


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_what_a_machine_is_called_cannot_act_in_a_report(tmp_path: Path, form: str):
    report = REPORTS[form](compared(tmp_path, {"files": {}}, {"files": {HOSTILE: file(text=HOSTILE, owner=HOSTILE)}}))
    report.encode("utf-8")
    assert [letter for letter in "\x1b\u202e\udcff" if letter in report] == []
    if form != "text":
        assert "<script>alert" not in report
        assert report.count("</script>") == (2 if form == "html" else 0)
    else:
        assert len(report.splitlines()) == 4


def test_a_finding_stands_in_one_row_of_markdown_and_mentions_nobody(tmp_path: Path):
    report = markdown.render(compared(tmp_path, {"files": {}}, {"files": {HOSTILE: file()}}))
    row = next(line for line in report.splitlines() if line.startswith("| left"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 6
    assert "@you" not in report
    assert "`" not in re.sub(r"\\`", "", row)


def test_what_to_write_in_a_task_is_code_in_markdown(tmp_path: Path):
    report = markdown.render(compared(tmp_path, {"files": {}}, {"files": {"/srv/x|y": file()}}))
    assert r"removes /srv/x\|y \(`ansible.builtin.file` with `state: absent`\)" in report


@pytest.mark.parametrize("limit", [4000, markdown.LIMIT])
def test_markdown_keeps_its_limit_and_says_what_it_leaves_out(tmp_path: Path, limit: int):
    report = markdown.render(of(tmp_path, 5000), limit)
    assert len(report.encode()) <= limit
    shown = report.count("/etc/app/")
    assert f"{5000 - shown:,} more findings" in report


def test_the_terminal_begins_with_three_lines_of_verdict(tmp_path: Path):
    lines = text(of(tmp_path, 5)).splitlines()
    assert lines[0] == "The new and the upgraded machine are not in the same state: 5 findings (5 configuration)."
    assert lines[1] == "Compared 6 objects in 1 scope; 1 difference suppressed by 1 rule."
    assert lines[2] == "Not compared: nothing."
    assert len(lines) == 9
    assert lines[-1] == "Suppressed: log-content 1; the reasons: --verbose."
    assert text(of(tmp_path, 0)).splitlines()[0] == "The new and the upgraded machine are in the same state."


def test_the_terminal_shows_a_limited_number_and_says_so(tmp_path: Path):
    lines = text(of(tmp_path, 500)).splitlines()
    assert len(lines) == terminal.SHOWN + 5
    assert "300 more" in lines[-2]


def test_verbose_shows_every_difference_and_every_rule(tmp_path: Path):
    report = text(of(tmp_path, 2), verbose=True)
    assert "-old 1" in report
    assert "+new" in report
    assert "hash: new b2:1; upgraded b2:2" in report
    assert "suppressed 1: log-content" in report


def test_the_terminal_is_coloured_only_where_it_is_one(tmp_path: Path):
    assert "\x1b[" not in text(of(tmp_path, 1))
    assert "\x1b[" in text(of(tmp_path, 1), force_terminal=True)


@pytest.mark.parametrize("width", [40, 60, 100, 250])
def test_on_a_terminal_lines_break_at_words_and_stay_beside_the_margin(tmp_path: Path, width: int):
    written = io.StringIO()
    terminal.show(of(tmp_path, 1), Console(file=written, width=width, force_terminal=True, no_color=True))
    lines = re.sub(r"\x1b\[[\d;]*m", "", written.getvalue()).splitlines()
    assert max(map(len, lines)) <= min(width, 120)
    begin = next(number for number, line in enumerate(lines) if line.split("  ")[0] == "configuration")
    last = next(number for number, line in enumerate(lines) if "owner nobody]" in line)
    indent = 2 if width < 72 else len("configuration  ")
    assert {len(line) - len(line.lstrip()) for line in lines[begin + 1 : last + 1]} == {indent}
    finding = " ".join(" ".join(lines[begin : last + 1]).split())
    assert finding in " ".join(text(of(tmp_path, 1)).split())


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_what_was_not_compared_is_shown(tmp_path: Path, form: str):
    machine = {"packages": {"x": package()}}
    report = REPORTS[form](compared(tmp_path, machine, machine, unavailable={"packages": "no dpkg status file"}))
    assert "could not be compared" in report
    assert "no dpkg status file" in report


@pytest.mark.parametrize("form", REPORTS)
def test_where_nobody_looked_is_said_in_a_line_of_every_report(tmp_path: Path, form: str):
    comparison = of(tmp_path, 1)
    why = "storage of docker; --include /var/lib/docker walks it"
    report = REPORTS[form](replace(comparison, not_walked={"/var/lib/docker": why, "/srv/data": "--exclude"}))
    if form == "json":
        assert json.loads(report)["not_walked"] == {"/var/lib/docker": why, "/srv/data": "--exclude"}
        return
    line = f"Not walked: /var/lib/docker ({why}), /srv/data (--exclude)."
    assert (markdown.escape(line) if form == "markdown" else line) in re.sub(r"\s*\n\s*", " ", report)
    assert "Not walked" not in REPORTS[form](comparison)


def test_without_scripts_the_page_says_what_was_not_compared_and_why_that_may_be(tmp_path: Path):
    machine = {"packages": {"x": package()}}
    accepted = Rules(acceptable_unavailable={"packages": "no packages here"})
    page = html.render(compared(tmp_path, machine, machine, accepted, unavailable={"packages": "no dpkg"}))
    why = "unavailable on the upgraded machine (no dpkg); acceptable: no packages here"
    assert f"<h2>Not compared</h2>\n<ul><li>packages: {why}</li></ul>" in page


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_what_a_rule_took_is_shown_with_its_count_and_reason(tmp_path: Path, form: str):
    comparison = of(tmp_path, 1)
    report = text(comparison, verbose=True) if form == "text" else REPORTS[form](comparison)
    assert "log" in report
    assert "tell the history of a machine" in report


def from_bases(comparison: Comparison, count: int = 2) -> Comparison:
    return replace(comparison, findings=(), from_bases=comparison.findings[:count])


def test_what_comes_from_the_bases_is_counted_and_listed_apart(tmp_path: Path):
    comparison = from_bases(of(tmp_path, 2))
    assert comparison.result is Result.SAME
    brief, whole = text(comparison).splitlines(), text(comparison, verbose=True)
    assert [line for line in brief if "/etc/app" in line] == []
    assert [line for line in brief if "From the base images alone, not counted: 2 findings" in line] != []
    assert "/etc/app/00001" in whole
    marked = markdown.render(comparison)
    assert "/etc/app/00001" in marked[marked.index("<details><summary>From the base images alone") :]
    held = data(html.render(comparison))
    assert held["findings"] == []
    assert [finding["key"] for finding in held["from_bases"]] == ["/etc/app/00000", "/etc/app/00001"]


@pytest.mark.parametrize("limit", [4000, markdown.LIMIT, 1024 * 1024])
def test_markdown_keeps_its_limit_with_everything_in_it(tmp_path: Path, limit: int):
    comparison = of(tmp_path, 5000)
    crowded = replace(comparison, from_bases=comparison.findings, problems=tuple(map(str, range(5000))))
    report = markdown.render(crowded, limit)
    assert len(report.encode()) <= limit
    assert report.count("<details>") == report.count("</details>") == 2
    assert "tell the history" in report


@pytest.mark.parametrize("key", ["a@team", "#123", "GH-123", "www.example.org", "https://example.org", "o/r#7"])
def test_a_forge_makes_no_link_or_mention_of_a_key(tmp_path: Path, key: str):
    report = markdown.render(compared(tmp_path, {"files": {}}, {"files": {f"/srv/{key}": file()}}))
    assert key not in report


def test_texts_made_to_take_long_do_not():
    lines = [f"{number}\n" for number in range(150)]
    first, second = "".join(lines * 150), "".join(lines[::-1] * 150)
    started = time.monotonic()
    rows = list(html.side_by_side(first, second))
    assert time.monotonic() - started < 5
    assert len(rows) == 22_500


def test_a_unified_diff_is_difflib_s():
    first, second = list("abcdef"), list("acdexfg")
    ours = list(unified(first, second, ("x", "y")))
    assert ours == list(difflib.unified_diff(first, second, "x", "y", lineterm="", n=2))


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_an_allowance_that_nothing_needs_is_shown(tmp_path: Path, form: str):
    unused = Rules(allow=(Allowance("files", "^/srv/nothing$", "once"),))
    assert "/srv/nothing" in REPORTS[form](compared(tmp_path, {"files": {}}, {"files": {}}, unused))


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path):
    page = html.render(of(tmp_path, 5))
    assert "default-src 'none'" in page
    assert re.findall(r"""(?:src|href)\s*=(?! "#")|https?:|@import|url\(""", page) == []


def test_the_page_holds_findings_suppressed_and_texts(tmp_path: Path):
    held = data(html.render(of(tmp_path, 5)))
    assert [row[:2] for row in held["suppressed"]] == [["log-content", 1]]
    assert held["compared"] == [["files", 6]]
    assert held["findings"][0]["differences"][0]["text"] == [["~", 1, "old 0", 1, "new"]]


def test_the_page_stays_small_with_many_large_texts(tmp_path: Path):
    big = "".join(f"line {number}\n" for number in range(6000))
    files = {f"/etc/app/{number}": file(text=big) for number in range(300)}
    other = {path: file(text=big.upper(), hash="b2:2") for path in files}
    page = html.render(compared(tmp_path, {"files": files}, {"files": other}))
    assert len(page) < 3 * html.BUDGET
    assert len(data(page)["findings"]) == 300


def test_side_by_side_text_leaves_out_what_is_equal():
    first = "".join(f"{number}\n" for number in range(20))
    rows = list(html.side_by_side(first, first.replace("10\n", "ten\n")))
    assert [row[0] for row in rows] == ["…", " ", " ", " ", "~", " ", " ", " "]
    assert rows[4] == ["~", 11, "10", 11, "ten"]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("\x1b[31m", r"\x1b[31m"),
        ("caf\udce9", r"caf\xe9"),
        ("\u202e", r"\u202e"),
        ("\x9b", r"\x9b"),
        ("\ud800", r"\ud800"),
        ("naïve ✓ 日本", "naïve ✓ 日本"),
    ],
)
def test_what_cannot_be_seen_is_shown_as_an_escape(raw: str, shown: str):
    assert printable(raw) == shown
