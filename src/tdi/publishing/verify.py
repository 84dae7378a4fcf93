"""`tdi production verify`: whether a server in production is what its image says, and what to do where it is not."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tdi.images import production, provisioning, published
from tdi.images.base_image import BaseImage
from tdi.images.production import ProductionImage
from tdi.machines.run import Run
from tdi.molecule import scenario
from tdi.outside.console import say
from tdi.project import Project
from tdi.publishing import flatten
from tdi.same_state import kept_records
from tdi.state import recording
from tdi.state.compare import Comparison
from tdi.state.finding import Finding, Names
from tdi.state.fleet.own_names import Adaptable, Reference, compare_machines
from tdi.state.rules import load_rules

NAMES = Names("published", "real")
"""What the two are called in findings."""


class Remedy(StrEnum):
    """What to do about a finding."""

    PUBLISH = "publish anew"
    MEND = "mend the server"
    DECIDE = "let the role say it, or remove it there"


WHY = {
    Remedy.PUBLISH: "packages are others than those that are tested; publishing takes today's, and a server that is "
    "behind is to be updated",
    Remedy.MEND: "a task of the role wrote it, and it is otherwise there: converge the server, or put into the role "
    "what was done by hand",
    Remedy.DECIDE: "neither a package nor a task that is known made it: no verdict tests it",
}
"""Why each is to be done."""


@dataclass(frozen=True)
class Verified:
    """The comparison of a server with the image of production, and what to do, by finding."""

    image: ProductionImage
    comparison: Comparison
    remedies: Mapping[str, Remedy]

    def as_json(self) -> dict[str, Any]:
        """The contract's comparison, with the image and a remedy for each finding."""
        said = self.comparison.as_json()
        image = {"id": self.image.id, "name": self.image.name, "source": self.image.source}
        return {**said, "image": image, "remedies": {key: remedy.value for key, remedy in self.remedies.items()}}


def verify(project: Project, base: BaseImage, run: Run, target: str, rules: Path | None = None) -> Verified:
    """Record `target` and a machine of production's image, and compare them. Raises TdiError where either cannot be.

    What two machines of that image differ in varies: its record from when it was published is one of them.
    """
    recording.parse_target(target)
    image = production.ensure(project, base)
    upgrade = scenario.load(project, "upgrade")
    kept = project.artifacts / "production" / "verify"
    say(f"Recording {target}")
    settings = kept_records.settings(project)
    recording.record(target, kept / "server.json", meta={"platform": base.platform}, **settings).close()
    say(f"Recording a machine of {image.name}")
    of_image = flatten.booted(project, upgrade, image.id, kept / "image.json")
    twin = published.kept_record(project, image.id)
    twin = twin or flatten.booted(project, upgrade, image.id, run.directory / "twin.json")
    own = rules or project.settings_file("rules.yml")
    with ExitStack() as opened:
        a, b = opened.enter_context(Reference(of_image)), opened.enter_context(Adaptable(kept / "server.json"))
        third = opened.enter_context(Adaptable(twin))
        loaded = load_rules(own if own.exists() else None)
        comparison = compare_machines(a, b, loaded, names=NAMES, twin=third)
    return Verified(image, comparison, _remedies(comparison.findings, image.id))


def _remedies(findings: Sequence[Finding], image: str) -> dict[str, Remedy]:
    wrote = provisioning.written(image)
    return {finding.id: _remedy(finding, wrote) for finding in findings}


def _remedy(finding: Finding, wrote: Mapping[str, str]) -> Remedy:
    paths = {difference.key for difference in finding.differences}
    if paths & set(wrote) or finding.key in wrote:
        return Remedy.MEND
    if finding.scope == "packages":
        return Remedy.PUBLISH
    return Remedy.DECIDE
