"""The storage of container engines and virtual machines: other machines' files, not walked unless asked for."""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdi.collector.machine import Machine

# Directory → whose storage it is.
STORAGE = {
    "/var/lib/docker": "docker",
    "/var/lib/containerd": "containerd",
    "/var/lib/containers": "podman",
    "/var/lib/kubelet/pods": "kubelet",
    "/var/lib/lxc": "lxc",
    "/var/lib/lxd": "lxd",
    "/var/snap/lxd/common/lxd": "lxd",
    "/var/lib/incus": "incus",
    "/var/lib/machines": "systemd-nspawn",
    "/var/lib/libvirt/images": "libvirt",
}


def storage(machine: Machine) -> dict[str, str]:
    """The directories that are there and are not walked → whose storage each is."""
    found = dict(STORAGE)
    moved = _data_root(machine.text("/etc/docker/daemon.json", 1 << 20))
    if moved:
        found[moved] = "docker"
    # With a slash at the end of each, a directory begins with those that it lies in.
    included = [path.rstrip("/") + "/" for path in machine.settings.include]
    return {
        path: engine
        for path, engine in sorted(found.items())
        if os.path.isdir(machine.prefix + path)
        and not any((path + "/").startswith(each) or each.startswith(path + "/") for each in included)
    }


def _data_root(text: str) -> str:
    """Where docker was told to keep its data; "" where it was not, or not so that it can be understood."""
    try:
        said: Any = json.loads(text or "{}")
    except ValueError:
        return ""
    root = said.get("data-root") if isinstance(said, dict) else None
    return root.rstrip("/") if isinstance(root, str) and root.startswith("/") and root.strip("/") else ""
