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
from tdi.outside.ansible import AnsibleSettings, Inventory
from tdi.project import Project

NAMES = ("fresh", "upgrade")
"""The scenarios of a verdict, in the order in which they are shown."""

DRIVER = "molecule-tdi"
"""What molecule.yml calls our driver: Molecule's schema wants this beginning of others than its own."""

IMAGES = ("base", "production")
"""What a machine can start from, as the platform's `image` in molecule.yml says it."""

MACHINE: dict[str, Any] = {
    # What lets systemd boot without --privileged, under cgroup v1 and v2; what root of a server has and what is the
    # machine's own here: its network (packet filters and routers), and its processes (`PrivateUsers=`, `ProtectProc=`).
    "capabilities": ["SYS_ADMIN", "NET_ADMIN", "NET_BROADCAST", "SYS_PTRACE"],
    "security_opts": ["apparmor=unconfined"],
    "cgroupns_mode": "host",
    "volumes": ["/sys/fs/cgroup:/sys/fs/cgroup:rw"],
    "tmpfs": ["/run", "/tmp"],  # noqa: S108 (on the machine)
    # Engines before 26 take ::1 from the loopback; all switch IPv6 off elsewhere on a network without it.
    "sysctls": {"net.ipv6.conf.all.disable_ipv6": "0"},
}
"""What every machine is started with; a platform in molecule.yml can say otherwise."""

_OPTIONS = {
    "capabilities": "--cap-add",
    "security_opts": "--security-opt",
    "cgroupns_mode": "--cgroupns",
    "volumes": "--volume",
    "tmpfs": "--tmpfs",
    "sysctls": "--sysctl",
    "devices": "--device",
    "ulimits": "--ulimit",
    "shm_size": "--shm-size",
    "dns_servers": "--dns",
    "env": "--env",
}
"""Platform keys of molecule.yml and the options of `docker run` that mean the same."""

_ELSEWHERE = {"name", "image", "groups", "children", "pre_build_image"}
"""Platform keys that are used otherwise than as options."""

_PRODUCTION = "production"
"""The image of a scenario that starts from production, in molecule.yml; the other one is `base`."""

PLAIN_RUN = "plain"
"""The run of machines that nobody gave one."""

HOST_NAME = "machine"
"""Every machine's host name: a name in a file must not look like a difference."""


@dataclass(frozen=True)
class Scenario:
    """What a molecule.yml says: its machine, Ansible settings, playbooks and verifier."""

    name: str
    directory: Path
    machine: str
    """The name of the machine's container."""
    image: str
    options: tuple[str, ...]
    ansible: AnsibleSettings
    prepare: Path | None
    """The playbook that comes before the role, on every machine, where there is one."""
    verify: Path | None
    """The playbook that checks what the role did, where there is one."""
    verifier: Path

    @property
    def of_machine(self) -> Machine:
        """The machine that the scenario describes: it is named for the scenario, and its image says its part."""
        part = Part.UPGRADED if self.image == _PRODUCTION else Part.NEW
        return Machine(self.machine, self.name, self.name, part)


def container(name: str, run_id: str) -> str:
    """The name of the container of the scenario `name` in a run: no two runs have the same."""
    return f"tdi-{run_id}-{name}"


def load(project: Project, name: str, environment: Mapping[str, str] | None = None) -> Scenario:
    """The scenario `name`, with `environment` (os.environ) in place of its `${…}`.

    Raises TdiError where the file is missing, is not YAML, is not for our driver, or has a platform key that has no
    counterpart here.
    """
    file = project.scenario(name) / "molecule.yml"
    variables = os.environ if environment is None else environment
    document = read(file, project.root, variables)
    try:
        driver = (document.get("driver") or {}).get("name")
        if driver != DRIVER:
            raise TdiError(
                f"{file} cannot be used: its driver is {driver or 'not said'}, and that of a verdict is {DRIVER}.",
                f"Say `driver: {{name: {DRIVER}}}` there, or let `tdi init --force` write the file.",
            )
        (platform,) = document["platforms"]
        if platform["image"] not in IMAGES:
            raise TdiError(
                f"{file} cannot be used: the platform's image is {platform['image']}.",
                "`base` is an empty machine, `production` one as production is before the change.",
            )
        return Scenario(
            name=name,
            directory=file.parent,
            machine=container(name, variables.get("TDI_RUN_ID") or PLAIN_RUN),
            image=platform["image"],
            options=tuple(_docker_options(platform, file)),
            ansible=_ansible(document, platform, file, name),
            prepare=_playbook(document, "prepare", file),
            verify=_playbook(document, "verify", file),
            verifier=(file.parent / ((document.get("verifier") or {}).get("directory") or "../verifier")).resolve(),
        )
    except KeyError as error:
        raise TdiError(f"{file} cannot be used: it does not say {error.args[0]}.") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise TdiError(f"{file} cannot be used: {' '.join(str(error).split())}.") from None


def read(file: Path, root: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """What a molecule.yml of the project at `root` says, with `environment` in place of its `${…}`.

    Raises TdiError where the file is missing or cannot be read.
    """
    variables = {
        **environment,
        "MOLECULE_PROJECT_DIRECTORY": str(root),
        "MOLECULE_SCENARIO_DIRECTORY": str(file.parent),
        "MOLECULE_SCENARIO_NAME": file.parent.name,
    }
    try:
        text = Interpolator(TemplateWithDefaults, variables).interpolate(file.read_text(encoding="utf-8"))
        document = yaml.safe_load(text)
    except FileNotFoundError:
        raise TdiError(f"There is no scenario {file.parent.name}: {file} is missing.", "tdi init") from None
    except InvalidInterpolation as error:
        raise TdiError(f"{file} cannot be used: {error.place}.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TdiError(f"{file} cannot be used: {' '.join(str(error).split())}.") from None
    if not isinstance(document, dict):
        raise TdiError(f"{file} cannot be used: it is no mapping (`key: value`).", "Mend the file.")
    return document


def _said(document: Mapping[str, Any], former: str, key: str) -> dict[str, Any]:
    """What molecule.yml says of Ansible: in `ansible`, or where it stood in former releases of Molecule."""
    return {
        **((document.get("provisioner") or {}).get(former) or {}),
        **((document.get("ansible") or {}).get(key) or {}),
    }


def _ansible(document: Mapping[str, Any], platform: Mapping[str, Any], file: Path, name: str) -> AnsibleSettings:
    inventory = (document.get("provisioner") or {}).get("inventory") or {}
    converge = _playbook(document, "converge", file)
    if converge is None:
        raise TdiError(
            f"{file} cannot be used: there is no converge playbook ({_playbook_path(document, 'converge', file)}).",
            "Write it, or name it in provisioner.playbooks.converge.",
        )
    return AnsibleSettings(
        owner=name,
        config=_said(document, "config_options", "cfg"),
        inventory=Inventory(
            host=str(platform["name"]),
            groups=tuple(platform.get("groups") or ()),
            children=tuple(platform.get("children") or ()),
            group_vars=inventory.get("group_vars") or {},
            host_vars=inventory.get("host_vars") or {},
            links={key: (file.parent / path).resolve() for key, path in (inventory.get("links") or {}).items()},
        ),
        environment={key: str(value) for key, value in _said(document, "env", "env").items()},
        playbook=converge,
    )


def _playbook_path(document: Mapping[str, Any], step: str, file: Path) -> Path:
    return (file.parent / (_said(document, "playbooks", "playbooks").get(step) or f"{step}.yml")).resolve()


def _playbook(document: Mapping[str, Any], step: str, file: Path) -> Path | None:
    path = _playbook_path(document, step, file)
    return path if path.is_file() else None


def _docker_options(platform: dict[str, Any], file: Path) -> list[str]:
    unknown = sorted(set(platform) - set(_OPTIONS) - _ELSEWHERE)
    if unknown:
        raise TdiError(
            f"{file}: the platform key '{unknown[0]}' is not understood here, so the machines would differ.",
            f"Remove it; those that are: {', '.join(sorted({*_OPTIONS, 'groups', 'children'}))}.",
        )
    words = ["--hostname", HOST_NAME]
    for key, option in _OPTIONS.items():
        values = platform.get(key, MACHINE.get(key, []))
        if key == "sysctls" and isinstance(values, dict):
            # Where the kernel has no IPv6, no container starts with a setting of it.
            values = {name: value for name, value in values.items() if kernel.has_setting(name)}
        if isinstance(values, dict):
            values = [f"{name}={value}" for name, value in values.items()]
        for value in [values] if isinstance(values, str) else values:
            words += [option, str(value)]
    return words
