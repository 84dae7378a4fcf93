"""The table of platforms (platforms.yml, beside this module)."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from tdi import settings
from tdi.errors import TdiError

TABLE = Path(__file__).with_name("platforms.yml")
"""The table that is part of the package."""


@dataclass(frozen=True)
class Platform:
    """The distribution release of a machine, and where its root file system comes from."""

    name: str
    distribution: str
    image: str
    suite: str
    components: tuple[str, ...]


@dataclass(frozen=True)
class Platforms:
    """All platforms by name, in the order of the table, and the name of the default one."""

    default: str
    by_name: dict[str, Platform]

    def of(self, distribution: str) -> list[Platform]:
        """The platforms of one distribution, newest first."""
        return [platform for platform in self.by_name.values() if platform.distribution == distribution]


def load(file: Path = TABLE) -> Platforms:
    """The table in `file`. Raises TdiError where it is not readable as one."""
    try:
        table = yaml.safe_load(file.read_text(encoding="utf-8"))
        rows = {
            name: Platform(name, row["distribution"], row["image"], row["suite"], tuple(row["components"]))
            for name, row in table["platforms"].items()
        }
        default = rows[table["default"]].name
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise TdiError(f"{file} is not a table of platforms: {' '.join(str(error).split())}.") from None
    return Platforms(default, rows)


def wanted(table: Platforms) -> Platform | None:
    """The platform that TDI_PLATFORM names, or None where it names none. Raises TdiError for an unknown one."""
    name = settings.platform()
    if name is None:
        return None
    if name not in table.by_name:
        raise TdiError(f"TDI_PLATFORM: there is no platform '{name}'.", f"Known: {', '.join(table.by_name)}.")
    return table.by_name[name]
