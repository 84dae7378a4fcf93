"""What a project has that a verdict can use: its kind, its converge, what its Molecule scenario says of machines."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tdi.content import ansible_cfg, roles, yaml_files
from tdi.errors import TdiError
from tdi.molecule import scenario
from tdi.molecule.scenario import NAMES

_OURS = {*NAMES, "verifier", "shared"}
"""Directories beside the scenarios that are not for others to take from."""

_PLAYBOOKS = {
    "prepare": ["prepare.yml"],
    "converge": ["converge.yml", "playbook.yml"],
    "verify": ["verify.yml"],
}
"""What a scenario's playbooks are called, where molecule.yml does not say."""

_SITE = ("site.yml", "site.yaml", "playbook.yml", "main.yml")
_OF_PLATFORM = re.compile("debian|ubuntu", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*")
_REACHES = re.compile(
    r"ansible_(?:user|host|port|connection|password|python_interpreter|(?:ssh|docker|podman|winrm|paramiko)_.*)"
)
_NOWHERE = {"localhost", "127.0.0.1", "all", "*"}


class Kind(StrEnum):
    """What a project is."""

    ROLE = "a role"
    COLLECTION = "a collection"
    PLAYBOOKS = "a playbook project"


@dataclass(frozen=True)
class Survey:
    """What was found in a project."""

    root: Path
    kind: Kind
    called: str
    """The name of the role, the collection or the directory."""
    scenarios: Path
    """Where Molecule's scenarios are, or are to be."""
    source: str | None = None
    """The scenario whose playbooks are used, where there is one."""
    playbooks: dict[str, str] = field(default_factory=dict)
    """`prepare`, `converge`, `verify` → where they are, from the directory of a scenario."""
    groups: tuple[str, ...] = ()
    inventory: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    """The roles that a converge of ours calls, where the project has none."""
    site: str = ""
    """The playbook that a converge of ours imports, where the project has one at its root."""
    remarks: tuple[str, ...] = ()
    """What was seen that people should know."""


def survey(root: Path, source: str | None = None) -> Survey:
    """Look at the project at `root`; `source` names the scenario to take playbooks from (default: `default`).

    Raises TdiError where it is no project, or where what it has cannot be used.
    """
    kind, called = _kind(root)
    scenarios = _scenarios(root, kind)
    taken = _source(scenarios, source)
    if taken is None:
        return _without_scenario(Survey(root, kind, called, scenarios))
    return _with_scenario(Survey(root, kind, called, scenarios, taken.name), taken)


def _kind(root: Path) -> tuple[Kind, str]:
    if (root / "galaxy.yml").is_file():
        collection = roles.collection_of(root)
        if collection is None:
            raise AssertionError(root)
        return Kind.COLLECTION, f"{collection.namespace}.{collection.name}"
    if roles.is_role(root):
        said = yaml_files.mapping(root / "meta" / "main.yml")
        name = (said.get("galaxy_info") or {}).get("role_name") if isinstance(said.get("galaxy_info"), dict) else None
        if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
            raise TdiError(
                f"{root}/meta/main.yml cannot be used: role_name is {name!r}, and that is no name of a role.",
                "A role's name has letters, digits and underscores.",
            )
        return Kind.ROLE, name or root.name
    if (root / "roles").is_dir() or _site(root):
        return Kind.PLAYBOOKS, root.name
    above = next((each for each in root.parents if roles.is_role(each) or (each / "galaxy.yml").is_file()), None)
    raise TdiError(
        f"{root} is no project: no role (tasks/main.yml), no collection (galaxy.yml), no roles/ and no site.yml.",
        f"Change into {above}."
        if above
        else "Change into the directory of a role, a collection or a playbook project.",
    )


def _scenarios(root: Path, kind: Kind) -> Path:
    extensions = root / "extensions" / "molecule"
    if extensions.is_dir() or (kind is Kind.COLLECTION and not (root / "molecule").is_dir()):
        return extensions
    return root / "molecule"


def _source(scenarios: Path, asked: str | None) -> Path | None:
    """The scenario to take playbooks from."""
    found = {
        file.parent.name: file.parent
        for file in sorted(scenarios.glob("*/molecule.yml"))
        if file.parent.name not in _OURS
    }
    if asked is not None:
        if asked not in found:
            known = f"There are: {', '.join(found)}." if found else "There is none to take from."
            raise TdiError(f"There is no scenario {asked} in {scenarios}.", known)
        return found[asked]
    if "default" in found or not found:
        return found.get("default")
    if len(found) > 1 and len({_converge_of(path) for path in found.values()}) > 1:
        raise TdiError(
            f"There is no scenario `default` in {scenarios} to take the playbooks from.",
            f"Name the one that converges the role: --from {'|'.join(found)}",
        )
    # Scenarios that differ in nothing but their machines: one that is of a distribution that machines have here.
    return next((found[name] for name in sorted(found, reverse=True) if _OF_PLATFORM.search(name)), min(found.values()))


def _converge_of(source: Path) -> str:
    """The converge playbook that a scenario names, wherever it is."""
    try:
        said = scenario.read(source / "molecule.yml", source.parents[1], os.environ)
    except TdiError:
        return str(source)
    named = {
        **((said.get("provisioner") or {}).get("playbooks") or {}),
        **((said.get("ansible") or {}).get("playbooks") or {}),
    }
    return str((source / str(named.get("converge", "converge.yml"))).resolve())


def _site(root: Path) -> str:
    return next((name for name in _SITE if (root / name).is_file()), "")


def _without_scenario(found: Survey) -> Survey:
    """A project that has no scenario: what to converge, and the variables of its inventory."""
    changes: dict[str, Any] = {}
    test = found.root / "tests" / "test.yml"
    if found.kind is Kind.ROLE and any(host not in {"localhost", "127.0.0.1"} for host in _hosts(test, set())):
        changes["playbooks"] = {**found.playbooks, "converge": _from_beside(test, found.scenarios)}
        changes["groups"] = tuple(_groups_of(test))
        changes["remarks"] = (*found.remarks, "there is no converge playbook; tests/test.yml is taken for one")
    elif found.kind is Kind.ROLE:
        changes["roles"] = (roles.name_on_galaxy(found.root),)
    else:
        own = tuple(sorted(path.name for path in (found.root / "roles").glob("*") if roles.is_role(path)))
        prefix = f"{found.called}." if found.kind is Kind.COLLECTION else ""
        site = _site(found.root) if found.kind is Kind.PLAYBOOKS else ""
        if site:
            changes["site"] = site
            changes["groups"] = tuple(_groups_of(found.root / site))
        elif own:
            changes["roles"] = tuple(prefix + name for name in own)
        else:
            raise TdiError(f"{found.root} has no role yet.", "A verdict is on a role: write one first.")
    changes["inventory"] = _variables_of(found)
    return _replaced(found, **changes)


def _with_scenario(found: Survey, source: Path) -> Survey:
    file = source / "molecule.yml"
    said = scenario.read(file, found.root, os.environ)
    provisioner, ansible = said.get("provisioner") or {}, said.get("ansible") or {}
    if not isinstance(provisioner, dict) or not isinstance(ansible, dict):
        raise TdiError(f"{file} cannot be used: `provisioner` is no mapping.", "Mend the file.")
    named = {**(provisioner.get("playbooks") or {}), **(ansible.get("playbooks") or {})}
    playbooks = {}
    for step, usual in _PLAYBOOKS.items():
        names = [named[step]] if step in named else usual
        path = next((source / name for name in names if name and (source / name).is_file()), None)
        if path:
            playbooks[step] = _from_beside(path, found.scenarios)
    remarks = []
    if "converge" not in playbooks:
        remarks.append(f"{source.name} has no converge playbook")
        found = _without_scenario(_replaced(found, playbooks=playbooks))
        playbooks = found.playbooks
    else:
        _check_hosts(source / named.get("converge", "converge.yml"), source)
    platforms = [each for each in said.get("platforms") or () if isinstance(each, dict)]
    first = platforms[0] if platforms else {}
    names = [str(each["name"]) for each in platforms if each.get("name") and "$" not in str(each["name"])]
    if len(platforms) > 1:
        remarks.append(
            f"{source.name} has {len(platforms)} platforms: machines here are like the first one, {names[:1]}"
        )
    groups = [*found.groups, *map(str, first.get("groups") or ()), *names[:1]]
    driver = (said.get("driver") or {}).get("name") or "default"
    remarks.append(f"{source.name} has the driver {driver}; the machines of a verdict are tdi's own")
    inventory = dict(provisioner.get("inventory") or {}) or found.inventory
    inventory = _by_groups(inventory, names)
    environment = {**(provisioner.get("env") or {}), **(ansible.get("env") or {})}
    config = _about_content({**(provisioner.get("config_options") or {}), **(ansible.get("cfg") or {})})
    return _replaced(
        found,
        playbooks={**playbooks},
        groups=tuple(dict.fromkeys(group for group in groups if group not in {"ungrouped", "all"})),
        inventory=inventory,
        environment={key: str(value) for key, value in environment.items()},
        config=config,
        remarks=(*found.remarks, *remarks),
    )


def _from_beside(path: Path, scenarios: Path) -> str:
    """A path as it is written in the molecule.yml of a scenario."""
    return os.path.relpath(path.resolve(), scenarios.resolve() / "fresh")


def _check_hosts(converge: Path, source: Path) -> None:
    """Raises TdiError for a converge that no machine could be meant by."""
    file = converge if converge.is_file() else source / "playbook.yml"
    plays = yaml_files.read(file)
    if not isinstance(plays, list) or not any(isinstance(play, dict) for play in plays):
        raise TdiError(f"{file} cannot be used: it is no list of plays.", "Mend the file.")
    hosts = list(_hosts(file, set()))
    if not hosts:
        raise TdiError(f"{file} cannot be used: no play of it has `hosts:`.", "Say `hosts: all`.")
    if all(host in {"localhost", "127.0.0.1"} for host in hosts):
        raise TdiError(
            f"{file} cannot be used: its plays are for localhost alone, and no machine would be touched.",
            "Say `hosts: all`, or name a scenario that converges machines: --from SCENARIO",
        )


def _hosts(playbook: Path, seen: set[Path]) -> Iterator[str]:
    """The names in the `hosts:` of a playbook and of those that it imports."""
    if playbook in seen or not playbook.is_file():
        return
    seen.add(playbook)
    plays = yaml_files.read(playbook)
    for play in plays if isinstance(plays, list) else ():
        if not isinstance(play, dict):
            continue
        imported = play.get("import_playbook") or play.get("ansible.builtin.import_playbook")
        if isinstance(imported, str):
            yield from _hosts((playbook.parent / imported).resolve(), seen)
        named = play.get("hosts") or ()
        for words in [named] if isinstance(named, str) else named:
            yield from (word for word in re.split(r"[,:\s]+", str(words)) if word)


def _groups_of(playbook: Path) -> Iterator[str]:
    """The groups that a machine has to be in to be meant by the plays."""
    for word in _hosts(playbook, set()):
        if word not in _NOWHERE and _NAME.fullmatch(word):
            yield word


def _variables_of(found: Survey) -> dict[str, Any]:
    """The project's own group_vars, linked as Molecule does it."""
    for place in ("group_vars", "inventory/group_vars", "inventories/production/group_vars"):
        if (found.root / place).is_dir():
            return {"links": {"group_vars": _from_beside(found.root / place, found.scenarios)}}
    return {}


def _by_groups(inventory: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The inventory with the variables of the scenario's machines as those of groups of the same names.

    Machines have other names here, and are in groups that are called as the scenario's machines.
    """
    variables = dict(inventory.get("group_vars") or {})
    of_hosts = dict(inventory.get("host_vars") or {})
    for name in names[:1]:
        if name in of_hosts:
            variables[name] = {**(variables.get(name) or {}), **(of_hosts.pop(name) or {})}
    links = {key: value for key, value in (inventory.get("links") or {}).items() if key == "group_vars"}
    of_content = {group: _of_content(values) for group, values in variables.items()}
    kept = {"group_vars": {group: values for group, values in of_content.items() if values}, "links": links}
    return {key: value for key, value in kept.items() if value}


def _of_content(variables: Any) -> Any:
    """Variables without those that say how to reach the scenario's own machines, which have users of their own."""
    if not isinstance(variables, dict):
        return variables
    return {key: value for key, value in variables.items() if not _REACHES.fullmatch(str(key))}


def _about_content(config: dict[str, Any]) -> dict[str, Any]:
    """Options of Ansible without those that say how to reach machines, or how to print."""
    kept = {
        section: {key: value for key, value in options.items() if key not in ansible_cfg.NOT_FOR_MACHINES}
        for section, options in config.items()
        if section in ansible_cfg.SECTIONS and isinstance(options, dict)
    }
    return {section: options for section, options in kept.items() if options}


def _replaced(found: Survey, **changes: Any) -> Survey:
    return Survey(**{**{name: getattr(found, name) for name in Survey.__dataclass_fields__}, **changes})
