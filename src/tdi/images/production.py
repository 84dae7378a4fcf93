"""The production image of a past: a machine as production is before the change under test.

The embedded default builds it: the role as it stood before the change, converged on the base image with the packages
that the platform was released with, so that an upgrade is one for the packages too. A server that went through several
states of the role stands on the image of all but the last of them.
"""

import hashlib
import re
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tdi import settings
from tdi.content import history
from tdi.content.history import Before
from tdi.errors import TdiError
from tdi.images import provisioning, published
from tdi.images.base_image import ROLE_LABEL, BaseImage
from tdi.images.provisioning import Provisioning
from tdi.images.published import Generation
from tdi.machines.locks import only_one
from tdi.molecule import pasts, playing, scenario
from tdi.molecule.pasts import DEFAULT, Packages, Past
from tdi.molecule.scenario import Scenario
from tdi.outside import docker
from tdi.outside.console import say
from tdi.project import Project, fingerprint

_RECIPE = "8"
"""Goes up when the way of building changes, so that images of the old way are not taken for new ones."""


@dataclass(frozen=True)
class ProductionImage:
    """A production image: its id and name, what it was provisioned with, and whether it was built just now."""

    id: str
    name: str
    source: str
    built: bool
    generation: Generation | None = None
    """Which published image it is, where it is one."""


def ensure(project: Project, base: BaseImage, past: Past | None = None) -> ProductionImage:
    """The production image of a past (the default one): pulled where it is a published one, else built once and kept.

    TDI_PRODUCTION_IMAGE names another one for the default past. Raises TdiError where the image cannot be pulled, or
    where the former role cannot be converged on the platform.
    """
    past = past or pasts.default(project)
    named = settings.production_image()
    if named and past.name == DEFAULT:
        return _pulled(named)
    if past.published is not None:
        pulled = published.fetch(project, base, past.published)
        if pulled:
            source = f"pulled, {pulled.generation.called}"
            return ProductionImage(pulled.id, pulled.name, source, built=False, generation=pulled.generation)
        past = before_the_first(project)
    upgrade = scenario.load(project, "upgrade")
    with tempfile.TemporaryDirectory(prefix="tdi-production-") as directory:
        trees = Path(directory)
        image = None
        for number, state in enumerate(past.states, start=1):
            last = number == len(past.states)
            what = _provisioning(project, upgrade, past, state, trees / str(number), last=last)
            image = _ensure_one(project, base, upgrade, past, what, image)
    if image is None:
        raise AssertionError(past)
    return image


def before_the_first(project: Project) -> Past:
    """What production is where a registry has none yet: what the history says, as without a registry."""
    return Past(DEFAULT, (history.before_the_change(project),))


def _ensure_one(
    project: Project,
    base: BaseImage,
    upgrade: Scenario,
    past: Past,
    what: Provisioning,
    former: ProductionImage | None,
) -> ProductionImage:
    """The image of a machine that was taken through `what`, from that of what came before, or from the base image."""
    beneath = former.id if former else base.id
    # The packages of today are those of another day tomorrow.
    day = [] if what.release_only else [datetime.now(UTC).date().isoformat()]
    ingredients = [_RECIPE, beneath, *map(fingerprint, what.ingredients(upgrade)), what.settings(), *day]
    key = hashlib.sha256("\0".join(ingredients).encode()).hexdigest()[:16]
    name = f"tdi-production:{base.platform}-{key}"
    source = f"{what.revision[:7]}, {what.reason}" if what.revision else what.reason
    image = docker.image_id(name)
    if image:
        return ProductionImage(image, name, source, built=False)
    with only_one(f"production-{key}", "another run builds the same production image"):
        image = docker.image_id(name)
        if image is None:
            say(f"Building the production image {name} ({source})")
            project.prepare_artifacts()
            log = project.artifacts / f"production-image{'' if past.name == DEFAULT else f'-{past.name}'}.log"
            image = provisioning.provision(beneath, base, upgrade, what, log, name, {})
    return ProductionImage(image, name, source, built=True)


def _provisioning(
    project: Project, upgrade: Scenario, past: Past, state: Before, directory: Path, *, last: bool
) -> Provisioning:
    """What a state of a past means for a machine: the role as it stood then, below `directory`.

    It is converged with the playbook of that time, else with the present one. What was done by hand comes last.
    """
    current = upgrade.ansible.playbook
    stood = history.as_it_stood(project, state, [current], directory)
    then = playing.State(Project(stood.root, project.artifacts), state.repository or project.root, stood.moved)
    root = project.root.resolve()
    of_then = stood.root / current.relative_to(root) if current.is_relative_to(root) else current
    playbooks = tuple(dict.fromkeys([of_then, current] if of_then.is_file() else [current]))
    what = Provisioning(
        then,
        playbooks,
        state.reason if past.file is None else f"past {past.name}: {state.reason}",
        state.revision,
        release_only=past.packages is Packages.RELEASE,
        variables=past.variables,
    )
    _refuse_unknown_variables(past, what)
    return replace(what, by_hand=past.by_hand) if last else what


def _refuse_unknown_variables(past: Past, what: Provisioning) -> None:
    """Raises TdiError for a variable that no text of the content of that time has: it would change nothing."""
    if not past.variables:
        return
    text = "\n".join(_texts(what))
    for name in past.variables:
        if not re.search(rf"\b{re.escape(name)}\b", text):
            where = f" ({what.revision[:7]})" if what.revision else ""
            raise TdiError(
                f"{past.file} sets {name}, which nothing of the role as it was then{where} has.",
                "Correct the name, remove it, or say of which revision the settings are (tdi_past: {from: REVISION}).",
            )


def _texts(what: Provisioning) -> list[str]:
    paths = [*what.state.project.content, *what.state.moved.values(), *what.playbooks]
    files = (file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())
    return [file.read_text(encoding="utf-8", errors="replace") for file in files]


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


def generations() -> list[dict[str, str]]:
    """The production images in the local engine: name, revision, base image and time of each, newest first."""
    rows = []
    for image in docker.images(f"{ROLE_LABEL}=production"):
        labels = docker.image_facts(image["id"])["Config"]["Labels"]
        rows.append(
            {"name": image["name"], **{key: labels.get(f"tdi.{key}", "") for key in ("revision", "base", "created")}}
        )
    return sorted(rows, key=lambda row: row["created"], reverse=True)
