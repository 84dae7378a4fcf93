"""Collect everything and put the record together."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time

from tdi.collector.children import NobodyWaits, receive
from tdi.collector.files.baseline import write_baseline
from tdi.collector.files.result import FilesResult
from tdi.collector.layout import write_layout
from tdi.collector.machine import Machine
from tdi.collector.network import own_addresses
from tdi.collector.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any


def os_release(machine: Machine) -> dict[str, str]:
    """The fields of os-release."""
    text = machine.text("/etc/os-release") or machine.text("/usr/lib/os-release")
    fields = {}
    for line in text.split("\n"):
        name, equals, value = line.partition("=")
        if equals:
            fields[name.strip()] = value.strip().strip("\"'")
    return fields


def meta(machine: Machine) -> dict[str, Any]:
    """What the record says of itself; the caller adds what only it knows."""
    release = os_release(machine)
    return {
        "recorded_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "hostname": os.uname().nodename if machine.live else machine.text("/etc/hostname").strip(),
        "os": {
            "id": release.get("ID", ""),
            "version_id": release.get("VERSION_ID", ""),
            "codename": release.get("VERSION_CODENAME", ""),
        },
        "architecture": machine.architecture,
        "python": "%d.%d.%d" % sys.version_info[:3],
        "booted": machine.booted,
        "own": {"addresses": own_addresses() if machine.live else []},
    }


def record(settings: Settings, output: IO[bytes]) -> None:
    """Collect everything and write the canonical record."""
    began = time.monotonic()
    machine = Machine(settings)
    with_files = settings.scopes is None or "files" in settings.scopes
    children = []
    scopes: dict[str, tuple[str, str | None, list[bytes]]] = {}
    # Each part is imported just before it starts; what collects the small scopes takes longest, so it comes first.
    if settings.scopes != ["files"]:
        from tdi.collector.small_scopes import start_collecting  # noqa: PLC0415

        names, collecting = start_collecting(machine)
        scopes.update((name, ("unavailable", "the collector's process ended early", [])) for name in names)
        children.append(collecting)
    files_error = ""
    if with_files:
        from tdi.collector.files.workers import start_hashing  # noqa: PLC0415

        try:
            children += start_hashing(machine)
        except Exception as error:
            files_error = "%s: %s" % (type(error).__name__, error)
    seconds = {}
    of_scopes: dict[str, Any] = {}
    told: dict[str, Any] = {}
    files = FilesResult()
    try:
        for header, body in receive([pipe for _, pipe in children], lifeline=settings.lifeline):
            if "scope" in header:
                scopes[header["scope"]] = (header["status"], header["reason"], body.split(b"\n") if body else [])
                seconds[header["scope"]] = header["seconds"]
                of_scopes.update(header["meta"])
                told.update(header["told"])
            else:
                files.add(header, body)
    except NobodyWaits:
        for child, _ in children:
            os.kill(child, signal.SIGTERM)
        os._exit(1)
    files_done = time.monotonic()
    for child, _ in children:
        os.waitpid(child, 0)
    head = meta(machine)
    head.update(of_scopes)
    head["hashed"] = files.hashed
    if files_error:
        scopes["files"] = ("unavailable", files_error, [])
    elif with_files:
        lines = files.finish()
        from tdi.collector.files.meanings import Meanings, originals  # noqa: PLC0415
        from tdi.collector.files.storage import storage  # noqa: PLC0415

        head["not_walked"] = storage(machine)
        head["excluded"] = sorted(set(settings.exclude))
        Meanings(files.paths, lines, told.get("services", {}), originals(machine)).apply()
        scopes["files"] = (files.status, files.reason, lines)
        seconds["files"] = round(files_done - began, 3)
        if settings.make_baseline:
            write_baseline(output, files.baseline)
    seconds["total"] = round(time.monotonic() - began, 3)
    head["seconds"] = seconds
    write_layout(output, head, scopes)
    output.flush()


def main(baseline: bytes) -> None:
    """Read the settings from the command line and record; `baseline` is what an earlier run wrote for this one."""
    gc.disable()
    settings = Settings(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}, baseline)
    record(settings, sys.stdout.buffer)
    # Everything is written. Python would take apart what it holds, object by object, before it ends.
    os._exit(0)
