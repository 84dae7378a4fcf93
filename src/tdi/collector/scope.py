"""What a scope gathers, and what the record says of it besides its objects."""

from __future__ import annotations

from tdi.collector.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Scope:
    """What a scope gathers: objects by key, and the reasons why something is missing."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.reasons: list[str] = []
        self.unavailable = ""
        # What the record says of the machine without comparing it: it differs from moment to moment.
        self.meta: dict[str, Any] = {}
        # What other scopes need of it.
        self.told: dict[str, Any] = {}

    def missing(self, reason: str) -> None:
        """Say that a part of the scope could not be collected."""
        reason = redact(" ".join(reason.split()))
        if reason not in self.reasons:
            self.reasons.append(reason)


def status_of(scope: Scope) -> dict[str, Any]:
    """Status and reason of a scope as the record has them."""
    if scope.unavailable:
        scope.objects.clear()
        return {"status": "unavailable", "reason": scope.unavailable}
    if scope.reasons:
        return {"status": "partial", "reason": said(scope.reasons)}
    return {"status": "ok", "reason": None}


def said(reasons: list[str]) -> str:
    """The first reasons in one line, each shortened: a path may have four thousand characters."""
    return "; ".join(reason if len(reason) <= 300 else reason[:100] + "…" + reason[-150:] for reason in reasons[:5])
