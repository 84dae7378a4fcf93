"""What is imported for the commands of `tdi state`: a recording waits for nothing that it does not need."""

import subprocess
import sys

import pytest

HEAVY = ("jsonschema", "yaml", "difflib", "tdi.state.compare", "tdi.state.explain", "tdi.state.reports")


@pytest.mark.parametrize("module", ["tdi.state.cli", "tdi.state.target"])
def test_recording_imports_neither_reports_nor_comparisons(module: str):
    program = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said.split() == []
