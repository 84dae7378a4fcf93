"""The scopes: the collector, the schema and this side know the same ones, and one that says nothing works as well."""

import ast
from pathlib import Path

import pytest
from by_hand import compared, file, only_finding

from conftest import ROOT
from tdi.collector.scopes import registry
from tdi.state import plan
from tdi.state.finding import Difference, Kind, Severity
from tdi.state.fold.steps import fold
from tdi.state.schema import schema
from tdi.state.scopes.entries import make_entry, mend_entry
from tdi.state.scopes.registry import SCOPES
from tdi.state.scopes.scope import Advice, Entries, Scope, Stage, Wrong

STATE = ROOT / "src" / "tdi" / "state"

ELSEWHERE = {
    "plan.py": {*plan._ORDER},  # in which order a change works is about all of them
    "recording.py": {"probes"},  # the name of a setting of the collector, too
    "record_settings.py": {"probes"},  # the same
    "slices.py": {"groups"},  # those of an inventory
}
"""Module outside of scopes/ → the scopes that it may name, besides files: that is the ground on which all stand."""


def test_collector_schema_and_registry_know_the_same_scopes():
    assert {*SCOPES} == {*schema()["properties"]["scopes"]["properties"]}
    assert {*SCOPES} == {*registry.SCOPES, "files"}
    assert all(scope.name == name for name, scope in SCOPES.items())


@pytest.mark.parametrize(
    "module",
    [path for path in sorted(STATE.rglob("*.py")) if STATE / "scopes" not in path.parents],
    ids=lambda path: str(path.relative_to(STATE)),
)
def test_no_module_outside_of_the_scopes_knows_one_of_them(module: Path):
    said = {node.value for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))) if _is_text(node)}
    assert said & {*SCOPES} <= {"files", *ELSEWHERE.get(module.name, ())}


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_a_scope_whose_severity_varies_shows_examples_of_it():
    varies = {name for name, scope in SCOPES.items() if not isinstance(scope.severity, Severity)}
    assert varies - {"dpkg"} == {name for name, scope in SCOPES.items() if scope.examples}


def test_a_rule_or_example_of_a_scope_is_about_that_scope():
    for name, scope in SCOPES.items():
        assert {rule.scope for rule in scope.noise} <= {name}
        assert {each.scope for examples in scope.examples.values() for each in examples} <= {name}


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch):
    """Register a scope of toys."""

    def register(**said: object) -> None:
        monkeypatch.setitem(SCOPES, "toys", Scope("toys", "toy", **said))  # type: ignore[arg-type]

    return register


def test_a_scope_that_says_no_more_than_its_noun_works(tmp_path: Path, toys):
    toys()
    finding = only_finding(compared(tmp_path, {"toys": {"bear": {"colour": "red"}}}, {"toys": {"bear": {}}}))
    assert finding.why == "toy bear: colour is red on the new machine only."
    assert finding.severity is Severity.CONFIGURATION
    assert finding.owner == "nobody"
    assert finding.action == "Make the role set it, so that both machines end alike, whatever was there before."
    new = only_finding(compared(tmp_path, {"toys": {}}, {"toys": {"bear": {}}}))
    assert new.why == "toy bear is only on the upgraded machine."
    assert new.action.startswith("Add a task that removes it")


def test_a_scope_that_nobody_knows_is_compared_nevertheless(tmp_path: Path):
    finding = only_finding(compared(tmp_path, {"toys": {}}, {"toys": {"bear": {}}}))
    assert finding.why == "toys bear is only on the upgraded machine."


def test_what_a_new_scope_says_is_heard(tmp_path: Path, toys):
    toys(
        severity=Severity.SERVICE,
        advice=Advice(make_entry, mend=mend_entry),
        entries=Entries(edited=True),
        evidence=frozenset({"weight"}),
        clauses={"colour": lambda *_: "it is of another colour"},
    )
    a = {"toys": {"bear": {"file": "/etc/toys", "colour": "red"}}, "files": {"/etc/toys": file(hash="b2:1")}}
    b = {"toys": {"bear": {"file": "/etc/toys", "colour": "blue"}}, "files": {"/etc/toys": file(hash="b2:2")}}
    finding = only_finding(compared(tmp_path, a, b))
    assert finding.why == "toy bear: it is of another colour; 1 difference follows from it (1 in files)."
    assert finding.severity is Severity.SERVICE
    assert finding.action.startswith("Let a task write /etc/toys whole")
    heavier = compared(tmp_path, {"toys": {"bear": {"weight": 1}}}, {"toys": {"bear": {"weight": 2}}})
    assert heavier.findings == ()


def test_what_follows_from_a_new_scope_is_hung_below_it_at_its_stage(toys):
    seen: list[str] = []

    def boxes(tree) -> None:
        seen.append("boxes")
        tree.hang(tree.files["/srv/box"], tree.by_scope["toys"]["bear"])

    toys(follows={Stage.EFFECTS: (boxes,), Stage.PACKAGES: (lambda _: seen.append("first"),)})
    bear = Difference("toys", "bear", Kind.ONLY_B, (), None, {})
    box = Difference("files", "/srv/box", Kind.ONLY_B, (), None, {"type": "file"})
    assert fold([box, bear]) == [(bear, box)]
    assert seen == ["first", "boxes"]


def test_a_check_of_a_new_scope_is_made_on_each_machine(tmp_path: Path, toys):
    from by_hand import record  # noqa: PLC0415 (only this test needs it)

    from tdi.state.invariants import check  # noqa: PLC0415

    def broken(key: str, toy: dict[str, object]) -> Wrong | None:
        return Wrong("state", Severity.SERVICE, f"{key} is broken.", "Mend it.") if toy["state"] == "broken" else None

    toys(checks=(('"state":', broken),))
    objects = {"bear": {"state": "broken"}, "car": {"state": "whole"}, "doll": {}}
    found = check(record(tmp_path / "r.json", {"toys": objects}))
    assert [(each.key, each.why, each.action) for each in found] == [("bear", "bear is broken.", "Mend it.")]


def test_the_smallest_scope_is_the_one_that_contributors_are_shown():
    modules = [path for path in (STATE / "scopes").glob("*.py") if "= Scope(" in path.read_text(encoding="utf-8")]
    shown = (STATE / "scopes" / "limits.py").read_text(encoding="utf-8")
    assert len(shown.splitlines()) == min(len(path.read_text(encoding="utf-8").splitlines()) for path in modules)
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "".join(f"    {line}\n" if line else "\n" for line in shown.splitlines()) in page
