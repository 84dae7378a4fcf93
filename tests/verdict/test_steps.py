"""What a verdict does when something breaks below it: it says so, and takes nothing for granted."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from conftest import Fakes
from tdi.errors import TdiError
from tdi.machines.lifecycle import Machine
from tdi.outside import ansible
from tdi.outside.ansible import AGAIN, Event, Outcome, Pass
from tdi.project import Project
from tdi.verdict import steps
from tdi.verdict.display import Display
from tdi.verdict.outcome import Class, Verdict


def test_a_full_disk_is_trouble_with_its_cause(checkout: Project, fakes: Fakes, monkeypatch: pytest.MonkeyPatch):
    fakes.docker(ps="")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/a/log")

    monkeypatch.setattr(steps, "_steps", full)
    verdict = steps.run_verdict(checkout, Display())
    assert verdict.kind is Class.COULD_NOT_RUN
    assert "No space left on device" in verdict.trouble


def test_a_record_between_the_two_runs_that_fails_is_not_taken_for_an_unchanged_machine(
    checkout: Project, monkeypatch: pytest.MonkeyPatch
):
    class Playbook:
        def outcome(self, observe: Callable[[Event], None]) -> Outcome:
            observe(Event("play", {"name": AGAIN}))
            return Outcome({"tdi-x-fresh": [Pass(results=1)] * 2}, recap=True, code=0, log=checkout.root / "log")

    def broken(*_: object) -> None:
        raise TdiError("the collector ended")

    monkeypatch.setattr(steps.kept_records, "record_machine", broken)
    monkeypatch.setattr(steps.lifecycle, "trouble", lambda _: None)
    run = SimpleNamespace(id="x", directory=checkout.root)
    trial = steps._Trial(checkout, run, Display(), Verdict(), None, {"fresh": None})
    checkout.prepare_artifacts()
    with pytest.raises(TdiError, match="the collector ended"):
        steps._converge(trial, [Machine("tdi-x-fresh", "fresh")], Playbook())
    assert not ansible.second_gate(trial.gate).exists()
