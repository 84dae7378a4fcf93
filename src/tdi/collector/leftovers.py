"""What is left beside a configuration file: by the package tools where they and an administrator disagree, by editors.

Both sides speak of the former: the collector lists them, and `tdi.state` says what to do.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LEFT_BY: Mapping[str, str] = {
    ".dpkg-backup": "dpkg",
    ".dpkg-bak": "dpkg",
    ".dpkg-dist": "dpkg",
    ".dpkg-new": "dpkg",
    ".dpkg-old": "dpkg",
    ".dpkg-remove": "dpkg",
    ".dpkg-tmp": "dpkg",
    ".ucf-dist": "ucf",
    ".ucf-new": "ucf",
    ".ucf-old": "ucf",
}
"""Ending of such a file → what left it."""

UNDECIDED = (".dpkg-dist", ".dpkg-new", ".ucf-dist", ".ucf-new")
"""Endings of a version that is not in effect: nobody has merged it into the file so far."""


def original(path: str) -> str | None:
    """The file that a left-over is about; None for what is no left-over."""
    file, dot, kind = path.rpartition(".")
    return file if file and dot + kind in LEFT_BY else None


# Copies of editors and of Ansible's `backup: true`, files that an editor has open, and what patch leaves.
_OF_EDITORS = re.compile(r".~$|^#.+#$|^\..+\.sw[a-p]$|^\.#|.\.(bak|orig|rej|save|swp)$")


def is_left(name: str) -> bool:
    """Whether a file of this name was left beside another one, and so is no configuration of a service."""
    return original(name) is not None or _OF_EDITORS.search(name) is not None
