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
from tdi.errors import TdiError
from tdi.images import identity
from tdi.images.base_image import ROLE_LABEL, BaseImage
from tdi.machines import lifecycle
from tdi.machines.locks import only_one
from tdi.molecule import scenario
from tdi.outside import ansible, docker, git
from tdi.outside.console import say
from tdi.project import Project, fingerprint

_MAIN = ("main", "origin/main")
"""Where production is deployed from, the first of them that is there."""

_RECIPE = "5"
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
class Before:
    """The role before the change: a revision, or None for the role as checked out; and why it is this one."""

    revision: str | None
    reason: str
    repository: Path | None = None
    """Where the revision is, if not in the checkout itself: a throw-away copy of it has no history."""


@dataclass(frozen=True)
class ProductionImage:
    """A production image: its id and name, what it was provisioned with, and whether it was built just now."""

    id: str
    name: str
    source: str
    built: bool


def before_the_change(project: Project) -> Before:
    """The revision that production was provisioned from.

    It is the tip of main for a branch or a dirty tree, the first parent for a clean main. Where there is none (no git,
    a shallow clone, the first commit, a revision without the role), the role as checked out is taken, and `reason`
    says so.
    """
    root = project.root
    itself = "production is provisioned with the role as checked out"
    if not git.is_checkout(root):
        return Before(None, f"no git history here: {itself}")
    tip = next((found for name in _MAIN if (found := git.commit(root, name))), None)
    head = git.commit(root, "HEAD")
    if tip is None or head is None:
        return Before(None, f"there is no main branch here: {itself}")
    if head == tip and not git.is_dirty(root):
        parent = git.commit(root, "HEAD^1")
        if parent is None:
            why = "this clone is shallow" if git.is_shallow(root) else "this is the first commit"
            return Before(None, f"{why}, nothing came before: {itself}")
        found, reason = parent, "the commit before this one on main"
    else:
        found, reason = tip, "the tip of main"
    if not git.has(root, found, "roles"):
        return Before(None, f"{reason} ({found[:7]}) has no role yet: {itself}")
    return Before(found, reason)


def ensure(project: Project, base: BaseImage, before: Before | None = None) -> ProductionImage:
    """The production image for this run: pulled where TDI_PRODUCTION_IMAGE names one, else built once and kept.

    `before` says which state of the role production has (default: before_the_change). Raises TdiError where the image
    cannot be pulled, or where the former role cannot be converged on the platform.
    """
    named = settings.production_image()
    if named:
        return _pulled(named)
    before = before or before_the_change(project)
    with tempfile.TemporaryDirectory(prefix="tdi-production-") as directory:
        tree = Path(directory)
        roles, playbook = _role_as_it_stood(project, before, tree)
        ingredients = [_RECIPE, base.id, fingerprint([roles]), fingerprint([playbook])]
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
                image = _build(project, base, before, roles, playbook, name)
        return ProductionImage(image, name, source, built=True)


def _role_as_it_stood(project: Project, before: Before, tree: Path) -> tuple[Path, Path]:
    current = scenario.load(project, "upgrade").ansible.playbook
    if before.revision is None:
        return project.roles, current
    playbook = str(current.relative_to(project.root.resolve()))
    repository = before.repository or project.root
    there = git.has(repository, before.revision, playbook)
    git.extract(repository, before.revision, ["roles", playbook] if there else ["roles"], tree)
    return tree / "roles", tree / playbook if there else current


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


def _build(project: Project, base: BaseImage, before: Before, roles: Path, playbook: Path, name: str) -> str:
    project.prepare_artifacts()
    log = project.artifacts / "production-image.log"
    log.unlink(missing_ok=True)
    run_id = lifecycle.this_run()
    upgrade = scenario.load(project, "upgrade")
    builder = f"tdi-{run_id}-production-{lifecycle.new_run_id()}"
    with (
        tempfile.TemporaryDirectory(prefix="tdi-ansible-") as work,
        lifecycle.one(builder, base.id, upgrade.options, run_id) as machine,
    ):
        docker.execute(machine, ["sh", "-c", f"cat > {PIN_FILE} <<'EOF'\n{RELEASE_ONLY}EOF"])
        outcome = ansible.converge({machine: upgrade.ansible}, Path(work), log, playbook=playbook, roles=roles, times=1)
        (only,) = outcome.passes[machine]
        if only.failure or outcome.code or not outcome.recap:
            failure = only.failure
            what = f"task '{failure.task}': {failure.message}" if failure else "Ansible did not finish"
            for unit in failure.units if failure else ():
                said = lifecycle.journal(machine, unit)
                _keep(log, [f"the journal of {unit} ends with:", *said])
                what = f"{what} ({unit}: {said[-1]})" if said else what
            raise TdiError(f"Production could not be provisioned ({before.reason}): {what}", f"The log: {log}")
        docker.execute(machine, ["rm", PIN_FILE])
        docker.execute(machine, ["apt-get", "clean"])
        command = identity.forget(project, machine)
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


def _keep(log: Path, lines: list[str]) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def history() -> list[dict[str, str]]:
    """The production images in the local engine: name, revision, base image and time of each, newest first."""
    rows = []
    for image in docker.images(f"{ROLE_LABEL}=production"):
        labels = docker.image_facts(image["id"])["Config"]["Labels"]
        rows.append(
            {"name": image["name"], **{key: labels.get(f"tdi.{key}", "") for key in ("revision", "base", "created")}}
        )
    return sorted(rows, key=lambda row: row["created"], reverse=True)
