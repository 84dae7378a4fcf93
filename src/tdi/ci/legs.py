"""The legs of a CI matrix: each scenario on each platform, and the one that starts from production from each past."""

import json
from collections.abc import Iterator

from tdi.images import platforms
from tdi.molecule import pasts
from tdi.project import Project


def outputs(project: Project) -> Iterator[str]:
    """Yield outputs for a job, NAME=JSON each: `platforms`, `pasts`, and `legs` (scenario, platform and past of each).

    Whether a past can be used is found out by the leg that starts from it.
    """
    every, names = list(platforms.load().by_name), pasts.names(project)
    new = [{"scenario": "fresh", "platform": platform, "past": pasts.DEFAULT} for platform in every]
    upgraded = [{"scenario": "upgrade", "platform": platform, "past": past} for platform in every for past in names]
    for name, values in (("platforms", every), ("pasts", names), ("legs", [*new, *upgraded])):
        yield f"{name}={json.dumps(values)}"
