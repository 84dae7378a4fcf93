"""Each operator makes of its example what it says, and of real roles what can be read again."""

import pytest

from tdi.mutants import finding
from tdi.mutants.operators.operator import Operator
from tdi.mutants.operators.registry import OPERATORS
from tdi.mutants.source import Source


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS.keys())
def test_an_operator_makes_of_its_example_what_it_says(operator: Operator):
    source = Source("roles/a/x", operator.part, operator.before)
    mutants = finding.of_source(source, [operator])
    assert mutants[0].mutated == operator.after
