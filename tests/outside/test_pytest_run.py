"""The verifier's run: which test belongs to which machine, and what could not even be collected."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ROOT
from tdi.machines.machine import Machine, Part
from tdi.machines.manifest import Manifest, in_force
from tdi.outside import pytest_run
from tdi.outside.pytest_run import TestOutcome as OneTest
from tdi.outside.pytest_run import Verification

MACHINES = ("tdi-0123abcd-fresh", "tdi-0123abcd-upgrade")
KNOWN = tuple(
    Machine(name, label, label, part)
    for name, label, part in zip(MACHINES, ("fresh", "upgrade"), (Part.NEW, Part.UPGRADED), strict=True)
)


@pytest.fixture
def verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Verification]:
    """Run a test file on two machines that need not be there; only a test that asks them something would notice."""
    monkeypatch.setattr(pytest_run.ansible.docker, "environment", dict)

    def call(text: str) -> Verification:
        directory = tmp_path / "verifier"
        directory.mkdir()
        (directory / "conftest.py").write_text((ROOT / "molecule" / "verifier" / "conftest.py").read_text())
        (directory / "test_it.py").write_text(text)
        work = tmp_path / "work"
        work.mkdir()
        run = Manifest(ROOT, tmp_path / "artifacts", tmp_path / "records", KNOWN)
        with in_force(run, work), pytest_run.ready(directory, work, tmp_path / "log", {}) as pytest:
            return pytest.verify(MACHINES, {"ORDERED": "yes"})

    return call


def test_each_test_is_told_by_machine_and_outcome(verify: Callable[[str], Verification]):
    found = verify(
        "import pytest\n"
        "from tdi.errors import TdiError\n"
        "def test_good(host): pass\n"
        "def test_bad(host): assert 'upgrade' not in host.backend.hostname, 'because'\n"
        "def test_skipped(host): pytest.skip('not here')\n"
        "def test_trouble(host): raise TdiError('no engine')\n"
        "@pytest.fixture\n"
        "def broken(host): raise RuntimeError('set-up')\n"
        "def test_set_up(broken): pass\n"
    )
    fresh, upgrade = (found.of(machine) for machine in MACHINES)
    outcomes = {test.test: test.outcome for test in fresh}
    assert outcomes == {
        "test_good": "passed",
        "test_bad": "passed",
        "test_skipped": "skipped",
        "test_trouble": "failed",
        "test_set_up": "failed",
    }
    (bad,) = [test for test in upgrade if test.test == "test_bad"]
    assert bad.outcome == "failed"
    assert "because" in bad.message
    assert {test.test for test in fresh if test.is_trouble} == {"test_trouble"}
    assert found.code == 1
    assert "because" in found.log.read_text()


def test_a_parametrized_test_belongs_to_its_machine(verify: Callable[[str], Verification]):
    found = verify(
        "import pytest\n@pytest.mark.parametrize('site', ['a-b', 'c'])\ndef test_site(host, site): assert site == 'c'\n"
    )
    for machine in MACHINES:
        assert {test.case: test.outcome for test in found.of(machine)} == {"a-b": "failed", "c": "passed"}
        assert "test_site[a-b]" in {test.title for test in found.of(machine)}


def test_what_is_ordered_last_is_there_when_tests_are_collected(verify: Callable[[str], Verification]):
    found = verify("import os\nORDERED = os.environ['ORDERED']\ndef test_it(host): assert ORDERED == 'yes'\n")
    assert {test.outcome for test in found.tests} == {"passed"}


def test_a_pytest_that_is_never_told_what_to_test_looks_at_no_test_and_ends_with_its_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pytest_run.ansible.docker, "environment", dict)
    looked = tmp_path / "looked"
    (tmp_path / "conftest.py").write_text(f"open({str(tmp_path / 'loaded')!r}, 'w')\n")
    (tmp_path / "test_it.py").write_text(f"open({str(looked)!r}, 'w')\ndef test_it(): pass\n")
    with pytest_run.ready(tmp_path, tmp_path, tmp_path / "log", {}) as waiting:
        for _ in range(200):
            if (tmp_path / "loaded").exists():
                break
            time.sleep(0.1)
        time.sleep(0.3)
        assert waiting.program.child.poll() is None, waiting.log.read_text()
    assert waiting.program.child.poll() is not None
    assert not looked.exists()


def test_a_file_that_cannot_be_imported_is_broken(verify: Callable[[str], Verification]):
    found = verify("import no_such_module_here\ndef test_it(host): pass\n")
    (broken,) = found.broken
    assert "test_it.py" in broken
    assert "no_such_module_here" in broken
    assert not found.tests


def test_no_test_at_all_is_seen(verify: Callable[[str], Verification]):
    found = verify("")
    assert (found.tests, found.broken, found.code) == ((), (), 5)


@pytest.mark.parametrize(
    ("outcome", "message", "trouble"),
    [
        ("failed", "tdi.errors.TdiError: gone", True),
        pytest.param(
            "failed",
            "tdi.outside.docker.EngineUnreachableError: No Docker engine",
            True,
        ),
        pytest.param(
            "failed",
            "tdi.outside.process.CommandFailedError: docker exec failed",
            True,
        ),
        ("failed", "AssertionError: it says tdi.errors.TdiError", False),
        ("skipped", "tdi.errors.TdiError: gone", False),
    ],
)
def test_an_error_of_ours_is_trouble_and_not_a_failure_of_the_machine(outcome: str, message: str, trouble: object):
    assert OneTest("t", "m", outcome, message).is_trouble is trouble
