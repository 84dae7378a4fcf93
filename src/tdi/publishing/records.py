"""The record of a published image, beside it in the registry: the next verdict need not record what it knows."""

import gzip
from pathlib import Path

from tdi.images import published
from tdi.images.published import Generation
from tdi.outside.registry import Registry

_COMPRESSED = "application/vnd.tdi.record.v1+json+gzip"


def attach(where: Registry, generation: Generation, record: Path) -> str:
    """Have a record in the registry as an artifact that refers to a published image, and return its digest."""
    content = gzip.compress(record.read_bytes(), mtime=0)
    said = {published.CREATED: generation.created, published.REVISION: generation.revision}
    return where.attach(generation.manifest, published.RECORD_TYPE, content, _COMPRESSED, said)
