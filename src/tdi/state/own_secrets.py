"""The files of a machine that hold a secret which no other machine may have."""

import json
from collections.abc import Iterator
from typing import Any

from tdi.state.record import RecordFile
from tdi.state.rules import Rules

SMALLEST = 32
"""Bytes: below that a file that should hold a secret is a placeholder, such as the "uninitialized" of a machine id."""

END = "/etc/~"
"""No rule about a machine's secrets matches behind it: the search for them stops there."""


def secrets_of(record: RecordFile, rules: Rules) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and attributes of each file that must be the machine's own."""
    wanted = [rule for rule in rules.noise_for("files") if rule.must_differ]
    for key, text in record.objects("files"):
        if key > END:
            return
        if any(rule.matches(key) for rule in wanted):
            attributes = json.loads(text)
            if "hash" in attributes and attributes.get("size", 0) >= SMALLEST:
                yield key, attributes
