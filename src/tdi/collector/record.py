"""Collect everything and put the record together."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time

from tdi.collector.children import NobodyWaits, in_child, receive
from tdi.collector.encoding import encode
from tdi.collector.files.baseline import write_baseline
from tdi.collector.files.result import FilesResult
from tdi.collector.files.workers import start_hashing
from tdi.collector.machine import Machine
from tdi.collector.network import own_addresses
from tdi.collector.scopes.registry import SCOPES
from tdi.collector.settings import Settings
from tdi.collector.small_scopes import collect_small_scopes

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
    wanted = [name for name in SCOPES if settings.scopes is None or name in settings.scopes]
    with_files = settings.scopes is None or "files" in settings.scopes
    small_child, small_pipe = in_child(lambda pipe: collect_small_scopes(machine, pipe, wanted))
    children = [small_child]
    pipes = [small_pipe]
    files_error = ""
    if with_files:
        try:
            hashing = start_hashing(machine)
            children += [child for child, _ in hashing]
            pipes += [pipe for _, pipe in hashing]
        except Exception as error:
            files_error = "%s: %s" % (type(error).__name__, error)
    scopes: dict[str, tuple[dict[str, Any], list[bytes]]] = {}
    seconds = {}
    told: dict[str, Any] = {}
    files = FilesResult()
    try:
        for pipe, header, body in receive(pipes, lifeline=settings.lifeline):
            if pipe == small_pipe:
                scopes[header["scope"]] = (header, body.split(b"\n") if body else [])
                seconds[header["scope"]] = header["seconds"]
                told.update(header["meta"])
            else:
                files.add(header, body)
    except NobodyWaits:
        for child in children:
            os.kill(child, signal.SIGTERM)
        os._exit(1)
    files_done = time.monotonic()
    for child in children:
        os.waitpid(child, 0)
    for name in wanted:
        if name not in scopes:
            scopes[name] = ({"status": "unavailable", "reason": "the collector's process ended early"}, [])
    head = meta(machine)
    head.update(told)
    head["hashed"] = files.hashed
    if files_error:
        scopes["files"] = ({"status": "unavailable", "reason": files_error}, [])
    elif with_files:
        lines = files.finish()
        scopes["files"] = (files.header, lines)
        seconds["files"] = round(files_done - began, 3)
        if settings.make_baseline:
            write_baseline(output, files.baseline)
    seconds["total"] = round(time.monotonic() - began, 3)
    head["seconds"] = seconds
    write_record(output, head, scopes)


def write_record(
    output: IO[bytes], head: dict[str, Any], scopes: dict[str, tuple[dict[str, Any], list[bytes]]]
) -> None:
    """Write the canonical layout: one object per line."""
    write = output.write
    write(b'{"schema": 1,\n"meta": ' + encode(head).encode("ascii") + b',\n"scopes": {\n')
    for number, name in enumerate(sorted(scopes)):
        header, lines = scopes[name]
        if number:
            write(b",\n")
        write(
            (
                '"%s": {"status": "%s", "reason": %s, "objects": {\n'
                % (name, header["status"], encode(header["reason"]))
            ).encode("ascii")
        )
        # By the thousand: the whole scope as one piece would take its memory once more.
        for at in range(0, len(lines), 1000):
            write((b",\n" if at else b"") + b",\n".join(lines[at : at + 1000]))
        write(b"\n}}" if lines else b"}}")
    counts = {name: len(lines) for name, (_, lines) in scopes.items()}
    write(b'\n},\n"end": {"objects": ' + encode(counts).encode("ascii") + b"}}\n")
    output.flush()


def main(baseline: bytes) -> None:
    """Read the settings from the command line and record; `baseline` is what an earlier run wrote for this one."""
    gc.disable()
    settings = Settings(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}, baseline)
    record(settings, sys.stdout.buffer)
    # Everything is written. Python would take apart what it holds, object by object, before it ends.
    os._exit(0)
