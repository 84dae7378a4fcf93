"""What the processes of a run know of each other's work."""

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Fakes
from tdi.errors import TdiError
from tdi.machines import lifecycle, manifest
from tdi.machines.machine import Machine, Part
from tdi.machines.manifest import Manifest

UPGRADE = Machine("tdi-x-upgrade-1.0", "upgrade-1.0", "upgrade", Part.UPGRADED)


def test_what_is_written_is_what_every_process_below_reads(tmp_path: Path):
    run = Manifest(tmp_path, tmp_path / "artifacts", tmp_path / "records", (UPGRADE,), tmp_path / "from", "a" * 40)
    with manifest.in_force(run, tmp_path):
        assert manifest.current() == run
        below = "from tdi.machines import manifest; print(manifest.current())"
        said = subprocess.run([sys.executable, "-c", below], check=True, capture_output=True, text=True)
        assert said.stdout.strip() == str(run)
    assert manifest.current() is None


def test_a_run_inside_of_a_run_leaves_the_outer_one_as_it_was(tmp_path: Path):
    (tmp_path / "inner").mkdir()
    outer = Manifest(tmp_path, tmp_path / "a", tmp_path / "b")
    with manifest.in_force(outer, tmp_path):
        with manifest.in_force(Manifest(tmp_path, tmp_path / "c", tmp_path / "d"), tmp_path / "inner"):
            assert manifest.current() != outer
        assert manifest.current() == outer


def test_a_machine_is_what_the_manifest_says(tmp_path: Path, fakes: Fakes):
    asked = fakes.docker()
    with manifest.in_force(Manifest(tmp_path, tmp_path / "a", tmp_path / "b", (UPGRADE,)), tmp_path):
        assert lifecycle.known("tdi-x-upgrade-1.0") == UPGRADE
    assert not asked.calls


def test_without_a_manifest_it_is_what_its_container_says(fakes: Fakes):
    labels = '{"tdi.scenario": "upgrade", "tdi.part": "upgraded"}'
    fakes.docker(container_inspect=f"""echo '[{{"Image": "i", "Config": {{"Labels": {labels}}}}}]'""")
    # The name says nothing.
    assert lifecycle.known("tdi-x-fresh") == Machine("tdi-x-fresh", "upgrade", "upgrade", Part.UPGRADED)


@pytest.mark.parametrize("labels", ["null", "{}", '{"tdi.scenario": "fresh", "tdi.part": "old"}'])
def test_a_container_that_does_not_say_what_it_is_is_no_machine(fakes: Fakes, labels: str):
    fakes.docker(container_inspect=f"""echo '[{{"Image": "i", "Config": {{"Labels": {labels}}}}}]'""")
    with pytest.raises(TdiError, match="no machine of a scenario") as error:
        lifecycle.known("web")
    assert error.value.remedy
