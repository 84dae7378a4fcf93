"""What services answer to the probes that their project declares."""

import json

from tdi.state.finding import Difference, Kind, Severity
from tdi.state.fold.tree import Tree
from tdi.state.record import RecordFile
from tdi.state.scopes.scope import Scope, Stage

SAYS = "says"
"""The attribute in which an object of a probe says what paths mean to the service: path → a clause of a sentence."""

READS = "reads"
"""The attribute in which it says what the service reads as it starts: it follows from the configuration."""


def meanings_of(a: RecordFile, b: RecordFile) -> dict[Kind, dict[str, str]]:
    """What the probes of the machine that has an object say of paths: "says" of their objects, path → a clause.

    A path that ends in a slash stands for everything below it. Of what both machines have, B's word counts.
    """
    found: list[dict[str, str]] = []
    for record in (a, b):
        words: dict[str, str] = {}
        for _, attributes in record.objects("probes") if "probes" in record.scopes else ():
            said = json.loads(attributes).get(SAYS)
            for path, text in said.items() if isinstance(said, dict) else ():
                words[path] = f"{words[path]}; {text}" if path in words else str(text)
        found.append(words)
    return {Kind.ONLY_A: found[0], Kind.ONLY_B: found[1], Kind.CHANGED: found[1]}


def probe_parts(tree: Tree) -> None:
    """A part of a probe hangs below the file it comes from, else below the part that it follows, or the probe's status.

    A socket that a part says it opens hangs below that part.
    """
    probes = tree.by_scope["probes"]
    for difference in probes.values():
        for path in tree.paths_of(difference):
            if path in tree.files:
                tree.hang(difference, tree.files[path])
    _answers(tree)
    for difference in tree.free("probes"):
        name = difference.key.partition("/")[0]
        for part in (difference.present.get("follows"), "status"):
            if f"{name}/{part}" in probes:
                tree.hang(difference, probes[f"{name}/{part}"])
    for difference in probes.values():
        for socket in difference.present.get("listeners") or ():
            if socket in tree.by_scope["listeners"]:
                tree.hang(tree.by_scope["listeners"][socket], difference)


def _answers(tree: Tree) -> None:
    """What a unit says goes with its process where that is stale, and else with the first thing that it says."""
    first: dict[tuple[str, tuple[str, ...]], Difference] = {}
    for difference in tree.free("probes"):
        unit = str(difference.present.get("unit") or "")
        stale = (d for key, d in tree.by_scope["processes"].items() if key.startswith(f"{unit}|"))
        cause = next((d for d in stale if "restart_debt" in d.attributes), None) if unit else None
        if cause is not None:
            tree.hang(difference, cause)
        elif unit:
            alike = first.setdefault((unit, difference.attributes), difference)
            tree.hang(difference, alike)


PROBES = Scope(
    "probes",
    "probe",
    severity=Severity.SERVICE,
    implied=frozenset({SAYS, READS}),
    follows={Stage.ANSWERS: (probe_parts,)},
)
