"""Test-driven infrastructure: whether a change to a role works on new machines, on production, and to the same end."""

__version__ = "0.1.0"
