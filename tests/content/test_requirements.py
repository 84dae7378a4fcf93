"""What content needs of others: what is there already, what is fetched, and what cannot be had."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from conftest import Fakes, Program
from tdi.content import requirements
from tdi.errors import TdiError


def write(file: Path, text: str = "---\n") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture(autouse=True)
def galaxy(fakes: Fakes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """An ansible-galaxy that installs whatever it is asked for, and notes the file that asks for it."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    made = fakes(
        "ansible-galaxy",
        f"""cat "$4" >> {tmp_path}/asked
for word; do to=$word; done
name=$(sed -n 's/^[- ]*name: //p' "$4")
case $1 in
role) mkdir -p "$to/$name/tasks"; echo --- > "$to/$name/tasks/main.yml";;
collection) mkdir -p "$to/ansible_collections/$(echo $name | tr . /)";;
esac""",
    )
    monkeypatch.setattr(requirements.ansible, "_program", lambda name: str(fakes.directory / name))
    return made


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "projects" / "tree").mkdir(parents=True)
    return tmp_path / "projects" / "tree"


@pytest.fixture
def satisfy(tree: Path, tmp_path: Path) -> Callable[..., tuple[Path, list[str]]]:
    def call(*scenarios: Path) -> tuple[Path, list[str]]:
        return requirements.satisfy(tree, scenarios, tmp_path / "kept", tree.parent)

    return call


def test_content_that_needs_nothing_fetches_nothing_and_says_nothing(satisfy, galaxy: Program, tmp_path: Path):
    directory, said = satisfy()
    assert said == []
    assert directory.parent == tmp_path / "kept"
    assert not directory.exists()
    assert not galaxy.calls


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("requirements.yml", "- name: them.base\n"),
        ("requirements.yml", "- them.base\n"),
        ("requirements.yml", "- them.base,1.2\n"),
        ("requirements.yml", "- src: them.base\n  version: '1.2'\n"),
        ("requirements.yml", "- src: https://example.org/ansible-base.git\n  name: them.base\n"),
        ("requirements.yml", "roles: [them.base]\ncollections: [ansible.posix]\n"),
        ("requirements.yaml", "roles: [{name: them.base}]\n"),
        ("roles/requirements.yml", "- them.base\n"),
        ("meta/requirements.yml", "- them.base\n"),
        ("meta/main.yml", "dependencies: [them.base]\n"),
        ("meta/main.yml", "dependencies: [{role: them.base, vars: {a: 1}}]\n"),
        ("roles/web/meta/main.yml", "dependencies: [them.base]\n"),
    ],
)
def test_roles_are_required_wherever_people_write_it_down(tree: Path, file: str, text: str):
    write(tree / file, text)
    assert requirements.names(tree) == {"them.base"}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://example.org/x/ansible-base.git", "ansible-base"),
        ("git+https://example.org/x/base", "base"),
        ("https://example.org/base.tar.gz", "base"),
        ("git@example.org:x/base.git", "base"),
        ("https://example.org/base/", "base"),
    ],
)
def test_a_role_that_only_has_an_address_is_called_as_galaxy_does(tree: Path, source: str, name: str):
    write(tree / "requirements.yml", f"- src: {source}\n")
    assert requirements.names(tree) == {name}


def test_what_the_scenarios_require_counts_too(tree: Path, tmp_path: Path):
    write(tmp_path / "default" / "requirements.yml", "- them.base\n")
    assert requirements.names(tree, [tmp_path / "default"]) == {"them.base"}
    assert requirements.names(tree) == set()


@pytest.mark.parametrize("name", ["web", "us.tools.web", "'{{ other }}'"])
def test_dependencies_that_come_with_the_content_are_none_of_others(tree: Path, name: str):
    write(tree / "roles" / "web" / "tasks" / "main.yml")
    write(tree / "roles" / "app" / "meta" / "main.yml", f"dependencies: [{name}]\n")
    assert requirements.names(tree) == set()


def test_what_is_missing_is_fetched_once(satisfy, tree: Path, galaxy: Program, capsys: pytest.CaptureFixture[str]):
    write(tree / "requirements.yml", "roles: [{name: them.base, version: '1.2'}]\ncollections: [{name: us.tools}]\n")
    directory, said = satisfy()
    assert (directory / "roles" / "them.base" / "tasks" / "main.yml").is_file()
    assert (directory / "collections" / "ansible_collections" / "us" / "tools").is_dir()
    assert said == []
    assert [call.split()[:2] for call in galaxy.calls] == [["role", "install"], ["collection", "install"]]
    told = capsys.readouterr().err
    assert "Fetching the role them.base, which requirements.yml asks for" in told
    assert "Fetching the collection us.tools" in told
    assert satisfy() == (directory, ["Requirements are satisfied: role them.base, collection us.tools"])
    assert len(galaxy.calls) == 2


def test_what_would_be_fetched_can_be_asked_without_fetching_it(satisfy, tree: Path, tmp_path: Path, galaxy: Program):
    write(tree / "requirements.yml", "roles: [them.base]\ncollections: [us.tools, ansible.posix]\n")
    kept = tmp_path / "kept"
    assert requirements.missing(tree, [], kept, tree.parent) == ["role them.base", "collection us.tools"]
    assert not galaxy.calls
    assert not kept.exists()
    satisfy()
    assert requirements.missing(tree, [], kept, tree.parent) == []


def test_galaxy_is_asked_for_just_what_the_file_says(satisfy, tree: Path, tmp_path: Path):
    said = {"name": "base", "src": "https://example.org/base.git", "version": "1.2", "scm": "git"}
    write(tree / "requirements.yml", yaml.safe_dump([said]))
    satisfy()
    assert yaml.safe_load((tmp_path / "asked").read_text()) == {"roles": [said]}


def test_the_short_form_has_its_version_apart(satisfy, tree: Path, tmp_path: Path):
    write(tree / "requirements.yml", "- them.base,1.2,other\n")
    satisfy()
    assert yaml.safe_load((tmp_path / "asked").read_text()) == {"roles": [{"name": "them.base", "version": "1.2"}]}


def test_another_version_is_fetched_anew(satisfy, tree: Path, galaxy: Program):
    write(tree / "requirements.yml", "- {name: them.base, version: '1'}\n")
    first, _ = satisfy()
    write(tree / "requirements.yml", "- {name: them.base, version: '2'}\n")
    second, _ = satisfy()
    assert first != second
    assert len(galaxy.calls) == 2


@pytest.mark.parametrize("place", ["tree/roles", "home/.ansible/roles", "projects"])
def test_a_role_that_is_there_is_not_fetched(satisfy, tree: Path, tmp_path: Path, galaxy: Program, place: str):
    write(tree / "requirements.yml", "- them.base\n")
    roles = {"tree/roles": tree / "roles"}.get(place, tmp_path / place)
    write(roles / "them.base" / "tasks" / "main.yml")
    assert satisfy()[1] == ["Requirements are satisfied: role them.base"]
    assert not galaxy.calls


def test_a_role_beside_a_playbook_is_not_fetched(satisfy, tree: Path, galaxy: Program):
    write(tree / "meta" / "main.yml", "dependencies: [base]\n")
    write(tree / "molecule" / "default" / "roles" / "base" / "tasks" / "main.yml")
    satisfy(tree / "molecule" / "default")
    assert not galaxy.calls
    satisfy()
    assert len(galaxy.calls) == 1


@pytest.mark.parametrize("place", ["projects/tree/collections", "home/.ansible/collections"])
def test_a_collection_that_is_there_is_not_fetched(satisfy, tree: Path, tmp_path: Path, galaxy: Program, place: str):
    write(tree / "requirements.yml", "collections: [us.tools]\n")
    (tmp_path / place / "ansible_collections" / "us" / "tools").mkdir(parents=True)
    satisfy()
    assert not galaxy.calls


@pytest.mark.parametrize("file", ["collections.yml", "collections/requirements.yml", "galaxy.yml", "requirements.yml"])
def test_a_collection_that_ansible_brings_is_not_fetched(satisfy, tree: Path, galaxy: Program, file: str):
    text = "dependencies: {ansible.posix: '>=1'}\nnamespace: us\nname: tools\n"
    write(tree / file, text if file == "galaxy.yml" else "collections: [{name: ansible.posix, version: '>=1'}]\n")
    assert satisfy()[1] == ["Requirements are satisfied: collection ansible.posix"]
    assert not galaxy.calls


def test_without_the_package_ansible_every_collection_is_fetched(
    satisfy, tree: Path, galaxy: Program, monkeypatch: pytest.MonkeyPatch
):
    def none(name: str) -> None:
        raise requirements.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(requirements.metadata, "distribution", none)
    write(tree / "requirements.yml", "collections: [ansible.posix]\n")
    satisfy()
    assert len(galaxy.calls) == 1


def test_a_collection_does_not_fetch_itself(satisfy, tree: Path, galaxy: Program):
    write(tree / "galaxy.yml", "namespace: us\nname: tools\n")
    write(tree / "requirements.yml", "collections: [us.tools]\n")
    satisfy()
    assert not galaxy.calls


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo 'noise' >&2; echo '[ERROR]: no such host' >&2; exit 1", "no such host"),
        ("echo '[WARNING]: - them.base was NOT installed' >&2; exit 0", "NOT installed"),
        ("echo 'only words'; exit 1", "only words"),
        ("exit 0", "exit code 0"),
        # The role is there, and what it needs of others is not.
        (
            'for to; do :; done; mkdir -p "$to/them.base/tasks"; echo > "$to/them.base/tasks/main.yml"; exit 1',
            "",
        ),
    ],
)
def test_what_cannot_be_had_is_an_error_that_says_which_and_what_to_do(
    satisfy, tree: Path, fakes: Fakes, body: str, said: str
):
    fakes("ansible-galaxy", body)
    file = write(tree / "requirements.yml", "- them.base\n")
    with pytest.raises(TdiError, match=r"The role them\.base, .* cannot be had: ") as error:
        satisfy()
    assert str(file) in error.value.what
    assert said in error.value.what
    assert "\n" not in error.value.what
    assert "ansible-galaxy role install them.base" in error.value.remedy


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("requirements.yml", "a: b: c\n", "cannot be read"),
        ("requirements.yml", "just words\n", "no list of requirements"),
        ("requirements.yml", "1\n", "no list of requirements"),
        ("requirements.yml", "- version: 1\n", "an entry of `roles` has no name"),
        ("requirements.yml", "- [a]\n", "an entry of `roles` has no name"),
        ("requirements.yml", "collections: [{version: 1}]\n", "an entry of `collections` has no name"),
        ("requirements.yml", "roles: 1\n", "`roles` is no list"),
        ("requirements.yml", "roles: base\n", "`roles` is no list"),
        ("requirements.yml", "roles: {name: base}\n", "`roles` is no list"),
        ("meta/main.yml", "dependencies: base\n", "`dependencies` is no list"),
        ("roles/web/meta/main.yml", "dependencies: {a: b}\n", "`dependencies` is no list"),
        ("galaxy.yml", "- a\n", "it is no mapping"),
        ("galaxy.yml", "dependencies: [a]\n", "`dependencies` is no mapping"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_names_it(
    satisfy, tree: Path, galaxy: Program, file: str, text: str, said: str
):
    write(tree / "meta" / "main.yml")
    file_ = write(tree / file, text)
    with pytest.raises(TdiError) as error:
        satisfy()
    assert str(file_) in error.value.what
    assert said in error.value.what
    assert error.value.remedy == "Mend the file."
    assert not galaxy.calls


def test_roles_that_depend_on_each_other_in_a_circle_are_an_error_that_shows_it(satisfy, tree: Path):
    for role, other in (("start", "a"), ("a", "b"), ("b", "c"), ("c", "a")):
        write(tree / "roles" / role / "meta" / "main.yml", f"dependencies: [{other}]\n")
    with pytest.raises(TdiError, match="in a circle: a → b → c → a") as error:
        satisfy()
    assert "`dependencies`" in error.value.remedy


def test_a_role_that_depends_on_itself_is_a_circle(satisfy, tree: Path):
    write(tree / "roles" / "a" / "meta" / "main.yml", "dependencies: [{role: a}]\n")
    with pytest.raises(TdiError, match="in a circle: a → a"):
        satisfy()


def test_a_circle_through_what_was_fetched_is_seen(satisfy, tree: Path, fakes: Fakes):
    fakes(
        "ansible-galaxy",
        'for word; do to=$word; done; mkdir -p "$to/them.base/meta"\n'
        'echo "dependencies: [web]" > "$to/them.base/meta/main.yml"',
    )
    write(tree / "roles" / "web" / "meta" / "main.yml", "dependencies: [them.base]\n")
    for _ in range(2):  # as it is fetched, and when it is there already
        with pytest.raises(TdiError, match=r"in a circle: web → them\.base → web|them\.base → web → them\.base"):
            satisfy()


def test_a_circle_through_a_role_beside_a_playbook_is_seen(satisfy, tree: Path):
    write(tree / "roles" / "web" / "meta" / "main.yml", "dependencies: [base]\n")
    beside = tree / "molecule" / "default"
    write(beside / "roles" / "base" / "meta" / "main.yml", "dependencies: [web]\n")
    with pytest.raises(TdiError, match="in a circle: web → base → web"):
        satisfy(beside)


def test_two_ways_to_one_role_are_no_circle(satisfy, tree: Path):
    for role, others in (("a", "b, c"), ("b", "d"), ("c", "d"), ("d", "")):
        write(tree / "roles" / role / "meta" / "main.yml", f"dependencies: [{others}]\n")
    satisfy()
