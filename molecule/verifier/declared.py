"""What the machines were asked for, and so what they must be: the role's defaults, as this project means them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """A site with a page of the role."""

    name: str
    page: str
    server_name: str = "_"
    port: int = 80

    @property
    def configuration(self) -> str:
        """Return the path of the site's configuration."""
        return f"/etc/nginx/sites-available/ansible-{self.name}"

    @property
    def link(self) -> str:
        """Return the path by which nginx finds the configuration."""
        return f"/etc/nginx/sites-enabled/ansible-{self.name}"

    @property
    def directory(self) -> str:
        """Return the path of the site's pages."""
        return f"/srv/{self.name}"

    @property
    def index(self) -> str:
        """Return the path of the site's first page."""
        return f"{self.directory}/index.html"


SITES = (Site("website", "<!DOCTYPE html>\n<title>Hello world</title>\n<h1>Hello world</h1>\n"),)
