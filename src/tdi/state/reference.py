"""Writes the tables of docs/reference/ from the code: `python -m tdi.state.reference` puts them in place.

Each table stands between two markers, so that what is around it is written by hand. A test holds the pages against the
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

PAGES = Path(__file__).parents[3] / "docs" / "reference"

KINDS = {
    Kind.ONLY_A: "the object is on the first machine only; with a fleet: on the reference only",
    Kind.ONLY_B: "the object is on the second machine only; with a fleet: on the hosts that are named",
    Kind.CHANGED: "the object is on both, and the attributes that are named differ",
}
SEVERITIES = {
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
        attributes = ", ".join(f"`{attribute}`" for attribute in attributes_of(name)) or "its own"
        rows.append((f"`{name}`", holds(name), attributes))
    return _table(("scope", "what it holds", "attributes of an object"), rows)


def holds(scope: str) -> str:
    """What a scope holds, in a sentence."""
    return known(scope).holds or str(registry.SCOPES[scope].__doc__).strip().partition("\n\n")[0]


def attributes() -> str:
    """What attributes mean or may be, where their names do not say it."""
    rows = []
    for scope in sorted(schema()["properties"]["scopes"]["properties"]):
        for name, described in attributes_of(scope).items():
            said = [text for text in (_values(described), described.get("description", "")) if text]
            if said:
                rows.append((f"`{scope}`", f"`{name}`", "; ".join(said)))
    return _table(("scope", "attribute", "values and meaning"), rows)


def attributes_of(scope: str) -> dict[str, dict[str, Any]]:
    """The attributes of a scope's objects that the schema knows → what it says of each."""
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
    rows = []
    for severity in Severity:
        listed = [said for scope in SCOPES.values() if scope.examples for said in how_bad(scope.name).get(severity, ())]
        whole = [
            f"`{name}`"
            for name in sorted(schema()["properties"]["scopes"]["properties"])
            if not known(name).examples and severity in how_bad(name)
        ]
        if whole:
            listed = [*listed, f"everything in {', '.join(whole)}"]
        rows.append((f"`{severity}`", SEVERITIES[severity], "; ".join(listed)))
    return _table(("severity", "what it means", "what has it"), rows)


def how_bad(scope: str) -> dict[Severity, list[str]]:
    """How bad differences of a scope are, worst first: each severity that there is → what of the scope has it."""
    found: dict[Severity, list[str]] = {severity: [] for severity in Severity}
    for said, differences in known(scope).examples.items():
        [severity] = {explain.severity(difference) for difference in differences}
        found[severity].append(said)
    if not known(scope).examples:
        found[explain.severity(example(scope, "x", Kind.CHANGED, "value"))].append("whatever differs")
    return {severity: said for severity, said in found.items() if said}


def kinds() -> str:
    """The kinds of findings."""
    return _table(("kind", "what it means"), [(f"`{kind}`", KINDS[kind]) for kind in Kind])


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


TABLES: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "scopes-and-rules.md": {
        "scopes": scopes,
        "attributes": attributes,
        "kinds": kinds,
        "severities": severities,
        "built-in rules": built_in_rules,
        "rules file": rules_file,
    },
    "exit-codes.md": {"exit codes": exit_codes},
}
"""Page → its tables."""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    # A vertical line would end a cell, in code too.
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def up_to_date(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """The page with each of its tables as the code has it now. Raises ValueError for a table that it does not have."""
    for name, table in tables.items():
        begin, end = f"<!-- generated: {name} -->\n", "\n<!-- end -->"
        before, mark, rest = text.partition(begin)
        _, closing, after = rest.partition(end)
        if not mark or not closing:
            raise ValueError(f"the page has no place for the table {name!r}")
        text = f"{before}{begin}\n{table()}\n{end}{after}"
    return text


def main(pages: Path = PAGES) -> int:
    """Put the tables in place; 1 if there was something to do."""
    changed = False
    for name, tables in TABLES.items():
        page = pages / name
        before = page.read_text(encoding="utf-8")
        after = up_to_date(before, tables)
        page.write_text(after, encoding="utf-8")
        changed |= after != before
    return int(changed)


if __name__ == "__main__":
    sys.exit(main())
