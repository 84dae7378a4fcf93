"""Each environment variable of ours has one reader: whoever wonders what it does looks in one place."""

import ast
from collections import defaultdict
from pathlib import Path

from tdi import settings

SOURCES = Path(settings.__file__).parent


def _constants(tree: ast.Module) -> dict[str, str]:
    """The names that stand for a string in a module."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _read(tree: ast.Module) -> set[str]:
    """The variables of ours that a module reads: `os.environ.get(…)`, `os.environ[…]`, `… in os.environ`, `getenv`."""
    known = _constants(tree)
    asked: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"os.environ.get", "os.getenv", "getenv"}:
            asked.append(node.args[0])
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            if isinstance(node.ctx, ast.Load):
                asked.append(node.slice)
        elif isinstance(node, ast.Compare) and any(ast.unparse(right) == "os.environ" for right in node.comparators):
            asked.append(node.left)
    names = {known.get(ast.unparse(each), "") if isinstance(each, ast.Name) else "" for each in asked}
    names |= {each.value for each in asked if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    return {name for name in names if name.startswith("TDI_")}


def readers() -> dict[str, set[str]]:
    found = defaultdict(set)
    for file in SOURCES.rglob("*.py"):
        for name in _read(ast.parse(file.read_text(encoding="utf-8"))):
            found[name].add(file.relative_to(SOURCES).as_posix())
    return dict(found)


def test_each_variable_has_one_reader():
    several = {name: files for name, files in readers().items() if len(files) > 1}
    # Ansible's callback plugin and its action may import nothing of ours.
    assert several == {}


def test_what_the_page_of_settings_lists_is_read_from_the_settings():
    page = (SOURCES.parents[1] / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    table = page.partition("| variable |")[2].partition("\n\n")[0]
    named = {word.partition("=")[0] for word in table.split("`") if word.startswith("TDI_")}
    assert named
    assert {name for name, files in readers().items() if files == {"settings.py"}} == named
