"""What an administrator configured in a container engine that answers."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket

from tdi.collector.procfs import own_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope

# Engines that speak Docker's API, by the socket on which they listen.
SOCKETS = {"docker": "/run/docker.sock", "podman": "/run/podman/podman.sock"}
SECONDS = 5
LIMIT = 16 * 1024 * 1024
# Names that an engine makes up for what nobody has named.
NAMELESS = re.compile(r"^[0-9a-f]{64}$")


class Engine(http.client.HTTPConnection):
    """A connection to an engine through its socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self.path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self.path)

    def get(self, path: str) -> Any:
        """What the engine answers; OSError or ValueError where it is no JSON within the bounds."""
        self.request("GET", path)
        answer = self.getresponse()
        body = answer.read(LIMIT + 1)
        if answer.status != 200 or len(body) > LIMIT:
            raise OSError(None, "it answered %s with %d" % (path, answer.status))
        return json.loads(body)


def containers(machine: Machine, scope: Scope) -> None:
    """Images by digest, containers with their restart policy, volumes and networks, of engines that answer."""
    if not own_root(machine):
        scope.unavailable = "not booted"
        return
    for engine, path in SOCKETS.items():
        if not os.path.exists(path):
            continue
        connection = Engine(path)
        try:
            scope.objects.update(("%s %s" % (engine, key), said) for key, said in of_engine(connection).items())
        except ConnectionRefusedError:
            continue  # its socket is left of an engine that does not run
        except (OSError, ValueError, LookupError, TypeError, AttributeError, http.client.HTTPException) as error:
            scope.missing("%s: %s" % (engine, getattr(error, "strerror", None) or error or type(error).__name__))
        finally:
            connection.close()


def of_engine(engine: Engine) -> dict[str, dict[str, Any]]:
    """The objects of an engine; what nobody has named is counted."""
    found: dict[str, dict[str, Any]] = {}
    tags: dict[str, str] = {}
    for image in engine.get("/images/json"):
        names = sorted(name for name in image.get("RepoTags") or [] if name != "<none>:<none>")
        digests = sorted(str(name).rpartition("@")[2] for name in image.get("RepoDigests") or [] if "@" in name)
        for name in names:
            tags[image["Id"]] = name
            found["image " + name] = {"digests": digests} if digests else {"id": image["Id"]}
    for listed in engine.get("/containers/json?all=1"):
        said = engine.get("/containers/%s/json" % listed["Id"])
        host = said["HostConfig"]
        ports = host.get("PortBindings") or {}
        found["container " + said["Name"].lstrip("/")] = {
            "image": said["Config"]["Image"] if said["Config"].get("Image") else tags.get(said["Image"], said["Image"]),
            "restart": (host.get("RestartPolicy") or {}).get("Name") or "no",
            "state": said["State"]["Status"],
            "ports": sorted(
                "%s:%s->%s" % (each.get("HostIp") or "*", each.get("HostPort") or "any", port)
                for port, binds in ports.items()
                for each in binds or []
            ),
            "mounts": sorted(
                "%s:%s:%s" % (_source(mount), mount["Destination"], "rw" if mount.get("RW") else "ro")
                for mount in said.get("Mounts") or []
            ),
            "privileged": bool(host.get("Privileged")),
            "networks": sorted((said.get("NetworkSettings") or {}).get("Networks") or {}),
        }
    nameless = 0
    for volume in engine.get("/volumes").get("Volumes") or []:
        if NAMELESS.match(volume["Name"]):
            nameless += 1
        else:
            found["volume " + volume["Name"]] = {"driver": volume["Driver"]}
    if nameless:
        found["volumes without a name"] = {"count": nameless}
    for network in engine.get("/networks"):
        found["network " + network["Name"]] = {"driver": network["Driver"], "internal": bool(network.get("Internal"))}
    return found


def _source(mount: dict[str, Any]) -> str:
    """Where a mount comes from: a path, or the name of a volume that somebody has named."""
    if mount.get("Type") == "volume":
        return "volume" if NAMELESS.match(mount.get("Name") or "") else str(mount.get("Name"))
    return str(mount.get("Source"))
