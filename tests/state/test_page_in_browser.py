"""The page in a real browser: it loads from a file, asks for nothing, can be filtered and read, and fits a phone."""

from pathlib import Path
from typing import Any

import pytest
from by_hand import NAMES, compared, file, package

from browsing import CONTRAST, requests, said, show
from tdi.state.fleet.compare import Fleet, Host, Shared, Status
from tdi.state.reports import fleet, html

HOSTILE = "/srv/<script>document.title='`bad`'</script>\"><img src=x onerror=\"document.title='bad'\">\x1b[31m\u202eabc"


@pytest.fixture(scope="module", name="pages")
def _pages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    pages = {}
    for count in (0, 5, 5000):
        directory = tmp_path_factory.mktemp("pages")
        first: dict[str, Any] = {f"/etc/app/{number:05}": file(text=f"old {number}\n") for number in range(count - 3)}
        second = {path: {**attributes, "text": "new\n", "hash": "b2:2"} for path, attributes in first.items()}
        if count:
            first["/etc/mode"], second["/etc/mode"] = file(), file(mode="4755")
            second[HOSTILE] = file(text=HOSTILE, owner=HOSTILE)
        log = ({"/var/log/x": file(size=1)}, {"/var/log/x": file(size=2)})
        a, b = {"files": first | log[0]}, {"files": second | log[1]}
        if count:
            a, b = a | {"packages": {}}, b | {"packages": {"less": package()}}
        comparison = compared(directory, a, b)
        assert len(comparison.findings) == count
        pages[count] = directory / "page.html"
        pages[count].write_text(html.render(comparison), encoding="utf-8")
    return pages


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("count", [0, 5, 5000])
def test_it_loads_says_its_verdict_fits_and_can_be_read(browser, pages, count: int, width: int, scheme: str):
    show(browser, pages[count], scheme, width)
    assert requests(browser) == {pages[count].as_uri()}
    assert "in the same state" in said(browser, "h1")
    assert f"the {NAMES.a} and" in said(browser, "h1").lower()
    if count:
        assert said(browser, "#count").startswith(f"{count:,} findings")
        first = "[...document.querySelectorAll('details')].slice(0, 8)"
        browser.execute_script(f"{first}.forEach((e) => {{ e.open = true; }})")
    else:
        assert "The machines are the same" in said(browser, "#findings")
        assert "1 object in 1 scope compared" in said(browser, "#findings")
    browser.execute_script("document.querySelectorAll('#rest details').forEach((e) => { e.open = true; })")
    assert "tell the history" in said(browser, "#suppressed")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script(CONTRAST) == []
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("name", ["severity", "scope", "owner", "text"])
def test_a_filter_leaves_what_it_is_for_and_the_counter_says_so(browser, pages, name: str):
    show(browser, pages[5])
    if name == "severity":
        browser.execute_script("document.querySelector('#severity input[value=security]').click()")
    else:
        value = {"scope": "=packages", "owner": "=less", "text": "/etc/app/00001"}[name]
        browser.execute_script(
            "const form = document.forms[0]; form.elements[arguments[0]].value = arguments[1]; form.requestSubmit();",
            name,
            value,
        )
    left = browser.execute_script("return document.querySelectorAll('#findings details').length")
    assert left == 1
    assert said(browser, "#count").startswith("1 of 5 findings")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_chosen_severity_can_be_seen_and_read_and_clearing_chooses_all_again(browser, pages, scheme: str):
    show(browser, pages[5], scheme)
    chosen = "return getComputedStyle(document.querySelector('#severity label:has(:checked)')).backgroundColor"
    other = "return getComputedStyle(document.querySelector('#severity label:not(:has(:checked))')).backgroundColor"
    for value in ["security", "service", "configuration", "left-over"]:
        browser.execute_script(f"document.querySelector('#severity input[value={value}]').click()")
        assert browser.execute_script(chosen) != browser.execute_script(other)
        assert browser.execute_script(CONTRAST) == []
    browser.execute_script("document.querySelector('#clear').click()")
    assert said(browser, "#severity label:has(:checked)").startswith("All")
    assert said(browser, "#count") == "5 findings"


def test_the_address_keeps_the_filters_and_leads_to_a_finding(browser, pages):
    show(browser, pages[5000])
    browser.execute_script(
        "const form = document.forms[0]; form.elements.scope.value = '=files';"
        "form.elements.text.value = '/etc/app/049'; form.requestSubmit();"
    )
    count, address = said(browser, "#count"), browser.current_url
    last = "return [...document.querySelectorAll('#findings .mono')].pop().textContent"
    finding = browser.execute_script(last)
    assert count.startswith("97 of 5,000 findings")
    browser.get("about:blank")
    browser.get(address)
    assert said(browser, "#count") == count
    browser.get(pages[5000].as_uri() + "#" + finding)
    assert said(browser, "#count").startswith("5,000 findings")
    assert said(browser, "details[open] .mono") == finding
    top = "return document.querySelector('details[open]').getBoundingClientRect().top"
    assert browser.execute_script("return document.forms[0].getBoundingClientRect().bottom") <= browser.execute_script(
        top
    )
    assert browser.execute_script("return document.activeElement.closest('details').open")
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("count", [0, 5, 5000])
def test_without_scripts_the_page_still_says_what_it_has_to_say(browser, pages, count: int):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        show(browser, pages[count], width=390)
        text = browser.find_element("tag name", "body").text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "in the same state" in text
    assert "tell the history" in text
    if count:
        assert "/etc/app/00001: its content differs" in text
        assert "- old 1\n+ new\n" in text
        assert "<script>document.title='`bad`'</script>" in text or "more findings" in text
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390


def test_a_fleet_says_on_which_hosts_each_finding_is_and_can_be_filtered_by_host(browser, tmp_path):
    a, b = {"files": {"/etc/x": file()}}, {"files": {"/etc/x": file(mode="0600"), "/srv/y": file()}}
    first, second = compared(tmp_path, a, b).findings
    hosts = (Host("web1", Status.SAME), *(Host(name, Status.DIFFERENT) for name in ("web2", HOSTILE)))
    gone = Host("web4", Status.NOT_RECORDED, "no route")
    shared = (Shared(first, 1, ("web2", HOSTILE), 1), Shared(second, 1, (HOSTILE,), 1))
    counted = {"log-content": 3}, 9, {"mounts: not booted": (HOSTILE,)}, (), {"log-content": "a log"}
    page = tmp_path / "fleet.html"
    page.write_text(fleet.page(Fleet("the host web1", (*hosts, gone), shared, *counted)), encoding="utf-8")
    show(browser, page, width=390)
    assert said(browser, "h1").startswith("1 of 4 hosts is in the state of the reference")
    assert "web4: no route" in said(browser, "#problems")
    assert "2 of 3 hosts: file /etc/x: mode is" in said(browser, "#findings")
    assert "a log" in said(browser, "#suppressed")
    assert "not booted" in said(browser, "#not-compared")
    assert [f"web{n}" in said(browser, "#hosts") for n in (1, 2, 4)] == [True] * 3
    form = "const form = document.forms[0]; form.elements.host.value = '=web2'; form.requestSubmit();"
    browser.execute_script(form)
    assert said(browser, "#count") == "1 of 2 findings"
    assert browser.current_url.endswith("#host=web2")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    assert browser.execute_script(CONTRAST) == []
    assert browser.title == "Could not compare: 4 hosts"
    assert browser.get_log("browser") == []


def test_what_comes_from_a_machine_is_text_and_runs_nothing(browser, pages):
    show(browser, pages[5])
    browser.execute_script("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
    assert browser.title == "Not the same state: new and upgraded"
    assert browser.execute_script("return document.querySelectorAll('img, main script').length") == 0
    assert "<script>document.title='`bad`'</script>" in said(browser, "#findings")
    assert r"\x1b[31m\u202eabc" in said(browser, "#findings")
    assert "/srv/<script>document.title='`bad`'</script>" in said(browser, ".left-over .do")
    assert requests(browser) == {pages[5].as_uri()}
