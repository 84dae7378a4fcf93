"""Writes the tables of docs/state.md from the code: `python -m tdi.state.reference` puts them in place.

Each table stands between two markers, so that what is around it is written by hand. A test holds the page against the
code.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tdi.collector.scopes import registry
from tdi.errors import ExitCode
from tdi.state import explain
from tdi.state.allowances import Direction
from tdi.state.finding import Kind, Severity
from tdi.state.schema import schema
from tdi.state.scopes.registry import BUILT_IN, SCOPES, known
from tdi.state.scopes.scope import example

PAGE = Path(__file__).parents[3] / "docs" / "state.md"

_KINDS = {
    Kind.ONLY_A: "the object is on the first machine only; with a fleet: on the reference only",
    Kind.ONLY_B: "the object is on the second machine only; with a fleet: on the hosts that are named",
    Kind.CHANGED: "the object is on both, and the attributes that are named differ",
}
_SEVERITIES = {
    Severity.SECURITY: "somebody may do what they could not do before, or trust changes",
    Severity.SERVICE: "what runs is another thing, or behaves in another way",
    Severity.CONFIGURATION: "a setting differs that is neither of these",
    Severity.LEFT_OVER: "something was not cleaned up",
}
_CODES = {
    ExitCode.HOLDS: "the machines, or all hosts, are in the same state",
    ExitCode.DOES_NOT_HOLD: "they are not, something is wrong on a host by itself, or an allowance is not needed any "
    "more or has expired",
    ExitCode.COULD_NOT_RUN: "that cannot be said: bad input, a machine out of reach, something not recorded. It comes "
    "before 1, and the report has what was found nevertheless",
    ExitCode.INTERRUPTED: "interrupted",
}
_KEYS = {
    "scope": "the scope of the object",
    "match": "a regular expression for its key, from `^` to `$`",
    "reason": "why this may differ; reports show it",
    "attributes": "the attributes that may differ; without it all of an object that is on both machines",
    "direction": "where the difference may be; without it `any`",
    "value": "what attributes must be for it to hold, as `{a: {…}, b: {…}}`",
    "until": "the last day on which it holds, as YYYY-MM-DD",
}
_NEEDED = ("scope", "match", "reason")


def scopes() -> str:
    """The scopes with what they hold and the attributes of their objects."""
    properties = schema()["properties"]["scopes"]["properties"]
    rows = []
    for name in sorted(properties):
        said = known(name).holds or str(registry.SCOPES[name].__doc__).strip()
        attributes = ", ".join(f"`{attribute}`" for attribute in _attributes(name)) or "its own"
        rows.append((f"`{name}`", said, attributes))
    return _table(("scope", "what it holds", "attributes of an object"), rows)


def attributes() -> str:
    """What attributes mean or may be, where their names do not say it."""
    rows = []
    for scope in sorted(schema()["properties"]["scopes"]["properties"]):
        for name, described in _attributes(scope).items():
            said = [text for text in (_values(described), described.get("description", "")) if text]
            if said:
                rows.append((f"`{scope}`", f"`{name}`", "; ".join(said)))
    return _table(("scope", "attribute", "values and meaning"), rows)


def _attributes(scope: str) -> dict[str, dict[str, Any]]:
    objects = schema()["properties"]["scopes"]["properties"][scope]["properties"]["objects"]
    return dict(_resolved(objects["additionalProperties"]).get("properties", {}))


def _resolved(described: dict[str, Any]) -> dict[str, Any]:
    """A part of the schema with the definition that it refers to."""
    reference = described.get("$ref")
    return {**schema()["$defs"][reference.rpartition("/")[2]], **described} if reference else described


def _values(described: dict[str, Any]) -> str:
    values = described.get("enum", [described["const"]] if "const" in described else [])
    return ", ".join(f"`{str(value).lower() if isinstance(value, bool) else value}`" for value in values)


def built_in_rules() -> str:
    """The built-in rules with their reasons."""
    rows = []
    for rule in BUILT_IN:
        takes = ", ".join(f"`{name}`" for name in rule.attributes) or "the whole object"
        if rule.value:
            takes += f" where both are `{rule.value}`"
        must = "; **must differ**" if rule.must_differ else ""
        rows.append((f"`{rule.id}`", rule.scope, f"`{rule.match}`", f"{takes}{must}", rule.reason))
    return _table(("rule", "scope", "objects", "what it takes", "reason"), rows)


def severities() -> str:
    """The severities, worst first, with what has them."""
    by_severity: dict[Severity, list[str]] = {severity: [] for severity in Severity}
    examples = (pair for scope in SCOPES.values() for pair in scope.examples.items())
    for said, differences in examples:
        [severity] = {explain.severity(difference) for difference in differences}
        by_severity[severity].append(said)
    whole: dict[Severity, list[str]] = {severity: [] for severity in Severity}
    for scope in sorted(schema()["properties"]["scopes"]["properties"]):
        if not known(scope).examples:
            whole[explain.severity(example(scope, "x", Kind.CHANGED, "value"))].append(f"`{scope}`")
    rows = []
    for severity in Severity:
        listed = by_severity[severity]
        if whole[severity]:
            listed = [*listed, f"everything in {', '.join(whole[severity])}"]
        rows.append((f"`{severity}`", _SEVERITIES[severity], "; ".join(listed)))
    return _table(("severity", "what it means", "what has it"), rows)


def kinds() -> str:
    """The kinds of findings."""
    return _table(("kind", "what it means"), [(f"`{kind}`", _KINDS[kind]) for kind in Kind])


def rules_file() -> str:
    """The keys of an allowance."""
    directions = ", ".join(f"`{direction}`" for direction in Direction)
    rows = [
        (f"`{key}`", "yes" if key in _NEEDED else "", said + (f" ({directions})" if key == "direction" else ""))
        for key, said in _KEYS.items()
    ]
    return _table(("key", "needed", "what it says"), rows)


def exit_codes() -> str:
    """The exit codes."""
    return _table(("code", "what it says"), [(str(int(code)), _CODES[code]) for code in ExitCode])


TABLES: Mapping[str, Callable[[], str]] = {
    "scopes": scopes,
    "attributes": attributes,
    "built-in rules": built_in_rules,
    "severities": severities,
    "kinds": kinds,
    "rules file": rules_file,
    "exit codes": exit_codes,
}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    # A vertical line would end a cell, in code too.
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def up_to_date(page: str) -> str:
    """The page with each of its tables as the code has it now. Raises ValueError for a table that it does not have."""
    for name, table in TABLES.items():
        begin, end = f"<!-- generated: {name} -->\n", "\n<!-- end -->"
        before, mark, rest = page.partition(begin)
        _, closing, after = rest.partition(end)
        if not mark or not closing:
            raise ValueError(f"the page has no place for the table {name!r}")
        page = f"{before}{begin}\n{table()}\n{end}{after}"
    return page


def main(page: Path = PAGE) -> int:
    """Put the tables in place; 1 if there was something to do."""
    before = page.read_text(encoding="utf-8")
    after = up_to_date(before)
    page.write_text(after, encoding="utf-8")
    return int(after != before)


if __name__ == "__main__":
    sys.exit(main())
