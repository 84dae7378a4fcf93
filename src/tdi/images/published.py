"""Published production images: what a registry has of a project, how they succeed each other, and pulling one.

The tag `production` is what runs now, a tag named for a revision is what was published of it. Each image names its
parent, the production that it was made of: from `production` the whole history is found.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdi.errors import TdiError
from tdi.images.base_image import ROLE_LABEL, BaseImage
from tdi.outside import docker, registry
from tdi.outside.console import say
from tdi.outside.files import make_directory
from tdi.outside.registry import Manifest, Registry, Repository
from tdi.project import Project

PRODUCTION = "production"
"""The tag that moves, and the label of what is production."""

_OCI = "org.opencontainers.image"
REVISION, CREATED, SOURCE, VERSION = (f"{_OCI}.{name}" for name in ("revision", "created", "source", "version"))
BASE_NAME, BASE_DIGEST = f"{_OCI}.base.name", f"{_OCI}.base.digest"
GENERATION, PARENT, PLATFORM, FLATTENED = (f"tdi.{name}" for name in ("generation", "parent", "platform", "flattened"))
"""The annotations of a published image (docs/reference/registry.md)."""

RECORD_TYPE = "application/vnd.tdi.record.v1+json"
"""What the record of a published image is, as an artifact that refers to it."""

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
REVISION_TAG = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
"""What a digest and the tag of a revision look like."""

_KEPT_RECORDS = 24
_LONGEST_HISTORY = 10_000


@dataclass(frozen=True)
class Generation:
    """A published image, as its manifest in the registry describes it."""

    manifest: Manifest

    @property
    def digest(self) -> str:
        """The digest by which it is pulled."""
        return self.manifest.digest

    @property
    def number(self) -> int | None:
        """How many publishings led to it, itself included; None where this project did not publish it."""
        said = self.manifest.annotations.get(GENERATION, "")
        return int(said) if re.fullmatch(r"[1-9][0-9]{0,8}", said) else None

    @property
    def parent(self) -> str | None:
        """The digest of the production that it was made of, or None for the first one."""
        return self.manifest.annotations.get(PARENT) or None

    @property
    def revision(self) -> str:
        """The commit that it was converged with, or nothing where it does not say."""
        return self.manifest.annotations.get(REVISION, "")

    @property
    def platform(self) -> str:
        """The platform that it is of, or nothing where it does not say."""
        return self.manifest.annotations.get(PLATFORM, "")

    @property
    def created(self) -> str:
        """When it was published, or nothing where it does not say."""
        return self.manifest.annotations.get(CREATED, "")

    @property
    def layers(self) -> int:
        """How many layers it has."""
        return len(self.manifest.document.get("layers") or ())

    @property
    def size(self) -> int:
        """The bytes of its compressed layers."""
        return sum(int(layer.get("size", 0)) for layer in self.manifest.document.get("layers") or ())

    @property
    def called(self) -> str:
        """What it is called in sentences."""
        number = f"generation {self.number}" if self.number else "an image that this project did not publish"
        revision = f" of {self.revision[:12]}" if self.revision else ""
        return f"{number}{revision} ({self.digest[:19]})"

    def as_json(self) -> dict[str, Any]:
        """The machine-readable form."""
        said = self.manifest.annotations
        return {
            "generation": self.number,
            "digest": self.digest,
            "revision": self.revision,
            "version": said.get(VERSION, ""),
            "created": self.created,
            "parent": self.parent,
            "platform": self.platform,
            "base": {"name": said.get(BASE_NAME, ""), "digest": said.get(BASE_DIGEST, "")},
            "layers": self.layers,
            "size": self.size,
            "flattened": said.get(FLATTENED) == "yes",
        }


@dataclass(frozen=True)
class PulledImage:
    """A published image in the engine: its id and name there, and what the registry says of it."""

    id: str
    name: str
    generation: Generation


def repository(project: Project, platform: str) -> Repository:
    """The repository of a project's production images for a platform. Raises TdiError where it has none, or no such."""
    text = project.registry
    if not text:
        raise TdiError(
            "This project has no registry for its production images.",
            "Name it in TDI_REGISTRY, or in production.yml beside the scenarios: `registry: HOST/REPOSITORY`.",
        )
    return registry.parse(text.replace("{platform}", platform))


def current(where: Registry) -> Generation | None:
    """What is production now, or None where nothing is."""
    return _generation(where, PRODUCTION)


def named(where: Registry, which: str) -> Generation:
    """The published image that `which` means: the tag `production`, a generation's number, or a digest.

    Raises TdiError where there is none.
    """
    if which.isdecimal():
        return _numbered(where, int(which))
    found = _generation(where, which)
    if found is None:
        raise TdiError(f"There is no {which} in {where.repository}.", "tdi production history lists what there is.")
    return found


def _numbered(where: Registry, number: int) -> Generation:
    known = []
    for each in history(where):
        if each.number == number:
            return each
        known.append(each.number)
    there = [each for each in known if each]
    what = f"has the generations {min(there)} to {max(there)}" if there else "has none"
    raise TdiError(
        f"There is no generation {number}: production in {where.repository} {what}.",
        "tdi production history lists them; older ones may have been pruned.",
    )


def history(where: Registry, start: Generation | None = None) -> Iterator[Generation]:
    """The generations from production (or `start`) down to the first, or to the last that was not pruned."""
    at = start or current(where)
    seen: set[str] = set()
    while at and at.digest not in seen and len(seen) < _LONGEST_HISTORY:
        yield at
        seen.add(at.digest)
        at = _generation(where, at.parent) if at.parent and DIGEST.fullmatch(at.parent) else None


def _generation(where: Registry, reference: str) -> Generation | None:
    found = where.manifest(reference)
    return Generation(image_manifest(where, found)) if found else None


def image_manifest(where: Registry, found: Manifest) -> Manifest:
    """The manifest of one image: that itself, or the one of the engine's architecture where it is an index.

    Raises TdiError where the index has none.
    """
    if found.media_type not in {registry.INDEX, registry.DOCKER_INDEX}:
        return found
    architecture = docker.engine().architecture
    listed = found.document.get("manifests") or []
    for each in listed:
        of = each.get("platform") or {}
        if (of.get("os"), of.get("architecture")) == ("linux", architecture):
            inner = where.manifest(str(each["digest"]))
            if inner:
                return inner
    raise TdiError(
        f"{found.digest} in {where.repository} is for other machines than those of the engine ({architecture}).",
        "Publish from an engine of this architecture, into a repository of its own.",
    )


def fetch(project: Project, base: BaseImage, which: str) -> PulledImage | None:
    """Have a published image in the engine, by its digest, with its record; None where nothing is production yet.

    `which` is a generation's number, a digest, or the tag `production`, and only for that last one there may be
    nothing. Raises TdiError where it cannot be had, or is not for machines of this engine and platform.
    """
    where = Registry(repository(project, base.platform))
    if which == PRODUCTION:
        found = current(where)
        if found is None:
            say(f"{where.repository} has no production yet: it is built here, as without a registry")
            return None
    else:
        found = named(where, which)
    return pull(project, base, where, found)


def pull(project: Project, base: BaseImage, where: Registry, generation: Generation) -> PulledImage:
    """Have this very image in the engine, and its record beside the project's results. Raises TdiError."""
    if generation.platform and generation.platform != base.platform:
        raise _other_platform(where, generation.called, generation.platform, base)
    name = f"{where.repository}@{generation.digest}"
    there = docker.image_id(name)
    if there is None:
        say(f"Pulling production from {where.repository}: {generation.called}")
        pulled = docker.pull(name, timeout=3600)
        there = docker.image_id(name)
        if not pulled.ok or there is None:
            raise TdiError(
                f"Production could not be pulled: {_without_credentials(pulled.last_line)}",
                _pull_remedy(pulled.last_line),
            )
    facts = docker.image_facts(name)
    engine = docker.engine()
    if facts["Architecture"] != engine.architecture:
        raise TdiError(
            f"{generation.called} is for {facts['Architecture']}, and the engine's machines are {engine.architecture}.",
            "Publish from an engine of this architecture, into a repository of its own.",
        )
    platform = (facts["Config"]["Labels"] or {}).get(PLATFORM, base.platform)
    if platform != base.platform:
        raise _other_platform(where, generation.called, platform, base)
    _keep_record(project, where, generation, there)
    return PulledImage(there, name, generation)


def _other_platform(where: Registry, called: str, platform: str, base: BaseImage) -> TdiError:
    return TdiError(
        f"{called} in {where.repository} is of {platform}, and this run is of {base.platform}.",
        f"Choose it (TDI_PLATFORM={platform}), or give each platform a repository: `registry: HOST/NAME/{{platform}}`.",
    )


def _pull_remedy(message: str) -> str:
    lowered = message.lower()
    known = {
        "verify layer": "The registry's data is damaged: restore it, or go back to a generation that is whole "
        "(tdi production rollback).",
        "filesystem layer verification": "The registry's data is damaged: restore it, or go back to a generation that "
        "is whole (tdi production rollback).",
        "no space": "Free space where the engine keeps its data: docker system df; tdi clean",
        "unauthorized": "Log in with an account that may pull: docker login",
        "no basic auth": "Log in with an account that may pull: docker login",
        "denied": "Log in with an account that may pull: docker login",
        "manifest unknown": "It was removed meanwhile: run it again.",
    }
    return next((said for key, said in known.items() if key in lowered), "Run it again when the registry answers.")


def _without_credentials(message: str) -> str:
    return re.sub(r"(\w+://)[^/@\s]+@", r"\1", message)


def made_here(facts: dict[str, Any]) -> bool:
    """Whether an image, by what the engine says of it, was made by this project and may be the parent of another."""
    return (facts["Config"]["Labels"] or {}).get(ROLE_LABEL) == PRODUCTION


def _record_file(project: Project, image: str) -> Path:
    return project.artifacts / "production" / f"{image.removeprefix('sha256:')[:16]}.json"


def kept_record(project: Project, image: str) -> Path | None:
    """The record of a machine that was booted from an image of production, and not touched; None where none is here.

    Of a published image it was made when that was published, of another one by the first verdict on it.

    Its key says with which collector and settings it was made: another collector would record other things.
    """
    file = _record_file(project, image)
    return file if file.is_file() else None


def note_record(project: Project, image: str, record: Path) -> None:
    """Keep `record`, of a machine that was booted from an image of production and not touched: it only saves time."""
    with suppress(OSError):
        _write(_record_file(project, image), record.read_bytes())


def _keep_record(project: Project, where: Registry, generation: Generation, image: str) -> None:
    """Have the record of a published image, where the registry has one that is whole: it only saves time."""
    file = _record_file(project, image)
    if file.is_file():
        return
    for each in where.referrers(generation.digest):
        if each.get("artifactType") != RECORD_TYPE:
            continue
        try:
            artifact = where.manifest(str(each["digest"]))
            layers = artifact.document.get("layers") if artifact else None
            if layers:
                _write(file, gzip.decompress(where.blob(str(layers[0]["digest"]))))
                return
        except (TdiError, OSError, EOFError, zlib.error) as error:
            say(f"The record of {generation.called} in the registry cannot be used, and is made anew: {error}")


def keep_record(project: Project, image: str, record: Path) -> Path:
    """Keep the record of an image that is published just now, and return the file."""
    file = _record_file(project, image)
    _write(file, record.read_bytes())
    return file


def _write(file: Path, content: bytes) -> None:
    make_directory(file.parent)
    part = file.with_suffix(".part")
    part.write_bytes(content)
    part.chmod(0o600)
    part.replace(file)
    others = sorted(file.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)
    for path in others[:-_KEPT_RECORDS]:
        path.unlink(missing_ok=True)
