"""What a verdict looks like while it comes about and when it is there: live on a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tdi.machines.machine import Machine
from tdi.molecule.pasts import DEFAULT
from tdi.outside import ansible
from tdi.outside.console import printable, say
from tdi.outside.pytest_run import TestOutcome
from tdi.outside.screen import beside, err, out
from tdi.same_state.kept_records import Found
from tdi.state.compare import Result as SameState
from tdi.state.reports import amount, terminal
from tdi.verdict import durations
from tdi.verdict.outcome import MEANINGS, OF, PRODUCTION, Class, Result, Step, Verdict, past_of, reached

_STYLES = {Result.PASS: "green", Result.FAIL: "bold red", Result.ERROR: "bold yellow"}

_SHOWN_GROUPS = 5
"""Groups of what varies; the report beside the records has all."""

_SHOWN_FINDINGS = 10
_SHOWN_LINES = 12


class Display:
    """Progress of one verdict; `with` starts and ends the live part.

    `usual` has the seconds from the images to the verdict that former runs took, by platform.
    """

    def __init__(self, title: str = "", usual: Mapping[str, float] | None = None) -> None:
        self._title = title
        self._usual = usual or {}
        self._expected: float | None = None
        self._step = ""
        self._doing: dict[str, str] = {}
        self._tests = 0
        self._machines: tuple[Machine, ...] = ()
        self._began = time.monotonic()
        self._is_live = err.is_terminal
        self._live = Live(console=err, refresh_per_second=8, transient=True, get_renderable=self._render)

    def __enter__(self) -> Self:
        """Begin."""
        if self._is_live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; the live part disappears."""
        if self._is_live:
            self._live.stop()

    def provenance(self, platform: str, facts: Mapping[str, str]) -> None:
        """Say what the machines start from, and how long it will take: the images are there by now."""
        say(f"Base image: {facts['base_image']}")
        for name, said in facts.items():
            if name.startswith(PRODUCTION):
                past = name.removeprefix(PRODUCTION).removeprefix(OF)
                say(f"Production{f' ({past_of(past)})' if past else ''}: {said}")
        alike = durations.name(platform, sum(name.startswith(PRODUCTION) for name in facts))
        if alike in self._usual:
            self._expected = self._elapsed + self._usual[alike]
            if not self._is_live:
                say(f"{self._title}about {self._expected:.0f} s, as the last runs took")

    def machines(self, machines: Sequence[Machine]) -> None:
        """Say nothing yet, but know what to call the machines."""
        self._machines = tuple(machines)

    def step(self, step: Step) -> None:
        """A step begins on both machines."""
        self._step = step.value
        say(f"{self._title}{step.value}: {_both(len(self._machines))}")

    def ansible(self, event: ansible.Event) -> None:
        """Something happened in Ansible."""
        if event.name == "task":
            self._doing = {"task": event.facts["name"]}
        elif event.name == "result" and event.facts["outcome"] in {"failed", "unreachable"}:
            machine = self._label(event.facts["host"])
            say(f"  {machine}: task '{event.facts['task']}' {event.facts['outcome']}")

    def test(self, test: TestOutcome) -> None:
        """A test ended."""
        self._tests += 1
        self._doing = {"test": f"{test.test} ({self._tests} done)"}
        if test.outcome == "failed":
            say(f"  {self._label(test.machine)}: {test.title} failed")

    def _label(self, name: str) -> str:
        return next((machine.label for machine in self._machines if machine.name == name), name)

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _so_far(self) -> str:
        """How long it has taken, and how long it will where former runs say so."""
        elapsed = f"elapsed {self._elapsed:.0f} s"
        if self._expected is None:
            return elapsed
        longer = self._elapsed > self._expected
        return f"{elapsed}{', longer than the usual' if longer else ' of about'} {self._expected:.0f} s"

    def _render(self) -> Group:
        doing = ", ".join(f"{key} {value}" for key, value in self._doing.items())
        line = printable(f"{self._so_far()}  {self._step}  {doing}")
        return Group(Text(line, style="cyan", overflow="ellipsis", no_wrap=True))


def _both(machines: int) -> str:
    return "both machines" if machines <= 2 else f"all {machines} machines"  # noqa: PLR2004 (two are both)


def show(verdict: Verdict, artifacts: Path, title: str = "") -> None:
    """Print the verdict: a table of the steps, what failed and why, the findings, and where the rest is."""
    _show_steps(verdict, title)
    _show_told(verdict)
    several = len(verdict.pasts) > 1
    for number, (label, past) in enumerate(verdict.pasts.items()):
        _show_plan(past, label if several else "", in_full=not number)
    for label, past in verdict.pasts.items():
        # The table says it of a past with which all is well.
        if not several or past.same_state.result is not SameState.SAME or past.same_state.varying:
            _show_state(past.same_state, label if several else "")
    if several:
        _show_pasts(verdict)
    out.print()
    beside(out, Text(), Text.assemble("verdict: ", _class(verdict.kind), f" — {MEANINGS[verdict.kind]}"))
    if verdict.trouble:
        beside(out, Text(), Text(printable(f"cause: {verdict.trouble.what} {verdict.trouble.remedy}".rstrip())))
    total = verdict.seconds.get("total", 0.0)
    platform = verdict.platform or "unknown"
    out.print(f"platform {platform}, {total:.0f} s; logs and records: {_near(artifacts)}", markup=False)
    _show_kept(verdict.kept)


def _show_steps(verdict: Verdict, title: str) -> None:
    table = Table(title=Text(printable(title)) if title else None, title_justify="left", box=None, pad_edge=False)
    table.add_column("machine")
    steps = reached(machine.steps for machine in verdict.machines.values())
    for step in steps:
        table.add_column(step.value)
    for name, machine in verdict.machines.items():
        cells = [
            Text("-", style="dim") if step not in machine.steps else _cell(machine.steps[step].result) for step in steps
        ]
        table.add_row(name, *cells)
    out.print(table)


def _show_told(verdict: Verdict) -> None:
    """What failed, and why."""
    for name, machine in verdict.machines.items():
        for step, ended in machine.steps.items():
            if not ended.detail:
                continue
            out.print()
            out.print(f"{name}, {step.value}:", style="bold", markup=False)
            for line in (*_shortened(ended.detail), *ended.evidence):
                beside(out, Text("  "), Text(printable(line.expandtabs(4))))


def _class(kind: Class) -> tuple[str, str]:
    """A class and its colour."""
    return kind.value, {Class.PASS: "bold green", Class.COULD_NOT_RUN: "bold yellow"}.get(kind, "bold red")


def _show_pasts(verdict: Verdict) -> None:
    """What came of each past, a line each."""
    table = Table(box=None, pad_edge=False)
    for name in ("past", "class", "findings", "production"):
        table.add_column(name)
    for label, past in verdict.pasts.items():
        findings = "-" if past.same_state.result is SameState.UNKNOWN else str(len(past.same_state.findings))
        came_from = Text(printable(verdict.came_from(label)), style="dim", overflow="ellipsis", no_wrap=True)
        table.add_row(past_of(label), Text(*_class(past.kind)), findings, came_from)
    out.print()
    out.print(table)


def _show_kept(names: Sequence[str]) -> None:
    if names:
        out.print()
        out.print("the machines are still there:", style="bold")
        for name in names:
            out.print(f"  docker exec -it {name} bash", markup=False)
        out.print(f"  docker rm --force --volumes {' '.join(names)}   # when you have seen enough", markup=False)


def _near(path: Path) -> Path:
    """A path as it is named from here, where it is below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _show_plan(verdict: Verdict, label: str, *, in_full: bool) -> None:
    """What the change does to a machine in production: all of it, or how much it is."""
    if not verdict.plan:
        return
    of = f" ({past_of(label)})" if label else ""
    if not in_full:
        out.print(Text(printable(f"and to {past_of(label)}: {verdict.plan[-1]}"), style="dim"))
        return
    out.print()
    out.print(Text(f"what the change does to production{of}:", style="bold"))
    for line in verdict.plan:
        _show_planned(line)


def _show_state(found: Found, label: str) -> None:
    if found.result is SameState.UNKNOWN and not found.not_compared:
        return
    of = f" ({past_of(label)})" if label else ""
    report = f"records/same-state{f'-{past_of(label)}' if label and past_of(label) != DEFAULT else ''}.html"
    out.print()
    apart = f" (findings that come from the base images alone: {found.from_bases})" if found.from_bases else ""
    if found.result is SameState.SAME:
        out.print(Text(f"same state{of}: yes{apart}"))
    elif found.result is SameState.DIFFERENT:
        out.print(Text(f"same state{of}: no, {amount(len(found.findings), 'finding')}{apart}", style="bold"))
        shown = found.findings[:_SHOWN_FINDINGS]
        width = max((len(each.severity) for each in shown), default=0)
        for each in shown:
            line = terminal.finding(each.severity, each.why, each.action, each.owner, each.id, width=width)
            beside(out, Text("  ") + line.margin, *line.parts)
        if len(found.findings) > _SHOWN_FINDINGS:
            out.print(f"  … and {len(found.findings) - _SHOWN_FINDINGS} more: {report} has all.")
        for problem in found.problems:
            beside(out, Text("  "), Text(printable(problem)))
    else:
        beside(out, Text(), Text(printable(f"same state{of}: not known ({found.not_compared})")))
    for group in found.varying[:_SHOWN_GROUPS]:
        what = f"not compared, for {group.why}: {group.owner}, {amount(group.objects, 'object')} ({group.what})"
        beside(out, Text("  "), Text(printable(what), style="dim"))
    if len(found.varying) > _SHOWN_GROUPS:
        out.print(f"  … and {len(found.varying) - _SHOWN_GROUPS} more groups: {report} has all.")


def _show_planned(line: str) -> None:
    """Green for what is added, red for what is removed, of the steps as of the lines of a text."""
    of_text = line.startswith("    ")
    mark = line[4:5] if of_text else line[:1]
    style = {"+": "green", "-": "red", "~": "yellow", "!": "yellow", "@": "cyan"}.get(mark, "")
    if of_text or not style:
        out.print(Text(f"  {line}", style=style))
    else:
        beside(out, Text(f"  {line[:2]}", style=style), Text(line[2:], style=style))


def _cell(result: Result) -> Text:
    return Text(result.value, style=_STYLES[result])


def _shortened(text: str) -> list[str]:
    lines = text.splitlines()
    rest = len(lines) - _SHOWN_LINES
    kept = lines[:_SHOWN_LINES]
    return [*kept, f"… {rest} more lines in the log"] if rest > 0 else kept
