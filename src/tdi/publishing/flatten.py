"""Layers stay bounded: after so many, an image becomes one layer, where a comparison shows that nothing changed."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdi.errors import TdiError
from tdi.machines import lifecycle
from tdi.machines.machine import Machine, Part
from tdi.molecule.scenario import Scenario
from tdi.outside import docker
from tdi.outside.console import say
from tdi.project import Project
from tdi.same_state import comparing, kept_records
from tdi.state.compare import Comparison, Result, compare
from tdi.state.finding import Names
from tdi.state.record import RecordFile

MOST_LAYERS = 12
"""The base image has four; each generation adds one."""

_SHOWN = 3


@dataclass(frozen=True)
class Bounded:
    """An image whose layers are not too many, the record of a machine of it, and what was done."""

    image: str
    record: Path
    flattened: bool = False


def bounded(project: Project, upgrade: Scenario, image: str, directory: Path) -> Bounded:
    """The image, or one of a single layer that is the same, and its record below `directory`.

    Where the comparison of the two shows a difference, it is the image as it was, and that is said: the archive that an
    engine exports has no access control lists and no extended attributes but capabilities. Raises TdiError where a
    machine of the image does not boot.
    """
    record = booted(project, upgrade, image, directory / "record.json")
    layers = len(docker.image_facts(image)["RootFS"]["Layers"])
    if layers <= MOST_LAYERS:
        return Bounded(image, record)
    say(f"The image has {layers} layers, and is made anew as one")
    flat = _flattened(image, directory)
    other = booted(project, upgrade, flat, directory / "flat.json")
    found = _differences(project, upgrade, image, record, other, directory)
    if found.result is Result.SAME:
        return Bounded(flat, other, flattened=True)
    what = "; ".join(finding.why for finding in found.findings[:_SHOWN]) or "not everything could be recorded"
    say(f"It keeps its {layers} layers, for as one it would not be the same: {what}")
    return Bounded(image, record)


def name_of(run_id: str) -> str:
    """What an image of one layer is called in a run, whose end takes the name away."""
    return f"tdi-flat:{run_id}"


def booted(project: Project, upgrade: Scenario, image: str, file: Path) -> Path:
    """The record of a machine that was booted from an image and not touched, in `file`."""
    run_id = lifecycle.this_run()
    machine = Machine(f"tdi-{run_id}-{lifecycle.new_run_id()}-published", "published", upgrade.name, Part.UPGRADED)
    with lifecycle.one(machine.name, image, upgrade.options, run_id):
        return kept_records.record_machine(project, machine, kept_records.BEFORE, file)


def _differences(
    project: Project, upgrade: Scenario, image: str, before: Path, after: Path, directory: Path
) -> Comparison:
    """What machines of the two images differ in, but for what two machines of one image differ in as well."""
    rules, names = comparing.rules(project), Names("as it was", "as one layer")
    with RecordFile(before) as a, RecordFile(after) as b:
        found = compare(a, b, rules, names=names, every_allowance_needed=False)
        if found.result is not Result.DIFFERENT:
            return found
        with RecordFile(booted(project, upgrade, image, directory / "twin.json")) as twin:
            return compare(a, b, rules, names=names, every_allowance_needed=False, twin=twin)


def _flattened(image: str, directory: Path) -> str:
    """An image of one layer with the files and the settings of `image`; its name."""
    config: dict[str, Any] = docker.image_facts(image)["Config"]
    run_id = lifecycle.this_run()
    name = name_of(run_id)
    files = f"{name}-files"
    container = name.replace(":", "-")
    docker.create(container, image, lifecycle.labels(run_id))
    try:
        docker.flatten(container, files, directory / "files.tar")
        with tempfile.TemporaryDirectory(dir=directory) as context:
            dockerfile = Path(context) / "Dockerfile"
            dockerfile.write_text(f"FROM {files}\n{_instructions(config)}", encoding="utf-8")
            docker.build(Path(context), dockerfile, name, {}, {}, directory / "flatten.log")
            return name
    finally:
        docker.remove([container])
        docker.remove_image(files)


def _instructions(config: Mapping[str, Any]) -> str:
    """The settings of an image as lines of a Dockerfile."""
    lines = [f"ENV {key}={_quoted(value)}" for key, _, value in (each.partition("=") for each in config["Env"] or ())]
    lines += [f"LABEL {_quoted(key)}={_quoted(value)}" for key, value in (config.get("Labels") or {}).items()]
    lines += [f"EXPOSE {port}" for port in config.get("ExposedPorts") or ()]
    lines += [f"VOLUME {json.dumps([path])}" for path in config.get("Volumes") or ()]
    for word, key in (("WORKDIR", "WorkingDir"), ("USER", "User"), ("STOPSIGNAL", "StopSignal")):
        lines += [f"{word} {config[key]}"] if config.get(key) else []
    for word, key in (("ENTRYPOINT", "Entrypoint"), ("CMD", "Cmd")):
        lines += [f"{word} {json.dumps(config[key])}"] if config.get(key) else []
    return "".join(f"{line}\n" for line in lines)


def _quoted(text: str) -> str:
    if "\n" in text:
        raise TdiError("A label or variable of the image has several lines, which no Dockerfile can say.")
    return json.dumps(text, ensure_ascii=False).replace("$", "\\$")
