"""One module starts programs, and one speaks with each: read from the sources, so that it stays so."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import tdi

SOURCES = Path(tdi.__file__).parent

STARTER = "outside/process.py"

SPEAKS = {
    "docker": "outside/docker.py",
    "ansible-playbook": "outside/ansible.py",
    "ansible-inventory": "outside/ansible.py",
    "ansible-galaxy": "outside/ansible.py",
    "git": "outside/git.py",
    "pytest": "outside/pytest_run.py",
    "molecule": "molecule/supervision.py",
    "ssh": "state/recording.py",
}
"""Program → the module that calls it; nothing else does."""

EXCEPTIONS = {
    ("machines/reaper.py", "starts programs"): "It outlives the run and imports nothing of ours, to start in no time.",
    ("machines/reaper.py", "docker"): "The same: it removes the containers of a run that was killed.",
    ("project.py", "molecule"): "It is a directory there, where Molecule looks for scenarios.",
    ("collector/", "starts programs"): "It runs on the machines, where there is nothing of ours but itself.",
}
"""Who may do it nevertheless, and why: a module, or with a slash at the end all of a package."""

STARTING_MODULES = {"subprocess", "pty", "multiprocessing"}
STARTING_CALLS = ("os.exec", "os.spawn", "os.posix_spawn", "os.system", "os.popen", "os.fork", "asyncio.create_subproc")
IN_FRONT = {"env", "sudo", "setsid", "timeout", "nice", "sh"}
"""Programs that start another one: the word that counts comes after them."""


def _starts(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(each.name in STARTING_MODULES for each in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and node.module in STARTING_MODULES:
            return True
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            names = [f"os.{each.name}" for each in node.names]
        else:
            names = [ast.unparse(node.func)] if isinstance(node, ast.Call) else []
        if any(name.startswith(STARTING_CALLS) for name in names):
            return True
    return False


def _called(tree: ast.Module) -> Iterator[str]:
    """The programs that lists of words begin with, whatever stands in front of them, and those that no list hides."""
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple):
            words = [each.value for each in node.elts if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            words = [word for word in words if word not in IN_FRONT and not word.startswith("-") and "=" not in word]
            yield from words[:1]
        elif isinstance(node, ast.Constant) and node.value in {
            "ansible-playbook",
            "ansible-inventory",
            "ansible-galaxy",
        }:
            yield node.value


def _found(text: str) -> set[str]:
    """What a module does of what only one module may do."""
    tree = ast.parse(text)
    return {*(name for name in _called(tree) if name in SPEAKS), *(["starts programs"] if _starts(tree) else [])}


@pytest.fixture(scope="module")
def doers() -> dict[str, set[str]]:
    """What is done → the modules that do it."""
    found = defaultdict(set)
    for file in SOURCES.rglob("*.py"):
        for what in _found(file.read_text(encoding="utf-8")):
            found[what].add(file.relative_to(SOURCES).as_posix())
    return dict(found)


def _excepted(module: str, what: str) -> tuple[str, str] | None:
    return next((each for each in EXCEPTIONS if each[1] == what and (module + "/").startswith(each[0])), None)


def test_one_module_starts_programs(doers):
    assert {each for each in doers["starts programs"] if not _excepted(each, "starts programs")} == {STARTER}


@pytest.mark.parametrize("program", SPEAKS)
def test_one_module_speaks_with_each_program(doers, program: str):
    assert {each for each in doers[program] if not _excepted(each, program)} == {SPEAKS[program]}


def test_every_exception_is_needed_and_has_a_reason(doers):
    used = {_excepted(module, what) for what, modules in doers.items() for module in modules}
    assert set(EXCEPTIONS) <= used
    assert all(reason.endswith(".") for reason in EXCEPTIONS.values())


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("import subprocess", "starts programs"),
        ("def late():\n    from subprocess import run", "starts programs"),
        ("import os\nos.execvp('a', ['a'])", "starts programs"),
        ("from os import posix_spawn", "starts programs"),
        ("process.run(['docker', 'ps'])", "docker"),
        ("words = [*prefix, 'env', f'A={a}', 'git', 'log']", "git"),
        ("process.run([sys.executable, '-m', 'pytest'])", "pytest"),
        ("command = ('sudo', '-n', 'docker')", "docker"),
        ("program = bin / 'ansible-playbook'", "ansible-playbook"),
    ],
)
def test_it_is_seen_however_it_is_written(text: str, what: str):
    assert what in _found(text)


def test_a_name_that_is_only_mentioned_is_no_call():
    assert _found("which('docker')\nprocess.run(['systemctl', 'start', 'docker'])\nNEEDED = ('make', 'git')") == set()
