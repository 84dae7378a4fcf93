"""The legs of a matrix: each scenario on each platform, and what cannot be listed is said in a line or two."""

import json
from pathlib import Path

import pytest

from tdi.ci import __main__ as front_door
from tdi.project import Project


def listed(capsys: pytest.CaptureFixture[str], root: Path) -> dict[str, list[dict[str, str]]]:
    assert front_door.main(["legs", "--directory", str(root)]) == 0
    pairs = (line.partition("=") for line in capsys.readouterr().out.splitlines())
    return {name: json.loads(value) for name, _, value in pairs}


def test_a_project_without_other_pasts_has_two_legs_a_platform(checkout: Project, capsys: pytest.CaptureFixture[str]):
    for file in (checkout.root / "molecule" / "upgrade" / "past").glob("*"):
        file.unlink()
    said = listed(capsys, checkout.root)
    assert said["pasts"] == ["default"]
    assert len(said["legs"]) == 2 * len(said["platforms"])


def test_a_past_is_a_leg_of_the_upgrade_on_each_platform_whatever_its_name(
    checkout: Project, capsys: pytest.CaptureFixture[str]
):
    past = checkout.root / "molecule" / "upgrade" / "past"
    past.mkdir(exist_ok=True)
    odd = "a'\"\nlegs=[]"
    (past / f"{odd}.yml").touch()
    said = listed(capsys, checkout.root)
    assert odd in said["pasts"]
    legs = [leg for leg in said["legs"] if leg["past"] == odd]
    assert {leg["scenario"] for leg in legs} == {"upgrade"}
    assert [leg["platform"] for leg in legs] == said["platforms"]


def test_outside_of_a_project_there_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert front_door.main(["legs", "--directory", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "is not inside a project" in said.err
    assert len(said.err.strip().splitlines()) == 2
