"""What the caller asks for."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _plain(path: str) -> str:
    """A path as the walk has it: without a slash at its end."""
    return path.rstrip("/") or "/"


class Settings:
    """What the caller asks for; every part may be left out of the JSON object."""

    def __init__(self, given: dict[str, Any], baseline: bytes = b"") -> None:
        unknown = set(given) - {"text", "probes", "exclude", "include", "scopes", "root", "make_baseline", "lifeline"}
        if unknown:
            raise ValueError("unknown settings: " + ", ".join(sorted(unknown)))
        self.root = given.get("root") or "/"
        self.prefix = "" if self.root == "/" else self.root.rstrip("/")
        self.text = [re.compile(pattern) for pattern in given.get("text") or []]
        self.exclude = [_plain(path) for path in given.get("exclude") or []]
        self.include = [_plain(path) for path in given.get("include") or []]
        self.probes = list(given.get("probes") or [])
        self.scopes = given.get("scopes")
        self.make_baseline = bool(given.get("make_baseline"))
        # What a run with `make_baseline` has written, for the next one; empty for none.
        self.baseline = baseline
        # The number of an open file whose other end is open for as long as somebody waits for the record.
        self.lifeline = given.get("lifeline")
