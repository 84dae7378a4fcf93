"""The scenarios, read from their molecule.yml with Molecule's own rules for variables. Nothing is invented here."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from molecule.interpolation import Interpolator, InvalidInterpolation, TemplateWithDefaults

from tdi.errors import TdiError
from tdi.machines import kernel
from tdi.machines.machine import Machine, Part
from tdi.outside.ansible import AnsibleSettings
from tdi.project import Project

NAMES = ("fresh", "upgrade")
"""The scenarios of a verdict, in the order in which they are shown."""

_OPTIONS = {
    "capabilities": "--cap-add",
    "security_opts": "--security-opt",
    "cgroupns_mode": "--cgroupns",
    "volumes": "--volume",
    "tmpfs": "--tmpfs",
    "sysctls": "--sysctl",
}
"""Platform keys of molecule.yml and the options of `docker run` that mean the same."""

_ELSEWHERE = {"name", "image", "pre_build_image"}
"""Platform keys that are used otherwise than as options."""

_PRODUCTION = "production"
"""The image of a scenario that starts from production, in molecule.yml; the other one is `base`."""

HOST_NAME = "machine"
"""Every machine's host name, as in create.yml: a name in a file must not look like a difference."""


@dataclass(frozen=True)
class Scenario:
    """What a molecule.yml says: its machine, Ansible settings and verifier."""

    name: str
    directory: Path
    machine: str
    image: str
    options: tuple[str, ...]
    ansible: AnsibleSettings
    verifier: Path

    @property
    def of_machine(self) -> Machine:
        """The machine that the scenario describes: it is named for the scenario, and its image says its part."""
        part = Part.UPGRADED if self.image == _PRODUCTION else Part.NEW
        return Machine(self.machine, self.name, self.name, part)

    @property
    def root(self) -> Path:
        """The tree that the scenario is in."""
        return self.directory.parents[1]


def load(project: Project, name: str, environment: Mapping[str, str] | None = None) -> Scenario:
    """The scenario `name`, with `environment` (os.environ) in place of its `${…}`.

    Raises TdiError where the file is missing, is not YAML, or has a platform key that has no counterpart here.
    """
    file = project.scenario(name) / "molecule.yml"
    variables = {
        **(os.environ if environment is None else environment),
        "MOLECULE_PROJECT_DIRECTORY": str(project.root),
    }
    try:
        text = Interpolator(TemplateWithDefaults, variables).interpolate(file.read_text(encoding="utf-8"))
        document = yaml.safe_load(text)
        provisioner = document["provisioner"]
        (platform,) = document["platforms"]
        return Scenario(
            name=name,
            directory=file.parent,
            machine=platform["name"],
            image=platform["image"],
            options=tuple(_docker_options(platform, file)),
            ansible=AnsibleSettings(
                owner=name,
                config=provisioner.get("config_options") or {},
                variables=(provisioner.get("inventory") or {}).get("group_vars", {}).get("all", {}),
                environment={key: str(value) for key, value in (provisioner.get("env") or {}).items()},
                playbook=(file.parent / provisioner["playbooks"]["converge"]).resolve(),
            ),
            verifier=(file.parent / document["verifier"]["directory"]).resolve(),
        )
    except FileNotFoundError:
        raise TdiError(f"There is no scenario {name}: {file} is missing.") from None
    except InvalidInterpolation as error:
        raise TdiError(f"{file} cannot be used: {error.place}.") from None
    except KeyError as error:
        raise TdiError(f"{file} cannot be used: it does not say {error.args[0]}.") from None
    except (yaml.YAMLError, TypeError, ValueError, AttributeError) as error:
        raise TdiError(f"{file} cannot be used: {' '.join(str(error).split())}.") from None


def _docker_options(platform: dict[str, Any], file: Path) -> list[str]:
    unknown = sorted(set(platform) - set(_OPTIONS) - _ELSEWHERE)
    if unknown:
        raise TdiError(
            f"{file}: the platform key '{unknown[0]}' is not understood here, so the machines would differ.",
            "Add its `docker run` option to the table in src/tdi/molecule/scenario.py.",
        )
    words = ["--hostname", HOST_NAME]
    for key, option in _OPTIONS.items():
        values = platform.get(key, [])
        if isinstance(values, dict):
            # Where the kernel has no IPv6, no container starts with a setting of it; create.yml leaves it out as well.
            values = [f"{name}={value}" for name, value in values.items() if kernel.has_setting(name)]
        for value in [values] if isinstance(values, str) else values:
            words += [option, value]
    return words
