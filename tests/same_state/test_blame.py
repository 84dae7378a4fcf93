"""Who made what only one machine has: tasks of a run, and the commit since which the role no longer makes it."""

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import Repository
from tdi.images import provisioning
from tdi.machines import manifest
from tdi.machines.machine import Machine, Part
from tdi.machines.manifest import Manifest
from tdi.outside import docker, git
from tdi.project import Project
from tdi.same_state import blame, kept_records
from tdi.state.finding import Difference, Kind, Names

ROLE = "roles/web/tasks/main.yml"
DEFAULTS = "roles/web/defaults/main.yml"
PATH = "/etc/app/sites/old.conf"
WROTE = "web : Configure the old site"
MACHINE = Machine("tdi-x-upgrade", "upgrade", "upgrade", Part.UPGRADED)


def task(name: str, **module: Any) -> dict[str, Any]:
    return {"name": name, "ansible.builtin.copy": module}


OLD = task("Configure the old site", dest=PATH)
FIRST = task("First", dest="/etc/app/first")
SECOND = task("Second", dest="/etc/app/second")


def only_on(kind: Kind, scope: str, key: str, **attributes: Any) -> Difference:
    sides = (None, attributes) if kind is Kind.ONLY_B else (attributes, None)
    return Difference(scope, key, kind, (), *sides)


def left_over(path: str = PATH, **attributes: Any) -> tuple[Difference, ...]:
    return (only_on(Kind.ONLY_B, "files", path, type="file", **attributes),)


class Role:
    """A repository with a role whose tasks are committed one version after another."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.root = repository.root

    def write(self, *tasks: dict[str, Any], path: str = ROLE) -> None:
        """Write the tasks, committed or not."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([*tasks], indent=1), encoding="utf-8")

    def commit(self, subject: str, *tasks: dict[str, Any], path: str = ROLE) -> str:
        """Write and commit the tasks, and return the commit."""
        self.write(*tasks, path=path)
        return self.as_it_is(subject)

    def as_it_is(self, subject: str) -> str:
        """Commit what there is."""
        self.repository.git("add", "--all")
        self.repository.git("commit", "--quiet", "--allow-empty", "--message", subject)
        return self.repository.git("rev-parse", "HEAD")

    def said(
        self,
        monkeypatch: pytest.MonkeyPatch,
        group: tuple[Difference, ...],
        revision: str = "",
        *,
        wrote: dict[str, str] | None = None,
        project: Project | None = None,
    ) -> str | None:
        """What is said of a finding, where production was provisioned at `revision` and `wrote` was written then."""
        labels = {"tdi.revision": revision, provisioning.WROTE_LABEL: json.dumps(wrote or {})}
        monkeypatch.setattr(docker, "image_of", lambda _: "image")
        monkeypatch.setattr(docker, "image_facts", lambda _: {"Config": {"Labels": labels}})
        return blame.blame_for(project or self.repository.project(), "fresh", MACHINE, Names("new", "upgraded"))(group)


@pytest.fixture
def role(repository: Repository) -> Role:
    return Role(repository)


def provisioned(revision: str) -> str:
    return f"the task '{WROTE}' wrote it in revision {revision[:7]}, which provisioned production"


def test_a_task_of_this_run_comes_first(role: Role, monkeypatch: pytest.MonkeyPatch):
    role.commit("start", FIRST)
    kept_records.write_wrote(role.repository.project(), kept_records.Wrote({"fresh": {}, "upgrade": {PATH: WROTE}}))
    assert role.said(monkeypatch, left_over(), wrote={PATH: "x"}) == f"the task '{WROTE}' writes it"


def test_the_only_commit_since_production_is_the_one(role: Role, monkeypatch: pytest.MonkeyPatch):
    before = role.commit("start", OLD, FIRST)
    gone = role.commit("Drop the old site", FIRST)
    role.as_it_is("touch nothing of the role")
    said = role.said(monkeypatch, left_over(), before, wrote={PATH: WROTE})
    assert said == f"the task '{WROTE}' wrote it until revision {gone[:7]} (Drop the old site)"


def test_the_only_commit_is_the_one_even_where_no_name_gives_it_away(role: Role, monkeypatch: pytest.MonkeyPatch):
    before = role.commit("start", task("Configure the old site", dest="{{ item }}"))
    gone = role.commit("Other sites", task("Configure the old site", dest="{{ item }}", force=True))
    said = role.said(monkeypatch, left_over(), before, wrote={PATH: WROTE})
    assert said == f"the task '{WROTE}' wrote it until revision {gone[:7]} (Other sites)"


def test_what_is_not_committed_is_this_change(role: Role, monkeypatch: pytest.MonkeyPatch):
    before = role.commit("start", OLD, FIRST)
    role.write(FIRST)
    said = role.said(monkeypatch, left_over(), before, wrote={PATH: WROTE})
    assert said == f"the task '{WROTE}' wrote it until this change"


@pytest.mark.parametrize(
    "old",
    [
        OLD,
        task("Configure the old site", dest="{{ sites }}/old.conf"),
        task("Configure the old site", dest="{{ sites }}", src="old.conf.j2"),
        task("Configure the old site", dest="{{ sites }}"),
    ],
    ids=["whole path", "name", "template", "name of the task"],
)
def test_of_several_commits_the_one_that_took_it_away_is_named(
    role: Role, monkeypatch: pytest.MonkeyPatch, old: dict[str, Any]
):
    before = role.commit("start", old, FIRST)
    role.commit("one", old, FIRST, SECOND)
    gone = role.commit("Drop the old site", FIRST, SECOND)
    role.commit("three", SECOND)
    role.write(FIRST)
    said = role.said(monkeypatch, left_over(), before, wrote={PATH: WROTE})
    assert said == f"the task '{WROTE}' wrote it until revision {gone[:7]} (Drop the old site)"


def test_of_several_changes_the_one_that_is_not_committed_is_told(role: Role, monkeypatch: pytest.MonkeyPatch):
    before = role.commit("start", OLD)
    role.commit("one", OLD, FIRST)
    role.write(FIRST)
    said = role.said(monkeypatch, left_over(), before, wrote={PATH: WROTE})
    assert said == f"the task '{WROTE}' wrote it until this change"


def test_the_name_in_a_list_of_the_defaults_is_enough(role: Role, monkeypatch: pytest.MonkeyPatch):
    every = task("Configure the sites", dest="{{ prefix }}{{ item }}", loop="{{ sites }}")
    role.write(every)
    before = role.commit("start", {"sites": ["old", "new"]}, path=DEFAULTS)
    gone = role.commit("Only the new one", {"sites": ["new"]}, path=DEFAULTS)
    role.commit("more", every, FIRST)
    said = role.said(monkeypatch, left_over("/etc/app/ansible-old"), before, wrote={"/etc/app/ansible-old": WROTE})
    assert said == f"the task '{WROTE}' wrote it until revision {gone[:7]} (Only the new one)"


def test_where_several_commits_fit_none_is_named(role: Role, monkeypatch: pytest.MonkeyPatch):
    before = role.commit("start", OLD)
    role.commit("away", FIRST)
    role.commit("back", OLD, FIRST)
    role.commit("away again", FIRST)
    assert role.said(monkeypatch, left_over(), before, wrote={PATH: WROTE}) == provisioned(before)


def test_what_the_role_still_names_was_not_taken_away(role: Role, monkeypatch: pytest.MonkeyPatch):
    before = role.commit("start", OLD)
    role.commit("only sometimes", task("Configure the old site", dest=PATH, when="wanted"))
    role.commit("more", task("Configure the old site", dest=PATH, when="wanted"), FIRST)
    assert role.said(monkeypatch, left_over(), before, wrote={PATH: WROTE}) == provisioned(before)
    assert role.said(monkeypatch, left_over()) is None


def test_a_task_that_was_called_something_else_was_not_removed(role: Role, monkeypatch: pytest.MonkeyPatch):
    before = role.commit("start", task("Configure the old site", dest="{{ sites }}"))
    role.commit("another name", task("Configure a site", dest="{{ sites }}"))
    role.commit("more", task("Configure a site", dest="{{ sites }}"), FIRST)
    assert role.said(monkeypatch, left_over(), before, wrote={PATH: WROTE}) == provisioned(before)


def test_what_only_describes_the_role_does_not_count(role: Role, monkeypatch: pytest.MonkeyPatch):
    role.write(OLD)
    before = role.repository.commit(**{"roles__web__README.md": f"It writes {PATH}."})
    gone = role.commit("Drop the old site", FIRST)
    role.commit("more", FIRST, SECOND)
    said = role.said(monkeypatch, left_over(), before, wrote={PATH: WROTE})
    assert said == f"the task '{WROTE}' wrote it until revision {gone[:7]} (Drop the old site)"


@pytest.mark.parametrize("revision", ["f" * 40, "as checked out", ""])
def test_a_revision_that_is_not_here_ends_nothing(role: Role, monkeypatch: pytest.MonkeyPatch, revision: str):
    role.commit("start", OLD)
    role.commit("Drop the old site", FIRST)
    said = role.said(monkeypatch, left_over(), revision, wrote={PATH: WROTE})
    known = (
        provisioned(revision) if len(revision) == 40 else f"the task '{WROTE}' wrote it when production was provisioned"
    )
    assert said == known


def test_a_production_that_did_not_come_before_ends_nothing(role: Role, monkeypatch: pytest.MonkeyPatch):
    role.commit("start", FIRST)
    role.repository.git("checkout", "--quiet", "-b", "other")
    other = role.commit("The old site", OLD, FIRST)
    role.repository.git("checkout", "--quiet", "main")
    role.commit("more", FIRST, SECOND)
    assert role.said(monkeypatch, left_over(), other, wrote={PATH: WROTE}) == provisioned(other)


def test_history_that_is_older_than_production_is_searched(role: Role, monkeypatch: pytest.MonkeyPatch):
    role.commit("start", OLD)
    gone = role.commit("Drop the old site", FIRST)
    later = role.commit("more", FIRST, SECOND)
    said = role.said(monkeypatch, left_over(), later)
    assert said == f"the task 'Configure the old site' wrote it until revision {gone[:7]} (Drop the old site)"


def test_a_package_is_looked_for_by_its_name(role: Role, monkeypatch: pytest.MonkeyPatch):
    role.commit("start", {"packages": ["curl", "htop"]}, path="roles/web/vars/main.yml")
    gone = role.commit("No htop", {"packages": ["curl", "htop-vim"]}, path="roles/web/vars/main.yml")
    group = (only_on(Kind.ONLY_B, "packages", "htop"), *left_over("/usr/bin/htop"))
    assert role.said(monkeypatch, group) == f"the role named it until revision {gone[:7]} (No htop)"


def test_the_one_task_that_installed_a_package_is_named(role: Role, monkeypatch: pytest.MonkeyPatch):
    role.commit("start", {"name": "Install a pager", "ansible.builtin.apt": {"name": ["most", "less"]}})
    role.write(FIRST)
    group = (only_on(Kind.ONLY_B, "packages", "most"),)
    assert role.said(monkeypatch, group) == "the task 'Install a pager' installed it until this change"


@pytest.mark.parametrize(
    "group",
    [
        left_over("/srv/other.conf"),
        left_over("/var/lib/x/first"),
        left_over(PATH, origin={"kind": "package", "package": "app"}),
        (only_on(Kind.ONLY_A, "files", PATH, type="file"),),
    ],
    ids=["never named", "a common word", "of a package", "on the new machine"],
)
def test_what_the_role_cannot_have_left_is_blamed_on_nobody(
    role: Role, monkeypatch: pytest.MonkeyPatch, group: tuple[Difference, ...]
):
    role.commit("start", OLD, task("x", dest="{{ x }}", src="first"))
    role.commit("Drop both", SECOND)
    assert role.said(monkeypatch, group) is None


def test_a_copy_asks_the_repository_it_was_taken_of(role: Role, monkeypatch: pytest.MonkeyPatch):
    (role.root / ".gitignore").write_text("/copy/\n")
    before = role.commit("start", OLD, FIRST)
    copy = role.root / "copy"
    (copy / ROLE).parent.mkdir(parents=True)
    (copy / ROLE).write_text(json.dumps([FIRST]))
    project = Project(copy, copy / "artifacts")
    assert role.said(monkeypatch, left_over(), before, wrote={PATH: WROTE}, project=project) == provisioned(before)
    role.commit("after the copy was taken", SECOND)
    run = Manifest(copy, copy / "artifacts", copy / "records", copy_of=role.root, copy_at=before)
    with manifest.in_force(run, copy):
        said = role.said(monkeypatch, left_over(), before, wrote={PATH: WROTE}, project=project)
    assert said == f"the task '{WROTE}' wrote it until this change"


def test_a_shallow_clone_names_no_commit(role: Role, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    role.commit("start", OLD)
    role.commit("away", FIRST)
    role.commit("back", OLD, FIRST)
    last = role.commit("away again", FIRST)
    role.repository.git("clone", "--quiet", "--depth=2", f"file://{role.root}", str(tmp_path / "shallow"))
    shallow = Project(tmp_path / "shallow", tmp_path / "artifacts")
    assert role.said(monkeypatch, left_over(), project=shallow) is None
    assert role.said(monkeypatch, left_over(), last, wrote={PATH: WROTE}, project=shallow) == provisioned(last)


def test_without_git_nothing_fails(
    role: Role, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    before = role.commit("start", OLD)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert role.said(monkeypatch, left_over()) is None
    assert role.said(monkeypatch, left_over(), before, wrote={PATH: WROTE}) == provisioned(before)
    assert capfd.readouterr() == ("", "")


def test_a_search_that_takes_too_long_is_given_up(role: Role, monkeypatch: pytest.MonkeyPatch):
    before = role.commit("start", OLD)
    role.commit("Drop the old site", FIRST)
    monkeypatch.setattr(blame, "_SECONDS", 0.0)
    assert role.said(monkeypatch, left_over(), before, wrote={PATH: WROTE}) == provisioned(before)
    assert role.said(monkeypatch, left_over()) is None


def test_a_long_subject_is_shortened(role: Role, monkeypatch: pytest.MonkeyPatch):
    before = role.commit("start", OLD)
    role.commit("x" * 100, FIRST)
    said = role.said(monkeypatch, left_over(), before, wrote={PATH: WROTE})
    assert said is not None
    assert said.endswith(f"({'x' * 59}…)")


def test_a_name_with_signs_of_regular_expressions_is_only_itself(role: Role, monkeypatch: pytest.MonkeyPatch):
    odd = "/etc/app/a+b(c)[d].conf"
    role.commit("start", task("Odd", dest=odd), task("Other", dest="/etc/app/aab(c)d.conf"))
    gone = role.commit("No odd name", task("Other", dest="/etc/app/aab(c)d.conf"))
    said = role.said(monkeypatch, left_over(odd))
    assert said == f"the task 'Odd' wrote it until revision {gone[:7]} (No odd name)"


def test_git_is_asked_for_the_commits_that_changed_a_count(role: Role):
    role.commit("start", FIRST)
    added = role.commit("the old one", OLD, FIRST)
    found = git.commits(role.root, "HEAD", ["roles"], pattern="old[.]conf", most=5, seconds=60)
    assert found == [git.Commit(added, "the old one")]
    assert git.files_with(role.root, added, "old[.]conf", ["roles"], seconds=60) == [ROLE]
    assert git.files_with(role.root, f"{added}^", "old[.]conf", ["roles"], seconds=60) == []


def changed(scope: str, key: str, *attributes: str, **values: Any) -> tuple[Difference, ...]:
    return (Difference(scope, key, Kind.CHANGED, attributes, values, values),)


@pytest.mark.parametrize(
    ("fresh", "upgrade", "said"),
    [
        (WROTE, WROTE, f"the task '{WROTE}' writes it"),
        (WROTE, None, f"the task '{WROTE}' wrote it on the new machine and changed nothing on the upgraded one"),
        (None, WROTE, f"the task '{WROTE}' wrote it on the upgraded machine and changed nothing on the new one"),
        (WROTE, "Other", f"the task '{WROTE}' wrote it on the new machine, the task 'Other' on the upgraded one"),
    ],
)
def test_of_what_both_machines_have_it_is_told_where_a_task_wrote_it(
    role: Role, monkeypatch: pytest.MonkeyPatch, fresh: str | None, upgrade: str | None, said: str
):
    wrote = {name: {PATH: task} if task else {} for name, task in (("fresh", fresh), ("upgrade", upgrade))}
    kept_records.write_wrote(role.repository.project(), kept_records.Wrote(wrote))
    assert role.said(monkeypatch, changed("files", PATH, "hash")) == said


def test_what_production_kept_of_a_former_edit_is_told(role: Role, monkeypatch: pytest.MonkeyPatch):
    before = role.commit("start", OLD, FIRST)
    role.write(FIRST)
    said = role.said(monkeypatch, changed("files", PATH, "hash"), before, wrote={PATH: WROTE})
    assert said == f"the task '{WROTE}' wrote it until this change"


@pytest.mark.parametrize(
    ("group", "known", "verb"),
    [
        ((only_on(Kind.ONLY_A, "packages", "curl"),), "packages:curl", "installs"),
        ((only_on(Kind.ONLY_A, "packages", "curl:i386"),), "packages:curl", "installs"),
        ((only_on(Kind.ONLY_A, "users", "app"),), "users:app", "makes"),
        (changed("systemd", "app.service", "enablement", fragment=PATH), "systemd:app.service", "sets"),
        (changed("systemd", "app.service", "text_hash", fragment=PATH), PATH, "writes"),
    ],
)
def test_what_is_not_a_file_is_known_by_its_name(
    role: Role, monkeypatch: pytest.MonkeyPatch, group: tuple[Difference, ...], known: str, verb: str
):
    mine = {"systemd:app.service": "Other", PATH: "Other", known: "Mine"}
    kept_records.write_wrote(role.repository.project(), kept_records.Wrote({"fresh": mine, "upgrade": mine}))
    assert role.said(monkeypatch, group) == f"the task 'Mine' {verb} it"


def test_a_file_beside_the_object_is_called_by_its_name(role: Role, monkeypatch: pytest.MonkeyPatch):
    kept_records.write_wrote(role.repository.project(), kept_records.Wrote({"fresh": {PATH: "Configure"}}))
    inside = (only_on(Kind.ONLY_A, "files", "/etc/app", type="dir"), only_on(Kind.ONLY_A, "files", PATH, type="file"))
    assert role.said(monkeypatch, inside) == f"the task 'Configure' writes {PATH}"
    package = (only_on(Kind.ONLY_A, "packages", "app"), *inside)
    assert role.said(monkeypatch, package) is None


def test_of_a_changed_object_the_file_that_came_or_went_is_blamed(role: Role, monkeypatch: pytest.MonkeyPatch):
    before = role.commit("start", OLD, FIRST)
    role.write(FIRST)
    kept_records.write_wrote(
        role.repository.project(),
        kept_records.Wrote({"fresh": {"/etc/app/first": "Mine"}, "upgrade": {"/etc/app/first": "Mine"}}),
    )
    group = (*changed("apt", "source:deb x", "files", files=["/etc/app/first", PATH]), *left_over())
    said = role.said(monkeypatch, group, before, wrote={PATH: WROTE})
    assert said == f"the task '{WROTE}' wrote {PATH} until this change"


def test_a_package_of_this_change_is_told_with_the_task(role: Role, monkeypatch: pytest.MonkeyPatch):
    before = role.commit("start", {"packages": ["curl", "most"]}, path=DEFAULTS)
    role.write({"packages": ["curl"]}, path=DEFAULTS)
    group = (only_on(Kind.ONLY_B, "packages", "most"),)
    said = role.said(monkeypatch, group, before, wrote={"packages:most": "web : Install"})
    assert said == "the task 'web : Install' installed it until this change"


def test_where_a_task_stands_is_told(role: Role, monkeypatch: pytest.MonkeyPatch):
    places = {"fresh": {PATH: "roles/web/tasks/main.yml:3"}}
    kept_records.write_wrote(role.repository.project(), kept_records.Wrote({"fresh": {PATH: WROTE}}, places))
    assert role.said(monkeypatch, left_over()) == f"the task '{WROTE}' (roles/web/tasks/main.yml:3) writes it"


@pytest.mark.parametrize(("kind", "verb"), [("file", "writes"), ("dir", "makes"), ("link", "makes")])
def test_a_directory_or_a_link_is_made(role: Role, monkeypatch: pytest.MonkeyPatch, kind: str, verb: str):
    kept_records.write_wrote(role.repository.project(), kept_records.Wrote({"fresh": {PATH: WROTE}}))
    group = (only_on(Kind.ONLY_A, "files", PATH, type=kind),)
    assert role.said(monkeypatch, group) == f"the task '{WROTE}' {verb} it"
