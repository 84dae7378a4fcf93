"""The report for programs: what docs/reference/json.md says."""

import json

from tdi.state.compare import Comparison


def render(comparison: Comparison) -> str:
    """Return the comparison as an ASCII JSON document; what is not UTF-8 on a machine stands as lone surrogates."""
    return json.dumps(comparison.as_json(), indent=2) + "\n"
