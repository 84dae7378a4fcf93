"""The results of several shards as those of one run."""

from collections.abc import Sequence
from dataclasses import replace

from tdi.errors import TdiError
from tdi.mutants.results import MutantResult, Results

_ALIKE = ("tree", "platform", "full", "made")


def merge(parts: Sequence[Results]) -> Results:
    """All results of `parts` as those of one run.

    Raises TdiError where they are of different trees, platforms or ways to run, or say different things of one mutant.
    """
    first, *others = parts
    for name in _ALIKE:
        odd = [getattr(part, name) for part in others if getattr(part, name) != getattr(first, name)]
        if odd:
            raise TdiError(
                f"The results are not of one run: {name} is {getattr(first, name)!r} in one and {odd[0]!r} in another.",
                "Merge the shards of one run.",
            )
    found: dict[str, MutantResult] = {}
    for result in (result for part in parts for result in part.mutants):
        known = found.setdefault(result.id, result)
        if known.status is not result.status:
            raise TdiError(
                f"The mutant {result.id} is {known.status} in one part and {result.status} in another.",
                "Name the results of each shard once.",
            )
    sources = {path: text for part in parts for path, text in part.sources.items()}
    seconds = sum(part.seconds for part in parts)
    return replace(first, mutants=tuple(found.values()), sources=sources, seconds=seconds)
