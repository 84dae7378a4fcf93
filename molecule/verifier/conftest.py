"""What all tests share: Testinfra's connection kept open, the events that `tdi verdict` follows, and the records."""

import sys
from pathlib import Path

import pytest

from tdi.verifier import plugin
from tdi.verifier.plugin import comparer, machine, project, recorder, scenario, stable_name  # noqa: F401 (fixtures are found by name)

# `declared` stands beside the tests, wherever pytest is started.
sys.path.insert(0, str(Path(__file__).parent))

plugin.use_kept_open_backend()


def pytest_configure(config: pytest.Config) -> None:
    """Follow the outcome of each test."""
    config.pluginmanager.register(plugin.Events(), "tdi-events")
    config.addinivalue_line("filterwarnings", "ignore:record_xml_attribute")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Compare the upgraded machine only."""
    plugin.leave_out_other_comparisons(config, items)
