"""`tdi production publish`: production, taken through the revision that was proven on it, is production from now on.

What may be cut off at any time comes first: layers, a manifest that no tag names, its record. Then the tag of the
revision is written, which never changes, and last, in one request, the tag `production`.
"""

import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tdi.content import history
from tdi.errors import TdiError
from tdi.images import production, provisioning, published
from tdi.images.base_image import BaseImage
from tdi.images.provisioning import Provisioning
from tdi.images.published import Generation
from tdi.machines.run import Run
from tdi.molecule import playing, scenario
from tdi.outside import docker, git, registry
from tdi.outside.console import say
from tdi.outside.registry import Manifest, Registry
from tdi.project import Project
from tdi.publishing import claims, flatten, records

_INCOMING = "incoming"
"""The tag that layers arrive under. It means nothing, and each publisher overwrites it."""

_PASS = "pass"  # noqa: S105 (the class of a verdict)

_AGAIN = (2, 5, 10)
"""Seconds to wait before a push is tried again: a registry that is restarted is back by then."""

_MOMENTARY = re.compile(r"refused|reset|EOF|broken pipe|timeout|timed out|50[234]", re.IGNORECASE)
"""What the engine says of a registry that is gone for a moment."""

_OCI_TYPES = {
    "application/vnd.docker.container.image.v1+json": "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.image.rootfs.diff.tar": "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}
"""How OCI calls what Docker pushes."""


@dataclass(frozen=True)
class Published:
    """What is production now, and whether it was made just now or was there already."""

    generation: Generation
    anew: bool


@dataclass(frozen=True)
class _Parent:
    """The production that a new one is made of: its image in the engine, and what the registry says of it."""

    image: str
    generation: Generation | None
    facts: Mapping[str, Any]


def publish(
    project: Project,
    base: BaseImage,
    run: Run,
    *,
    verdict: Path | None = None,
    bootstrap: bool = False,
) -> Published:
    """Take production through the checked-out revision, and let it be production, where the verdict on it is a pass.

    `verdict` is the file that says so (artifacts/verdict.json); `bootstrap` makes the first one, of production as it is
    built without a registry. Raises TdiError where it must not be, and where it cannot be; production is then what it
    was.
    """
    repository = published.repository(project, base.platform)
    with claims.alone(repository):
        where = Registry(repository)
        revision = _revision(project)
        former = published.current(where)
        if former and former.revision == revision and former.number:
            say(f"Production is this revision already: {former.called}")
            return Published(former, anew=False)
        parent = _parent(project, base, where, former, bootstrap=bootstrap)
        _proven(verdict or project.artifacts / "verdict.json", revision, parent, base)
        there = _published_before(where, revision, former)
        if there is None:
            there = _push(project, base, run, where, parent, revision)
        else:
            say(f"{there.called} was published and is not production yet: it is taken up where that ended")
        with claims.claimed(where, former) as held:
            _tag(where, revision, there)
            held.move(there)
    return Published(there, anew=True)


def _revision(project: Project) -> str:
    revision = history.checked_out(project)
    if revision is None:
        has_history = git.top(project.root) is not None
        raise TdiError(
            "The tree differs from what is committed." if has_history else "There is no git history here.",
            "What is published is a revision: commit, take its verdict (tdi verdict), and publish that.",
        )
    return revision


def _parent(
    project: Project, base: BaseImage, where: Registry, former: Generation | None, *, bootstrap: bool
) -> _Parent:
    """The production to start from. Raises TdiError where there is none, or none that may be succeeded."""
    if former is None:
        if not bootstrap:
            raise TdiError(
                f"{where.repository} has no production to start from.",
                "The first one is made of what production is without a registry: tdi production publish --bootstrap",
            )
        image = production.ensure(project, base, production.before_the_first(project)).id
        return _Parent(image, None, docker.image_facts(image))
    if bootstrap:
        raise TdiError(
            f"{where.repository} has a production already: {former.called}.",
            "Publish without --bootstrap: the new one is made of it.",
        )
    if former.number is None:
        raise _not_ours(where)
    image = published.pull(project, base, where, former).id
    facts = docker.image_facts(image)
    if not published.made_here(facts):
        raise _not_ours(where)
    return _Parent(image, former, facts)


def _not_ours(where: Registry) -> TdiError:
    return TdiError(
        f"Production in {where.repository} is an image that this project did not make: a verdict can start from it, "
        "and nothing is published on top of it.",
        "Use a repository of its own, whose first image is made with --bootstrap.",
    )


def _proven(file: Path, revision: str, parent: _Parent, base: BaseImage) -> None:
    """Raises TdiError unless the verdict in `file` is a pass on exactly this revision and this production."""
    remedy = "Take it now, on what is checked out and what is production: tdi verdict"
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        kind, platform, provenance = said["class"], said["platform"], said["provenance"]
        of, image = provenance.get("revision"), provenance.get("production_id")
    except FileNotFoundError:
        raise TdiError(f"There is no verdict on {revision[:12]}: {file} is missing.", remedy) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise TdiError(f"{file} is no verdict.", remedy) from None
    if kind != _PASS:
        raise TdiError(f"The last verdict is {kind}: that is not published.", "Mend the change first.")
    if not of:
        raise TdiError("The last verdict is on a tree that differed from what was committed.", remedy)
    if of != revision:
        raise TdiError(f"The last verdict is on {str(of)[:12]}, and {revision[:12]} is checked out.", remedy)
    if platform != base.platform:
        raise TdiError(f"The last verdict is on {platform}, and this is {base.platform}.", remedy)
    if image != parent.image:
        what = parent.generation.called if parent.generation else "what production is without a registry"
        raise TdiError(f"Production moved since the verdict: it is {what} now.", remedy)


def _published_before(where: Registry, revision: str, former: Generation | None) -> Generation | None:
    """What was published of this revision before, on this very production. Raises TdiError where it was another one."""
    found = where.manifest(revision)
    if found is None:
        return None
    there = Generation(found)
    if there.parent != (former.digest if former else None):
        raise TdiError(
            f"{revision[:12]} was published before, on another production than the one of now: {there.called}.",
            "A revision is published once: commit anew (git commit --allow-empty), and take the verdict on that.",
        )
    return there


def _push(
    project: Project,
    base: BaseImage,
    run: Run,
    where: Registry,
    parent: _Parent,
    revision: str,
) -> Generation:
    """Make the new image, and have it in the registry with its record, by its digest alone."""
    upgrade = scenario.load(project, "upgrade")
    state = playing.as_checked_out(project)
    what = Provisioning(state, (upgrade.ansible.playbook,), f"production taken through {revision[:12]}", revision)
    project.prepare_artifacts()
    name = f"tdi-published:{run.id}"
    stands_on = (parent.facts["Config"]["Labels"] or {}).get("tdi.base", base.id)
    say(f"Taking production through {revision[:12]}")
    log = project.artifacts / "publish.log"
    image = provisioning.provision(parent.image, base, upgrade, what, log, name, {"tdi.base": stands_on})
    try:
        say("Booting the new production, to record it")
        made = flatten.bounded(project, upgrade, image, run.directory)
        say(f"Pushing it to {where.repository}")
        pushed = where.manifest(_pushed(where, made.image))
        if pushed is None:
            raise TdiError(f"{where.repository} lost what was pushed.", "Look at the registry's log, and run it again.")
        annotations = _annotations(project, base, parent, revision, where.now(), flattened=made.flattened)
        content = as_oci(published.image_manifest(where, pushed), annotations)
        digest = where.put(content, registry.MANIFEST)
        # It keeps the same layers: they would stay after theirs are pruned. Not every registry deletes.
        with suppress(TdiError):
            where.delete(pushed.digest)
        there = Generation(Manifest(digest, registry.MANIFEST, content))
        records.attach(where, there, made.record)
        # By its digest it is known from now on, as everybody else will know it.
        published.keep_record(project, published.pull(project, base, where, there).id, made.record)
    finally:
        for of_this_run in (name, flatten.name_of(run.id)):
            docker.remove_image(of_this_run)
    return there


def _pushed(where: Registry, image: str) -> str:
    """Push an image, once more where the registry was gone for a moment; the digest of what is there then."""
    for pause in (*_AGAIN, None):
        try:
            return docker.push(image, str(where.repository), _INCOMING)
        except TdiError as error:
            if pause is not None and _MOMENTARY.search(error.what):
                say(f"{error.what} It is tried again in {pause} s")
                time.sleep(pause)
                continue
            # The engine's words say what it tried, not why the registry did not let it: that is asked here.
            Registry(where.repository).upload(registry.encoded({"tried": time.time()}), registry.EMPTY)
            raise TdiError(
                error.what, "Production is what it was. Look at the registry's log and its disk, and run it again."
            ) from None
    raise AssertionError


def _annotations(
    project: Project, base: BaseImage, parent: _Parent, revision: str, now: float, *, flattened: bool
) -> dict[str, str]:
    former = parent.generation
    inherited = former.manifest.annotations if former else {}
    said = {
        published.REVISION: revision,
        published.CREATED: registry.as_time(now),
        published.SOURCE: git.remote(project.root) or "",
        published.VERSION: _version(project, revision),
        published.BASE_NAME: inherited.get(published.BASE_NAME) or base.origin,
        published.BASE_DIGEST: inherited.get(published.BASE_DIGEST) or docker.repository_digest(base.origin) or base.id,
        published.GENERATION: str((former.number or 0) + 1 if former else 1),
        published.PARENT: former.digest if former else "",
        published.PLATFORM: base.platform,
        published.FLATTENED: "yes" if flattened else "",
    }
    return {key: value for key, value in said.items() if value}


def _version(project: Project, revision: str) -> str:
    """The role's version: the tag of the revision, else what galaxy.yml says; nothing where neither does."""
    tag = next((tag for tag, commit in git.releases(project.root, revision) if commit == revision), "")
    file = project.root / "galaxy.yml"
    if tag or not file.is_file():
        return tag
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return ""
    return str(said.get("version") or "") if isinstance(said, dict) else ""


def as_oci(pushed: Manifest, annotations: Mapping[str, str]) -> bytes:
    """The manifest of the same image as OCI writes it, with annotations."""

    def described(part: Mapping[str, Any]) -> dict[str, Any]:
        media_type = str(part["mediaType"])
        return {
            "mediaType": _OCI_TYPES.get(media_type, media_type),
            "digest": part["digest"],
            "size": part["size"],
        }

    said = pushed.document
    return registry.encoded(
        {
            "schemaVersion": 2,
            "mediaType": registry.MANIFEST,
            "config": described(said["config"]),
            "layers": [described(layer) for layer in said["layers"]],
            "annotations": {**annotations},
        }
    )


def _tag(where: Registry, revision: str, there: Generation) -> None:
    """Name an image for its revision. Raises TdiError where another one is named so: that tag never changes."""
    found = where.manifest(revision)
    if found and found.digest != there.digest:
        raise TdiError(
            f"{revision[:12]} was published meanwhile, as {Generation(found).called}.",
            "Take the verdict on what is production now, and publish the next revision.",
        )
    where.put(there.manifest.content, there.manifest.media_type, revision)
