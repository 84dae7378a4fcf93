"""The production image: a machine as production is before the change under test.

The embedded default builds it: the role as it stood before the change, converged on the base image with the packages
that the platform was released with, so that an upgrade is one for the packages too.
"""

import hashlib
import json
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tdi import settings
from tdi.content import history
from tdi.content.history import Before, before_the_change
from tdi.errors import TdiError
from tdi.images import identity
from tdi.images.base_image import ROLE_LABEL, BaseImage
from tdi.machines import lifecycle
from tdi.machines.locks import only_one
from tdi.molecule import playing, scenario
from tdi.molecule.scenario import Scenario
from tdi.outside import ansible, docker
from tdi.outside.console import say
from tdi.project import Project, fingerprint

_RECIPE = "7"
"""Goes up when the way of building changes, so that images of the old way are not taken for new ones."""

RELEASE_ONLY = """\
# Only while production is provisioned: packages as the platform was released, before any update of it.
Package: *
Pin: release a=*-security
Pin-Priority: -1

Package: *
Pin: release a=*-updates
Pin-Priority: -1
"""
"""What keeps apt from all but the packages that the platform was released with."""

WROTE_LABEL = "tdi.wrote"
"""Holds which task wrote which path when production was provisioned, as JSON: it explains left-overs."""

PIN_FILE = "/etc/apt/preferences.d/tdi-release-only"
"""Where RELEASE_ONLY is on a machine while production is provisioned."""


@dataclass(frozen=True)
class ProductionImage:
    """A production image: its id and name, what it was provisioned with, and whether it was built just now."""

    id: str
    name: str
    source: str
    built: bool


def ensure(project: Project, base: BaseImage, before: Before | None = None) -> ProductionImage:
    """The production image for this run: pulled where TDI_PRODUCTION_IMAGE names one, else built once and kept.

    `before` says which state of the role production has (default: before_the_change). Raises TdiError where the image
    cannot be pulled, or where the former role cannot be converged on the platform.
    """
    named = settings.production_image()
    if named:
        return _pulled(named)
    before = before or before_the_change(project)
    upgrade = scenario.load(project, "upgrade")
    with tempfile.TemporaryDirectory(prefix="tdi-production-") as directory:
        tree = Path(directory)
        former = _Former.of(project, upgrade, before, tree)
        ingredients = [_RECIPE, base.id, *map(fingerprint, former.ingredients(upgrade))]
        key = hashlib.sha256("\0".join(ingredients).encode()).hexdigest()[:16]
        name = f"tdi-production:{base.platform}-{key}"
        source = f"{before.revision[:7]}, {before.reason}" if before.revision else before.reason
        image = docker.image_id(name)
        if image:
            return ProductionImage(image, name, source, built=False)
        with only_one(f"production-{key}", "another run builds the same production image"):
            image = docker.image_id(name)
            if image is None:
                say(f"Building the production image {name} ({source})")
                image = _build(project, base, before, upgrade, former, name)
        return ProductionImage(image, name, source, built=True)


@dataclass(frozen=True)
class _Former:
    """The role as it stood, and the playbooks to converge it with, the likeliest first."""

    state: playing.State
    playbooks: tuple[Path, ...]

    @classmethod
    def of(cls, project: Project, upgrade: Scenario, before: Before, directory: Path) -> "_Former":
        """As it stood at `before`, below `directory`: with the playbook of that time, else with the present one."""
        current = upgrade.ansible.playbook
        stood = history.as_it_stood(project, before, [current], directory)
        state = playing.State(Project(stood.root, project.artifacts), before.repository or project.root, stood.moved)
        root = project.root.resolve()
        then = stood.root / current.relative_to(root) if current.is_relative_to(root) else current
        return cls(state, tuple(dict.fromkeys([then, current] if then.is_file() else [current])))

    def ingredients(self, upgrade: Scenario) -> list[list[Path]]:
        """The files that decide on what the machine becomes."""
        beside = [upgrade.directory / "molecule.yml", upgrade.prepare, *upgrade.ansible.inventory.links.values()]
        return [self.state.project.content, [*self.playbooks], [path for path in beside if path]]


def _pulled(name: str) -> ProductionImage:
    engine = docker.engine()
    pulled = docker.pull(name)
    image = docker.image_id(name)
    if not pulled.ok or image is None:
        raise TdiError(
            f"TDI_PRODUCTION_IMAGE: {name} cannot be pulled: {pulled.last_line}",
            "Correct the name or log in to its registry; unset it to build production from the former role.",
        )
    architecture = docker.image_facts(name)["Architecture"]
    if architecture != engine.architecture:
        raise TdiError(f"TDI_PRODUCTION_IMAGE: {name} is for {architecture}, the engine needs {engine.architecture}.")
    return ProductionImage(image, name, f"pulled, {_digest(name)}", built=False)


def _digest(name: str) -> str:
    digests = docker.image_facts(name).get("RepoDigests")
    return str(digests[0]) if digests else "an image without a digest"


def _build(project: Project, base: BaseImage, before: Before, upgrade: Scenario, former: _Former, name: str) -> str:
    """Provision a machine, with each playbook in turn until one holds, and make an image of it."""
    project.prepare_artifacts()
    log = project.artifacts / "production-image.log"
    log.unlink(missing_ok=True)
    for number, playbook in enumerate(former.playbooks, start=1):
        try:
            return _provision(base, before, upgrade, former.state, playbook, log, name)
        except _NotProvisionedError as error:
            if number == len(former.playbooks):
                raise
            say(f"{error.what} Trying the present {playbook.name} with the former role.")
    raise AssertionError(former)


class _NotProvisionedError(TdiError):
    """The former role failed on a machine."""


def _provision(
    base: BaseImage,
    before: Before,
    upgrade: Scenario,
    state: playing.State,
    playbook: Path,
    log: Path,
    name: str,
) -> str:
    run_id = lifecycle.this_run()
    builder = f"tdi-{run_id}-production-{lifecycle.new_run_id()}"
    with (
        tempfile.TemporaryDirectory(prefix="tdi-ansible-") as work,
        lifecycle.one(builder, base.id, upgrade.options, run_id) as machine,
    ):
        docker.execute(machine, ["sh", "-c", f"cat > {PIN_FILE} <<'EOF'\n{RELEASE_ONLY}EOF"])
        # A server in production has package lists, whether its role fetched them or somebody else did.
        docker.execute(machine, ["apt-get", "update", "--quiet"], check=False, timeout=300)
        directory = Path(work)
        given = playing.settings(state, upgrade, directory / "content", playbook=playbook)
        playing.prepare({machine: given}, upgrade, directory, log)
        outcome = ansible.converge({machine: given}, directory, log, times=1)
        (only,) = outcome.passes[machine]
        if only.failure or outcome.code or not outcome.recap:
            failure = only.failure
            what = f"task '{failure.task}': {failure.message}" if failure else _gave_up(outcome)
            for unit in failure.units if failure else ():
                said = lifecycle.journal(machine, unit)
                _keep(log, [f"the journal of {unit} ends with:", *said])
                what = f"{what} ({unit}: {said[-1]})" if said else what
            raise _NotProvisionedError(
                f"Production could not be provisioned ({before.reason}): {what}",
                f"The log: {log}. Where that state of the role never worked on {base.platform}, take another one "
                "(tdi verdict --from REVISION) or another platform (TDI_PLATFORM).",
            )
        docker.execute(machine, ["rm", PIN_FILE])
        docker.execute(machine, ["apt-get", "clean"])
        # They are of some time ago: `cache_valid_time` must not give one verdict within an hour and another one later.
        docker.execute(machine, ["touch", "--date=@0", "/var/lib/apt/lists"])
        command = identity.forget(machine)
        docker.stop(machine)
        return docker.commit(
            machine,
            name,
            {
                docker.LABEL: "image",
                ROLE_LABEL: "production",
                "tdi.platform": base.platform,
                "tdi.base": base.id,
                "tdi.revision": before.revision or "as checked out",
                WROTE_LABEL: json.dumps(only.wrote).replace("$", "\\$"),
                "tdi.created": datetime.now(UTC).isoformat(timespec="seconds"),
            },
            command,
        )


def _gave_up(outcome: ansible.Outcome) -> str:
    return ansible.last_error(outcome) or "Ansible did not finish"


def _keep(log: Path, lines: list[str]) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def generations() -> list[dict[str, str]]:
    """The production images in the local engine: name, revision, base image and time of each, newest first."""
    rows = []
    for image in docker.images(f"{ROLE_LABEL}=production"):
        labels = docker.image_facts(image["id"])["Config"]["Labels"]
        rows.append(
            {"name": image["name"], **{key: labels.get(f"tdi.{key}", "") for key in ("revision", "base", "created")}}
        )
    return sorted(rows, key=lambda row: row["created"], reverse=True)
