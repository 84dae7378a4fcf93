"""The load that a project declares: `load.yml` beside its scenarios, a client for each entry."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tdi.errors import TdiError
from tdi.project import Project

NAME = "load.yml"

_PORTS = {"http": 80, "https": 443}
_KEYS = {
    *("name", "url", "rate", "connections", "keep_alive", "method", "body", "status", "answers", "bytes_per_second"),
}


@dataclass(frozen=True)
class Client:
    """A client: what it asks for, how often, and what it expects."""

    name: str
    scheme: str
    host: str
    port: int
    path: str
    rate: float = 20.0
    """Requests a second, all connections together."""
    connections: int = 1
    keep_alive: bool = False
    method: str = "GET"
    body: str = ""
    status: tuple[int, ...] = (200,)
    answers: tuple[str, ...] = ()
    """Regular expressions of which one has to be found in the content: the old one, and the new one."""
    bytes_per_second: int = 0
    """How fast the content is read; 0 for as fast as it comes."""

    def as_json(self, address: str) -> dict[str, Any]:
        """What the clients' program is told, for a server at `address`."""
        return {**asdict(self), "address": address}


def clients(project: Project) -> list[Client]:
    """The clients that the project declares, none where it has no such file. Raises TdiError for what is not usable."""
    file = project.settings_file(NAME)
    if not file.is_file():
        return []
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TdiError(f"{file} cannot be used: {' '.join(str(error).split())}.") from None
    entries = said.get("clients") if isinstance(said, dict) else None
    if not isinstance(entries, list) or not entries or set(said) - {"clients"}:
        raise TdiError(f"{file} cannot be used: it says no clients.", "clients: [{name: …, url: …}]")
    found = [_client(file, entry) for entry in entries]
    if len({client.name for client in found}) < len(found):
        raise TdiError(f"{file} cannot be used: two clients have one name.")
    return found


def _client(file: Path, entry: Any) -> Client:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not isinstance(entry.get("url"), str):
        raise TdiError(f"{file} cannot be used: a client has a name and a url, both text: {entry!r}.")
    where = f"{file} cannot be used: the client {entry['name']!r}"
    if odd := sorted(set(entry) - _KEYS):
        raise TdiError(f"{where} does not know {odd[0]!r}.", f"It knows {', '.join(sorted(_KEYS))}.")
    try:
        url = urlsplit(entry["url"])
        port = url.port or _PORTS.get(url.scheme)
        if url.scheme not in {*_PORTS, "tcp"} or not url.hostname or not port:
            raise ValueError(entry["url"])  # noqa: TRY301 (one sentence for all that a url can lack)
    except ValueError:
        remedy = "http://HOST[:PORT]/PATH, https://… or tcp://HOST:PORT; HOST is the name that the server is asked for."
        raise TdiError(f"{where} has no url that can be asked: {entry['url']!r}.", remedy) from None
    path = f"{url.path or '/'}{f'?{url.query}' if url.query else ''}"
    facts = {key: value for key, value in entry.items() if key not in {"name", "url"}}
    for key, kinds in _KINDS.items():
        if key in facts and (not isinstance(facts[key], kinds) or isinstance(facts[key], bool) != (kinds is bool)):
            raise TdiError(f"{where}: {key} is {facts[key]!r}.")
    if min(facts.get("rate", 1), facts.get("connections", 1)) <= 0 or facts.get("bytes_per_second", 0) < 0:
        raise TdiError(f"{where}: rate and connections are more than 0.")
    lists = {key: tuple(facts[key]) for key in ("status", "answers") if key in facts}
    return Client(name=entry["name"], scheme=url.scheme, host=url.netloc, port=port, path=path, **{**facts, **lists})


_KINDS: dict[str, Any] = {
    "rate": (int, float),
    "connections": int,
    "keep_alive": bool,
    "method": str,
    "body": str,
    "status": list,
    "answers": list,
    "bytes_per_second": int,
}
