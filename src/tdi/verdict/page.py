"""The verdict as one page: class, steps, what failed and why, plan and findings, with links to all the rest.

The page (`page.html`) has no script, asks for nothing and takes its style from the page of a comparison. What it shows
comes from machines that are not trusted: it is made visible and escaped wherever it stands.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from tdi.molecule.pasts import DEFAULT
from tdi.outside.files import write_atomically
from tdi.same_state.kept_records import Found
from tdi.state.compare import Result as SameState
from tdi.state.finding import Finding
from tdi.state.reports import amount, examples, printable, varying
from tdi.state.reports.html import style
from tdi.state.varying.taken import REMEDY, Varying
from tdi.verdict.outcome import MEANINGS, Class, MachineOutcome, Result, Verdict, past_of, reached

NAME = "verdict.html"
"""The file below the artifacts."""

COMPARISON = "records/same-state.html"


def comparison(label: str) -> str:
    """The page of the comparison of a machine in production, by its label."""
    past = past_of(label)
    return COMPARISON if past == DEFAULT else COMPARISON.replace(".html", f"-{past}.html")


_RESULTS = {
    "verdict.json": "this verdict, for programs",
    "junit.xml": "the tests, one by one",
}
_RECORDS = {
    COMPARISON: "the comparison, with every difference and texts side by side",
    "records/plan.json": "the plan, for programs",
}
"""What a verdict leaves, and what each is; the logs come after it."""

_HEADERS = {Class.PASS: "same", Class.COULD_NOT_RUN: "unknown"}
"""How the page of a comparison calls its colours; all other classes are `different`."""

_LINE = 4000
"""Characters of one line."""

_SAID = 100_000
"""Characters of what one step says; the log has all."""

_FINDINGS = 500
"""Findings that are shown; the comparison has all."""

_MARKS = {"+": "add", "-": "remove", "~": "change", "!": "change", "@": "place"}


def write(verdict: Verdict, artifacts: Path, title: str = "") -> None:
    """Write the page of a verdict beside what else it left in `artifacts`. Raises TdiError where it cannot be written.

    Its owner alone may read it, as all that says something of a server.
    """
    write_atomically(artifacts / NAME, render(verdict, left(verdict, artifacts), title))


def left(verdict: Verdict, artifacts: Path) -> dict[str, str]:
    """Return what this verdict left in `artifacts`: the path from there, and what it is.

    Logs and records stay in place until a run has some of its own: where it got to none, they are of a former one.
    """
    records = {comparison(label): f"the comparison of {past_of(label)}" for label in [*verdict.pasts][1:]}
    wanted = {**({**_RECORDS, **records} if "create" in verdict.seconds else {}), **_RESULTS}
    found = {name: what for name, what in wanted.items() if (artifacts / name).is_file()}
    logs = sorted(artifacts.glob("logs/*")) if "images" in verdict.seconds else []
    return found | {str(log.relative_to(artifacts)): "a log" for log in logs if log.is_file()}


def render(verdict: Verdict, links: Mapping[str, str], title: str = "") -> str:
    """Return the page; `links` are paths from where it will be, and what each is; `title` is what the verdict is of."""
    page = resources.files("tdi.verdict").joinpath("page.html").read_text(encoding="utf-8")
    parts = {
        "<!--TITLE-->": _text(f"{verdict.kind}: {title or verdict.platform or 'verdict'}"),
        "/*STYLE*/": style(),
        "<!--BODY-->": "\n".join(_body(verdict, links, title)),
    }
    # At once, for what is put in may look like a place of the page.
    return re.sub("|".join(map(re.escape, parts)), lambda found: parts[found.group()], page)


def _body(verdict: Verdict, links: Mapping[str, str], title: str) -> Iterator[str]:
    yield from _header(verdict, title)
    yield from _machines(verdict.machines)
    yield from _told(verdict.machines, "What failed, and why", {Result.FAIL, Result.ERROR})
    yield from _told(verdict.machines, "What else the steps said", {Result.PASS})
    several = len(verdict.pasts) > 1
    if several:
        yield from _pasts(verdict)
    for label, past in verdict.pasts.items():
        if several:
            yield f'<section><h2 id="{escape(quote(label))}">Past: {_text(past_of(label))}</h2>'
        if past.plan:
            yield f"<h2>What the change does to production</h2>\n<pre>{_plan(past.plan)}</pre>"
        report = comparison(label if several else "")
        yield from _state(past.same_state, report if report in links else "")
        yield from _varying(past.same_state.varying)
        if several:
            yield "</section>"
    facts = {name.replace("_", " "): said for name, said in verdict.provenance.items()}
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in verdict.seconds.items())
    yield from _facts("Where it comes from", {**facts, "time": seconds})
    if links:
        rows = (
            f'<li><a href="{escape(quote(name))}">{_text(name)}</a>: {_text(what)}</li>' for name, what in links.items()
        )
        yield f"<h2>The rest</h2>\n<ul>{''.join(rows)}</ul>"


def _header(verdict: Verdict, title: str) -> Iterator[str]:
    kind = verdict.kind
    yield f'<header class="{_HEADERS.get(kind, "different")}"><h1>verdict: {_text(kind)}</h1>'
    yield f"<p>{_text(MEANINGS[kind])}</p>"
    if verdict.trouble:
        yield f"<p>cause: {_text(f'{verdict.trouble.what} {verdict.trouble.remedy}'.rstrip())}</p>"
    about = [title, f"platform {verdict.platform or 'unknown'}", f"{verdict.seconds.get('total', 0.0):.0f} s"]
    yield f'<p class="faint">{_text(", ".join(filter(None, about)))}</p></header>'


def _machines(machines: Mapping[str, MachineOutcome]) -> Iterator[str]:
    yield '<h2>Machines and steps</h2>\n<div class="wide"><table class="steps"><thead><tr><th scope="col">machine</th>'
    steps = reached(machine.steps for machine in machines.values())
    yield "".join(f'<th scope="col">{step.value}</th>' for step in steps)
    yield "</tr></thead><tbody>"
    for label, machine in machines.items():
        cells = "".join(_cell(machine.results.get(step)) for step in steps)
        yield f'<tr><th scope="row">{_text(label)}</th>{cells}</tr>'
    yield "</tbody></table></div>"


def _pasts(verdict: Verdict) -> Iterator[str]:
    """Yield the table of the pasts and what came of each."""
    yield '<h2>Pasts</h2>\n<div class="wide"><table class="steps"><thead><tr>'
    yield "".join(f'<th scope="col">{name}</th>' for name in ("past", "class", "findings", "production"))
    yield "</tr></thead><tbody>"
    for label, past in verdict.pasts.items():
        passed = {Class.PASS: "pass", Class.COULD_NOT_RUN: "error"}.get(past.kind, "fail")
        name = f'<a href="#{escape(quote(label))}">{_text(past_of(label))}</a>'
        findings = "-" if past.same_state.result is SameState.UNKNOWN else str(len(past.same_state.findings))
        yield f'<tr><th scope="row">{name}</th><td class="{passed}">{_text(past.kind)}</td><td>{findings}</td>'
        yield f"<td>{_line(verdict.came_from(label))}</td></tr>"
    yield "</tbody></table></div>"


def _cell(result: Result | None) -> str:
    return f'<td class="{result}">{result}</td>' if result else '<td class="faint">not reached</td>'


def _told(machines: Mapping[str, MachineOutcome], heading: str, results: set[Result]) -> Iterator[str]:
    """Yield what the steps said that ended so, each beside its machine."""
    told = [
        (f"{label}, {step}", ended.told)
        for label, machine in machines.items()
        for step, ended in machine.steps.items()
        if ended.result in results and ended.told
    ]
    if told:
        yield f"<h2>{heading}</h2>"
        yield from (f"<h3>{_text(where)}</h3>\n<pre>{_shortened(said)}</pre>" for where, said in told)


def _shortened(said: str) -> str:
    lines = said.splitlines()
    room = _SAID
    kept: list[str] = []
    for line in lines:
        shown = _line(line)
        room -= len(shown) + 1
        if room < 0:
            kept.append(f"… {amount(len(lines) - len(kept), 'more line')} in the log")
            break
        kept.append(shown)
    return "\n".join(kept)


def _plan(lines: Sequence[str]) -> str:
    return "\n".join(map(_planned, lines))


def _planned(line: str) -> str:
    """What is added, removed or changed in its colour, of the steps as of the lines of a text; the marks say it too."""
    mark = _MARKS.get(line[4:5] if line.startswith("    ") else line[:1])
    return f'<span class="{mark}">{_line(line)}</span>' if mark else _line(line)


def _state(found: Found, comparison: str) -> Iterator[str]:
    if found.result is SameState.UNKNOWN and not (found.not_compared or found.findings):
        return
    said = {
        SameState.SAME: "yes",
        SameState.DIFFERENT: f"no, {amount(len(found.findings), 'finding')}",
        SameState.UNKNOWN: "not known",
    }[found.result]
    yield f"<h2>Same state: {said}</h2>"
    if found.result is SameState.UNKNOWN and found.not_compared:
        yield f"<p>{_line(found.not_compared)}</p>"
    if found.from_bases:
        yield f"<p>Findings that come from the base images alone: {found.from_bases}.</p>"
    if found.problems:
        yield f"<ul>{''.join(f'<li>{_line(problem)}</li>' for problem in found.problems)}</ul>"
    if found.findings:
        yield '<ul class="findings">'
        yield from (_finding(each, comparison) for each in found.findings[:_FINDINGS])
        yield "</ul>"
    if len(found.findings) > _FINDINGS:
        yield f"<p>… and {amount(len(found.findings) - _FINDINGS, 'more finding')}: {COMPARISON} has all.</p>"


def _finding(finding: Finding, comparison: str) -> str:
    severity, shown = escape(finding.severity.value), _text(finding.id)
    named = f'<a href="{escape(comparison)}#{escape(quote(finding.id))}">{shown}</a>' if comparison else shown
    return (
        f'<li class="finding {severity}"><span class="why"><b class="grade">'
        f'<span class="{severity}">{severity}</span></b> {_line(finding.why)}</span>'
        f'<span class="do">{_line(finding.action)}</span>'
        f'<span class="facts">{_text(finding.scope)}, owner {_text(finding.owner)}, {named}</span></li>'
    )


def _varying(groups: Sequence[Varying]) -> Iterator[str]:
    if not groups:
        return
    names = ("Owner", "Scope", "Objects", "What", "Why", "For example")
    yield f"<h2>{_text(varying(groups))}</h2>\n<p>{_text(REMEDY)}</p>"
    yield '<div class="wide"><table class="varying"><thead><tr>'
    yield "".join(f'<th scope="col">{name}</th>' for name in names)
    yield "</tr></thead><tbody>"
    for one in groups:
        row = (one.owner, one.scope, f"{one.objects:,}", one.what, one.why, examples(one))
        yield f"<tr>{''.join(f'<td>{_line(value)}</td>' for value in row)}</tr>"
    yield "</tbody></table></div>"


def _facts(heading: str, facts: Mapping[str, str]) -> Iterator[str]:
    rows = [
        f'<tr><th scope="row">{_text(name)}</th><td>{_line(said)}</td></tr>' for name, said in facts.items() if said
    ]
    if rows:
        yield f'<h2>{heading}</h2>\n<table class="facts-of"><tbody>{"".join(rows)}</tbody></table>'


def _line(said: str) -> str:
    """One line, of a length that can be shown."""
    line = said.expandtabs(4)
    return _text(line if len(line) <= _LINE else f"{line[:_LINE]}…")


def _text(said: str) -> str:
    """What is said, safe to stand in the page: all of it visible, and none of it markup."""
    return escape(printable(said))
