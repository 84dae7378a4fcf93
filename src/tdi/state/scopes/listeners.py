"""Sockets that listen."""

from tdi.state.advice import Advice
from tdi.state.finding import Difference, Kind, Severity
from tdi.state.scopes.processes import stop
from tdi.state.scopes.scope import Scope, example
from tdi.state.varying.names import socket_shape


def _severity(difference: Difference) -> Severity:
    """An additional socket that other machines reach is a matter of security."""
    local = any(part in difference.key for part in (" 127.", " [::1]", " ::1"))
    exposed = difference.kind is Kind.ONLY_B and not local
    return Severity.SECURITY if exposed else Severity.SERVICE


LISTENERS = Scope(
    "listeners",
    "listening socket",
    severity=_severity,
    examples={
        "a socket that other machines reach, on the second machine only": (
            example("listeners", "tcp 0.0.0.0:80", Kind.ONLY_B),
        ),
        "any other socket": (example("listeners", "tcp 127.0.0.1:80", Kind.ONLY_B),),
    },
    advice=Advice(make=stop, remove=stop),
    names=lambda key, _: socket_shape(key),
    is_started=True,
)
