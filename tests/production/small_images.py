"""Published images of a file or two, for tests of what the registry and the engine do: nothing of them boots."""

import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tdi.images import published
from tdi.images.base_image import BaseImage
from tdi.images.published import Generation
from tdi.outside import docker, registry
from tdi.outside.registry import Manifest, Registry
from tdi.publishing import publish

PLATFORM = "debian-13"
BASE = BaseImage(PLATFORM, "sha256:base", "tdi-base:none", "debian:13", "")
LABELS = {docker.LABEL: "image", "tdi.image": "production", published.PLATFORM: PLATFORM}


def revision(number: int) -> str:
    return f"{number:040x}"


def imported(directory: Path, text: str, labels: Mapping[str, str] = LABELS) -> str:
    """A local image with one file, and its id."""
    archive = directory / "image.tar"
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo("file")
        member.size = len(text.encode())
        tar.addfile(member, io.BytesIO(text.encode()))
    words = [word for key, value in labels.items() for word in ("--change", f'LABEL {key}="{value}"')]
    done = subprocess.run(["docker", "import", *words, archive], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _for(where: Registry, pushed: Manifest, architecture: str) -> Manifest:
    """The same image, said to be for another architecture."""
    config = pushed.document["config"]
    said = {**json.loads(where.blob(config["digest"])), "architecture": architecture}
    other = where.upload(registry.encoded(said), config["mediaType"])
    return Manifest("", pushed.media_type, registry.encoded({**pushed.document, "config": other}))


def put(
    where: Registry,
    directory: Path,
    number: int,
    parent: Generation | None = None,
    *,
    labels: Mapping[str, str] = LABELS,
    architecture: str = "",
    production: bool = True,
    **other: str,
) -> Generation:
    """A generation in the registry, with the tags that publishing gives it; the engine forgets it."""
    image = imported(directory, f"generation {number}", labels)
    try:
        pushed = where.manifest(docker.push(image, str(where.repository), "incoming"))
        assert pushed
        said = {
            published.REVISION: revision(number),
            published.GENERATION: str(number),
            published.PLATFORM: PLATFORM,
            **({published.PARENT: parent.digest} if parent else {}),
            **other,
        }
        if architecture:
            pushed = _for(where, pushed, architecture)
        content = publish.as_oci(pushed, {key: value for key, value in said.items() if value})
    finally:
        docker.remove_image(image)
    made = Generation(Manifest(where.put(content, registry.MANIFEST), registry.MANIFEST, content))
    where.put(content, registry.MANIFEST, revision(number))
    if production:
        where.put(content, registry.MANIFEST, published.PRODUCTION)
    return made
