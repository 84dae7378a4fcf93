"""A machine: a container that boots systemd, and what it stands for in a verdict."""

from dataclasses import dataclass
from enum import StrEnum

SCENARIO_LABEL = "tdi.scenario"
PART_LABEL = "tdi.part"
"""What a container says of itself."""


class Part(StrEnum):
    """What a machine stands for."""

    NEW = "new"
    """A new server: it starts from the base image."""
    UPGRADED = "upgraded"
    """A server in production: it starts from a production image."""


@dataclass(frozen=True)
class Machine:
    """A container by its name, what it is called in reports, the scenario whose settings it has, and its part."""

    name: str
    label: str
    scenario: str
    part: Part

    @property
    def labels(self) -> dict[str, str]:
        """What the container says of itself."""
        return {SCENARIO_LABEL: self.scenario, PART_LABEL: self.part.value}
