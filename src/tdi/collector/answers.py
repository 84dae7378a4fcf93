"""What the probes that a project declares say: each is asked once, for all who want to know."""

from __future__ import annotations

import json
import re
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tdi.collector.machine import Machine

PROBE_LIMIT = 1 << 20


class Answer:
    """What a probe said: its exit code, what it printed, the JSON object in that, and why it was cut short."""

    def __init__(self, machine: Machine, probe: dict[str, Any]) -> None:
        self.probe = probe
        self.name: str = probe["name"]
        try:
            self.status, self.output, self.cut = machine.run(probe["command"], probe.get("timeout", 10), PROBE_LIMIT)
        except OSError as error:
            self.status, self.output, self.cut = 127, error.strerror or "", ""
        self.parts: dict[str, Any] | None = None
        # What the loader has to say of a library that is not there comes before.
        begin = re.search(r"(?m)^\s*\{", self.output)
        if begin and not self.cut and self.status == 0:
            with suppress(ValueError, RecursionError):
                self.parts = json.loads(self.output[begin.start() :])

    def all_reads(self) -> list[tuple[str, str]]:
        """The (unit, path) of what the service reads as it starts or reloads.

        The last name of a path may be a pattern with `*`. Raises ValueError for what is no such list.
        """
        found = reads(self.probe)
        for part, said in (self.parts or {}).items():
            if isinstance(said, dict):
                try:
                    found += reads(said)
                except ValueError as error:
                    raise ValueError("%s: %s" % (part, error)) from None
        return found


def reads(said: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The (unit, path) that a declaration, or a part of an answer, says is read. Raises ValueError, as above."""
    paths = said.get("reads", [])
    wrong = [paths] if not isinstance(paths, list) else [path for path in paths if not _is_path(path)]
    if wrong:
        raise ValueError("`reads` is a list of absolute paths, and %s is none" % json.dumps(wrong[0])[:100])
    unit = said.get("unit")
    if paths and not isinstance(unit, str):
        raise ValueError("`reads` needs the `unit` that does")
    return [(str(unit), path) for path in paths]


def _is_path(path: Any) -> bool:
    return isinstance(path, str) and path.startswith("/") and "\0" not in path


def answers(machine: Machine) -> list[Answer]:
    """The answers of all probes, in the order in which they are declared."""
    known: list[Answer] | None = machine.__dict__.get("answers")
    if known is None:
        known = [Answer(machine, probe) for probe in machine.settings.probes]
        machine.__dict__["answers"] = known
    return known


def read_by_units(machine: Machine) -> dict[str, set[str]]:
    """Unit → what it reads, for the units that a probe knows; that a probe says it wrongly is told in its own scope."""
    found: dict[str, set[str]] = {}
    for answer in answers(machine):
        with suppress(ValueError):
            for unit, path in answer.all_reads():
                found.setdefault(unit, set()).add(path)
    return found
