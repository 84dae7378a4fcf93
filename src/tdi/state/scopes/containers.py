"""What an administrator configured in a container engine: images, containers, volumes and networks."""

from tdi.state.finding import Difference, Kind, Severity
from tdi.state.scopes.scope import Scope, example


def _severity(difference: Difference) -> Severity:
    """A container that may do anything on the machine is a matter of security."""
    if difference.kind is not Kind.ONLY_A and (difference.b or {}).get("privileged"):
        was = (difference.a or {}).get("privileged")
        if not was:
            return Severity.SECURITY
    return Severity.SERVICE if " container " in f" {difference.key}" else Severity.CONFIGURATION


CONTAINERS = Scope(
    "containers",
    "container engine's",
    severity=_severity,
    examples={
        "a container that may do anything on the machine": (
            example("containers", "docker container web", Kind.ONLY_B, privileged=True),
        ),
        "a container": (example("containers", "docker container web", Kind.ONLY_B, privileged=False),),
        "an image, a volume or a network": (example("containers", "docker volume data", Kind.ONLY_B),),
    },
    called=lambda head: head.key,
)
