"""What the role's own commands say."""

from __future__ import annotations

import json
import re
from contextlib import suppress

from tdi.collector.hashes import hash_of
from tdi.collector.machine import TEXT_LIMIT
from tdi.collector.redaction import redact, without_secrets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope

PROBE_LIMIT = 1 << 20


def probes(machine: Machine, scope: Scope) -> None:
    """What the role's own commands say; a JSON object becomes one object of the record for each of its members."""
    for probe in machine.settings.probes:
        name = probe["name"]
        try:
            status, output, cut = machine.run(probe["command"], probe.get("timeout", 10), PROBE_LIMIT)
        except OSError as error:
            status, output, cut = 127, error.strerror or "", ""
        if cut:
            scope.missing("probe %s: %s" % (name, cut))
            continue
        parsed = None
        # What the loader has to say of a library that is not there comes before.
        begin = re.search(r"(?m)^\s*\{", output)
        if begin:
            with suppress(ValueError, RecursionError):
                parsed = json.loads(output[begin.start() :])
        if isinstance(parsed, dict) and status == 0:
            for part, value in parsed.items():
                shown = without_secrets(value)
                scope.objects["%s/%s" % (name, part)] = shown if isinstance(shown, dict) else {"value": shown}
            continue
        lines = output.split("\n")
        for pattern in probe.get("drop", []):
            lines = [line for line in lines if not re.search(pattern, line)]
        text = "\n".join(lines)
        for pattern, replacement in probe.get("replace", []):
            text = re.sub(pattern, replacement, text)
        if probe.get("sort"):
            text = "\n".join(sorted(text.split("\n")))
        text = redact(text.strip())
        attributes: dict[str, Any] = {"status": status}
        if len(text) <= TEXT_LIMIT:
            attributes["text"] = text
        else:
            attributes["hash"] = hash_of(text.encode("utf-8", "surrogateescape"))
        scope.objects[name] = attributes
