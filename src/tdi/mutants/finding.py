"""Finds the mutants of a project: each place where an operator can work, and no two that say the same."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import PurePosixPath

import yaml

from tdi.errors import TdiError
from tdi.mutants.mutant import Mutant
from tdi.mutants.operators.operator import Operator
from tdi.mutants.operators.registry import OPERATORS
from tdi.mutants.reading.yaml_text import meaning
from tdi.mutants.source import Source, load
from tdi.outside import git
from tdi.project import Project


def find(
    project: Project,
    operators: Collection[str] | None = None,
    files: Collection[str] | None = None,
    diff: str | None = None,
) -> list[Mutant]:
    """The mutants of a project by path and place: of these operators, in these files, in what changed since `diff`.

    `files` are paths from the project's root; a directory stands for all that is below it. `diff` names a revision:
    what changed since the work tree's history parted from it counts, what is not committed included.

    Raises TdiError for an operator, a file or a revision that is not there, and where there is nothing to mutate.
    """
    sources = load(project).files
    chosen = [OPERATORS[name] for name in OPERATORS if name in _known(operators, OPERATORS, "operator")]
    wanted = _known(files, _with_directories(sources), "file")
    sources = tuple(source for source in sources if wanted & set(_names(source.path)))
    found = [mutant for source in sources for mutant in of_source(source, chosen)]
    if diff is not None:
        changed = git.changed_lines(project.root, diff)
        found = [mutant for mutant in found if _touches(mutant, changed.get(mutant.path, ()))]
    return found


def of_source(source: Source, operators: Collection[Operator] = tuple(OPERATORS.values())) -> list[Mutant]:
    """The mutants of one file, by place; of two with the same text, that of the operator which comes first."""
    texts: set[str] = set()
    found: list[Mutant] = []
    before = meaning(source.text) if source.part.is_yaml else None
    for operator in operators:
        for edit in operator.find(source):
            mutated = edit.applied(source.text)
            if mutated not in texts and mutated != source.text and _says_another(source, mutated, before):
                texts.add(mutated)
                found.append(Mutant(operator.name, source.path, edit, source.text))
    return _numbered(sorted(found, key=lambda mutant: (mutant.edit.start, mutant.edit.end)))


def shard(mutants: Sequence[Mutant], number: int, of: int) -> list[Mutant]:
    """The mutants of one shard of several, the first being 1: each `of`-th by id, so that like ones are spread.

    Raises TdiError for a shard that is not there.
    """
    if not 1 <= number <= of:
        raise TdiError(f"There is no shard {number}/{of}.", f"Shards are 1/{max(of, 1)} to {max(of, 1)}/{max(of, 1)}.")
    taken = {mutant.id for mutant in sorted(mutants, key=lambda mutant: mutant.id)[number - 1 :: of]}
    return [mutant for mutant in mutants if mutant.id in taken]


def _says_another(source: Source, mutated: str, before: object) -> bool:
    """Whether a text means something else than the original did, as far as its format is known."""
    if not source.part.is_yaml:
        return True
    try:
        return bool(meaning(mutated) != before)
    except yaml.YAMLError:
        return False


def _numbered(mutants: Sequence[Mutant]) -> list[Mutant]:
    """Mutants whose words are alike are told apart by their order."""
    seen: Counter[str] = Counter()
    numbered = []
    for mutant in mutants:
        alike = mutant.id
        numbered.append(replace(mutant, number=seen[alike]))
        seen[alike] += 1
    return numbered


def _known(asked: Collection[str] | None, there: Collection[str], noun: str) -> set[str]:
    """What was asked for, or all. Raises TdiError for what is not there."""
    if not asked:
        return set(there)
    for name in asked:
        if name not in there:
            close = get_close_matches(name, sorted(there), 3, 0.5)
            remedy = (
                f"Is one of these meant: {', '.join(close)}?" if close else f"`tdi mutants --list` shows each {noun}."
            )
            raise TdiError(
                f"There is no {noun} {name} to mutate." if noun == "file" else f"There is no {noun} {name}.", remedy
            )
    return set(asked)


def _names(path: str) -> Iterator[str]:
    yield path
    yield from (str(parent) for parent in PurePosixPath(path).parents if str(parent) != ".")


def _with_directories(sources: Sequence[Source]) -> set[str]:
    return {name for source in sources for name in _names(source.path)}


def _touches(mutant: Mutant, changed: Collection[range]) -> bool:
    return any(mutant.line < lines.stop and lines.start <= mutant.last_line for lines in changed)
