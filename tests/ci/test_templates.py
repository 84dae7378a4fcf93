"""What is for other people's CI servers: valid by their schemas, and honest about what has to be filled in."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from runners import ROOT

from tdi import settings

FILES = ROOT / "src" / "tdi" / "project_files" / "ci"
INCLUDE: dict[str, Any] = yaml.safe_load((ROOT / "ci" / "gitlab.yml").read_text(encoding="utf-8"))
JOB: dict[str, Any] = INCLUDE[".tdi-verdict"]
GITHUB: dict[str, Any] = yaml.safe_load((FILES / "github.yml").read_text(encoding="utf-8"))
GITLAB: dict[str, Any] = yaml.safe_load((FILES / "gitlab.yml").read_text(encoding="utf-8"))
SCRIPTS = {part: "\n".join(JOB[part]) for part in ("before_script", "script")}


@pytest.mark.skipif(not shutil.which("check-jsonschema"), reason="check-jsonschema is not installed")
@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("github-actions", ROOT / "action.yml"),
        ("github-workflows", FILES / "github.yml"),
        ("gitlab-ci", ROOT / "ci" / "gitlab.yml"),
        ("gitlab-ci", FILES / "gitlab.yml"),
    ],
    ids=["action", "workflow", "include", "pipeline"],
)
def test_it_is_valid_by_the_schema_of_its_server(schema: str, file: Path):
    words = ["check-jsonschema", "--builtin-schema", f"vendor.{schema}"]
    if schema == "gitlab-ci":
        words += ["--data-transform", "gitlab-ci"]
    done = subprocess.run([*words, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def _platforms() -> set[str]:
    tables = (ROOT / "src" / "tdi" / "images" / "platforms.yml", ROOT / "molecule" / "shared" / "platforms.yml")
    table = next(file for file in tables if file.exists())
    return set(yaml.safe_load(table.read_text(encoding="utf-8"))["platforms"])


def test_the_templates_name_platforms_that_there_are():
    github = GITHUB["jobs"]["verdict"]["strategy"]["matrix"]["platform"]
    (leg,) = GITLAB["verdict"]["parallel"]["matrix"]
    assert github == leg["TDI_PLATFORM"]
    assert set(github) <= _platforms()


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_every_line_to_fill_in_says_so_and_the_head_does(name: str):
    head, *lines = (FILES / name).read_text(encoding="utf-8").split("\n", 3)[1:]
    assert f"tdi init --ci {name.partition('.')[0]}" in head
    assert lines[0].startswith("# Replace ")
    open_lines = [line for line in lines[-1].splitlines() if re.search(r"OWNER|REPO|\bREF\b|HOST", line)]
    assert open_lines
    assert all("# replace it: " in line for line in open_lines)


def test_the_workflow_may_only_read_and_has_all_history():
    assert GITHUB["permissions"] == {"contents": "read"}
    (job,) = GITHUB["jobs"].values()
    assert "permissions" not in job
    assert job["steps"][0]["with"] == {"persist-credentials": False, "fetch-depth": 0}
    assert job["timeout-minutes"] <= 60


def test_the_pipeline_extends_what_the_include_has():
    assert GITLAB["verdict"]["extends"] in INCLUDE
    assert {name for name in GITLAB["variables"] if name.startswith("TDI_")} <= set(INCLUDE["variables"])


def test_the_include_takes_the_settings_and_says_all_that_it_takes():
    said = (ROOT / "src" / "tdi" / "settings.py").read_text(encoding="utf-8")
    own = {"TDI_INSTALL", "TDI_DIRECTORY", "TDI_FROM"}
    for name in {*INCLUDE["variables"], *JOB["variables"]}:
        assert not name.startswith("TDI_") or name in said or name in own, f"nothing reads {name}"
    assert all(f"${name}" in "".join(SCRIPTS.values()) for name in own)
    assert settings.platform() is None


def test_a_pipeline_that_sets_a_variable_for_all_its_jobs_is_heard():
    # A job's own variables would be stronger than those.
    assert {"TDI_PLATFORM", "TDI_PRODUCTION_IMAGE", "TDI_REGISTRY", "TDI_PAST", "TDI_INSTALL"} <= set(
        INCLUDE["variables"]
    ) - set(JOB["variables"])


def test_a_verdict_that_fails_fails_the_job_and_its_results_stay():
    assert "allow_failure" not in JOB
    assert JOB["artifacts"]["when"] == "always"
    assert JOB["artifacts"]["reports"] == {"junit": "artifacts/junit.xml"}
    assert JOB["variables"]["TDI_ARTIFACTS"] == "$CI_PROJECT_DIR/artifacts"
    assert JOB["variables"]["GIT_DEPTH"] == "0"


@pytest.mark.parametrize("part", SCRIPTS)
def test_its_scripts_hold_for_shellcheck(part: str):
    done = subprocess.run(
        ["shellcheck", "--shell=sh", "-"], input=SCRIPTS[part], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Programs that pretend, which note how they were called: of the job's image, and those that it installs."""
    directory = tmp_path / "programs"
    directory.mkdir()
    for name in ("apt-get", "docker", "python", "tdi", "sleep"):
        lines = (
            "#!/bin/sh",
            f'echo "{name} $*" >> {tmp_path}/calls',
            f'exit "$(cat {tmp_path}/{name}.code 2>/dev/null || echo 0)"\n',
        )
        (directory / name).write_text("\n".join(lines), encoding="utf-8")
        (directory / name).chmod(0o755)
    return directory


def job(programs: Path, **variables: str) -> tuple[int, list[str]]:
    """Run both scripts in one shell, as GitLab's runner does, and return the exit code and what was called."""
    place = programs.parent / "project"
    place.mkdir(exist_ok=True)
    (place / "sub").mkdir(exist_ok=True)
    text = "\n".join(SCRIPTS.values()).replace("/opt/tdi/bin", str(programs))
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin",
        **INCLUDE["variables"],
        "TDI_ARTIFACTS": f"{place}/artifacts",
        "TDI_INSTALL": "tool==1",
        **variables,
    }
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", text], cwd=place, env=environment, capture_output=True, check=False
    )
    calls = programs.parent / "calls"
    return done.returncode, calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []


def test_the_job_installs_what_it_is_told_and_calls_the_tool(programs: Path):
    code, calls = job(programs)
    assert code == 0
    assert "python -m pip install --quiet --disable-pip-version-check tool==1" in calls
    assert calls[-1] == f"tdi verdict --json {programs.parent}/project/artifacts/verdict.json"


@pytest.mark.parametrize("code", [1, 2, 130])
def test_the_job_exits_as_the_tool_does(programs: Path, code: int):
    (programs.parent / "tdi.code").write_text(str(code), encoding="utf-8")
    ended, calls = job(programs)
    assert ended == code
    assert (calls[-1] == "tdi doctor") == (code == 2)


@pytest.mark.parametrize("variables", [{"TDI_INSTALL": ""}, {"TDI_DIRECTORY": "gone"}])
def test_a_job_that_is_not_set_up_is_no_verdict(programs: Path, variables: dict[str, str]):
    code, calls = job(programs, **variables)
    assert code == 2
    assert not [call for call in calls if call.startswith("tdi ")]


@pytest.mark.parametrize("name", ["apt-get", "python"])
def test_a_tool_that_cannot_be_installed_is_no_verdict(programs: Path, name: str):
    (programs.parent / f"{name}.code").write_text("100", encoding="utf-8")
    assert job(programs)[0] == 2


def test_no_variable_becomes_a_part_of_a_script(programs: Path):
    value = f"$(touch {programs}/owned)`touch {programs}/owned`'\";touch {programs}/owned;#"
    code, calls = job(programs, TDI_FROM=value, TDI_INSTALL=value, TDI_DIRECTORY="sub")
    assert code == 0
    assert calls[-1].endswith(f" --from={value}")
    assert not (programs / "owned").exists()
