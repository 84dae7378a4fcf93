"""The collector as it is sent: one program, imported from memory, of the standard library only."""

import ast
import json
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

from by_program import PYTHON, changed

from tdi.state.program import COLLECTOR, program

MODULES = {
    ".".join(path.relative_to(COLLECTOR.parents[1]).with_suffix("").parts).removesuffix(".__init__"): path
    for path in COLLECTOR.rglob("*.py")
}


def imported(module: Path) -> set[str]:
    """What a module imports when it is run, or in a function; not what only a type checker sees."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    only_types = [node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    left_out = {id(inside) for node in only_types for inside in ast.walk(node)}
    found = [node for node in ast.walk(tree) if id(node) not in left_out]
    names = {alias.name for node in found if isinstance(node, ast.Import) for alias in node.names}
    return names | {str(node.module) for node in found if isinstance(node, ast.ImportFrom)}


def test_modules_import_the_standard_library_and_each_other_without_a_circle():
    ours = {name: {each for each in imported(path) if each.startswith("tdi")} for name, path in MODULES.items()}
    others = {each.partition(".")[0] for path in MODULES.values() for each in imported(path)} - {"tdi"}
    assert others <= sys.stdlib_module_names
    assert {each for names in ours.values() for each in names} <= MODULES.keys()
    assert {*TopologicalSorter(ours).static_order()} == MODULES.keys()


def test_a_mistake_is_told_with_the_file_and_the_line_as_they_are_here(tmp_path: Path):
    line = "    settings = Settings("
    sent = changed(program(), line, f"    {{}}['mistake']\n{line}")
    done = subprocess.run([sys.executable, *PYTHON], input=sent, capture_output=True, cwd=tmp_path, check=False)
    lines = (COLLECTOR / "record.py").read_text(encoding="utf-8").split("\n")
    number = next(number for number, text in enumerate(lines, 1) if text.startswith(line))
    said = done.stderr.decode().split("\n")
    at = said.index(f'  File "tdi/collector/record.py", line {number}, in main')
    assert said[at + 1] == "    {}['mistake']"
    assert said[-2] == "KeyError: 'mistake'"
    assert done.returncode == 1


def test_a_mistake_in_a_process_of_its_own_is_told(tmp_path: Path):
    line = "    walk = Walk(machine)\n"
    sent = changed(program(), line, f"{line}    {{}}['mistake']\n")
    settings = json.dumps({"scopes": ["files"], "root": str(tmp_path)})
    done = subprocess.run([sys.executable, *PYTHON, settings], input=sent, capture_output=True, check=False)
    assert done.stderr.decode() == "collector: KeyError: 'mistake'\n"


def test_a_module_that_cannot_be_imported_fails_the_record_and_is_told(tmp_path: Path):
    sent = changed(program(), "def limits(machine", "raise KeyError('mistake')\ndef limits(machine")
    settings = json.dumps({"root": str(tmp_path)})
    done = subprocess.run([sys.executable, *PYTHON, settings], input=sent, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().endswith("\nKeyError: 'mistake'\n")
