"""Mutants on a real engine: what is noticed and what is not, a run that is killed, and the one that goes on with it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from tdi.mutants import keeping
from tdi.outside import docker

pytestmark = [pytest.mark.docker, pytest.mark.nightly]

OPERATORS = {
    "flip-enabled": ("killed", {"fresh tests", "upgrade tests"}),
    "directory-to-touch": ("killed", {"fresh converge"}),
    "fewer-retries": ("equivalent", set()),
}
"""Operators that make one mutant of this role each: what comes of it, and what may notice it."""


def _begun(artifacts: Path, temporary: str, *words: str) -> subprocess.Popen[str]:
    chosen = [word for name in OPERATORS for word in ("--operator", name)]
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tdi",
            "mutants",
            *chosen,
            "--jobs",
            "1",
            "--json",
            str(artifacts / "mutants.json"),
            *words,
        ],
        cwd=ROOT,
        env={**os.environ, "TDI_ARTIFACTS": str(artifacts), "TDI_PAST": "default", "TMPDIR": temporary},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _known(artifacts: Path) -> int:
    file = artifacts / "mutants" / keeping.NAME
    return len(keeping.read(file).mutants) if file.exists() else 0


def test_a_run_that_is_killed_leaves_nothing_and_another_one_goes_on_with_it(tmp_path: Path):
    artifacts, before = tmp_path / "artifacts", set(docker.containers(docker.LABEL))
    with tempfile.TemporaryDirectory(prefix="t-") as temporary:
        first = _begun(artifacts, temporary)
        deadline = time.monotonic() + 900
        while _known(artifacts) == 0:
            assert first.poll() is None, first.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.5)
        first.send_signal(signal.SIGKILL)
        first.wait()
        while set(docker.containers(docker.LABEL)) - before or [*Path(temporary).glob("tdi-*")]:
            assert time.monotonic() < deadline, "something of it stayed"
            time.sleep(0.5)
        assert _known(artifacts) < len(OPERATORS)
        second = _begun(artifacts, temporary, "--resume")
        said, _ = second.communicate(timeout=900)
        assert [*Path(temporary).iterdir()] == []
    assert second.returncode == 0, said
    assert "The unmutated role comes first" not in said
    found: list[dict[str, Any]] = json.loads((artifacts / "mutants.json").read_text())["mutants"]
    assert {each["operator"] for each in found} == set(OPERATORS)
    for each in found:
        status, oracles = OPERATORS[each["operator"]]
        assert each["status"] == status, each
        assert not oracles or {kill["oracle"] for kill in each["kills"]} <= oracles, each
    assert (artifacts / "mutants" / "report.html").exists()
    assert not set(docker.containers(docker.LABEL)) - before
