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
from tdi.outside.ansible import Inventory
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
    assert found.directory == checkout.scenario(name)
    assert found.ansible.playbook == checkout.scenarios / "shared" / "converge.yml"
    assert (found.prepare, found.verify) == (None, None)
    assert found.verifier == checkout.verifier
    assert found.ansible.inventory == Inventory({"fresh": "machine-1", "upgrade": "machine-2"}[name])
    assert (found.ansible.config, found.ansible.environment) == ({}, {})


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
        platform.pop("name")
        platform.pop("image")
        return document

    assert plain("fresh") == plain("upgrade")


def test_a_run_id_that_is_not_set_has_a_default(checkout: Project):
    assert scenario.load(checkout, "fresh", {}).machine == "tdi-plain-fresh"


def test_a_platform_key_that_is_not_understood_is_refused(checkout: Project):
    file = _edit(checkout, "    image: base", "    image: base\n    privileged: true")
    with pytest.raises(TdiError, match="'privileged'") as error:
        scenario.load(checkout, "fresh")
    assert str(file) in error.value.what


def test_a_scenario_that_is_not_there_is_an_error(checkout: Project):
    with pytest.raises(TdiError, match="no scenario sideways"):
        scenario.load(checkout, "sideways")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("driver:", "driver: :"),
        ("platforms:", "machines:"),
        ("driver:\n  name: molecule-tdi", "driver: molecule-tdi"),
        ("name: machine-1", "name: ${TDI_RUN_ID"),
        ("  - name: machine-1", "  - name: another\n  - name: machine-1"),
        ("  - name: machine-1", "  - machine-1"),
        ("  - name: machine-1 # what Ansible calls it\n    image", "  - image"),
        ("  playbooks:", "  books:"),
        ("    converge: ../shared/converge.yml\n", ""),
        ("../shared/converge.yml", "../shared/diverge.yml"),
        ("    image: base", ""),
        ("directory: ../verifier", "directory: [../verifier]"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_names_it(checkout: Project, old: str, new: str):
    file = _edit(checkout, old, new)
    with pytest.raises(TdiError) as error:
        scenario.load(checkout, "fresh")
    assert str(file) in error.value.what
    assert "\n" not in error.value.what


def test_a_scenario_of_another_driver_is_an_error_that_says_which(checkout: Project):
    file = _edit(checkout, "molecule-tdi", "docker")
    with pytest.raises(TdiError, match="its driver is docker, and that of a verdict is molecule-tdi") as error:
        scenario.load(checkout, "fresh")
    assert str(file) in error.value.what
    assert "tdi init --force" in error.value.remedy
    _edit(checkout, "driver:\n  name: docker\n", "")
    with pytest.raises(TdiError, match="its driver is not said"):
        scenario.load(checkout, "fresh")


def test_an_image_that_is_not_known_is_an_error_that_says_which_are(checkout: Project):
    _edit(checkout, "image: base", "image: debian:13")
    with pytest.raises(TdiError, match="the platform's image is debian:13") as error:
        scenario.load(checkout, "fresh")
    assert all(f"`{image}`" in error.value.remedy for image in scenario.IMAGES)


def test_a_converge_that_is_not_there_is_an_error_that_says_where_it_was_looked_for(checkout: Project):
    _edit(checkout, "  playbooks:\n    converge: ../shared/converge.yml\n", "")
    with pytest.raises(TdiError, match="there is no converge playbook") as error:
        scenario.load(checkout, "fresh")
    assert str(checkout.scenario("fresh") / "converge.yml") in error.value.what
    assert "provisioner.playbooks.converge" in error.value.remedy
    (checkout.scenario("fresh") / "converge.yml").write_text("[]\n")
    assert scenario.load(checkout, "fresh").ansible.playbook == checkout.scenario("fresh") / "converge.yml"


def test_prepare_and_verify_are_those_beside_it_or_those_that_it_names(checkout: Project):
    for name in ("prepare", "verify"):
        (checkout.scenario("fresh") / f"{name}.yml").write_text("[]\n")
    found = scenario.load(checkout, "fresh")
    assert found.prepare == checkout.scenario("fresh") / "prepare.yml"
    assert found.verify == checkout.scenario("fresh") / "verify.yml"
    default = checkout.scenarios / "default"
    default.mkdir()
    (default / "prepare.yml").write_text("[]\n")
    _edit(checkout, "  playbooks:", "  playbooks:\n    prepare: ../default/prepare.yml")
    assert scenario.load(checkout, "fresh").prepare == default / "prepare.yml"


def test_groups_children_variables_and_links_are_those_of_the_inventory(checkout: Project):
    _edit(checkout, "    image: base", "    image: base\n    groups: [web]\n    children: [europe]")
    _edit(
        checkout,
        "  playbooks:",
        "  inventory:\n    group_vars: {web: {port: 80}}\n    host_vars: {machine-1: {a: 1}}\n"
        "    links: {group_vars: ../../group_vars}\n  playbooks:",
    )
    found = scenario.load(checkout, "fresh").ansible.inventory
    assert found == Inventory(
        "machine-1",
        groups=("web",),
        children=("europe",),
        group_vars={"web": {"port": 80}},
        host_vars={"machine-1": {"a": 1}},
        links={"group_vars": checkout.root / "group_vars"},
    )


def test_settings_of_ansible_are_read_where_either_release_of_molecule_has_them(checkout: Project):
    _edit(
        checkout,
        "provisioner:\n",
        "ansible:\n  cfg: {defaults: {forks: 3}}\n  env: {NEW: 1}\nprovisioner:\n  env: {NEW: 0, OLD: 1}\n"
        "  config_options: {jinja2: {a: b}}\n",
    )
    found = scenario.load(checkout, "fresh").ansible
    assert found.config == {"defaults": {"forks": 3}, "jinja2": {"a": "b"}}
    assert found.environment == {"NEW": "1", "OLD": "1"}


def test_a_platform_can_say_otherwise_than_every_machine_is_started(checkout: Project):
    _edit(checkout, "    image: base", "    image: base\n    tmpfs: [/run]\n    env: {A: b}")
    options = scenario.load(checkout, "fresh").options
    pairs = list(zip(options[::2], options[1::2], strict=True))
    assert [value for option, value in pairs if option == "--tmpfs"] == ["/run"]
    assert ("--env", "A=b") in pairs


def test_the_verifier_is_beside_the_scenarios_where_nothing_else_is_said(checkout: Project):
    _edit(checkout, "  directory: ../verifier\n", "")
    assert scenario.load(checkout, "fresh").verifier == checkout.verifier


def test_a_collection_has_its_scenarios_among_its_extensions(checkout: Project):
    (checkout.root / "extensions").mkdir()
    checkout.scenarios.rename(checkout.root / "extensions" / "molecule")
    found = Project.find(checkout.root)
    assert found.root == checkout.root
    assert scenario.load(found, "fresh").directory == checkout.root / "extensions" / "molecule" / "fresh"
