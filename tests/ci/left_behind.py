"""What a verdict leaves in its artifacts, made by what the tool itself writes them with, and a role to blame."""

import json
from collections.abc import Sequence
from pathlib import Path

from tdi.machines.machine import Part
from tdi.same_state.kept_records import Found
from tdi.state.compare import Comparison
from tdi.state.compare import Result as SameState
from tdi.state.finding import Finding, Kind, Names, Severity
from tdi.state.plan import Plan
from tdi.state.plan import Step as Planned
from tdi.state.varying.taken import Varying, Witness
from tdi.verdict.outcome import Ended, MachineOutcome, Result, Step, Verdict

WORKS = {step: Ended(Result.PASS) for step in Step if step is not Step.LOAD}
SAID = "task 'nginx : Give the pages to nobody' (roles/nginx/tasks/serve.yml:14) failed: 100% wrong,\nof: course"
BREAKS = {Step.CREATE: Ended(Result.PASS), Step.CONVERGE: Ended(Result.FAIL, SAID, ("the journal ends with:", "  no"))}
TROUBLE = {Step.CREATE: Ended(Result.PASS), Step.CONVERGE: Ended(Result.ERROR, f"the disk is full: {SAID}")}

PLAN = Plan(
    (
        Planned(Kind.CHANGED, "packages", "nginx", "1.26.3-3 → 1.26.3-4", {"files": 5, "packages": 1}, ()),
        Planned(Kind.ONLY_B, "files", "/srv/website/hello.html", "", {}, ("@@ -0,0 +1 @@", "+<p>```hello```</p>")),
        Planned(Kind.ONLY_A, "files", "/etc/old.conf", "", {}, ()),
    ),
    (),
    restarted=("nginx.service",),
)


def finding(number: int = 1, line: int = 18, why: str | None = None) -> Finding:
    """A finding that blames a line of the role."""
    blame = f"the task 'nginx : Install nginx' (roles/nginx/tasks/install.yml:{line}) wrote it on the new machine"
    key = f"/etc/nginx/{number}.conf"
    return Finding(
        f"{number:012x}",
        "files",
        key,
        Kind.CHANGED,
        Severity.SERVICE,
        "nginx",
        ("content",),
        why if why is not None else f"file {key}: content differs; {blame}.",
        f"Let the role write {key} on both machines (`state: latest`).",
    )


def comparison(findings: Sequence[Finding] = (), **facts: object) -> Comparison:
    """A comparison with these findings."""
    plain: dict[str, object] = {
        "names": Names("new", "upgraded"),
        "findings": tuple(findings),
        "from_bases": (),
        "suppressed": {"noise:logs": 3},
        "reasons": {"noise:logs": "logs grow"},
        "compared": {"files": 4000},
        "not_compared": {},
        "not_acceptable": (),
        "problems": (),
        "varying": (Varying("mariadb", Witness.TWIN, "files", 3, ("content",), ("/var/lib/mysql/ib",)),),
    }
    return Comparison(**{**plain, **facts})  # type: ignore[arg-type]


def verdict(
    fresh: dict[Step, Ended], upgrade: dict[Step, Ended], same_state: SameState = SameState.UNKNOWN, detail: str = ""
) -> Verdict:
    """A verdict on two machines that ended like this."""
    machines = {"fresh": MachineOutcome(Part.NEW, fresh), "upgrade": MachineOutcome(Part.UPGRADED, upgrade)}
    found = Found(same_state, not_compared=detail)
    return Verdict("debian-13", machines, found, seconds={"total": 14.2})


def leave(artifacts: Path, verdict: Verdict, found: Comparison | None = None, plan: Plan | None = None) -> Path:
    """Write what a verdict leaves, and return where."""
    (artifacts / "records").mkdir(parents=True, exist_ok=True)
    _write(artifacts / "verdict.json", verdict.as_json())
    if found:
        _write(artifacts / "records" / "same-state.json", found.as_json())
    if plan:
        _write(artifacts / "records" / "plan.json", plan.as_json())
    return artifacts


def drift(artifacts: Path, findings: Sequence[Finding] | None = None) -> Path:
    """What is left by a change that works on both machines and leaves them in different states."""
    found = comparison([finding()] if findings is None else findings)
    return leave(artifacts, verdict(WORKS, WORKS, SameState.DIFFERENT), found, PLAN)


def role(root: Path) -> Path:
    """The files that the blames above name, below `root`; return that."""
    for name in ("install", "serve"):
        file = root / "roles" / "nginx" / "tasks" / f"{name}.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("---\n" * 30, encoding="utf-8")
    return root


def _write(file: Path, document: object) -> None:
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
