"""Annotations: at the role's lines, as many as are shown, and never a command that somebody else wrote."""

import re
from pathlib import Path

import pytest
from left_behind import BREAKS, PLAN, TROUBLE, WORKS, comparison, drift, finding, leave, role, verdict

from tdi.ci import results
from tdi.ci.__main__ import main
from tdi.ci.annotations import MOST, Annotation, command, commands, of_mutants
from tdi.ci.places import Place, Tree
from tdi.mutants import keeping
from tdi.mutants.results import MutantResult, Results, Status
from tdi.state.compare import Result as SameState


def lines(artifacts: Path, workspace: Path, directory: str = ".") -> list[str]:
    return list(commands(results.read(artifacts), Tree(workspace, workspace / directory)))


def parsed(line: str) -> tuple[str, dict[str, str], str]:
    """A command as GitHub's runner reads it: its level, its properties, its message."""

    def plain(text: str, **escapes: str) -> str:
        for name, letter in {**escapes, "0D": "\r", "0A": "\n", "25": "%"}.items():
            text = text.replace(f"%{name}", letter)
        return text

    head, _, message = line.removeprefix("::").partition("::")
    level, _, properties = head.partition(" ")
    pairs = (each.partition("=") for each in properties.split(","))
    return level, {name: plain(text, **{"3A": ":", "2C": ","}) for name, _, text in pairs}, plain(message)


def test_a_finding_stands_at_the_line_that_it_blames(tmp_path: Path):
    (line,) = lines(drift(tmp_path / "artifacts"), role(tmp_path))
    level, properties, message = parsed(line)
    assert level == "error"
    assert properties == {
        "file": "roles/nginx/tasks/install.yml",
        "line": "18",
        "title": "tdi: service: files /etc/nginx/1.conf (debian-13)",
    }
    assert message == (
        "file /etc/nginx/1.conf: content differs; the task 'nginx : Install nginx' "
        "(roles/nginx/tasks/install.yml:18) wrote it on the new machine.\n"
        "→ Let the role write /etc/nginx/1.conf on both machines (`state: latest`).\n"
        "[000000000001, owner nginx]"
    )


def test_a_failed_task_stands_at_its_line(tmp_path: Path):
    (line,) = lines(leave(tmp_path / "artifacts", verdict(BREAKS, WORKS), plan=PLAN), role(tmp_path))
    _, properties, message = parsed(line)
    assert properties == {
        "file": "roles/nginx/tasks/serve.yml",
        "line": "14",
        "title": "tdi: fresh, converge failed (debian-13)",
    }
    assert "failed: 100% wrong,\nof: course\nthe journal ends with:" in message


def test_failures_come_before_findings(tmp_path: Path):
    found = leave(tmp_path / "a", verdict(BREAKS, WORKS), comparison([finding()]))
    assert ["converge" in line for line in lines(found, role(tmp_path))] == [True]
    tests_fail = {**WORKS, **{step: ended for step, ended in BREAKS.items() if step == "converge"}}
    found = leave(tmp_path / "a", verdict(tests_fail, WORKS, SameState.DIFFERENT), comparison([finding()]))
    assert ["converge" in line for line in lines(found, role(tmp_path))] == [True, False]


def test_trouble_of_the_test_bed_is_not_the_fault_of_a_line(tmp_path: Path):
    (line,) = lines(leave(tmp_path / "a", verdict(WORKS, TROUBLE)), role(tmp_path))
    _, properties, message = parsed(line)
    assert properties == {"title": "tdi: could-not-run (debian-13)"}
    assert message.startswith("upgrade, converge: the disk is full")


def test_a_pass_has_none(tmp_path: Path):
    assert lines(leave(tmp_path, verdict(WORKS, WORKS, SameState.SAME), comparison(), PLAN), tmp_path) == []


def test_every_other_class_has_one_at_the_least(tmp_path: Path):
    (line,) = lines(tmp_path / "nothing", tmp_path)
    assert parsed(line)[1]["title"] == "tdi: could-not-run"
    drift(tmp_path)
    (tmp_path / "records" / "same-state.json").write_text("{", encoding="utf-8")
    (line,) = lines(tmp_path, tmp_path)
    assert parsed(line)[1]["title"] == "tdi: drift (debian-13)"
    assert "same-state.json is damaged" in parsed(line)[2]


def test_an_allowance_that_nothing_needs_is_said_too(tmp_path: Path):
    found = comparison(problems=("The allowance for /etc/x is not needed any more.",))
    (line,) = lines(leave(tmp_path, verdict(WORKS, WORKS, SameState.DIFFERENT), found), tmp_path)
    assert parsed(line)[2] == "The allowance for /etc/x is not needed any more."


@pytest.mark.parametrize(("count", "shown", "more"), [(10, 10, []), (11, 10, ["1 more error"]), (90, 10, ["80 more"])])
def test_of_many_ten_are_shown_and_then_how_many_more(tmp_path: Path, count: int, shown: int, more: list[str]):
    found = lines(drift(tmp_path / "a", [finding(number, number + 1) for number in range(count)]), role(tmp_path))
    assert [parsed(line)[0] for line in found] == ["error"] * shown + ["notice"] * len(more)
    assert all(text in line for text, line in zip(more, found[shown:], strict=True))


def test_a_place_is_named_from_the_root_of_the_repository(tmp_path: Path):
    role(tmp_path / "ops" / "web")
    (line,) = lines(drift(tmp_path / "ops" / "web" / "artifacts"), tmp_path, "ops/web")
    assert parsed(line)[1]["file"] == "ops/web/roles/nginx/tasks/install.yml"


def test_a_project_may_begin_above_the_directory(tmp_path: Path):
    role(tmp_path / "ops")
    (tmp_path / "ops" / "molecule").mkdir()
    (line,) = lines(drift(tmp_path / "a"), tmp_path, "ops/molecule")
    assert parsed(line)[1]["file"] == "ops/roles/nginx/tasks/install.yml"


@pytest.mark.parametrize(
    "named",
    [
        "roles/gone.yml:3",
        "roles:3",
        "../outside.yml:3",
        "{outside}:3",
        "roles/link.yml:3",
        "roles/circle.yml:3",
        "roles/nul\0.yml:3",
        "roles/nginx/tasks/install.yml",
        "roles/nginx/tasks/install.yml:0",
        "roles/nginx/tasks/install.yml:99999999",
        "roles/nginx/tasks/install.yml:-1",
        "x" * 5000 + ":3",
        ":3",
    ],
)
def test_what_is_no_line_of_the_checkout_is_no_place(tmp_path: Path, named: str):
    workspace = role(tmp_path / "workspace")
    outside = tmp_path / "outside.yml"
    outside.touch()
    (workspace / "roles" / "link.yml").symlink_to(outside)
    (workspace / "roles" / "circle.yml").symlink_to("circle.yml")
    text = f"the task 'a' ({named.format(outside=outside)}) wrote it"
    assert Tree(workspace, workspace).place(text) is None


@pytest.mark.parametrize(
    ("text", "file", "line"),
    [
        ("the task 'it's (so) ' (good' (roles/a.yml:3) wrote it", "roles/a.yml", 3),
        ("task 'a' (roles/(b).yml:4) failed", "roles/(b).yml", 4),
        ("task 'a' (roles/b c.yml:4) failed", "roles/b c.yml", 4),
        ("the task 'a' (gone.yml:1) wrote it on one, the task 'b' (roles/a.yml:2) on the other", "roles/a.yml", 2),
        ("the second run failed: task 'a' (roles/a.yml:12) failed: no' (roles/b c.yml:9)", "roles/a.yml", 12),
        ("file /etc/x (roles/b c.yml:9) differs; the task 'a' (roles/a.yml:1) wrote it", "roles/a.yml", 1),
    ],
)
def test_names_of_tasks_and_files_may_be_strange(tmp_path: Path, text: str, file: str, line: int):
    (tmp_path / "roles").mkdir()
    for name in ("a.yml", "(b).yml", "b c.yml"):
        (tmp_path / "roles" / name).touch()
    assert Tree(tmp_path, tmp_path).place(text) == Place(file, line)


def test_a_text_of_many_places_is_searched_in_no_time(tmp_path: Path):
    assert Tree(tmp_path, tmp_path).place("task 'a' (x:1)" * 20_000) is None


STRANGE = "50%, a:b\r\n::error::no%0A\x1b[31m\u202e \udcff"


def test_what_means_something_to_the_runner_is_escaped():
    line = command("error", Annotation(STRANGE, STRANGE, Place("a,b:c%.yml", 3)), "p,q")
    assert line.isprintable(), "one line, and nothing that a terminal obeys"
    assert not re.search(r"%(?!25|0A|0D|3A|2C)", line)
    level, properties, message = parsed(line)
    assert (level, properties["file"], properties["line"]) == ("error", "a,b:c%.yml", "3")
    assert properties["title"] == r"50%, a:b\r\n::error::no%0A\x1b[31m\u202e \xff (p,q)"
    assert message.splitlines() == ["50%, a:b", r"::error::no%0A\x1b[31m\u202e \xff"]


def test_nothing_grows_beyond_what_is_read():
    line = command("error", Annotation("t" * 9999, "m" * 99_999))
    assert len(line) < 4300


def test_it_prints_them_whatever_the_locale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
):
    role(tmp_path / "sub")
    drift(tmp_path / "sub" / "artifacts")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    assert main(["annotations", "--directory", str(tmp_path / "sub")]) == 0
    assert capfdbinary.readouterr().out.decode().startswith("::error file=sub/roles/nginx/tasks/install.yml,line=18,")


def survivors(workspace: Path, count: int) -> Path:
    """Results of mutants of which so many survived, as `tdi mutants` leaves them; the artifacts that they are in."""
    head = Results(revision="", tree="t", platform="debian-13", full=False, made=count + 1, sources={})
    place = workspace / "artifacts" / "mutants"
    with keeping.keeper(place, head, (1, 1), resume=False) as keeper:
        for number in range(count + 1):
            status = Status.SURVIVED if number else Status.KILLED
            diff = f"-notify: Restart, please\n+{number}%\n"
            said = ("drop-notify", "roles/nginx/tasks/install.yml", 18, 18, "nothing is notified", diff)
            keeper.add(MutantResult(f"{number:010}", *said, status, why="the records are those of the unmutated role"))
    return place.parent


def test_a_mutant_that_survived_is_a_warning_at_its_line(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]):
    workspace = role(tmp_path)
    artifacts = survivors(workspace, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_WORKSPACE", str(workspace))
        assert main(["mutants", "--artifacts", str(artifacts), "--directory", str(workspace)]) == 0
    (line,) = capsysbinary.readouterr().out.decode().splitlines()
    level, properties, message = parsed(line)
    assert level == "warning"
    title = "tdi: nothing notices drop-notify (debian-13)"
    assert properties == {"file": "roles/nginx/tasks/install.yml", "line": "18", "title": title}
    assert message.startswith("The suite does not notice that nothing is notified: the records are those of")
    assert "+1%" in message


def test_of_many_survivors_the_last_line_says_how_many_are_not_shown(tmp_path: Path):
    workspace = role(tmp_path)
    found = keeping.read(survivors(workspace, MOST + 2) / "mutants" / keeping.NAME)
    said = [parsed(line) for line in of_mutants(found, Tree(workspace, workspace))]
    assert [level for level, _, _ in said] == ["warning"] * MOST + ["notice"]
    assert "2 more survivors" in said[-1][2]


def test_without_results_of_mutants_there_is_one_line_and_no_annotation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["mutants", "--artifacts", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "cannot be read" in said.err
