"""`tdi machine start` and `remove`: what the driver's playbooks call."""

from collections.abc import Callable
from typing import Any

import pytest

from conftest import Ended, Fakes
from tdi.commands.machine import start
from tdi.errors import TdiError
from tdi.images.base_image import BaseImage
from tdi.images.production import ProductionImage
from tdi.machines.machine import Machine
from tdi.project import Project
from tdi.same_state import kept_records


@pytest.fixture
def happened(checkout: Project, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, in order, with images and an engine that only pretend."""
    notes: list[str] = []

    def note(text: str) -> Callable[..., None]:
        return lambda *words, **_: notes.append(
            " ".join([text, *(str(word) for word in words if isinstance(word, str))])
        )

    def started(machine: Machine, image: str, _options: Any, run_id: str) -> None:
        notes.append(f"start {machine.name} from {image} in {run_id}")

    base = BaseImage("debian-13", "sha256:base", "base", "here", "why")
    production = ProductionImage("sha256:production", "production", "main", built=False)
    monkeypatch.setattr(start.base_image, "ensure", lambda _: base)
    monkeypatch.setattr(start.production, "ensure", lambda *_: production)
    monkeypatch.setattr(start.docker, "remove", lambda names: notes.append(f"remove {' '.join(names)}"))
    monkeypatch.setattr(start.docker, "wait_until_booted", note("boot"))
    monkeypatch.setattr(start.lifecycle, "start", started)
    monkeypatch.setattr(kept_records, "record_machine", note("record"))
    monkeypatch.chdir(checkout.root)
    return notes


def test_a_new_machine_starts_from_the_base_image_in_place_of_the_one_before(
    tdi: Callable[..., Ended], happened: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TDI_RUN_ID", "0123")
    ended = tdi("machine", "start", "fresh")
    assert (ended.code, ended.out) == (0, "base from here (why)\n")
    name = "tdi-0123-fresh"
    assert happened == [f"remove {name}", f"start {name} from sha256:base in 0123", f"boot {name}"]


def test_production_is_recorded_once_it_has_booted(tdi: Callable[..., Ended], happened: list[str]):
    ended = tdi("machine", "start", "upgrade")
    assert (ended.code, ended.out) == (0, "production (main)\n")
    assert happened[1:] == [
        "start tdi-plain-upgrade from sha256:production in plain",
        "boot tdi-plain-upgrade",
        f"record {kept_records.BEFORE}",
    ]


def test_a_machine_that_does_not_boot_is_code_2_and_is_not_recorded(
    tdi: Callable[..., Ended], happened: list[str], monkeypatch: pytest.MonkeyPatch
):
    def fails(_: str) -> None:
        raise TdiError("The machine did not boot cleanly.")

    monkeypatch.setattr(start.docker, "wait_until_booted", fails)
    ended = tdi("machine", "start", "upgrade")
    assert ended.code == 2
    assert "did not boot cleanly" in ended.err
    assert not any(each.startswith("record") for each in happened)


@pytest.mark.parametrize("there", [True, False])
def test_a_machine_is_removed_where_it_is_there(
    tdi: Callable[..., Ended], checkout: Project, fakes: Fakes, monkeypatch: pytest.MonkeyPatch, *, there: bool
):
    docker = fakes.docker(container_inspect="echo running 0" if there else "exit 1", rm="")
    monkeypatch.chdir(checkout.root)
    ended = tdi("machine", "remove", "fresh")
    assert (ended.code, ended.out) == (0, "tdi-plain-fresh\n" if there else "")
    assert any(call.startswith("rm ") and call.endswith("tdi-plain-fresh") for call in docker.calls) is there


def test_a_scenario_that_is_not_there_is_code_2(tdi: Callable[..., Ended], happened: list[str]):
    for command in ("start", "remove"):
        ended = tdi("machine", command, "sideways")
        assert ended.code == 2
        assert "There is no scenario sideways" in ended.err
    assert not happened
