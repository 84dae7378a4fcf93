"""Reports of a comparison: for a terminal, for programs, for a pull request, for a browser.

What comes from a machine is never trusted: `printable` takes away everything that is not a visible character, and each
report escapes what means something in its own format.
"""

from collections import Counter
from collections.abc import Sequence
from json import dumps  # `json` is the report for programs
from typing import Any

from tdi.outside.console import printable
from tdi.state.compare import Comparison, Result
from tdi.state.finding import Severity
from tdi.state.varying.taken import Varying

__all__ = ["amount", "examples", "printable", "shown", "varying", "verdict"]


def shown(value: Any) -> str:
    """Return a value of a record, safe to print: the members of a list, or the parts of an object, with commas."""
    if isinstance(value, dict):
        value = [f"{name}: {_flat(part)}" for name, part in sorted(value.items())]
    if isinstance(value, list):
        return printable(", ".join(map(_flat, value)) or "none")
    return printable(_flat(value))


def _flat(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value, sort_keys=True)


def verdict(comparison: Comparison) -> tuple[str, ...]:
    """Lines: what the comparison says, what it rests on, what it leaves out, and where nobody looked, if anywhere."""
    counts = Counter(finding.severity for finding in comparison.findings)
    by_severity = ", ".join(f"{counts[severity]:,} {severity}" for severity in Severity if counts[severity])
    found = amount(len(comparison.findings), "finding")
    if by_severity:
        found += f" ({by_severity})"
    names = f"The {comparison.names.a} and the {comparison.names.b} machine"
    first = {
        Result.SAME: f"{names} are in the same state.",
        Result.DIFFERENT: f"{names} are not in the same state: {found}.",
        Result.UNKNOWN: f"{names} could not be compared completely; what could be: {found}.",
    }[comparison.result]
    if comparison.problems:
        first += f" {amount(len(comparison.problems), 'problem')} with the rules."
    objects = amount(sum(comparison.compared.values()), "object")
    suppressed = amount(sum(comparison.suppressed.values()), "difference")
    rules = amount(len(comparison.suppressed), "rule")
    second = f"Compared {objects} in {amount(len(comparison.compared), 'scope')}; {suppressed} suppressed by {rules}."
    if comparison.varying:
        count = sum(group.objects for group in comparison.varying)
        second = second[:-1] + f"; of {amount(count, 'object')} what varies was not compared."
    if comparison.from_bases:
        second = second[:-1] + f"; {amount(len(comparison.from_bases), 'finding')} from the base images alone."
    missing = "; ".join(f"{scope}: {reason}" for scope, reason in sorted(comparison.not_compared.items()))
    left = ", ".join(f"{path} ({why})" for path, why in comparison.not_walked.items())
    return first, second, f"Not compared: {missing or 'nothing'}.", *((f"Not walked: {left}.",) if left else ())


def varying(groups: Sequence[Varying]) -> str:
    """The heading of what varies; empty if nothing was left out because of it."""
    return f"Varies, and was not compared: {amount(sum(group.objects for group in groups), 'object')}" if groups else ""


def examples(group: Varying) -> str:
    """Some of the objects of a group, and how many more there are."""
    more = group.objects - len(group.examples)
    return ", ".join((*group.examples, *((f"… and {more:,} more",) if more else ())))


def amount(count: int, noun: str) -> str:
    """Return a count with its noun: "1 finding", "5,000 findings"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
