"""Annotations for GitHub: a workflow command for each failure and finding, at the role's line where one is named."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tdi.ci.places import Place, Tree
from tdi.ci.results import Machine, Results
from tdi.mutants import results as mutants
from tdi.outside.console import printable
from tdi.state.reports import amount
from tdi.verdict.outcome import Class, Result

MOST = 10
"""Errors of one step that GitHub shows; further ones it drops without a word."""

_TITLE, _MESSAGE = 200, 4000
"""Characters of each: a forge shows a few lines, and the summary has all."""


@dataclass(frozen=True)
class Annotation:
    """One thing to say, and where."""

    title: str
    message: str
    place: Place | None = None


def commands(results: Results, tree: Tree) -> Iterator[str]:
    """Yield the workflow commands for a verdict, a line each: at most MOST errors, then how many more there are."""
    yield from _at_most("error", list(annotations(results, tree)), "more error", results.platform)


def of_mutants(results: mutants.Results, tree: Tree) -> Iterator[str]:
    """Yield the workflow commands for the mutants that survived, at their lines: warnings, at most MOST of them."""
    found = [
        Annotation(
            f"tdi: nothing notices {each.operator}",
            f"The suite does not notice that {each.says}: {each.why}.\n{each.diff}",
            tree.at(each.path, each.line),
        )
        for each in results.of(mutants.Status.SURVIVED)
    ]
    yield from _at_most("warning", found, "more survivor", results.platform)


def _at_most(level: str, found: Sequence[Annotation], more: str, platform: str) -> Iterator[str]:
    for each in found[:MOST]:
        yield command(level, each, platform)
    if len(found) > MOST:
        # GitHub counts notices apart from what is worse, so that this one is shown.
        said = amount(len(found) - MOST, more)
        yield command("notice", Annotation(f"tdi: {said}", f"{said}: the summary of the job has all."))


def annotations(results: Results, tree: Tree) -> Iterator[Annotation]:
    """Yield what a verdict has against the change, worst first; of trouble of the test bed only that it was in the way.

    Trouble has no place: it is never the fault of a line of the role.
    """
    kind = results.kind
    if kind is Class.PASS:
        return
    if kind is Class.COULD_NOT_RUN:
        said = [f"{each.label}, {each.step}: {each.detail}" for each in results.machines if each.result is Result.ERROR]
        causes = list(dict.fromkeys(filter(None, (results.cause, *said, *results.damaged))))
        yield Annotation(f"tdi: {kind}", "\n".join(causes) or "Nothing was found out about the change.")
        return
    failed = [each for each in results.machines if each.result is Result.FAIL]
    yield from (_of_machine(each, tree) for each in failed)
    comparisons = [each for each in (results.comparison, *results.further.values()) if each]
    if comparisons:
        # What several pasts have in common is one thing to mend.
        for finding in {finding.id: finding for each in comparisons for finding in each.findings}.values():
            message = f"{finding.why}\n→ {finding.action}\n[{finding.id}, owner {finding.owner}]"
            title = f"tdi: {finding.severity}: {finding.scope} {finding.key}"
            yield Annotation(title, message, tree.place(finding.why))
        for problem in dict.fromkeys(problem for each in comparisons for problem in each.problems):
            yield Annotation("tdi: rules of the comparison", problem)
    elif not failed:
        yield Annotation(f"tdi: {kind}", "\n".join(results.damaged) or "The log of the step says more.")


def _of_machine(machine: Machine, tree: Tree) -> Annotation:
    return Annotation(f"tdi: {machine.label}, {machine.step} failed", machine.detail, tree.place(machine.detail))


def command(level: str, annotation: Annotation, platform: str = "") -> str:
    """The workflow command for an annotation, on one line; `platform` tells the legs of a matrix apart."""
    properties = {}
    if annotation.place:
        properties = {"file": annotation.place.file, "line": str(annotation.place.line)}
    properties["title"] = _cut(f"{annotation.title} ({platform})" if platform else annotation.title, _TITLE)
    said = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    lines = _cut(annotation.message, _MESSAGE).expandtabs(4).splitlines()
    return f"::{level} {said}::{_data(chr(10).join(map(printable, lines)))}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _data(text: str) -> str:
    """What follows the second pair of colons; the percent sign first, for the others bring some."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(printable(text)).replace(":", "%3A").replace(",", "%2C")
