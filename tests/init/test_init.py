"""`tdi init`: what it makes of the layouts and habits that people have, and what it refuses."""

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import Ended
from tdi.init import survey
from tdi.init.survey import Kind
from tdi.molecule import scenario
from tdi.project import Project

DEFAULT = """
driver: {name: docker}
platforms:
  - name: instance
    image: geerlingguy/docker-${MOLECULE_DISTRO:-debian12}-ansible
    groups: [web]
provisioner:
  name: ansible
  playbooks: {converge: "${MOLECULE_PLAYBOOK:-converge.yml}"}
"""


def put(root: Path, **files: str) -> Path:
    """Write files: `tasks__main` is tasks/main.yml."""
    for name, text in files.items():
        file = root / f"{name.replace('__', '/')}.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"---\n{textwrap.dedent(text)}\n")
    return root


@pytest.fixture
def role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A role at the root of its repository, with a scenario of Molecule."""
    root = put(
        tmp_path / "ansible-role-web",
        tasks__main="- ansible.builtin.debug:",
        meta__main="galaxy_info: {role_name: web, namespace: example}",
        molecule__default__molecule=DEFAULT,
        molecule__default__converge="- {name: Converge, hosts: all, roles: [example.web]}",
        molecule__default__prepare="- {name: Prepare, hosts: all, tasks: []}",
    )
    monkeypatch.chdir(root)
    return root


def written(root: Path, place: str = "molecule") -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((root / place / "fresh" / "molecule.yml").read_text())
    return document


def test_a_role_with_a_scenario_gets_two_that_use_its_playbooks(role: Path, tdi: Callable[..., Ended]):
    ended = tdi("init")
    assert ended.code == 0, ended.err
    assert "ansible-role-web is a role (web)" in ended.out
    assert "default is used" in ended.out
    said = written(role)
    assert said["driver"] == {"name": "molecule-tdi"}
    assert said["platforms"] == [{"name": "machine-1", "image": "base", "groups": ["web", "instance"]}]
    assert said["provisioner"]["playbooks"] == {
        "prepare": "../default/prepare.yml",
        "converge": "../default/converge.yml",
    }
    assert (role / ".gitignore").read_text() == "artifacts/\n"
    for name, image in (("fresh", "base"), ("upgrade", "production")):
        loaded = scenario.load(Project.find(), name)
        assert (loaded.image, loaded.ansible.playbook) == (image, role / "molecule" / "default" / "converge.yml")
        assert loaded.verifier == role / "molecule" / "verifier"


def test_it_can_be_run_again_and_changes_nothing(role: Path, tdi: Callable[..., Ended]):
    tdi("init")
    before = {path: path.read_bytes() for path in role.rglob("*") if path.is_file()}
    ended = tdi("init")
    assert ended.code == 0
    assert {path: path.read_bytes() for path in role.rglob("*") if path.is_file()} == before
    assert "written" not in ended.out


def test_nothing_is_overwritten_but_with_force(role: Path, tdi: Callable[..., Ended]):
    mine = role / "molecule" / "rules.yml"
    mine.write_text("allow: []\n")
    assert "kept     molecule/rules.yml" in tdi("init").out
    assert mine.read_text() == "allow: []\n"
    assert "changed  molecule/rules.yml" in tdi("init", "--force").out
    assert mine.read_text() != "allow: []\n"


def test_a_dry_run_only_says_what_would_be_done(role: Path, tdi: Callable[..., Ended]):
    assert "molecule/fresh/molecule.yml" in tdi("init", "--dry-run").out
    assert not (role / "molecule" / "fresh").exists()


def test_a_scenario_of_somebody_else_with_the_name_is_kept_and_said(role: Path, tdi: Callable[..., Ended]):
    put(role, molecule__fresh__molecule=DEFAULT)
    ended = tdi("init")
    assert "kept     molecule/fresh/molecule.yml" in ended.out
    assert "--force" in ended.out
    assert written(role)["driver"] == {"name": "docker"}


def test_a_role_without_a_scenario_gets_a_converge_that_refreshes_package_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tdi: Callable[..., Ended]
):
    root = put(tmp_path / "web", tasks__main="- ansible.builtin.debug:")
    monkeypatch.chdir(root)
    assert tdi("init").code == 0
    (play,) = yaml.safe_load((root / "molecule" / "fresh" / "converge.yml").read_text())
    assert play["hosts"] == "all"
    assert play["roles"] == [{"role": "web"}]
    assert play["pre_tasks"][0]["ansible.builtin.apt"]["update_cache"] is True
    assert "gather_facts" not in play
    assert scenario.load(Project.find(), "upgrade").ansible.playbook == root / "molecule" / "fresh" / "converge.yml"


def test_an_old_role_has_its_playbook_among_the_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tdi: Callable[..., Ended]
):
    root = put(
        tmp_path / "web",
        tasks__main="- ansible.builtin.debug:",
        tests__test="- {hosts: all, roles: [role_under_test]}",
    )
    monkeypatch.chdir(root)
    assert "tests/test.yml is taken for one" in tdi("init").out
    assert written(root)["provisioner"]["playbooks"]["converge"] == "../../tests/test.yml"


def test_a_playbook_of_the_template_that_is_for_localhost_is_no_converge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tdi: Callable[..., Ended]
):
    root = put(
        tmp_path / "web", tasks__main="- ansible.builtin.debug:", tests__test="- {hosts: localhost, roles: [web]}"
    )
    monkeypatch.chdir(root)
    assert tdi("init").code == 0
    assert written(root)["provisioner"]["playbooks"]["converge"] == "../fresh/converge.yml"


def test_a_collection_has_its_scenarios_where_molecule_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tdi: Callable[..., Ended]
):
    root = put(
        tmp_path / "site",
        galaxy="{namespace: example, name: site}",
        roles__a__tasks__main="[]",
        roles__b__tasks__main="[]",
    )
    monkeypatch.chdir(root)
    assert tdi("init").code == 0
    assert Project.find().scenarios == root / "extensions" / "molecule"
    (play,) = yaml.safe_load((root / "extensions" / "molecule" / "fresh" / "converge.yml").read_text())
    assert [each["role"] for each in play["roles"]] == ["example.site.a", "example.site.b"]


def test_a_playbook_project_has_its_site_its_groups_and_their_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tdi: Callable[..., Ended]
):
    root = put(
        tmp_path / "servers",
        site="- {hosts: mail, roles: [postfix]}",
        group_vars__mail="a: 1",
        roles__postfix__tasks__main="[]",
    )
    monkeypatch.chdir(root)
    assert tdi("init").code == 0
    said = written(root)
    assert said["platforms"][0]["groups"] == ["mail"]
    assert said["provisioner"]["inventory"] == {"links": {"group_vars": "../../group_vars"}}
    (play,) = yaml.safe_load((root / "molecule" / "fresh" / "converge.yml").read_text())
    assert play["ansible.builtin.import_playbook"] == "../../site.yml"
    loaded = scenario.load(Project.find(), "fresh")
    assert loaded.ansible.inventory.links == {"group_vars": root / "group_vars"}


def test_what_says_how_to_reach_the_scenarios_own_machines_is_left_out(role: Path):
    put(
        role,
        molecule__default__molecule="""
        driver: {name: docker}
        platforms: [{name: instance, image: x}]
        provisioner:
          config_options:
            defaults: {callbacks_enabled: profile_tasks, jinja2_native: true}
            ssh_connection: {pipelining: true}
          inventory:
            host_vars: {instance: {ansible_user: ansible, port: 80}}
            group_vars: {all: {ansible_connection: docker}}
        """,
    )
    found = survey.survey(role)
    assert found.inventory == {"group_vars": {"instance": {"port": 80}}}
    assert found.config == {"defaults": {"jinja2_native": True}}


def test_scenarios_that_differ_in_nothing_but_their_machines_are_one(role: Path):
    (role / "molecule" / "default").rename(role / "molecule" / "shared")
    for name in ("centos7", "debian12", "ubuntu2204"):
        put(
            role,
            **{
                f"molecule__{name}__molecule": f"""
                driver: {{name: docker}}
                platforms: [{{name: {name}, image: x}}]
                provisioner: {{playbooks: {{converge: ../shared/converge.yml}}}}
                """
            },
        )
    found = survey.survey(role)
    assert found.source == "ubuntu2204"
    assert found.playbooks == {"converge": "../shared/converge.yml"}


def test_a_workflow_is_written_where_it_is_asked_for(role: Path, tdi: Callable[..., Ended]):
    tdi("init", "--ci", "github", "--ci", "gitlab")
    assert (role / ".gitlab-ci.yml").is_file()
    tdi("init", "--ci", "github")
    assert (role / ".github" / "workflows" / "tdi.yml").is_file()


@pytest.mark.parametrize(
    ("files", "words", "said"),
    [
        ({}, [], "is no project"),
        ({"galaxy": "{namespace: example}"}, [], "does not say `namespace` and `name`"),
        ({"roles__x__README": ""}, [], "has no role yet"),
        ({"tasks__main": "[]", "meta__main": "galaxy_info: {role_name: no name!}"}, [], "is no name of a role"),
        ({"tasks__main": "[]", "meta__main": "a: b: c"}, [], "cannot be read"),
        ({"tasks__main": "[]", "molecule__default__molecule": "a: b: c"}, [], "cannot be used"),
        ({"tasks__main": "[]", "molecule__default__molecule": "- a list"}, [], "it is no mapping"),
        (
            {
                "tasks__main": "[]",
                "molecule__default__molecule": DEFAULT,
                "molecule__default__converge": "- {roles: [x]}",
            },
            [],
            "no play of it has `hosts:`",
        ),
        (
            {
                "tasks__main": "[]",
                "molecule__default__molecule": DEFAULT,
                "molecule__default__converge": "- {hosts: localhost}",
            },
            [],
            "for localhost alone",
        ),
        ({"tasks__main": "[]", "molecule__a__molecule": DEFAULT}, ["--from", "b"], "There is no scenario b"),
        (
            {
                "tasks__main": "[]",
                **{f"molecule__{name}__molecule": DEFAULT for name in "ab"},
                **{f"molecule__{name}__converge": "- {hosts: all}" for name in "ab"},
            },
            [],
            "--from a|b",
        ),
    ],
)
def test_what_cannot_be_used_is_code_2_and_nothing_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tdi: Callable[..., Ended],
    files: dict[str, str],
    words: list[str],
    said: str,
):
    root = put(tmp_path / "some", **files) if files else tmp_path / "some"
    root.mkdir(exist_ok=True)
    monkeypatch.chdir(root)
    before = sorted(root.rglob("*"))
    ended = tdi("init", *words)
    assert ended.code == 2
    assert said in ended.err
    assert len(ended.err.splitlines()) <= 2
    assert sorted(root.rglob("*")) == before


def test_a_directory_below_a_project_is_told_where_it_is(role: Path, monkeypatch: pytest.MonkeyPatch, tdi):
    monkeypatch.chdir(role / "molecule" / "default")
    ended = tdi("init")
    assert ended.code == 2
    assert f"Change into {role}" in ended.err


def test_what_cannot_be_written_leaves_nothing_half_done(role: Path, monkeypatch: pytest.MonkeyPatch, tdi):
    before = sorted(role.rglob("*"))
    write = Path.write_text

    def full(self: Path, text: str, **options: Any) -> int:
        if self.name.startswith(".rules.yml"):
            raise OSError(28, "No space left on device", str(self))
        return write(self, text, **options)

    monkeypatch.setattr(Path, "write_text", full)
    ended = tdi("init")
    assert ended.code == 2
    assert "Nothing was" in ended.err
    assert sorted(role.rglob("*")) == before


def test_two_at_once_end_as_one(role: Path):
    command = [sys.executable, "-m", "tdi", "init"]
    both = [subprocess.Popen(command, cwd=role, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
    assert not list(role.rglob("*.tdi-init"))
    assert written(role)["driver"] == {"name": "molecule-tdi"}


def test_what_it_writes_passes_the_linters_as_they_are_when_nobody_set_them_up(role: Path, tdi: Callable[..., Ended]):
    put(
        role,
        meta__main="""
        galaxy_info: {role_name: web, namespace: example, author: a, description: b, license: MIT}
        """,
        tasks__main='- {name: Say it, ansible.builtin.debug: {msg: "x"}}',
    )
    shutil.rmtree(role / "molecule" / "default")
    subprocess.run(["git", "init", "--quiet"], cwd=role, check=True)
    tdi("init", "--ci", "github")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for words in (["yamllint", "--strict", "molecule"], ["ansible-lint", "--strict", "molecule"]):
        done = subprocess.run(words, cwd=role, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_role_below_roles_is_a_role_of_its_own(role: Path):
    put(role, roles__x__tasks__main="[]")
    assert survey.survey(role / "roles" / "x").kind is Kind.ROLE
