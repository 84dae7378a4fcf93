"""The settings of whoever runs it, each read here alone: the variables that docs/reference/settings.md lists.

An empty one counts as not set: that is how a CI server passes on what nobody filled in.
"""

import os
from pathlib import Path

LATER = "later"
"""The value of TDI_COMPARE that leaves the comparison to a later job, which calls `tdi state diff`."""


def platform() -> str | None:
    """TDI_PLATFORM: the platform to use, or None for the default one."""
    return os.environ.get("TDI_PLATFORM") or None


def production_image() -> str | None:
    """TDI_PRODUCTION_IMAGE: the image to use as production, or None where it is to be built."""
    return os.environ.get("TDI_PRODUCTION_IMAGE") or None


def from_revisions() -> tuple[str, ...]:
    """TDI_FROM: where production comes from, a word for each past; nothing for what the history says."""
    return tuple((os.environ.get("TDI_FROM") or "").replace(",", " ").split())


def past() -> str | None:
    """TDI_PAST: the one past to upgrade from, or None for all that the project has."""
    return os.environ.get("TDI_PAST") or None


def registry() -> str | None:
    """TDI_REGISTRY: the repository of published production images, or None where the environment names none."""
    return os.environ.get("TDI_REGISTRY") or None


def strategy() -> str | None:
    """TDI_STRATEGY: Ansible's strategy for the converge, or None for the fastest that is there."""
    return os.environ.get("TDI_STRATEGY") or None


def artifacts() -> Path | None:
    """TDI_ARTIFACTS: the directory for results, or None for the checkout's own."""
    named = os.environ.get("TDI_ARTIFACTS")
    return Path(named) if named else None


def compares_later() -> bool:
    """TDI_COMPARE: whether the comparison is left to a later job."""
    return os.environ.get("TDI_COMPARE") == LATER
