"""The whole machine: it can be recorded, nothing on it is broken, and a new and an upgraded one are in the same state.

These tests come last by their file's name on purpose: the record is taken after everything else was looked at.
"""

from tdi.verifier.machine_tests import (  # noqa: F401 (pytest finds them by name)
    test_nothing_on_the_machine_is_broken,
    test_same_state_as_a_new_machine,
    test_the_machine_can_be_recorded,
)
