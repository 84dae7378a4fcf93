"""YAML files of a project, which others wrote: read as far as they can be, tags of Ansible's own included."""

from pathlib import Path
from typing import Any

import yaml

from tdi.errors import TdiError


class _Loader(yaml.SafeLoader):
    """Takes tags that it does not know (`!vault`, `!unsafe`) for what stands behind them."""


def _any_tag(loader: _Loader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True) if isinstance(node, yaml.MappingNode) else None


_Loader.add_multi_constructor("", _any_tag)


def read(file: Path) -> Any:
    """What `file` says, or None where it is not there or empty. Raises TdiError where it cannot be read as YAML."""
    try:
        return yaml.load(file.read_text(encoding="utf-8"), _Loader)  # noqa: S506 (a safe loader)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())
        raise TdiError(f"{file} cannot be read: {said}.", "Mend the file.") from None


def mapping(file: Path) -> dict[str, Any]:
    """What a file with a mapping says; nothing where it is not there. Raises TdiError where it is something else."""
    said = read(file)
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise TdiError(f"{file} cannot be used: it is no mapping (`key: value`).", "Mend the file.")
    return said
