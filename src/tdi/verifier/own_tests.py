"""The tests of the verifier that are of this project and not of a role: a verdict reads them in their own way."""

SAME_STATE_TEST = "test_same_state_as_a_new_machine"
"""The test that compares, a case for each scope; what it finds is a verdict on both machines together, not on one."""

RECORD_TEST = "test_the_machine_can_be_recorded"
"""The test that records."""

BROKEN_TEST = "test_nothing_on_the_machine_is_broken"
"""The test of what must hold on any machine: no failed unit, no restart owed."""
