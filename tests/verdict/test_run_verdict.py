"""One verdict, whatever breaks below it: it says so, and takes nothing for granted."""

import pytest

from conftest import Fakes
from tdi.project import Project
from tdi.verdict import run
from tdi.verdict.display import Display
from tdi.verdict.outcome import Class


def test_a_full_disk_is_trouble_with_its_cause(checkout: Project, fakes: Fakes, monkeypatch: pytest.MonkeyPatch):
    fakes.docker(ps="")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/a/log")

    monkeypatch.setattr(run.steps, "take", full)
    verdict = run.run_verdict(checkout, Display())
    assert verdict.kind is Class.COULD_NOT_RUN
    assert verdict.trouble
    assert "No space left on device" in verdict.trouble.what
