"""The records of machines: what they are of, where they are kept, and whether they are still true."""

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tdi.errors import TdiError
from tdi.machines import manifest
from tdi.machines.machine import Machine
from tdi.molecule import playing
from tdi.outside import docker
from tdi.outside.files import make_directory, write_atomically
from tdi.project import Project, fingerprint
from tdi.state import record_settings, recording
from tdi.state.compare import Result
from tdi.state.finding import Finding
from tdi.state.program import COLLECTOR
from tdi.state.record import RecordFile
from tdi.state.scopes.units import SYSTEMD
from tdi.state.varying.taken import Varying

BEFORE = "before"
CONVERGED = "converged"
AFTER = "after"
LATER = "later"
"""The moments of a record: before the change, after the first run, after the second run and the tests, and later."""

_WROTE = "wrote.json"

KEPT_BASELINES = 8
"""Base and production image of the four platforms; a baseline is about a megabyte."""


def directory(project: Project) -> Path:
    """Where the records of this run are kept: where its manifest says, else below the artifacts."""
    run = manifest.current()
    return run.records if run else project.records


def path_of(project: Project, label: str, moment: str = AFTER) -> Path:
    """The file of the record of the machine with this label, before or after the change."""
    return directory(project) / file_name(label, moment)


def file_name(label: str, moment: str = AFTER) -> str:
    """What the record of a machine at a moment is called."""
    return f"{label}{'' if moment == AFTER else f'-{moment}'}.json"


def key(project: Project, base_image: str) -> dict[str, str]:
    """What a record is of, and what made it. Another key is another machine, or another way to look at it."""
    record = project.settings_file("record.yml")
    return {
        "role": fingerprint(project.content),
        "playbook": fingerprint(playing.what_decides(project)),
        "base_image": base_image,
        "collector": fingerprint([COLLECTOR, record, record.parent / "probes"]),
    }


def settings(project: Project) -> dict[str, Any]:
    """What the verifier says about recording (`record.yml`): texts that may be kept, and probes."""
    file = project.settings_file("record.yml")
    return record_settings.load(file) if file.exists() else {"text": [], "probes": []}


def record_machine(project: Project, machine: Machine, moment: str = AFTER, file: Path | None = None) -> Path:
    """Record a machine now, in `file` or as one of this run's records, and return the file."""
    facts = docker.container_facts(machine.name)
    labels = facts["Config"]["Labels"] or {}
    base = labels.get("tdi.base") or facts["Image"]
    meta: Mapping[str, Any] = {
        "key": key(project, base),
        "platform": labels.get("tdi.platform", ""),
        "scenario": machine.scenario,
        "moment": moment,
    }
    file = file or path_of(project, machine.label, moment)
    make_directory(file.parent)
    baseline = _baseline(project, facts["Image"])
    recording.record(f"docker://{machine.name}", file, meta=meta, baseline=baseline, **settings(project))
    return file


def take_known(project: Project, machine: Machine, known: Path) -> bool:
    """Take `known`, the record of a machine of the same image, for what this one was before the change.

    Which run of each service this is, is asked of the machine: another boot is another run. Returns whether it could
    be taken: it has to be whole, and made as records are made now.
    """
    now = key(project, "")["collector"]
    try:
        with RecordFile(known) as record:
            if (record.meta.get("key") or {}).get("collector") != now:
                return False
        file = path_of(project, machine.label, BEFORE)
        make_directory(file.parent)
        runs = recording.runs(f"docker://{machine.name}", file.with_suffix(".runs"), SYSTEMD.name)
        write_atomically(file, recording.with_meta(known, {"scenario": machine.scenario, "runs": runs}))
    except (TdiError, OSError):
        return False
    return True


def later(project: Project, machine: Machine) -> Path:
    """The record of a machine some time after its last one, while nobody acted; made once a run."""
    file = path_of(project, machine.label, LATER)
    return file if file.exists() else record_machine(project, machine, LATER)


def _baseline(project: Project, image: str) -> Path:
    """What keeps the hashes of the machines of an image: most of a machine is its image, which nobody touches.

    The images that were used last have one; the rest is removed, as the images come and go.
    """
    file = project.artifacts / "baselines" / image.removeprefix("sha256:")[:16]
    with suppress(OSError):
        others = sorted(file.parent.glob("[0-9a-f]*"), key=lambda path: path.stat().st_mtime)
        for path in others[:-KEPT_BASELINES]:
            path.unlink(missing_ok=True)
    if not recording.is_baseline(file):
        file.unlink(missing_ok=True)
    return file


def why_unusable(project: Project, file: Path, base_image: str) -> str | None:
    """None where `file` is the record of this very role, playbook and base image, else why not.

    Raises TdiError where the file is there and is not a whole record: an error, never a reason to go on quietly.
    """
    if not file.exists():
        return "there is none"
    with RecordFile(file) as record:
        recorded = record.meta.get("key") or {}
    current = key(project, base_image)
    stale = [name.replace("_", " ") for name in current if recorded.get(name) != current[name]]
    return f"it is of another {' and '.join(stale)}" if stale else None


@dataclass(frozen=True)
class Found:
    """What there is to say of the same state: all but the single differences."""

    result: Result = Result.UNKNOWN
    findings: tuple[Finding, ...] = ()
    problems: tuple[str, ...] = ()
    from_bases: int = 0
    """The number of findings that come from the base images alone."""
    varying: tuple[Varying, ...] = ()
    """What was not compared because it varies."""
    not_compared: str = ""
    """Why it is not known."""


def read_comparison(project: Project, label: str) -> Found | None:
    """The comparison of the machine `label` that the verifier wrote (the contract's JSON); None where it made none."""
    file = comparison_path(project, label)
    if not file.exists():
        return None
    said: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    result = Result(said["result"])
    gone = "; ".join(f"{scope}: {reason}" for scope, reason in said["not_compared"].items())
    return Found(
        result,
        tuple(Finding.from_json(each) for each in said["findings"]),
        tuple(said.get("problems", ())),
        len(said.get("from_bases", ())),
        tuple(Varying.from_json(each) for each in said.get("varying", ())),
        gone if result is Result.UNKNOWN else "",
    )


@dataclass(frozen=True)
class Wrote:
    """Which task made what in this run, by the label of the machine."""

    tasks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What was made → the task's name."""
    places: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What was made → FILE:LINE of the task in the tree under test."""

    @property
    def paths(self) -> frozenset[str]:
        """The files that tasks wrote, on whichever machine."""
        return frozenset(made for machine in self.tasks.values() for made in machine if made.startswith("/"))

    def and_also(self, other: "Wrote") -> "Wrote":
        """This and what was made on other machines."""
        return Wrote({**self.tasks, **other.tasks}, {**self.places, **other.places})


def take_new(project: Project, former: Path, label: str) -> None:
    """Take the record of the new machine `label`, and which task made what there, from the records in `former`.

    They were made of this very tree; whoever compares looks at their key all the same.
    """
    file = path_of(project, label)
    make_directory(file.parent)
    shutil.copy2(former / file.name, file)
    wrote = former / _WROTE
    if wrote.exists():
        said = json.loads(wrote.read_text(encoding="utf-8"))
        only = {part: {of: made for of, made in said[part].items() if of == label} for part in said}
        write_wrote(project, Wrote(**only))


def write_wrote(project: Project, wrote: Wrote) -> None:
    """Keep which task made what, for whoever explains a difference."""
    write_atomically(directory(project) / _WROTE, json.dumps(asdict(wrote), indent=2) + "\n")


def read_wrote(project: Project) -> Wrote:
    """What write_wrote kept in this run, or nothing: Molecule alone does not say it."""
    file = directory(project) / _WROTE
    return Wrote(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else Wrote()


def comparison_path(project: Project, label: str = "") -> Path:
    """Where the verifier writes the comparison of the machine `label` with the new one."""
    return report(project, "same-state", label)


def report(project: Project, name: str, label: str) -> Path:
    """Where a report on a machine in production is kept: `NAME.json`, and `NAME-PAST.json` for further pasts."""
    _, _, past = label.partition("-")
    return directory(project) / f"{name}{f'-{past}' if past else ''}.json"
