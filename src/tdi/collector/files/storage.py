"""The storage of container engines and virtual machines: other machines' files, not walked unless asked for."""

from __future__ import annotations

import json
import os
import re

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
# The same below the home of a user whose containers need no root.
OF_USERS = {"/.local/share/docker": "docker", "/.local/share/containers": "podman"}
# Engine → where it is told to keep its data elsewhere; docker is, in JSON, too.
ELSEWHERE = {
    "containerd": ("/etc/containerd/config.toml", r'(?m)^root\s*=\s*["\'](/[^"\']+)["\']'),
    "podman": ("/etc/containers/storage.conf", r'(?m)^\s*graphroot\s*=\s*["\'](/[^"\']+)["\']'),
}
LIMIT = 1 << 20


def storage(machine: Machine) -> dict[str, str]:
    """The directories that are there and are not walked → whose storage each is; where a link leads, not the link."""
    found = dict(STORAGE)
    for line in machine.text("/etc/passwd").split("\n"):
        home = (line.split(":") + [""] * 6)[5].rstrip("/")
        found.update((home + path, engine) for path, engine in OF_USERS.items())
    for engine, (file, pattern) in ELSEWHERE.items():
        found.update((path, engine) for path in re.findall(pattern, machine.text(file, LIMIT)))
    found.update(dict.fromkeys(_data_root(machine.text("/etc/docker/daemon.json", LIMIT)), "docker"))
    # With a slash at the end of each, a directory begins with those that it lies in.
    included = [_place(machine, path).rstrip("/") + "/" for path in machine.settings.include]
    places = {_place(machine, path): engine for path, engine in found.items()}
    return {
        path: engine
        for path, engine in sorted(places.items())
        if path != "/"
        and os.path.isdir(machine.prefix + path)
        and not any((path + "/").startswith(each) or each.startswith(path + "/") for each in included)
    }


def _place(machine: Machine, path: str) -> str:
    """Where a path leads on the machine, links followed: the walk follows none."""
    if machine.live:
        return os.path.realpath(path)
    try:
        return machine.resolve(path)[len(machine.prefix) :].rstrip("/") or "/"
    except OSError:
        return path


def _data_root(text: str) -> list[str]:
    """Where docker was told to keep its data; nothing where it was not, or not so that it can be understood."""
    try:
        said: Any = json.loads(text or "{}")
    except ValueError:
        return []
    root = said.get("data-root") if isinstance(said, dict) else None
    return [root] if isinstance(root, str) and root.startswith("/") else []
