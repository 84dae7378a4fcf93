"""`tdi state`: exit codes, forms and files."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from by_hand import file, package, record
from click.testing import CliRunner, Result

from tdi.cli import cli
from tdi.errors import ExitCode, TdiError
from tdi.outside import process
from tdi.state.fleet.common_state import write_common_state
from tdi.state.invariants import check
from tdi.state.record import RecordFile, ScopeHeader, ScopeStatus
from tdi.state.rules import Rules, load_rules

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
    return CliRunner().invoke(cli, ["state", *(str(argument) for argument in arguments)], standalone_mode=False)


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


def test_a_file_has_a_line_for_each_finding_and_no_colour_whatever_the_terminal(
    records: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FORCE_COLOR", "1")
    tdi("diff", records / "a.json", records / "b.json", "--output", records / "report")
    report = (records / "report").read_text()
    assert "\x1b" not in report
    assert len([line for line in report.splitlines() if ", owner " in line and "→" in line]) == 2


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


def test_what_is_wrong_on_a_machine_by_itself_can_be_allowed_too(tmp_path: Path):
    for name in "ab":
        record(tmp_path / name, {"files": {"/srv/x": file(mode="4755")}}).close()
    with RecordFile(tmp_path / "b") as made:
        [broken] = check(made)
    [entry] = yaml.safe_load(tdi("allow", broken.id, "--from", tmp_path / "a", tmp_path / "b").stdout)
    assert {**entry, "reason": ""} == {
        "scope": "files",
        "match": "^/srv/x$",
        "attributes": ["mode"],
        "direction": "changed",
        "value": {"b": {"mode": "4755"}},
        "reason": "",
    }


@pytest.mark.parametrize("value", [None, 5, "x", [{}], {"x": {"y": None}}])
@pytest.mark.parametrize("scope", ["files", "packages"])
def test_a_record_with_values_of_another_type_is_said_to_be_damaged(records: Path, scope: str, value: Any):
    objects = {"/etc/x": file(), "x": package()}
    wrong = {key: dict.fromkeys(attributes, value) for key, attributes in objects.items()}
    record(records / "wrong.json", {scope: wrong}).close()
    record(records / "right.json", {scope: objects}).close()
    for pair in (("right.json", "wrong.json"), ("wrong.json", "right.json"), ("wrong.json", "wrong.json")):
        try:
            tdi("diff", *(records / name for name in pair))
        except TdiError as error:
            assert f"{records / 'wrong.json'} is truncated or damaged: " in error.what  # noqa: PT017 (some can be compared)


def server(path: Path, number: int, stale: str = "", **meta: Any) -> Path:
    """The record of a server whose own name and address are in its files, its sockets and its processes."""
    name, address = f"web{number}", f"10.0.0.{number}"

    def text_file(text: str) -> dict[str, Any]:
        return file(text=text, size=len(text), hash=f"sha256:{sha256(text.encode()).hexdigest()}")

    scopes = {
        "files": {
            "/etc/hosts": text_file(f"127.0.0.1 localhost\n{address} {name}.example.org {name}\n"),
            "/etc/mailname": text_file(f"{name}.example.org\n{stale}"),
        },
        "listeners": {f"tcp {address}:80": {"unit": "nginx.service"}},
        "processes": {"agent.service|/usr/bin/agent": {"arguments": [f"--node={name}"]}},
    }
    own = {"addresses": [address]}
    record(path, scopes, **{"hostname": name, "target": f"ssh://root@{name}", "own": own, **meta}).close()
    return path


def test_the_own_names_of_two_servers_are_no_difference(tmp_path: Path):
    pair = (server(tmp_path / "a.json", 1), server(tmp_path / "b.json", 2))
    document = json.loads(tdi("diff", *pair, "--format", "json").stdout)
    assert (document["result"], document["suppressed"]) == ("same", {"own-names": 4})
    assert set(document["suppressed_reasons"]) == {"own-names"}
    report = tmp_path / "report"
    tdi("diff", *pair, "--verbose", "--output", report)
    assert "suppressed 4: own-names (each machine has its own name" in report.read_text()


def test_what_differs_besides_own_names_is_found_and_can_be_allowed(tmp_path: Path):
    pair = (server(tmp_path / "a.json", 1), server(tmp_path / "b.json", 2, "web1.example.org\n"))
    [finding] = json.loads(tdi("diff", *pair, "--format", "json").stdout)["findings"]
    assert finding["key"] == "/etc/mailname"
    rules = tmp_path / "rules.yml"
    rules.write_text("allow:\n" + tdi("allow", finding["id"], "--from", *pair).stdout)
    assert tdi("diff", *pair, "--rules", rules).return_value == ExitCode.HOLDS


@pytest.mark.parametrize(
    "meta",
    [
        [{"scenario": "fresh"}, {"scenario": "upgrade"}],  # the machines of a verdict
        [{"hostname": "web", "target": "ssh://web"}] * 2,  # one machine, before and after
    ],
)
def test_where_names_must_not_differ_they_are_compared_as_they_are(tmp_path: Path, meta: list[dict[str, Any]]):
    pair = [server(tmp_path / f"{number}.json", number, **known) for number, known in enumerate(meta)]
    document = json.loads(tdi("diff", *pair, "--format", "json").stdout)
    assert {"/etc/hosts", "/etc/mailname"} <= {finding["key"] for finding in document["findings"]}
    assert "own-names" not in document["suppressed"]


def test_one_record_of_a_scenario_is_compared_as_any_server(tmp_path: Path):
    pair = (server(tmp_path / "a.json", 1, scenario="fresh"), server(tmp_path / "b.json", 2))
    assert tdi("diff", *pair).return_value == ExitCode.HOLDS


@pytest.mark.parametrize("order", [1, -1])
def test_a_server_is_compared_with_a_common_state_from_either_side(tmp_path: Path, order: int):
    servers = [server(tmp_path / f"{number}.json", number) for number in range(3)]
    common = tmp_path / "common.json"
    write_common_state(servers, common, Rules())
    assert tdi("diff", *[common, servers[1]][::order]).return_value == ExitCode.HOLDS


def test_a_record_has_the_texts_in_which_machines_have_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked: dict[str, Any] = {}

    @contextmanager
    def recorded(*_: object, **options: Any) -> Iterator[RecordFile]:
        asked.update(options)
        with record(tmp_path / "x.json", {"files": {}}, hashed={"reused": 0}) as made:
            yield made

    monkeypatch.setattr("tdi.commands.state.record.record_target", recorded)
    assert tdi("record", "local://", "-o", tmp_path / "x.json", "--text", "^/etc/y$").return_value == ExitCode.HOLDS
    assert asked["text"] == (r"^/etc/(hostname|hosts|mailname)$", "^/etc/y$")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can record this machine")
def test_a_record_knows_the_machine_s_own_addresses(tmp_path: Path):
    tdi("record", "local://", "-o", tmp_path / "x.json", "--scope", "system")
    with RecordFile(tmp_path / "x.json") as made:
        addresses = made.meta["own"]["addresses"]
    # What holds on one link only is no less its own, and `hostname` leaves it out.
    of_links = {word for word in addresses if word.startswith("fe80:")}
    assert sorted({*addresses} - of_links) == sorted(process.run(["hostname", "-I"]).stdout.split())
    shown = process.run(["ip", "-o", "-6", "address", "show", "scope", "link"]).stdout
    assert of_links == set(re.findall(r"inet6 ([0-9a-f:]+)/", shown))


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
