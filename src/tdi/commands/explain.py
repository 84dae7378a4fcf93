"""`tdi explain`."""

import difflib
import json
import re
import shutil
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import click

from tdi.errors import ExitCode, TdiError
from tdi.mutants.results import Status
from tdi.outside.console import printable
from tdi.project import Project
from tdi.same_state import kept_records
from tdi.state import reference
from tdi.state.finding import MUST_DIFFER, UNSTEADY, Finding, Kind, Severity
from tdi.state.fleet import own_names
from tdi.state.noise import NoiseRule
from tdi.state.scopes.registry import BUILT_IN, SCOPES
from tdi.state.varying.taken import REMEDY, Varying, Witness
from tdi.verdict.outcome import MEANINGS, Class, Step

_CLASSES = {
    Class.PASS: "Nothing is to be done. The plan says what the change does to production.",
    Class.BREAKS_NEW: (
        "Look at what the report says of fresh: often a task or a test needs what only production has, such as a file "
        "or a user that another task makes later."
    ),
    Class.BREAKS_PROVISIONED: (
        "Look at what the report says of upgrade: often a task does nothing where something is there already "
        "(`state: present`, `creates:`), and what is there is too old."
    ),
    Class.BREAKS_BOTH: "Look at what the report says of fresh, and mend that first.",
    Class.DROPS_REQUESTS: (
        "The lines of the load say how many, when the first, and why. Reload instead of restarting, hold a package's "
        "own restart back, and take away only what nothing serves any more."
    ),
    Class.NOT_IDEMPOTENT: (
        "The report names the tasks, or what changed where no task said so. Let each look before it acts (a module "
        "instead of a command, `creates:`), or say with `changed_when:` when it changed something."
    ),
    Class.DRIFT: (
        "Each finding below `same state` says what to do. What may differ is allowed in the rules file, with a reason: "
        "`tdi state allow ID --from A B` prints the entry."
    ),
    Class.COULD_NOT_RUN: (
        "It is trouble of the test bed, and `cause:` says which; `tdi doctor` lists what this machine lacks. Where a "
        "record is incomplete, say in the rules file under acceptable_unavailable why that will do."
    ),
}
"""What to do about each class."""

_STEPS = {
    Step.CREATE: ("the machine is started and boots; production is recorded before the change",),
    Step.CONVERGE: ("the playbook runs for the first time; a task that fails ends the machine's way here",),
    Step.IDEMPOTENCE: (
        "the playbook runs again, and may change nothing",
        "→ What it changed is named with its tasks: `tdi explain not-idempotent`.",
    ),
    Step.VERIFY: (
        "the tests of the verifier run, and what is broken by itself on a machine is looked for",
        "→ `tdi verdict --keep` leaves the machine of a failed test up.",
    ),
    Step.LOAD: (
        "clients ask production for what it serves while the change is converged, where the project has a load.yml",
    ),
    Step.RECORD: ("the state of the whole machine is written down, to be compared",),
}

_STATUSES = {
    Status.KILLED: (
        "something in the suite noticed the mutant: the first that did is named, with the line that proves it",
    ),
    Status.SURVIVED: (
        "nothing noticed the mutant, and its handlers acted otherwise than those of the unmutated role",
        "→ Write the test, or declare the past or the load, that would have: `tdi mutants` shows the edit.",
    ),
    Status.EQUIVALENT: (
        "records, second run and handlers are those of the unmutated role: on these machines it is the same role",
        "→ Nothing is to be done, unless a past or an option is missing that would tell them apart.",
    ),
    Status.TIMED_OUT: ("the mutant took six times as long as the unmutated role: it counts as noticed",),
    Status.NOT_VIABLE: ("there can be no such role",),
    Status.COULD_NOT_RUN: (
        "the test bed was in trouble twice: nothing was found out about the mutant",
        "→ `tdi doctor` lists what this machine lacks; `tdi mutants --resume` tries it again.",
    ),
}

_MACHINES = {
    "fresh": ("the new machine: it starts from the base image, an empty machine of the platform",),
    "upgrade": ("the upgraded machine: it starts from production, as the role made it before the change",),
}

_WORDS = {
    "allow": (
        "an entry of the project's rules file that lets something differ; reports count what each took",
        "→ An entry that nothing needs any more fails the comparison: remove it. `tdi state allow` prints new ones.",
    ),
    "finding": (
        "one or more differences between two machines, explained as one thing; its id is the same in every run",
        "→ `tdi explain ID` tells one of the last verdict.",
    ),
    "suppressed": (
        "differences that a rule took, built-in or of the rules file: they are counted, and are no findings",
        "→ `tdi explain RULE` says why; `tdi state diff --rules FILE` compares with other ones.",
    ),
    "varies": (
        "what differs between any two new machines, or while nobody acts: it was not compared, and is no finding",
        f"→ {REMEDY}",
    ),
    "not compared": (
        "a scope that was not recorded completely on both machines: nothing is said of it, and nothing holds",
        "→ Record again as root, or say in the rules file under acceptable_unavailable why that is acceptable.",
    ),
    "not walked": (
        "a directory that was not looked into: the storage of a container engine, or one that --exclude names",
        "→ `--include DIRECTORY` walks it.",
    ),
    "plan": (
        "what the change does to production, by its records before and after: + comes, ~ changes, - goes, ! restarts",
    ),
    "twin": ("a second new machine, taken through the same steps: what differs between the two says nothing",),
    "nobody": ("the owner of what no package brought and what nothing else accounts for: somebody or a task wrote it",),
    UNSTEADY: (
        "two new machines differ in what must not vary: what makes it is not steady",
        "→ Let the task that makes it do the same each time.",
    ),
    MUST_DIFFER: (
        "a secret that each machine makes for itself, and both have the same",
        "→ Let each machine make its own; an image must not bring it.",
    ),
}

Lines = Callable[[], Iterable[str]]
"""Says what a word means, and after → what to do."""


def _told(lines: Iterable[str]) -> Lines:
    return lambda: lines


def _vocabulary() -> dict[str, dict[str, Lines]]:
    """Kind of word → word → what it means."""
    return {
        "class": {kind.value: _told((MEANINGS[kind], f"→ {_CLASSES[kind]}")) for kind in Class},
        "step": {step.value: _told(lines) for step, lines in _STEPS.items()},
        "machine": {name: _told(lines) for name, lines in _MACHINES.items()},
        "mutant": {status.value: _told(lines) for status, lines in _STATUSES.items()},
        "severity": {severity.value: partial(_severity, severity) for severity in Severity},
        "kind": {kind.value: _told((reference.KINDS[kind],)) for kind in Kind},
        "scope": {name: partial(_scope, name) for name in sorted(SCOPES)},
        "rule": {rule.id: partial(_rule, rule) for rule in BUILT_IN}
        | {own_names.RULE: _told((own_names.REASON, "→ Nothing is to be done: a rule took it."))},
        "witness": {witness.value: partial(_witness, witness) for witness in Witness},
        "word": {word: _told(lines) for word, lines in _WORDS.items()},
    }


def _severity(severity: Severity) -> Iterator[str]:
    yield reference.SEVERITIES[severity]
    scopes = [name for name in sorted(SCOPES) if severity in reference.how_bad(name)]
    yield f"It is possible in {', '.join(scopes)}."
    yield "→ The worst findings come first; `tdi explain SCOPE` says what of it has which severity."


def _scope(name: str) -> Iterator[str]:
    yield reference.holds(name)
    attributes = ", ".join(reference.attributes_of(name))
    if attributes:
        yield f"Of each {SCOPES[name].noun} it has: {attributes}."
    for severity, what in reference.how_bad(name).items():
        yield f"{severity}: {'; '.join(what)}"
    rules = ", ".join(rule.id for rule in SCOPES[name].noise)
    if rules:
        yield f"Built-in rules: {rules}."
    yield f"→ `tdi state record TARGET --scope {name} -o FILE` records it alone."


def _rule(rule: NoiseRule) -> Iterator[str]:
    yield rule.reason
    yield f"Scope {rule.scope}, objects {rule.match}"
    takes = ", ".join(rule.attributes) or "the whole object, which may be on one machine only"
    yield f"It takes: {takes}{f', where both are {rule.value}' if rule.value else ''}."
    if rule.must_differ:
        yield "→ They must differ: that two machines have the same is a finding."
    else:
        yield "→ Nothing is to be done: what it took is counted, and is no finding."


def _witness(witness: Witness) -> Iterator[str]:
    yield Varying("", witness, "", 0, (), ()).why
    yield f"→ {REMEDY}"


def _paths() -> list[Path]:
    """Where the comparisons of the last verdict in this project are, one for each past; none outside of a project."""
    with suppress(TdiError):
        first = kept_records.comparison_path(Project.find())
        return [first, *sorted(first.parent.glob(f"{first.stem}-*{first.suffix}"))]
    return []


def _parsed(text: str) -> dict[str, Any]:
    """The report of a comparison. Raises what Python does for anything else, before any of it is shown."""
    document = json.loads(text)
    for said in (*document["findings"], *document.get("from_bases", ())):
        one = Finding.from_json(said)
        if not all(isinstance(each, str) for each in (one.id, one.scope, one.key, one.owner, one.why, one.action)):
            raise TypeError(one.id)
    dict(document["suppressed"], **document.get("suppressed_reasons", {}))
    return dict(document)


class _Report:
    """The comparison of a past in the last verdict in this project; there may be none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.document = self._read()

    def _read(self) -> Mapping[str, Any]:
        if not self.path.is_file():
            return {}
        try:
            return _parsed(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise TdiError(f"{self.path} is no report of a comparison.", "`tdi verdict` writes it anew.") from None

    @property
    def findings(self) -> dict[str, Finding]:
        """Its findings by their ids, those of the base images too."""
        said = (*self.document.get("findings", ()), *self.document.get("from_bases", ()))
        return {one["id"]: Finding.from_json(one) for one in said}

    def words(self) -> dict[str, dict[str, Lines]]:
        """What can be told of it, as in the vocabulary."""
        reasons = self.document.get("suppressed_reasons", {})
        return {
            "finding": {name: partial(self._finding, one) for name, one in self.findings.items()},
            "allowance": {
                rule: partial(self._allowance, str(reasons.get(rule, "")), count)
                for rule, count in self.document.get("suppressed", {}).items()
                if rule.startswith("allow: ")
            },
        }

    def _finding(self, one: Finding) -> Iterator[str]:
        yield one.why
        yield f"{one.severity}: {reference.SEVERITIES[one.severity]}"
        yield f"{one.kind}: {reference.KINDS[one.kind]}"
        yield f"Scope {one.scope}, object {one.key}, owner {one.owner}."
        yield f"→ {one.action}"
        new, upgraded = _MACHINES
        past = self.path.stem.removeprefix("same-state")
        records = f"{self.path.with_name(f'{new}.json')} {self.path.with_name(f'{upgraded}{past}.json')}"
        yield f"→ Where it is meant: tdi state allow {one.id} --from {records}"

    @staticmethod
    def _allowance(reason: str, count: int) -> Iterator[str]:
        yield reason or "an entry of the rules file"
        yield f"It took {count} in the last verdict."
        yield "→ It stands in the rules file under `allow:`. Where nothing needs it any more, the comparison fails."


def _words_of_reports() -> dict[str, dict[str, Lines]]:
    """What can be told of the last verdict's comparisons; of what several pasts have, that of the first is told."""
    found: dict[str, dict[str, Lines]] = {}
    for path in reversed(_paths()):
        for kind, words in _Report(path).words().items():
            found.setdefault(kind, {}).update(words)
    return found


def _meanings(word: str) -> list[tuple[str, str, Lines]]:
    """Every word that `word` may stand for, with its kind. Raises TdiError where there is none, or no single id."""
    asked = word.strip(" []").rstrip(",:").casefold()
    vocabulary = _vocabulary()
    found = [
        (name, kind, lines)
        for kind, words in vocabulary.items()
        for name, lines in words.items()
        if asked == name or (kind == "scope" and asked in {SCOPES[name].noun, f"{SCOPES[name].noun}s"})
    ]
    if found:
        return found
    of_report = _words_of_reports()
    known = {**vocabulary, **of_report}
    found = [
        (name, kind, lines)
        for kind, words in of_report.items()
        for name, lines in words.items()
        if asked in {name.casefold(), name.casefold().removeprefix("allow: ")}
        or (kind == "finding" and re.fullmatch(r"[0-9a-f]{4,}", asked) and name.startswith(asked))
    ]
    if len(found) > 1:
        raise TdiError(
            f"{len(found)} words begin with {word}.", f"Name one whole: {', '.join(name for name, *_ in found)}."
        )
    if not found:
        raise _unknown(word, asked, [name for words in known.values() for name in words])
    return found


def _unknown(word: str, asked: str, names: Sequence[str]) -> TdiError:
    if re.fullmatch(r"[0-9a-f]{12}", asked):
        return TdiError(
            f"The last verdict in this project has no finding {word}.",
            "`tdi verdict` writes its findings to artifacts/records/same-state.json.",
        )
    near = difflib.get_close_matches(asked, sorted({*names}), n=3)
    remedy = f"Near it: {', '.join(near)}. " if near else ""
    return TdiError(f"{word} is no word of a report.", f"{remedy}`tdi explain` lists the words.")


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The words that begin so, for a shell."""
    del ctx, param
    known = _vocabulary()
    with suppress(TdiError):
        known |= _words_of_reports()
    return sorted({name for words in known.values() for name in words if name.startswith(incomplete)})


def _say(begin: str, text: str, margin: str) -> None:
    """A paragraph after `begin`, its other lines beside the margin; words stay whole, they are to be copied."""
    width = min(shutil.get_terminal_size().columns, 120)
    said = textwrap.fill(
        printable(text),
        width,
        initial_indent=begin,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )
    click.echo(said)


def _show(name: str, kind: str, lines: Iterable[str]) -> None:
    click.echo(printable(f"{name} ({kind})"))
    for line in lines:
        _say("  ", line, "    " if line.startswith("→") else "  ")


def _list() -> None:
    click.echo("The words of a report, by kind; `tdi explain WORD` says what one means.\n")
    for kind, words in _vocabulary().items():
        _say(f"{kind:11}", ", ".join(words), " " * 11)
    _say("finding    ", "the id in square brackets behind a finding of the last verdict in this project", " " * 11)
    _say("allowance  ", "`allow: SCOPE MATCH`, as the last verdict in this project counts it", " " * 11)


@click.command(
    "explain",
    epilog="\b\nExamples:\n  tdi explain drift\n  tdi explain files\n  tdi explain b530d505e35f",
)
@click.argument("word", nargs=-1, shell_complete=_complete)
def command(word: tuple[str, ...]) -> int:
    """Say what a WORD in a report means, and what to do; without one, list the words.

    A word is the class of a verdict, a step, a scope, a severity, a rule that suppressed something, or the id of a
    finding of the last verdict in this project.
    """
    if not word:
        _list()
        return ExitCode.HOLDS
    for number, (name, kind, lines) in enumerate(_meanings(" ".join(word))):
        if number:
            click.echo()
        _show(name, kind, lines())
    return ExitCode.HOLDS
