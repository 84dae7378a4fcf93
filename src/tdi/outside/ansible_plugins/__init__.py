"""Plug-ins that Ansible loads from a directory each: they run inside of Ansible, and import nothing of tdi."""

from pathlib import Path

CALLBACKS = Path(__file__).with_name("callback")
"""The directory with what reports events to us."""

ACTIONS = Path(__file__).with_name("action")
"""The directory with the task that records a host."""
