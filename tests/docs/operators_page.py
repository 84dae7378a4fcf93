"""Writes docs/reference/mutation-operators.md from the operators themselves: `python tests/docs/operators_page.py`."""

from difflib import ndiff
from pathlib import Path

from tdi.mutants.operators.operator import Operator
from tdi.mutants.operators.registry import KINDS, OPERATORS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "mutation-operators.md"

HEAD = f"""# Mutation operators

`python tests/docs/operators_page.py` writes this page from the operators themselves. There are {len(OPERATORS)}. Each
makes one edit in one place of a role's tasks, handlers, defaults, variables, templates, files or meta, and leaves
layout and comments as they are. None knows what the role is for.

Of each: the real fault that it is like, who should notice it (first, whoever should be the first), and an example, in
which `-` is the line before and `+` the line after.

Two edits that make the same text are one mutant, of the operator that stands first here.
"""


def example(operator: Operator) -> str:
    """The operator's example, line by line, with what the edit takes out and puts in."""
    lines = ndiff(operator.before.splitlines(), operator.after.splitlines())
    return "\n".join(line.rstrip() for line in lines if not line.startswith("?"))


def page() -> str:
    """The whole page, as it must be now."""
    parts = [HEAD]
    for kind, operators in KINDS.items():
        parts.append(f"## {kind}\n")
        for operator in operators:
            who = ", ".join(oracle.value for oracle in operator.killed_by)
            parts.append(f"### {operator.name}\n\n{operator.imitates}\n\nWho should notice: {who}.\n")
            parts.append(f"```diff\n{example(operator)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
