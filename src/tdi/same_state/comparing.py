"""The comparison of the upgraded machine with the new one, as the verifier asks for it."""

import json
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from tdi.images import base_image
from tdi.machines import lifecycle, manifest
from tdi.machines.machine import Machine
from tdi.molecule import scenario
from tdi.outside import docker
from tdi.outside.console import say
from tdi.outside.files import make_directory, write_atomically
from tdi.project import Project
from tdi.same_state import kept_records, new_machines
from tdi.same_state.blame import blame_for
from tdi.same_state.new_machines import FRESH
from tdi.state import invariants, recording
from tdi.state.bases import Bases
from tdi.state.compare import Comparison, compare
from tdi.state.finding import Names
from tdi.state.record import RecordFile
from tdi.state.reports import html, markdown, printable
from tdi.state.rules import Rules, load_rules
from tdi.state.schema import schema
from tdi.state.varying.apart import may_come_of_a_boot, may_vary

NAMES = Names(a="new", b="upgraded")
"""What the machines are called in findings: a is the fresh one."""

RULES = "rules"
"""The case for what is wrong with the rules, such as an allowance that nothing needs any more."""

CASES = (*sorted(schema()["properties"]["scopes"]["properties"]), RULES)
"""The cases that the comparison is reported in: one for each scope that a record may have, and the rules."""

_SHOWN = 200
"""Findings of one case; the reports beside the records have all."""


def rules(project: Project) -> Rules:
    """The rules beside the verifier. Raises TdiError for an entry that cannot be used."""
    file = project.settings_file("rules.yml")
    return load_rules(file if file.exists() else None)


def compare_with_fresh(
    project: Project, machine: Machine, upgraded: Path, *, needed: Collection[str] | None = ()
) -> Comparison:
    """Compare the upgraded machine's record with that of a new machine, and keep the result as JSON, HTML and Markdown.

    `needed` are the allowances that comparisons of other pasts needed; where it is None, nothing is said of those that
    are not needed, for there are more pasts than were compared.

    A record of `fresh` that is missing, or of another role, playbook, base image or collector, is made here and now,
    and that is said. Raises TdiError where one of the records is not whole.
    """
    base = base_image.ensure(project)
    fresh = kept_records.path_of(project, FRESH)
    missing = kept_records.why_unusable(project, fresh, base.id)
    if missing:
        say(f"The record of fresh is made now: {missing}")
        new_machines.record(project, base, FRESH, fresh)
    with ExitStack() as opened:
        new, old = (opened.enter_context(RecordFile(file)) for file in (fresh, upgraded))
        allowed = rules(project)
        compared = partial(
            compare,
            new,
            old,
            allowed,
            names=NAMES,
            blame=blame_for(project, FRESH, machine, NAMES),
            bases=_bases(project, base, machine.name, opened),
            every_allowance_needed=needed is not None,
            needed_otherwise={*_accepted(allowed, (new, old)), *(needed or ())},
            written=kept_records.read_wrote(project).paths,
        )
        comparison = compared()
        if any(map(may_vary, comparison.findings)) or any(map(may_come_of_a_boot, comparison.findings)):
            comparison = _with_witnesses(project, base, machine, compared, (new, old))
    report = kept_records.comparison_path(project, machine.label)
    write_atomically(report, json.dumps(comparison.as_json(), indent=2) + "\n")
    write_atomically(report.with_suffix(".html"), html.render(comparison))
    write_atomically(report.with_suffix(".md"), markdown.render(comparison))
    return comparison


def _with_witnesses(
    project: Project,
    base: base_image.BaseImage,
    machine: Machine,
    compared: Callable[..., Comparison],
    records: tuple[RecordFile, RecordFile],
) -> Comparison:
    """Compare again, where something differs that may vary: with a twin, then with the machines a little later."""
    with ExitStack() as opened:
        comparison = compared()
        try:
            made = new_machines.twin(project, base, boot=any(map(may_come_of_a_boot, comparison.findings)))
        except new_machines.UnsteadyError as error:
            return replace(comparison, findings=(new_machines.unsteady(error), *comparison.findings))
        twin = opened.enter_context(RecordFile(made.record))
        booted = opened.enter_context(RecordFile(made.booted)) if made.booted else None
        comparison = compared(twin=twin, booted=booted)
        if not any(map(may_vary, comparison.findings)):
            return comparison
        new, old = records
        there = [(record, each) for record, each in ((old, machine), (new, _still_there(new))) if each]
        with ThreadPoolExecutor() as pool:
            files = list(pool.map(lambda pair: kept_records.later(project, pair[1]), there))
        lasts = (opened.enter_context(RecordFile(file)) for file in files)
        return compared(
            twin=twin, booted=booted, later=[(record, last) for (record, _), last in zip(there, lasts, strict=True)]
        )


def _still_there(record: RecordFile) -> Machine | None:
    """The machine of the run that a record is of, if there is one."""
    run = manifest.current()
    name = str(record.meta.get("target") or "").removeprefix("docker://")
    return run.machine(name) if run else None


def _accepted(allowed: Rules, machines_records: Iterable[RecordFile]) -> set[str]:
    """The ids of the allowances that take what is wrong on one of the machines by itself (tdi.state.invariants)."""
    if not allowed.allow:
        return set()
    broken = (found.differences[0] for record in machines_records for found in invariants.check(record))
    return {entry.id for entry in map(allowed.accepting, broken) if entry}


def _bases(project: Project, base: base_image.BaseImage, machine: str, opened: ExitStack) -> Bases | None:
    """The records of both base images where production stands on another one than a new machine does, else None."""
    former = lifecycle.base_of(machine)
    if former == base.id:
        return None
    if former == docker.image_of(machine) or docker.image_id(former) is None:
        say("Production stands on a base image that is not here: what differs because of it cannot be told apart")
        return None
    say("Production stands on another base image than a new machine: both are recorded, to tell apart what comes of it")
    files = [_record_of_base(project, image) for image in (base.id, former)]
    return Bases(*(opened.enter_context(RecordFile(file)) for file in files))


def _record_of_base(project: Project, image: str) -> Path:
    """The record of a machine that was booted from a base image and not touched; made once an image."""
    file = project.artifacts / "bases" / f"{image.removeprefix('sha256:')[:16]}.json"
    if not file.exists():
        run_id = lifecycle.this_run()
        settings = scenario.load(project, FRESH)
        name = f"tdi-{run_id}-{lifecycle.new_run_id()}-base"
        make_directory(file.parent)
        with lifecycle.one(name, image, settings.options, run_id) as machine:
            recording.record(f"docker://{machine}", file, **kept_records.settings(project))
    return file


def failures(comparison: Comparison, case: str) -> list[str]:
    """What speaks against the same state in one of CASES, a line each; nothing if that case holds.

    Together the cases fail if and only if the machines are not in the same state: what is of no case's scope is the
    rules' case's.
    """
    mine = [finding for finding in comparison.findings if _case_of(finding.scope) == case]
    lines = [printable(f"{finding.why} {finding.action}".strip()) for finding in mine[:_SHOWN]]
    if len(mine) > _SHOWN:
        lines.append(f"… and {len(mine) - _SHOWN:,} more: see same-state.html beside the records.")
    missing = [scope for scope in comparison.not_acceptable if _case_of(scope) == case]
    lines += [f"not compared: {scope}: {printable(comparison.not_compared[scope])}" for scope in missing]
    return lines + [printable(problem) for problem in comparison.problems if case == RULES]


def why_not_compared(comparison: Comparison, case: str) -> str | None:
    """Why there is nothing to say of one of CASES, though nothing speaks against it; None if it was compared."""
    if case in comparison.not_compared:
        return f"not compared: {printable(comparison.not_compared[case])}"
    return None if case == RULES or case in comparison.compared else "not compared: neither record has this scope"


def _case_of(scope: str) -> str:
    return scope if scope in CASES else RULES
