"""Pytest plugin: waits for the file TDI_TEST_ORDER, which says what to test (tdi.outside.pytest_run writes it).

`tdi verdict` starts pytest ahead, so that it is loaded when the machines are ready; it collects nothing before.
"""

import json
import os
import time
from pathlib import Path

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Wait, and take the machines and the environment that were ordered."""
    file = Path(os.environ["TDI_TEST_ORDER"])
    while not file.exists():
        time.sleep(0.02)
    order = json.loads(file.read_text(encoding="utf-8"))
    os.environ.update(order["environment"])
    session.config.option.hosts = ",".join(order["hosts"])
