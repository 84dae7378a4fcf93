"""The verdict as one page: what it says, that nothing of a machine is markup, and that it links what is there."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from browsing import CONTRAST, requests, said, show
from conftest import Ended as EndedCommand
from conftest import Fakes
from tdi.commands import verdict as command
from tdi.machines.machine import Part
from tdi.project import Project
from tdi.same_state.kept_records import Found
from tdi.state.compare import Result as SameState
from tdi.state.finding import Finding, Kind, Severity
from tdi.state.reports.html import style
from tdi.state.varying.taken import Varying, Witness
from tdi.verdict import page, run
from tdi.verdict.outcome import MEANINGS, Class, Ended, MachineOutcome, Result, Step, Trouble, Verdict

HOSTILE = "<script>document.title='bad'</script>\"'><img src=x onerror=\"document.title='bad'\">&amp;\x1b[31m\u202eabc"


class _Reader(HTMLParser):
    """What a browser makes of a page: its elements, what they link, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self._styles = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        self._styles = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._styles &= tag != "style"
        self.text += " "

    def handle_data(self, data: str) -> None:
        if not self._styles:
            self.text += data


def seen(document: str) -> _Reader:
    reader = _Reader()
    reader.feed(document)
    reader.close()
    return reader


def finding(said: str = "x", number: int = 1) -> Finding:
    why, action = f"file {said}: its mode differs.", f"Set the mode of {said}."
    return Finding(f"{number:012x}", "files", said, Kind.CHANGED, Severity.SERVICE, f"owner {said}", (), why, action)


def verdict(said: str = "x") -> Verdict:
    """A verdict in which everything is said that can be said, with `said` in each of it."""
    made = Verdict(f"debian {said}", plan=[f"~ files {said}", f"    +{said}", "Plan: 0 to add, 1 to change."])
    for machine in made.machines.values():
        machine.steps = {step: Ended(Result.PASS) for step in Step if step is not Step.LOAD}
    made.machines["upgrade"].steps[Step.IDEMPOTENCE] = Ended(Result.FAIL, f"changed {said}\nagain", (f"  log {said}",))
    made.machines["fresh"].steps[Step.VERIFY] = Ended(Result.PASS, f"nothing {said} is asserted")
    groups = (Varying(f"unit {said}", Witness.TWIN, "files", 1200, ("hash",), (f"/srv/{said}",)),)
    made.same_state = Found(SameState.DIFFERENT, (finding(said),), (f"rule {said}",), 2, groups)
    made.provenance = {"base_image": f"base {said}", "run": "r1"}
    made.seconds = {"images": 0.31, "create": 1.0, "total": 14.2}
    return made


def test_it_says_all_that_there_is_to_say():
    text = " ".join(seen(page.render(verdict(), {}, "my.patch")).text.split())
    for words in (
        "verdict: not-idempotent",
        MEANINGS[Class.NOT_IDEMPOTENT],
        "my.patch, platform debian x, 14 s",
        "machine create converge idempotence verify record",
        "What failed, and why upgrade, idempotence changed x again log x",
        "What else the steps said fresh, verify nothing x is asserted",
        "What the change does to production ~ files x +x Plan: 0 to add, 1 to change.",
        "Same state: no, 1 finding",
        "base images alone: 2.",
        "rule x",
        "service file x: its mode differs.",
        "Set the mode of x.",
        "files, owner owner x, 000000000001",
        "Varies, and was not compared: 1,200 objects",
        "unit x files 1,200 hash it varies between two new machines /srv/x, … and 1,199 more",
        "base image base x",
        "images 0.3 s, create 1.0 s",
    ):
        assert words in text, words


def test_each_step_of_each_machine_has_its_cell_and_one_that_was_not_reached_says_so():
    made = Verdict("debian-13")
    made.machines["fresh"].steps = {Step.CREATE: Ended(Result.PASS), Step.CONVERGE: Ended(Result.FAIL, "no")}
    rows = re.findall(r'<tr><th scope="row">(\w+)</th>(.*?)</tr>', page.render(made, {}))
    assert {name: re.findall(r">([^<]+)</td>", cells) for name, cells in rows} == {
        "fresh": ["pass", "fail", *["not reached"] * 3],
        "upgrade": ["not reached"] * 5,
    }


def test_what_comes_from_a_machine_is_text_and_visible():
    plain, hostile = (seen(page.render(verdict(text), {}, text)) for text in ("harmless", HOSTILE))
    assert hostile.tags == plain.tags
    assert hostile.attributes == plain.attributes
    assert "script" not in hostile.tags
    shown = HOSTILE.replace("\x1b", r"\x1b").replace("\u202e", r"\u202e")
    assert hostile.text.count(shown) == plain.text.count("harmless")
    assert not {"\x1b", "\u202e"} & set(hostile.text)


def test_what_looks_like_a_place_of_the_page_is_not_filled_in():
    text = "<!--BODY--> /*STYLE*/ <!--TITLE-->"
    assert text in seen(page.render(verdict(text), {})).text


def test_it_asks_for_nothing_and_looks_like_the_page_of_a_comparison():
    document = page.render(verdict(), {})
    assert seen(document).links == []
    assert "default-src 'none'" in document
    assert "url(" not in document
    assert "@import" not in document
    assert "@media (prefers-color-scheme: dark)" in style()
    assert style() in document


@pytest.mark.parametrize("kind", ["not reached", "reached"])
def test_a_run_that_found_nothing_out_says_its_cause_and_shows_no_empty_part(kind: str):
    made = Verdict(trouble=Trouble("Docker is unreachable.", "Start it."), seconds={"total": 1.0})
    if kind == "reached":
        made.machines["fresh"].steps[Step.CONVERGE] = Ended(Result.ERROR, "the disk is full: task 'a' failed")
    document = page.render(made, {})
    text = seen(document).text
    assert '<header class="unknown">' in document
    assert "verdict: could-not-run" in text
    assert "cause: Docker is unreachable. Start it." in text
    assert "platform unknown" in text
    assert ("the disk is full" in text) == (kind == "reached")
    for heading in ("Same state", "production</h2>", "Varies", "The rest", "What else"):
        assert f"<h2>{heading}" not in document


def test_a_state_that_is_not_known_says_why_and_what_could_be_compared():
    made = verdict()
    made.same_state = Found(SameState.UNKNOWN, (finding(),), not_compared="files: no answer")
    text = seen(page.render(made, {})).text
    assert "Same state: not known" in text
    assert "files: no answer" in text
    assert "its mode differs" in text


@pytest.mark.parametrize(
    ("state", "steps", "colour"),
    [(SameState.SAME, Result.PASS, "same"), (SameState.DIFFERENT, Result.PASS, "different")],
)
def test_the_colour_is_that_of_the_class(state: SameState, steps: Result, colour: str):
    made = Verdict(same_state=Found(state))
    for machine in made.machines.values():
        machine.steps = dict.fromkeys(Step, Ended(steps))
    assert f'<header class="{colour}">' in page.render(made, {})


def test_much_is_cut_and_the_rest_is_counted():
    made = verdict()
    made.machines["fresh"].steps[Step.CONVERGE] = Ended(Result.FAIL, "\n".join(["a" * 5000, *["b" * 99] * 2000]))
    made.same_state = Found(SameState.DIFFERENT, tuple(finding(number=number) for number in range(510)))
    document = page.render(made, {})
    assert f"{'a' * 4000}…\n" in document
    assert "… 1,041 more lines in the log" in document
    assert document.count('<li class="finding') == 500
    assert "and 10 more findings" in document


def left_behind(artifacts: Path) -> set[str]:
    names = {"verdict.json", "junit.xml", "records/same-state.html", "records/plan.json", "logs/a&b #1.log"}
    for name in names:
        (artifacts / name).parent.mkdir(parents=True, exist_ok=True)
        (artifacts / name).write_text("x")
    (artifacts / "logs" / "more").mkdir()
    return names


def test_it_links_what_is_there_and_each_finding_in_the_comparison(tmp_path: Path):
    names = left_behind(tmp_path)
    page.write(verdict(), tmp_path)
    links = seen((tmp_path / page.NAME).read_text()).links
    assert links[0] == "records/same-state.html#000000000001"
    assert set(links[1:]) == names - {"logs/a&b #1.log"} | {"logs/a%26b%20%231.log"}
    assert len(links) == 6


@pytest.mark.parametrize("missing", ["verdict.json", "junit.xml", "records/same-state.html", "logs/a&b #1.log"])
def test_it_links_nothing_that_is_not_there(tmp_path: Path, missing: str):
    names = left_behind(tmp_path)
    (tmp_path / missing).unlink()
    assert page.left(verdict(), tmp_path).keys() == names - {missing}
    assert ("same-state.html" in page.render(verdict(), page.left(verdict(), tmp_path))) == ("state" not in missing)


@pytest.mark.parametrize(
    ("seconds", "gone"),
    [({}, {"records", "logs"}), ({"images": 1.0}, {"records"}), ({"images": 1, "create": 1}, set())],
)
def test_it_links_nothing_of_a_former_run(tmp_path: Path, seconds: dict[str, float], gone: set[str]):
    names = left_behind(tmp_path)
    kept = page.left(Verdict(seconds=seconds), tmp_path)
    assert kept.keys() == {name for name in names if name.partition("/")[0] not in gone}


def test_a_verdict_writes_it_in_place_of_the_former_and_its_owner_alone_reads_it(
    tdi: Callable[..., EndedCommand], checkout: Project, fakes: Fakes, monkeypatch: pytest.MonkeyPatch
):
    fakes.docker(info="echo 'Cannot connect to the Docker daemon' >&2; exit 1", ps="")
    monkeypatch.chdir(checkout.root)
    checkout.prepare_artifacts()
    file = checkout.artifacts / page.NAME
    file.write_text("former")
    assert tdi("verdict").code == 2
    reader = seen(file.read_text())
    assert "verdict: could-not-run" in reader.text
    assert "Cannot connect" in reader.text
    assert "verdict.json" in reader.links
    assert oct(file.stat().st_mode & 0o777) == "0o600"


def test_where_a_run_is_interrupted_none_is_left_of_a_former_one(
    tdi: Callable[..., EndedCommand], checkout: Project, fakes: Fakes, monkeypatch: pytest.MonkeyPatch
):
    fakes.docker(ps="")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run.steps, "take", interrupted)
    monkeypatch.chdir(checkout.root)
    checkout.prepare_artifacts()
    (checkout.artifacts / page.NAME).write_text("former")
    assert command.verdicts is run
    assert tdi("verdict").code == 130
    assert not (checkout.artifacts / page.NAME).exists()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_in_a_browser_it_asks_for_nothing_fits_and_can_be_read(browser: Any, tmp_path: Path, width: int, scheme: str):
    left_behind(tmp_path)
    page.write(verdict(HOSTILE), tmp_path)
    file = tmp_path / page.NAME
    show(browser, file, scheme, width)
    assert requests(browser) == {file.as_uri()}
    assert said(browser, "h1") == "verdict: not-idempotent"
    assert browser.title.startswith("not-idempotent: debian <script>")
    assert browser.execute_script("return document.querySelectorAll('img, script').length") == 0
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script(CONTRAST) == []
    assert browser.get_log("browser") == []


def test_several_pasts_have_a_table_and_a_section_each():
    made = verdict()
    made.machines["upgrade-old"] = MachineOutcome(
        Part.UPGRADED, {step: Ended(Result.PASS) for step in Step if step is not Step.LOAD}
    )
    made.of_past("upgrade-old").same_state = Found(SameState.DIFFERENT, (finding("old-one"),))
    made.of_past("upgrade-old").plan = ["~ files /etc/of-the-old-one"]
    links = {"records/same-state.html": "a", "records/same-state-old.html": "b"}
    reader = seen(page.render(made, links))
    text = " ".join(reader.text.split())
    assert "Pasts past class findings production default not-idempotent 1 old drift 1" in text
    assert "Past: old" in text
    assert "file old-one: its mode differs." in text
    assert "/etc/of-the-old-one" in text
    assert {"#upgrade", "#upgrade-old"} <= {*reader.links}
    assert "records/same-state-old.html#000000000001" in reader.links
