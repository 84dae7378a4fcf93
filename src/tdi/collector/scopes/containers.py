"""What an administrator configured in a container engine that answers."""

from __future__ import annotations

import http.client
import re

from tdi.collector.engines import engines
from tdi.collector.procfs import own_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdi.collector.engines import Docker, Podman
    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope

# Names that an engine makes up for what nobody has named.
NAMELESS = re.compile(r"^[0-9a-f]{64}$")
# What goes wrong with an engine that does not answer, or not as one does.
TROUBLE = (OSError, ValueError, LookupError, TypeError, AttributeError, http.client.HTTPException)


def containers(machine: Machine, scope: Scope) -> None:
    """Images by digest, containers with their restart policy, volumes and networks, of engines that answer."""
    if not own_root(machine):
        scope.unavailable = "not booted"
        return
    for name, engine in engines(machine).items():
        try:
            scope.objects.update(("%s %s" % (name, key), said) for key, said in of_engine(engine).items())
        except FileNotFoundError:
            continue  # its command was removed, its data is left
        except TROUBLE as error:
            scope.missing("%s: %s" % (name, getattr(error, "strerror", None) or error or type(error).__name__))
        finally:
            engine.close()


def of_engine(engine: Docker | Podman) -> dict[str, dict[str, Any]]:
    """The objects of an engine; what nobody has named is counted."""
    found: dict[str, dict[str, Any]] = {}
    for image in engine.images():
        names = [name for name in image.get("RepoTags") or [] if name != "<none>:<none>"]
        digests = sorted({str(name).rpartition("@")[2] for name in image.get("RepoDigests") or [] if "@" in name})
        found.update(("image " + name, {"digests": digests} if digests else {"id": image["Id"]}) for name in names)
    nameless = {"containers": 0, "volumes": 0}
    for container in engine.containers():
        name = container["Name"].lstrip("/")
        if NAMELESS.match(name):
            nameless["containers"] += 1
        else:
            found["container " + name] = _container(container)
    for volume in engine.volumes():
        if NAMELESS.match(volume["Name"]):
            nameless["volumes"] += 1
        else:
            found["volume " + volume["Name"]] = {"driver": volume["Driver"]}
    found.update((kind + " without a name", {"count": count}) for kind, count in nameless.items() if count)
    for network in engine.networks():
        found["network " + network["Name"]] = {"driver": network["Driver"], "internal": bool(network.get("Internal"))}
    return found


def _container(said: dict[str, Any]) -> dict[str, Any]:
    """A container as it was configured, and whether it runs; its environment may hold passwords and is left out."""
    host = said["HostConfig"]
    ports = host.get("PortBindings") or {}
    return {
        "image": said["Config"].get("Image") or said["Image"],
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


def _source(mount: dict[str, Any]) -> str:
    """Where a mount comes from: a path, or the name of a volume that somebody has named."""
    if mount.get("Type") == "volume":
        return "volume" if NAMELESS.match(mount.get("Name") or "") else str(mount.get("Name"))
    return str(mount.get("Source"))
