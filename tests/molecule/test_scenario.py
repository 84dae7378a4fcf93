"""The scenarios, as molecule.yml says them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from tdi.errors import TdiError
from tdi.machines import kernel
from tdi.machines.machine import Machine, Part
from tdi.molecule import scenario
from tdi.project import Project


def _edit(project: Project, old: str, new: str, name: str = "fresh") -> Path:
    file = project.scenario(name) / "molecule.yml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return file


@pytest.mark.parametrize(("name", "image"), [("fresh", "base"), ("upgrade", "production")])
def test_a_scenario_is_what_its_file_says(checkout: Project, name: str, image: str):
    found = scenario.load(checkout, name, {"TDI_RUN_ID": "0123abcd"})
    assert (found.name, found.image, found.machine) == (name, image, f"tdi-0123abcd-{name}")
    part = {"base": Part.NEW, "production": Part.UPGRADED}[image]
    assert found.of_machine == Machine(f"tdi-0123abcd-{name}", name, name, part)
    assert found.ansible.playbook == checkout.shared / "converge.yml"
    assert found.verifier == checkout.verifier
    assert found.ansible.variables == {"ansible_connection": "docker"}
    assert found.ansible.config["defaults"]["pipelining"] is True
    assert found.ansible.environment["ANSIBLE_ROLES_PATH"] == str(checkout.roles)


def test_a_machine_boots_systemd_without_privileges(checkout: Project):
    options = scenario.load(checkout, "fresh").options
    pairs = list(zip(options[::2], options[1::2], strict=True))
    assert "--privileged" not in options
    assert ("--hostname", "machine") in pairs
    added = {value for option, value in pairs if option == "--cap-add"}
    assert added == {"SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "NET_BROADCAST"}
    assert not any("docker.sock" in value for value in options)


@pytest.mark.parametrize("has_ipv6", [True, False])
def test_a_machine_has_ipv6_where_the_kernel_has_it(
    checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_ipv6: bool
):
    if has_ipv6:
        (tmp_path / "net" / "ipv6").mkdir(parents=True)
    monkeypatch.setattr(kernel, "_SETTINGS", tmp_path)
    options = scenario.load(checkout, "fresh").options
    assert ("net.ipv6.conf.all.disable_ipv6=0" in options) is has_ipv6
    assert options.count("--sysctl") == has_ipv6


def test_both_machines_start_the_same_way(checkout: Project):
    fresh, upgrade = (scenario.load(checkout, name) for name in scenario.NAMES)
    assert fresh.options == upgrade.options


def test_the_two_files_differ_only_in_name_and_image():
    def plain(name: str) -> dict[str, Any]:
        document = yaml.safe_load((ROOT / "molecule" / name / "molecule.yml").read_text())
        (platform,) = document["platforms"]
        assert platform.pop("name") == document["verifier"]["options"].pop("hosts")
        platform.pop("image")
        return document

    assert plain("fresh") == plain("upgrade")


def test_a_run_id_that_is_not_set_has_a_default(checkout: Project):
    assert scenario.load(checkout, "fresh", {}).machine == "tdi-plain-fresh"


def test_a_platform_key_that_is_not_understood_is_refused(checkout: Project):
    file = _edit(checkout, "    pre_build_image: true", "    pre_build_image: true\n    privileged: true")
    with pytest.raises(TdiError, match="'privileged'") as error:
        scenario.load(checkout, "fresh")
    assert str(file) in error.value.what


def test_a_scenario_that_is_not_there_is_an_error(checkout: Project):
    with pytest.raises(TdiError, match="no scenario sideways"):
        scenario.load(checkout, "sideways")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            "driver:",
            "driver: :",
        ),
        ("platforms:", "machines:"),
        ("verifier:", "tests:"),
        ("${TDI_RUN_ID:-plain}", "${TDI_RUN_ID"),
        ("  - name: tdi-", "  - name: another\n  - name: tdi-"),
        pytest.param(
            "  playbooks:",
            "  books:",
        ),
        ("    converge: ../shared/converge.yml\n", ""),
        ("    image: base", ""),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_names_it(checkout: Project, old: str, new: str):
    file = _edit(checkout, old, new)
    with pytest.raises(TdiError) as error:
        scenario.load(checkout, "fresh")
    assert str(file) in error.value.what
    assert "\n" not in error.value.what
