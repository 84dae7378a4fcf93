"""What the role's own commands say."""

from __future__ import annotations

import re

from tdi.collector.answers import answers
from tdi.collector.hashes import hash_of
from tdi.collector.machine import TEXT_LIMIT
from tdi.collector.redaction import redact, without_secrets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdi.collector.machine import Machine
    from tdi.collector.scope import Scope


def probes(machine: Machine, scope: Scope) -> None:
    """What the role's own commands say; a JSON object becomes one object of the record for each of its members."""
    for answer in answers(machine):
        name, probe = answer.name, answer.probe
        if answer.cut:
            scope.missing("probe %s: %s" % (name, answer.cut))
            continue
        try:
            answer.all_reads()
        except ValueError as error:
            scope.missing("probe %s: %s" % (name, error))
        if isinstance(answer.parts, dict):
            for part, value in answer.parts.items():
                shown = without_secrets(value)
                scope.objects["%s/%s" % (name, part)] = shown if isinstance(shown, dict) else {"value": shown}
            continue
        lines = answer.output.split("\n")
        for pattern in probe.get("drop", []):
            lines = [line for line in lines if not re.search(pattern, line)]
        text = "\n".join(lines)
        for pattern, replacement in probe.get("replace", []):
            text = re.sub(pattern, replacement, text)
        if probe.get("sort"):
            text = "\n".join(sorted(text.split("\n")))
        text = redact(text.strip())
        attributes: dict[str, Any] = {"status": answer.status}
        if len(text) <= TEXT_LIMIT:
            attributes["text"] = text
        else:
            attributes["hash"] = hash_of(text.encode("utf-8", "surrogateescape"))
        scope.objects[name] = attributes
