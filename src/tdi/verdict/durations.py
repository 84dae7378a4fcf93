"""How long verdicts took: what the last ones on a platform needed says what the next one will."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tdi.errors import TdiError
from tdi.outside.console import say
from tdi.outside.files import write_atomically
from tdi.verdict.outcome import Class, Verdict

NAME = "durations.json"
"""The file below the artifacts."""

KEPT = 5
"""Runs of each platform: a few, for what the role does changes."""

_SCHEMA = 1

_Run = Mapping[str, float]
"""Seconds by step, as verdict.json has them."""


def name(platform: str, pasts: int) -> str:
    """What runs are alike: those on one platform from as many pasts."""
    return platform if pasts == 1 else f"{platform}, {pasts} pasts"


def usual(artifacts: Path) -> dict[str, float]:
    """Return the seconds from the images to the verdict that are usual, by `name`; empty without a former run.

    It is the median, so that one run on a busy host says nothing. The images count apart: to build them takes
    minutes, and is done once.
    """
    return {
        platform: sorted(run["total"] - run.get("images", 0.0) for run in runs)[(len(runs) - 1) // 2]
        for platform, runs in _read(artifacts).items()
    }


def keep(artifacts: Path, verdict: Verdict) -> None:
    """Keep how long a verdict took, if it is one: a run that found nothing out says nothing of the next one.

    Where it cannot be kept that is said, and is no error: the verdict is there.
    """
    if verdict.kind is Class.COULD_NOT_RUN:
        return
    runs = _read(artifacts)
    alike = name(verdict.platform, len(verdict.pasts))
    this = {step: round(seconds, 2) for step, seconds in verdict.seconds.items()}
    document = {
        "schema": _SCHEMA,
        "platforms": {**runs, alike: [*runs.get(alike, []), this][-KEPT:]},
    }
    try:
        write_atomically(artifacts / NAME, json.dumps(document, indent=2) + "\n")
    except TdiError as error:
        say(f"How long this took is not kept: {error.what}")


def _read(artifacts: Path) -> dict[str, list[_Run]]:
    """The former runs of each platform, oldest first; nothing of what is missing or damaged."""
    try:
        said = json.loads((artifacts / NAME).read_bytes())
        platforms = said["platforms"].items() if said["schema"] == _SCHEMA else ()
        found = {platform: [run for run in runs if _is_run(run)][-KEPT:] for platform, runs in platforms}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}
    return {platform: runs for platform, runs in found.items() if runs}


def _is_run(said: Any) -> bool:
    """Whether it is the seconds of a run."""
    if not isinstance(said, dict) or not all(
        isinstance(each, int | float) and math.isfinite(each) and each >= 0 for each in said.values()
    ):
        return False
    return bool(said.get("images", 0.0) <= said.get("total", -1))
