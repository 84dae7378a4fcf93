"""DESIGN.md's list of modules, made of what each module says of itself in its first sentence."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "DESIGN.md"
SOURCES = ROOT / "src" / "tdi"
BEGIN, END = "<!-- modules -->\n", "<!-- end -->\n"


def sentence(file: Path) -> str:
    """The first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def modules() -> str:
    """The list: a section a package, its own sentence first, then a line for each of its modules."""
    parts = []
    for directory in sorted({file.parent for file in SOURCES.rglob("*.py")}, key=lambda path: path.parts):
        name = ".".join(("tdi", *directory.relative_to(SOURCES).parts))
        files = [file for file in sorted(directory.glob("*.py")) if file.name != "__init__.py"]
        lines = [f"- `{file.name}`: {sentence(file)}\n" for file in files]
        own = directory / "__init__.py"
        parts.append(
            f"### {name}\n\n{sentence(own) if own.exists() else ''}\n" + (f"\n{''.join(lines)}" if lines else "")
        )
    return "\n".join(parts)


def page() -> str:
    """The whole page, its list of modules as it must be now."""
    text = PAGE.read_text(encoding="utf-8")
    return re.sub(f"(?s)(?<={BEGIN}).*(?={END})", lambda _: f"\n{modules()}\n", text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
