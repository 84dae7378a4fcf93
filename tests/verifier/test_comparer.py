"""Which allowances have to be needed where production has several pasts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tdi.machines.machine import Machine, Part
from tdi.project import Project
from tdi.state.compare import Comparison
from tdi.state.finding import Names
from tdi.verifier import plugin
from tdi.verifier.plugin import Comparer

FRESH = Machine("tdi-x-fresh", "fresh", "fresh", Part.NEW)
UPGRADE = Machine("tdi-x-upgrade", "upgrade", "upgrade", Part.UPGRADED)
OLD = Machine("tdi-x-upgrade-old", "upgrade-old", "upgrade", Part.UPGRADED)
NOTHING = Comparison(Names(), (), (), {}, {}, {}, {}, (), ())


@pytest.fixture
def asked(checkout: Project, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What each comparison was told of the allowances that others needed, by machine."""
    (checkout.scenario("upgrade") / "past").mkdir(exist_ok=True)
    for file in (checkout.scenario("upgrade") / "past").iterdir():
        file.unlink()
    (checkout.scenario("upgrade") / "past" / "old.yml").write_text("{}\n")
    told: dict[str, Any] = {}
    machines = {each.name: each for each in (FRESH, UPGRADE, OLD)}

    def compare(_project: Project, machine: Machine, _record: Path, *, needed: Any) -> Comparison:
        told[machine.label] = needed
        return replace(NOTHING, suppressed={f"allow-{machine.label}": 1})

    monkeypatch.setattr(plugin, "_known", machines.__getitem__)
    monkeypatch.setattr(plugin.comparing, "compare_with_fresh", compare)
    return told


def compared(project: Project, *machines: Machine) -> None:
    comparer = Comparer(project, lambda _: Path(), [each.name for each in machines])  # type: ignore[arg-type]
    for machine in machines:
        if machine is not FRESH:
            comparer(machine.name)


def test_an_allowance_that_another_past_needs_is_needed(checkout: Project, asked: dict[str, Any]):
    compared(checkout, FRESH, UPGRADE, OLD)
    assert asked == {"upgrade": None, "upgrade-old": {"allow-upgrade"}}


def test_where_a_past_is_missing_nothing_is_said_of_allowances(checkout: Project, asked: dict[str, Any]):
    compared(checkout, FRESH, UPGRADE)
    assert asked == {"upgrade": None}


def test_a_project_with_one_past_has_its_allowances_checked(checkout: Project, asked: dict[str, Any]):
    (checkout.scenario("upgrade") / "past" / "old.yml").unlink()
    compared(checkout, FRESH, UPGRADE)
    assert asked == {"upgrade": set()}
