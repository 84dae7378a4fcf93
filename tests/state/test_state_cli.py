"""`tdi state`: exit codes, forms and files."""

import json
from pathlib import Path

import pytest
import yaml
from by_hand import file, package, record
from click.testing import CliRunner, Result

from tdi.errors import ExitCode, TdiError
from tdi.state.cli import state
from tdi.state.record import ScopeHeader, ScopeStatus
from tdi.state.rules import load_rules

MACHINE = {"files": {"/etc/x": file()}, "packages": {"x": package()}}
OTHER = {"files": {"/etc/x": file(mode="0600")}, "packages": {"x": package(), "y": package()}}


@pytest.fixture(name="records")
def _records(tmp_path: Path) -> Path:
    record(tmp_path / "a.json", MACHINE, scenario="fresh").close()
    record(tmp_path / "same.json.gz", MACHINE, scenario="upgrade").close()
    record(tmp_path / "b.json", OTHER, scenario="upgrade").close()
    missing = {"packages": ScopeHeader(ScopeStatus.UNAVAILABLE, "no dpkg status file")}
    record(tmp_path / "less.json", MACHINE, missing).close()
    return tmp_path


def tdi(*arguments: str | Path) -> Result:
    return CliRunner().invoke(state, [str(argument) for argument in arguments], standalone_mode=False)


@pytest.mark.parametrize(
    ("b", "code"),
    [
        ("same.json.gz", ExitCode.HOLDS),
        ("b.json", ExitCode.DOES_NOT_HOLD),
        ("less.json", ExitCode.COULD_NOT_RUN),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_the_exit_code_says_what_the_comparison_says(records: Path, b: str, code: ExitCode, form: str):
    result = tdi("diff", records / "a.json", records / b, "--format", form, "--output", records / "report")
    assert result.return_value == code
    assert (records / "report").read_text()


def test_json_on_standard_output_is_the_contract(records: Path):
    document = json.loads(tdi("diff", records / "a.json", records / "b.json", "--format", "json").stdout)
    assert set(document) == {"schema", "result", "findings", "suppressed", "compared", "not_compared"}
    assert document["result"] == "different"
    assert set(document["findings"][0]) == {
        "id", "scope", "key", "kind", "severity", "owner", "attributes", "why", "action", "differences",
    }  # fmt: skip
    assert [finding["kind"] for finding in document["findings"]] == ["changed", "only-b"]


def test_machines_are_called_as_asked_else_after_their_scenarios(records: Path):
    arguments = ("diff", records / "a.json", records / "b.json", "--format", "json")
    assert "the upgraded machine" in tdi(*arguments).stdout
    assert "the web2 machine" in tdi(*arguments, "--names", "web1", "web2").stdout


def test_an_entry_for_a_finding_allows_it_and_nothing_else(records: Path):
    pair = (records / "a.json", records / "b.json")
    findings = json.loads(tdi("diff", *pair, "--format", "json").stdout)["findings"]
    entries = []
    for finding in findings:
        result = tdi("allow", finding["id"], "--from", *pair, "--reason", "tested")
        entries += yaml.safe_load(result.stdout)
    rules = records / "rules.yml"
    rules.write_text(yaml.safe_dump({"allow": entries[:1]}))
    left = json.loads(tdi("diff", *pair, "--format", "json", "--rules", rules).stdout)
    assert [finding["id"] for finding in left["findings"]] == [findings[1]["id"]]
    assert sum(left["suppressed"].values()) == 1
    rules.write_text(yaml.safe_dump({"allow": entries}))
    assert tdi("diff", *pair, "--rules", rules).return_value == ExitCode.HOLDS


def test_the_narrowest_entry_pins_what_it_allows(records: Path):
    pair = (records / "a.json", records / "b.json")
    finding = json.loads(tdi("diff", *pair, "--format", "json").stdout)["findings"][0]
    [entry] = yaml.safe_load(tdi("allow", finding["id"][:6], "--from", *pair).stdout)
    assert entry == {
        "scope": "files",
        "match": "^/etc/x$",
        "attributes": ["mode"],
        "direction": "changed",
        "value": {"a": {"mode": "0644"}, "b": {"mode": "0600"}},
        "reason": entry["reason"],
    }
    assert "TODO" in entry["reason"]


def test_a_name_that_is_no_pattern_is_allowed_as_it_is(tmp_path: Path):
    hostile = "/srv/a.b\n\udcff(c)$"
    record(tmp_path / "a.json", {"files": {}}).close()
    record(tmp_path / "b.json", {"files": {hostile: file()}}).close()
    pair = (tmp_path / "a.json", tmp_path / "b.json")
    finding = json.loads(tdi("diff", *pair, "--format", "json").stdout)["findings"][0]
    rules = tmp_path / "rules.yml"
    rules.write_text("allow:\n" + tdi("allow", finding["id"], "--from", *pair).stdout)
    assert load_rules(rules).allow[0].scope == "files"
    assert tdi("diff", *pair, "--rules", rules).return_value == ExitCode.HOLDS


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("diff", "a.json", "none.json"), "none.json"),
        (("diff", "a.json", "text"), "text"),
        (("diff", "a.json", "newer"), "newer"),
        (("diff", "a.json", "cut"), "truncated"),
        (("diff", "a.json", "b.json", "--rules", "text"), "rules file"),
        (("allow", "ffffffffffff", "--from", "a.json", "b.json"), "ffffffffffff"),
        (("record", "telnet://x", "-o", "new.json"), "telnet"),
    ],
)
def test_bad_input_is_an_error_of_one_line(
    records: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
):
    monkeypatch.chdir(records)
    Path("text").write_text("no: record: here\n")
    Path("newer").write_text('{"schema": 99, "scopes": {}}')
    Path("cut").write_text(Path("a.json").read_text()[:-30])
    result = tdi(*arguments)
    assert isinstance(result.exception, TdiError)
    assert said in result.exception.what
    assert "\n" not in result.exception.what
    assert not Path("new.json").exists()
