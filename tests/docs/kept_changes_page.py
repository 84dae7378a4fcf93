"""Writes docs/reference/kept-changes.md from the verdicts on the kept changes.

tdi try --kept --json artifacts/kept-changes.json
python tests/docs/kept_changes_page.py artifacts/kept-changes.json
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "kept-changes.md"
EXPECTED = ROOT / "changes" / "expected.yml"

HEAD = """# Kept changes and who notices them

`python tests/docs/kept_changes_page.py` writes this page from the verdicts of `tdi try --kept --json FILE`; what each
change is, and why it looks right, is in `changes/README.md`. A machine goes no further than the first step at which it
does not work, so a cross stands for what noticed the change *first* on a machine; the load, the second run and the
comparison are asked of every machine that works. *Tests* are those of the project and what must hold on any machine.

"""

COLUMNS = (
    ("new: converge", "fresh", ("create", "converge")),
    ("new: tests", "fresh", ("verify", "record")),
    ("production: converge", "upgrade", ("create", "converge")),
    ("production: load", "upgrade", ("load",)),
    ("production: tests", "upgrade", ("verify", "record")),
)
SECOND_RUN, SAME_STATE = "second run", "same state"


def noticed(verdict: dict[str, Any]) -> list[str]:
    """The columns that have a cross."""
    steps = {machine: verdict[machine].get("steps", {}) for machine in ("fresh", "upgrade")}
    found = [name for name, machine, of in COLUMNS if any(steps[machine].get(step) == "fail" for step in of)]
    if any(each.get("idempotence") == "fail" for each in steps.values()):
        found.append(SECOND_RUN)
    if verdict["same_state"]["result"] == "different":
        found.append(SAME_STATE)
    return found


def rows(verdicts: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The table, and who alone noticed what."""
    names = [*(name for name, _, _ in COLUMNS), SECOND_RUN, SAME_STATE]
    yield f"| change | class | {' | '.join(names)} |"
    yield f"|---|---|{'---|' * len(names)}"
    alone: dict[str, list[str]] = {}
    for change in yaml.safe_load(EXPECTED.read_text(encoding="utf-8")):
        verdict = verdicts[change]
        found = noticed(verdict)
        crosses = ["x" if name in found else "" for name in names]
        short = change.removesuffix(".patch")
        yield f"| `{short}` | `{verdict['class']}` | {' | '.join(crosses)} |"
        if len(found) == 1:
            alone.setdefault(found[0], []).append(short.partition("/")[2].partition("-")[0])
    yield ""
    yield "Noticed by one alone:"
    yield ""
    for name in names:
        if name in alone:
            yield f"- {name}: {', '.join(alone[name])}"


def page(verdicts: dict[str, dict[str, Any]]) -> str:
    """The whole page. Raises KeyError where a kept change has no verdict."""
    return HEAD + "\n".join(rows(verdicts)) + "\n"


def main() -> None:
    """Write the page from the file of verdicts that is named."""
    said = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["patches"]
    verdicts = {"/".join(Path(name).parts[-2:]): verdict for name, verdict in said.items()}
    PAGE.write_text(page(verdicts), encoding="utf-8")


if __name__ == "__main__":
    main()
