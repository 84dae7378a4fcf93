"""DESIGN.md says what is there, and the layers are as it says: read from the sources, so that it stays so."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import design

LAYERS = re.findall(r"(?m)^\d+\. ((?:`\w+`(?:, )?)+)", design.PAGE.read_text(encoding="utf-8"))
"""The numbered list of DESIGN.md, the lowest first: what stands in one line is on one level."""


TEMPLATES = design.SOURCES / "init" / "templates"
"""What projects get: it knows of tdi what every project may, and nothing of tdi imports it."""


def _level() -> dict[str, int]:
    return {name: number for number, line in enumerate(LAYERS) for name in re.findall(r"`(\w+)`", line)}


def _place(module: str) -> str:
    """What of tdi a module belongs to: a package, or itself."""
    return module.split(".")[1]


def imports(text: str, own: str) -> Iterator[str]:
    """The modules of tdi that a text imports, wherever in it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"tdi.{each.name}" for each in node.names] if node.module == "tdi" else [node.module]
        else:
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        yield from (name for name in names if name.startswith("tdi.") and name not in {own, "tdi.__version__"})


def _modules() -> dict[str, str]:
    found = {}
    for file in design.SOURCES.rglob("*.py"):
        if file.is_relative_to(TEMPLATES):
            continue
        parts = file.relative_to(design.SOURCES.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = file.read_text(encoding="utf-8")
    return found


def test_the_page_lists_every_module_with_what_it_says_of_itself():
    assert design.page() == design.PAGE.read_text(encoding="utf-8"), "python tests/design.py writes it"


def test_every_module_says_in_a_sentence_what_it_is():
    said = {file: design.sentence(file) for file in design.SOURCES.rglob("*.py")}
    assert not [str(file) for file, text in said.items() if len(text) < 10 or text[-1] not in ".:"]


def test_every_package_has_its_layer_and_none_is_there_that_is_gone():
    there = {_place(name) for name in _modules() if "." in name} - {"__main__"}
    assert set(_level()) == there


def test_nothing_imports_what_stands_above_it():
    level = _level()
    wrong = [
        f"{name} imports {other}"
        for name, text in _modules().items()
        if "." in name and name != "tdi.__main__"
        for other in imports(text, name)
        if level[_place(other)] > level[_place(name)]
    ]
    assert not wrong


def test_what_stands_on_one_level_does_not_know_each_other():
    level = _level()
    pairs = {
        (_place(name), _place(other))
        for name, text in _modules().items()
        if "." in name and name != "tdi.__main__"
        for other in imports(text, name)
    }
    assert not [(one, other) for one, other in pairs if one != other and level[one] == level[other]]


def test_an_import_is_seen_wherever_it_stands():
    text = "def f():\n    from tdi.verdict import run\n    import tdi.state.compare\nfrom tdi import settings\n"
    assert set(imports(text, "tdi.x")) == {"tdi.verdict", "tdi.state.compare", "tdi.settings"}


def _circles(graph: dict[str, set[str]]) -> set[str]:
    """The modules that reach themselves through what they import at their head."""
    found = set()
    for start, known in graph.items():
        seen: set[str] = set()
        left = list(known)
        while left:
            at = left.pop()
            if at not in seen:
                seen.add(at)
                left += graph.get(at, ())
        if start in seen:
            found.add(start)
    return found


def test_no_module_imports_itself_in_a_circle():
    modules = _modules()
    graph: dict[str, set[str]] = defaultdict(set)
    for name, text in modules.items():
        for node in ast.parse(text).body:
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tdi"):
                for each in node.names:
                    full = f"{node.module}.{each.name}"
                    graph[name].add(full if full in modules else node.module)
    assert not _circles(graph)


@pytest.mark.parametrize(
    ("graph", "circles"), [({"a": {"b"}, "b": {"a"}}, {"a", "b"}), ({"a": {"b"}, "b": set()}, set())]
)
def test_a_circle_is_seen(graph: dict[str, set[str]], circles: set[str]):
    assert _circles(graph) == circles


def test_no_module_is_longer_than_one_can_know():
    longest = max((len(text.splitlines()), name) for name, text in _modules().items())
    assert longest[0] <= 700, longest


def test_the_list_ends_where_it_should():
    assert Path(design.PAGE).read_text(encoding="utf-8").count(design.BEGIN) == 1
