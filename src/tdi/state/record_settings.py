"""What a file says about recording: the texts that may be kept, and the probes (`record.yml`, `--probes`)."""

from pathlib import Path
from typing import Any

import yaml

from tdi.errors import TdiError


def load(file: Path) -> dict[str, Any]:
    """Return `text` and `probes` of a file, each probe with its script in its command. Raises TdiError."""
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise TdiError(f"{file} is not YAML: {error}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise TdiError(f"{file} cannot be read: {error}") from None
    if not isinstance(document, dict):
        raise TdiError(f"{file} is no mapping.", "Known: text, probes.")
    unknown = sorted(set(document) - {"text", "probes"})
    if unknown:
        raise TdiError(f"{file}: unknown key '{unknown[0]}'.", "Known: text, probes.")
    probes = [_with_script(probe, file) for probe in document.get("probes") or []]
    return {"text": document.get("text") or [], "probes": probes}


def _with_script(probe: Any, file: Path) -> Any:
    """A probe whose `script`, a Python program beside `file`, stands in its command; whatever else it says is kept."""
    if not isinstance(probe, dict):
        raise TdiError(f"{file}: a probe is a mapping with a name and a command, not {probe!r}.")
    if "script" not in probe:
        return probe
    if "command" in probe:
        raise TdiError(f"{file}: the probe {probe.get('name')!r} has both a script and a command.", "Remove one.")
    try:
        program = (file.parent / str(probe["script"])).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TdiError(f"{file}: the script of the probe {probe.get('name')!r} cannot be read: {error}") from None
    rest = {key: value for key, value in probe.items() if key != "script"}
    return {**rest, "command": ["python3", "-I", "-S", "-B", "-X", "utf8", "-c", program]}
