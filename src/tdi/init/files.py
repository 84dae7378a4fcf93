"""The files of a verdict: their text, by what was found in a project."""

import os
from pathlib import Path
from typing import Any

import yaml

from tdi.init.survey import Survey
from tdi.molecule.scenario import DRIVER

_TEMPLATES = Path(__file__).with_name("templates")
_WORKFLOWS = Path(__file__).parents[1] / "project_files" / "ci"
_DROPPED = {"ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_COLLECTIONS_PATHS", "ANSIBLE_HOME", "ANSIBLE_CONFIG"}
"""Variables of a scenario that say where things lie on its author's machine."""

CI = {
    "github": (".github/workflows/tdi.yml", "github.yml"),
    "gitlab": (".gitlab-ci.yml", "gitlab.yml"),
}
"""Who runs it → where the workflow is, and what it is made of."""

IGNORED = ("artifacts/",)
"""Lines of .gitignore."""


def texts(found: Survey, ci: str | None = None) -> dict[Path, str]:
    """What each file is to hold, by its path from the project's root."""
    place = found.scenarios.relative_to(found.root)
    files = {
        place / "fresh" / "molecule.yml": _molecule(
            found, "machine-1", "base", "fresh: does it work on an empty machine?"
        ),
        place / "upgrade" / "molecule.yml": _molecule(
            found, "machine-2", "production", "upgrade: does it work on production as it is?"
        ),
        place / "rules.yml": _template("rules.yml"),
        **{place / "verifier" / name: _template(name) for name in ("test_example.py", "test_state.py")},
    }
    if "converge" not in found.playbooks:
        files[place / "fresh" / "converge.yml"] = _converge(found)
    if ci:
        path, template = CI[ci]
        files[Path(path)] = (_WORKFLOWS / template).read_text(encoding="utf-8")
    return files


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _molecule(found: Survey, machine: str, image: str, question: str) -> str:
    playbooks = {**found.playbooks, "converge": found.playbooks.get("converge", "../fresh/converge.yml")}
    order = ("prepare", "converge", "verify")
    provisioner: dict[str, Any] = {
        "name": "ansible",
        "playbooks": {step: playbooks[step] for step in order if step in playbooks},
    }
    if found.config:
        provisioner["config_options"] = found.config
    if found.inventory:
        provisioner["inventory"] = found.inventory
    environment = {key: value for key, value in found.environment.items() if key not in _DROPPED}
    if environment:
        provisioner["env"] = environment
    platform: dict[str, Any] = {"name": machine, "image": image}
    if found.groups:
        platform["groups"] = list(found.groups)
    document = {
        "driver": {"name": DRIVER},
        "platforms": [platform],
        "provisioner": provisioner,
        "verifier": {"name": "testinfra", "directory": "../verifier"},
    }
    return f"---\n# {question}\n{_dump(document)}"


_REFRESH = {
    "name": "Refresh the package lists",
    "ansible.builtin.apt": {"update_cache": True, "cache_valid_time": 3600},
    "changed_when": False,
}
_WHY_REFRESH = """\
# A new machine has no package lists. Take the first task away where the role
# fetches them: that it does is tested then.
"""


def _converge(found: Survey) -> str:
    if found.site:
        site = os.path.relpath(found.root / found.site, found.scenarios / "fresh")
        return f"---\n{_dump([{'name': 'Converge', 'ansible.builtin.import_playbook': site}])}"
    play = {"name": "Converge", "hosts": "all", "pre_tasks": [_REFRESH]}
    return f"---\n{_WHY_REFRESH}{_dump([{**play, 'roles': [{'role': role} for role in found.roles]}])}"


class _Indented(yaml.SafeDumper):
    """Indents lists below their keys, as linters want it."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Begin a deeper level."""
        super().increase_indent(flow, indentless=False)


def _dump(document: Any) -> str:
    return yaml.dump(
        document, Dumper=_Indented, sort_keys=False, default_flow_style=False, width=78, allow_unicode=True
    )
