"""Asks container engines what they have: docker through its socket, podman by its own command."""

from __future__ import annotations

import http.client
import json
import os
import socket

from tdi.collector.procfs import all_processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdi.collector.machine import Machine

SOCKET = "/run/docker.sock"
# What podman knows of its containers stands here as soon as it was used once; before that, asking it would make them.
PODMAN_KNOWS = ("/var/lib/containers/storage/db.sql", "/var/lib/containers/storage/libpod/bolt_state.db")
SECONDS = 5
LIMIT = 16 * 1024 * 1024


class GoneError(OSError):
    """What was asked for went away meanwhile."""


class Docker(http.client.HTTPConnection):
    """A connection to a docker that runs, through its socket. What it has comes as it says it, parsed."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self.path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self.path)

    def get(self, path: str) -> Any:
        """What it answers; OSError or ValueError where that is no JSON within bounds, GoneError where it has none."""
        self.request("GET", path)
        answer = self.getresponse()
        body = answer.read(LIMIT + 1)
        if answer.status == 404:
            raise GoneError(None, "it has no %s" % path)
        if answer.status != 200 or len(body) > LIMIT:
            raise OSError(None, "it answered %s with %d" % (path, answer.status))
        return json.loads(body)

    def images(self) -> list[dict[str, Any]]:
        """Its images."""
        return list(self.get("/images/json"))

    def containers(self) -> list[dict[str, Any]]:
        """Its containers, those that do not run as well."""
        found = []
        for listed in self.get("/containers/json?all=1"):
            try:
                found.append(self.get("/containers/%s/json" % listed["Id"]))
            except GoneError:
                continue
        return found

    def volumes(self) -> list[dict[str, Any]]:
        """Its volumes."""
        return list(self.get("/volumes").get("Volumes") or [])

    def networks(self) -> list[dict[str, Any]]:
        """Its networks."""
        return list(self.get("/networks"))


class Podman:
    """The podman of root, which is no service: its command says what there is, in docker's words."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def close(self) -> None:
        """Nothing is left open."""

    def said(self, *words: str) -> str:
        """What the command prints; OSError where it fails or does not end."""
        code, output, cut = self.machine.run(["podman", *words], SECONDS * 2, LIMIT)
        if cut or code:
            lines = output.strip().splitlines() or ["it ended with %d" % code]
            raise OSError(None, "podman %s: %s" % (" ".join(words[:2]), cut or lines[-1]))
        return output

    def inspected(self, kind: str, *listing: str) -> list[dict[str, Any]]:
        """Everything of a kind, as `inspect` has it."""
        names = sorted(set(self.said(kind, *listing, "--quiet").split()))
        return list(json.loads(self.said(kind, "inspect", *names))) if names else []

    def images(self) -> list[dict[str, Any]]:
        """Its images."""
        return self.inspected("image", "ls", "--no-trunc")

    def containers(self) -> list[dict[str, Any]]:
        """Its containers, those that do not run as well."""
        return self.inspected("container", "ls", "--all", "--no-trunc")

    def volumes(self) -> list[dict[str, Any]]:
        """Its volumes."""
        return self.inspected("volume", "ls")

    def networks(self) -> list[dict[str, Any]]:
        """Its networks; of these alone it has the names of its own configuration."""
        return [{name.capitalize(): value for name, value in each.items()} for each in self.inspected("network", "ls")]


def engines(machine: Machine) -> dict[str, Docker | Podman]:
    """The engines that can be asked without starting one: where docker does not run, its socket would start it."""
    found: dict[str, Docker | Podman] = {}
    runs = any(process.name == "dockerd" for process in all_processes(machine).values())
    if runs and os.path.exists(SOCKET):
        found["docker"] = Docker(SOCKET)
    if any(map(os.path.exists, PODMAN_KNOWS)):
        found["podman"] = Podman(machine)
    return found
