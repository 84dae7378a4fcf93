"""Finding the checkout, preparing for results, and fingerprints."""

from pathlib import Path

import pytest

from tdi.errors import TdiError
from tdi.project import Project, fingerprint


def test_a_checkout_is_found_from_anywhere_inside_of_it(checkout: Project):
    found = Project.find(checkout.root / "roles" / "nginx" / "tasks")
    assert found == Project(checkout.root, checkout.root / "artifacts")


def test_outside_of_a_checkout_the_error_says_so(tmp_path: Path):
    with pytest.raises(TdiError, match="not inside a project") as error:
        Project.find(tmp_path)
    assert "tdi init" in error.value.remedy


def test_a_collection_has_its_scenarios_among_its_extensions(tmp_path: Path):
    fresh = tmp_path / "extensions" / "molecule" / "fresh"
    fresh.mkdir(parents=True)
    assert Project.at(tmp_path).scenarios == fresh.parent
    with pytest.raises(TdiError):
        Project.find(tmp_path)
    (fresh / "molecule.yml").touch()
    # Molecule runs its playbooks in a scenario's directory, and people run Molecule in `extensions`.
    for place in (tmp_path, fresh, fresh.parent, tmp_path / "extensions"):
        assert Project.find(place) == Project.at(tmp_path)


def test_a_role_that_is_called_extensions_is_a_project_of_its_own_outside_of_a_collection(tmp_path: Path):
    role = tmp_path / "extensions"
    (role / "molecule" / "fresh").mkdir(parents=True)
    (role / "molecule" / "fresh" / "molecule.yml").touch()
    (role / "tasks").mkdir()
    assert Project.find(role) == Project.at(role)
    (tmp_path / "galaxy.yml").touch()
    assert Project.find(role) == Project.at(tmp_path)


def test_a_project_without_scenarios_will_have_them_in_molecule(tmp_path: Path):
    assert Project.at(tmp_path).scenarios == tmp_path / "molecule"
    assert Project.at(tmp_path).verifier == tmp_path / "molecule" / "verifier"


def test_content_is_what_ansible_reads_and_nothing_else(tmp_path: Path):
    for name in ("tasks", "roles", "group_vars", "docs", ".github", "molecule", "artifacts"):
        (tmp_path / name).mkdir()
    for name, text in {
        "site.yml": "---\n- name: x\n  hosts: all\n",
        "all.yaml": "- ansible.builtin.import_playbook: site.yml\n",
        "mkdocs.yml": "site_name: x\n",
        ".pre-commit-config.yaml": "- hosts: x\n",
        "galaxy.yml": "name: x\n",
        "README.md": "hosts: all\n",
    }.items():
        (tmp_path / name).write_text(text)
    found = [path.relative_to(tmp_path).as_posix() for path in Project.at(tmp_path).content]
    assert found == ["galaxy.yml", "group_vars", "roles", "tasks", "site.yml", "all.yaml"]


def test_results_go_where_tdi_artifacts_says(checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TDI_ARTIFACTS", "elsewhere")
    assert Project.find(checkout.root).artifacts == tmp_path / "elsewhere"


def test_the_directory_for_results_is_made(checkout: Project):
    checkout.prepare_artifacts()
    checkout.prepare_artifacts()
    assert checkout.records.is_dir()


@pytest.mark.parametrize("where", ["a-file", "/proc/tdi-artifacts"])
def test_results_that_cannot_be_written_are_an_error_that_names_the_directory(tmp_path: Path, where: str):
    (tmp_path / "a-file").touch()
    artifacts = tmp_path / where
    with pytest.raises(TdiError) as error:
        Project(tmp_path, artifacts).prepare_artifacts()
    assert str(artifacts) in error.value.what
    assert "TDI_ARTIFACTS" in error.value.remedy


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "role"
    (root / "tasks").mkdir(parents=True)
    (root / "tasks" / "main.yml").write_text("a")
    (root / "link").symlink_to("tasks/main.yml")
    (root / "shared").symlink_to("tasks")
    return root


def test_a_fingerprint_does_not_depend_on_place_or_time(tree: Path, tmp_path: Path):
    before = fingerprint([tree])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tree / "tasks" / "main.yml").touch()
    assert fingerprint([tree.rename(elsewhere / "role")]) == before


def test_a_fingerprint_does_not_see_byte_code(tree: Path):
    before = fingerprint([tree])
    (tree / "__pycache__").mkdir()
    (tree / "__pycache__" / "x.pyc").write_text("x")
    assert fingerprint([tree]) == before


def _edit(tree: Path) -> None:
    (tree / "tasks" / "main.yml").write_text("b")


def _add(tree: Path) -> None:
    (tree / "tasks" / "empty.yml").touch()


def _rename(tree: Path) -> None:
    (tree / "tasks" / "main.yml").rename(tree / "tasks" / "other.yml")


def _make_executable(tree: Path) -> None:
    (tree / "tasks" / "main.yml").chmod(0o755)


def _move_text_between_files(tree: Path) -> None:
    (tree / "tasks" / "main.yml").write_text("")
    (tree / "tasks" / "main.ymla").touch()


def _retarget_a_link(tree: Path) -> None:
    (tree / "link").unlink()
    (tree / "link").symlink_to("tasks/other.yml")


def _retarget_a_link_to_a_directory(tree: Path) -> None:
    (tree / "shared").unlink()
    (tree / "shared").symlink_to(".")


@pytest.mark.parametrize(
    "change",
    [
        _edit,
        _add,
        _rename,
        _make_executable,
        _move_text_between_files,
        _retarget_a_link,
        _retarget_a_link_to_a_directory,
    ],
)
def test_a_fingerprint_sees_every_change(tree: Path, change):
    before = fingerprint([tree])
    change(tree)
    assert fingerprint([tree]) != before


def test_a_fingerprint_depends_on_the_order_of_its_parts(tmp_path: Path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    assert fingerprint([one, two]) != fingerprint([two, one])
