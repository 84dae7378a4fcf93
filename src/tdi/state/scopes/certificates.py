"""Certificates that services use, and whether their keys fit."""

from tdi.state.advice import Advice, Case
from tdi.state.finding import Severity
from tdi.state.scopes.scope import Entries, Scope


def _mend(case: Case) -> str:
    files = f"{case.key} and {case.head.either('key')}" if case.head.either("key") else case.key
    if (case.head.b or {}).get("key_matches") is False:
        return f"Let one task put certificate and key there ({files}): on the {case.names.b} machine they do not fit."
    return f"Let a task put the same there on both machines ({files}), or allow it where each machine has its own."


CERTIFICATES = Scope(
    "certificates",
    "certificate",
    severity=Severity.SERVICE,
    implied=frozenset({"fingerprint"}),
    content=frozenset({"fingerprint"}),
    advice=Advice(mend=_mend),
    entries=Entries(one_statement=lambda *_: True),
)
