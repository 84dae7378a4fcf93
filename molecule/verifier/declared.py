"""What the machines were asked for: the role's defaults, and over them the variables of the converge play."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Site:
    """One site of `nginx_sites`."""

    name: str
    server_name: str
    port: int
    page: str

    @property
    def file(self) -> str:
        """Return the path of the site's configuration."""
        return f"/etc/nginx/sites-enabled/ansible-{self.name}"

    @property
    def directory(self) -> str:
        """Return the path of the site's pages."""
        return f"/srv/{self.name}"

    @property
    def index(self) -> str:
        """Return the path of the site's first page."""
        return f"{self.directory}/index.html"


def _read(path: str) -> Any:
    return yaml.safe_load((PROJECT / path).read_text(encoding="utf-8"))


def _sites() -> tuple[Site, ...]:
    (play,) = _read("molecule/shared/converge.yml")
    variables = {**_read("roles/nginx/defaults/main.yml"), **play.get("vars", {})}
    return tuple(Site(**site) for site in variables["nginx_sites"])


SITES = _sites()
