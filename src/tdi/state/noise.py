"""What legitimately differs between any two machines: the built-in rules.

A rule takes as few attributes as will do, so that owner and mode of a log count while its content does not. It is
anchored at both ends, admitted only when two unmutated machines showed the need for it, and has examples of what it
must and must not match, which are tested.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CONTENT = ("content", "hash", "size", "text", "unstable")
"""The attributes of a file that follow from its content; "unstable": it changed while it was recorded."""


@dataclass(frozen=True)
class NoiseRule:
    """Something that legitimately differs. No attributes: the object is left out, and may be on one side only."""

    id: str
    scope: str
    match: str
    reason: str
    must_match: tuple[str, ...]
    must_not_match: tuple[str, ...]
    attributes: tuple[str, ...] = ()
    value: str = ""
    """A pattern for what each of `attributes` must be on both machines; without one they may be anything."""
    programs: bool = False
    """Programs may be among its objects; without it, a rule that leaves out an object leaves out no program."""
    must_differ: bool = False
    """A secret of one machine: it is a finding when both machines have the same."""

    def matches(self, key: str) -> bool:
        """Whether the rule is about the object `key`; `$` alone would let a newline at the end pass."""
        return re.fullmatch(self.match, key) is not None

    def leaves_out(self, *sides: Mapping[str, Any] | None) -> bool:
        """Whether the objects may be left out: plain files and directories that let nobody do more than before."""
        return not self.attributes and all(_is_plain(side, programs=self.programs) for side in sides if side)

    def takes(self, name: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
        """Whether the attribute `name` may differ as it does between the objects `a` and `b`."""
        if self.attributes and name not in self.attributes:
            return False
        return not self.value or all(re.fullmatch(self.value, str(side.get(name))) for side in (a, b))


def _is_plain(file: Mapping[str, Any], *, programs: bool) -> bool:
    """Whether a file or directory is one that only its users write, and that gives nobody the rights of another."""
    mode = int(str(file.get("mode", "0")), 8)
    if file.get("type") == "dir":
        return not mode & 0o002
    barred = 0o6002 if programs else 0o6113
    return file.get("type") == "file" and not mode & barred and not file.get("capability")
