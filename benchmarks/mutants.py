"""Whether mutants and patches are judged alike, and what a mutant costs: a sample of results, each given to `tdi try`.

    tdi mutants --shard 1/17
    python benchmarks/mutants.py artifacts/mutants/results.jsonl --sample 20

Each mutant of the sample is made a patch and has the full verdict of `tdi try`, from the same pasts. A mutant that was
noticed has to get another class than `pass`, and the class has to fit what noticed it; one that was not, or by the plan
alone, has to pass. Left out is what no verdict has: the project's own checks, and mutants that could not be tried.
Seconds are by the clock; those of mutants are with as many at once as the run had.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tdi.mutants import keeping
from tdi.mutants.results import MutantResult, Oracle, Status

FITS: dict[Oracle, set[str]] = {
    Oracle.SYNTAX: {"breaks-both"},
    Oracle.ARGUMENTS: {"breaks-both"},
    Oracle.FRESH_CONVERGE: {"breaks-new", "breaks-both"},
    Oracle.FRESH_TESTS: {"breaks-new", "breaks-both"},
    Oracle.UPGRADE_CONVERGE: {"breaks-provisioned", "breaks-both"},
    Oracle.UPGRADE_TESTS: {"breaks-provisioned", "breaks-both"},
    Oracle.INVARIANTS: {"breaks-new", "breaks-provisioned", "breaks-both"},
}
"""Which classes there can be where an oracle noticed a mutant; of the others, every class but `pass`."""


def main() -> int:
    """Measure and print; 1 where both do not agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="results.jsonl of a run of tdi mutants")
    parser.add_argument("--sample", type=int, default=20, help="how many mutants (default: 20)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice (default: 1)")
    options = parser.parse_args()
    found = keeping.read(options.results)
    sample = chosen([each for each in found.mutants if has_a_verdict(each)], options.sample, options.seed)
    print(f"{len(found.mutants)} mutants tried, {len(sample)} of them again with tdi try", flush=True)
    seconds, disagreeing = [], 0
    with tempfile.TemporaryDirectory() as directory:
        for number, each in enumerate(sample, 1):
            began = time.monotonic()
            kind = tried(each, Path(directory))
            seconds.append(time.monotonic() - began)
            agrees = kind in fitting(each)
            disagreeing += not agrees
            oracles = ", ".join(dict.fromkeys(kill.oracle for kill in each.kills))
            print(
                f"[{number}/{len(sample)}] {'agree' if agrees else 'DISAGREE'}: {each.status}"
                f"{f' by {oracles}' if oracles else ''}, {kind}: {each.operator} {each.path}:{each.line}"
                f" ({each.seconds:.0f} s, tdi try {seconds[-1]:.0f} s)",
                flush=True,
            )
    print(f"{len(sample) - disagreeing} of {len(sample)} agree")
    costs(found.mutants, seconds)
    return 1 if disagreeing else 0


def has_a_verdict(each: MutantResult) -> bool:
    """Whether `tdi try` can say anything of this mutant."""
    by_own_checks = any(kill.oracle is Oracle.OWN_CHECKS for kill in each.kills)
    return each.status in {Status.KILLED, Status.SURVIVED, Status.EQUIVALENT} and not by_own_checks


def chosen(results: Sequence[MutantResult], count: int, seed: int) -> list[MutantResult]:
    """Some of the results: of each status and oracle in turn, so that the rare ones are among them."""
    shuffled = random.Random(seed).sample(list(results), len(results))  # noqa: S311 (no secret)
    turn: Counter[str] = Counter()
    turns = []
    for each in shuffled:
        kind = f"{each.status} {each.kills[0].oracle if each.kills else ''}"
        turns.append((turn[kind], each.id, each))
        turn[kind] += 1
    return [each for _, _, each in sorted(turns, key=lambda pair: pair[:2])][:count]


def fitting(each: MutantResult) -> set[str]:
    """The classes that fit what came of a mutant."""
    noticed = [kill.oracle for kill in each.kills if kill.oracle is not Oracle.PLAN]
    if not noticed:
        return {"pass"}
    every = {"breaks-new", "breaks-provisioned", "breaks-both", "drops-requests", "not-idempotent", "drift"}
    return FITS.get(noticed[0], every)


def tried(each: MutantResult, directory: Path) -> str:
    """The class that `tdi try` gives the mutant as a patch."""
    patch, result = directory / f"{each.id}.patch", directory / f"{each.id}.json"
    patch.write_text(each.diff, encoding="utf-8")
    words = [sys.executable, "-m", "tdi", "try", str(patch), "--json", str(result)]
    subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if not result.exists():
        return "no result"
    (said,) = json.loads(result.read_text(encoding="utf-8"))["patches"].values()
    return str(said["class"])


def costs(results: Sequence[MutantResult], seconds: Sequence[float]) -> None:
    """Print what mutants cost by status, and the median against that of a verdict."""
    for status in Status:
        mine = [each.seconds for each in results if each.status is status]
        if mine:
            print(f"{status}: {len(mine)}, median {statistics.median(mine):.0f} s")
    if seconds:
        one, verdict = statistics.median([each.seconds for each in results]), statistics.median(seconds)
        print(f"median of all {one:.1f} s, of tdi try {verdict:.1f} s: {one / verdict:.2f} times, jobs at once aside")


if __name__ == "__main__":
    sys.exit(main())
