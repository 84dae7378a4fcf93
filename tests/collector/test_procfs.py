"""Processes, as /proc shows them."""

import pytest

from tdi.collector.procfs import unit_of


@pytest.mark.parametrize("name", ["run-r0123456789abcdef.service", "run-u12.service", "run-p34-i56.service"])
def test_a_unit_without_a_name_of_its_own_has_none_in_the_record(name):
    assert unit_of(f"0::/system.slice/{name}\n") == "run-N.service"
    assert unit_of("0::/system.slice/run-parts.service\n") == "run-parts.service"
