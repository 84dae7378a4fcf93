"""What the commands of `tdi production` share: a project's repository, and an image on a line."""

from tdi.images import base_image, platforms, published
from tdi.images.published import Generation
from tdi.outside.registry import Repository
from tdi.project import Project


def repository(project: Project) -> Repository:
    """The project's repository, for the platform of a run where each platform has one. Raises TdiError."""
    table = platforms.load()
    chosen = platforms.wanted(table)
    if chosen is None and "{platform}" in (project.registry or ""):
        # Another one may stand in for the default.
        return published.repository(project, base_image.ensure(project).platform)
    return published.repository(project, chosen.name if chosen else table.default)


def line(generation: Generation) -> str:
    """A published image on one line: generation, revision, time, size, layers, digest."""
    number = f"generation {generation.number}" if generation.number else "not of this project"
    size = f"{generation.size / 1e6:.1f} MB in {generation.layers} layers"
    return f"{number}  {generation.revision[:12]:12}  {generation.created}  {size}  {generation.digest}"
