"""Hashes of content."""

from __future__ import annotations

import hashlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

sha256 = hashlib.sha256


def hash_of(data: bytes) -> str:
    """The hash of some content: SHA-256, for which processors have instructions; it runs twice as fast as BLAKE2."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def new_md5() -> Any:
    """An md5 sum, or None where the system forbids md5 (FIPS)."""
    try:
        return hashlib.md5()  # noqa: S324 - dpkg keeps md5 sums, there is nothing else to compare with
    except ValueError:
        return None
