"""The workflows: they cover what the project has, call only what is there, and trust nobody more than they must."""

import configparser
import json
import re
import shlex
import shutil
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tdi import cli
from tdi.ci import legs
from tdi.project import Project

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS: dict[str, dict[str, Any]] = {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in FILES}
CI = WORKFLOWS["ci"]
JOBS: dict[str, dict[str, Any]] = CI["jobs"]
ALL_JOBS = {f"{name} {job}": said for name, each in WORKFLOWS.items() for job, said in each["jobs"].items()}
PLATFORMS = set(yaml.safe_load((ROOT / "src/tdi/images/platforms.yml").read_text(encoding="utf-8"))["platforms"])
SCENARIOS = {file.parent.name for file in (ROOT / "molecule").glob("*/molecule.yml")}
PAST = {file.stem for file in (ROOT / "molecule" / "upgrade" / "past").glob("*.yml")}


def steps(job: str, action: str) -> list[dict[str, Any]]:
    return [step for step in JOBS[job]["steps"] if step.get("uses", "").startswith(f"actions/{action}@")]


def script(job: str) -> str:
    return "\n".join(step["run"] for step in JOBS[job].get("steps", ()) if "run" in step)


def commands(start: str) -> list[list[str]]:
    """Every command of the scripts of all workflows that begins with this word, as words."""
    scripts = [step["run"] for job in ALL_JOBS.values() for step in job.get("steps", ()) if "run" in step]
    text = "\n".join(scripts).replace("\\\n", " ")
    assignments = r"(?:[A-Z_]+=\S+ )*"
    found = re.findall(rf"^ *{assignments}({start} [^|&>;)\n]*)", text, re.MULTILINE)
    return [shlex.split(line.replace('"${options[@]}"', "").replace("$SHARD", "1/8")) for line in found]


def test_the_scenarios_run_on_every_platform_from_every_past() -> None:
    said = dict(line.partition("=")[::2] for line in legs.outputs(Project(ROOT, ROOT / "artifacts")))
    assert set(json.loads(said["platforms"])) == PLATFORMS
    assert set(json.loads(said["pasts"])) == {"default", *PAST}
    found = [(leg["scenario"], leg["platform"], leg["past"]) for leg in json.loads(said["legs"])]
    from_nothing = product(SCENARIOS - {"upgrade"}, PLATFORMS, ["default"])
    assert sorted(found) == sorted([*from_nothing, *product(["upgrade"], PLATFORMS, ["default", *PAST])])
    assert JOBS["scenario"]["strategy"]["matrix"] == {"include": "${{ fromJSON(needs.legs.outputs.legs) }}"}


def test_what_the_matrix_names_reaches_the_scenario_and_leaves_the_comparison_to_the_later_job() -> None:
    job = JOBS["scenario"]
    assert job["env"] == {
        "TDI_PLATFORM": "${{ matrix.platform }}",
        "TDI_PAST": "${{ matrix.past }}",
        "TDI_PRODUCTION_IMAGE": "${{ fromJSON(needs.legs.outputs.images)[matrix.platform] }}",
        "SCENARIO": "${{ matrix.scenario }}",
        "TDI_COMPARE": "later",
    }
    assert 'molecule test -s "$SCENARIO"' in script("scenario")


def test_every_platform_and_past_is_compared() -> None:
    job = JOBS["compare"]
    assert job["needs"] == ["legs", "scenario"]
    assert job["strategy"]["matrix"] == {
        "platform": "${{ fromJSON(needs.legs.outputs.platforms) }}",
        "past": "${{ fromJSON(needs.legs.outputs.pasts) }}",
    }


def test_one_failed_leg_does_not_hide_what_the_others_would_say() -> None:
    assert not any(job["strategy"].get("fail-fast", True) for job in ALL_JOBS.values() if "strategy" in job)


def test_the_comparison_gets_both_records_of_its_platform_and_past() -> None:
    keep, *_ = steps("scenario", "upload-artifact")
    assert "if" not in keep
    assert keep["with"]["if-no-files-found"] == "error"
    assert keep["with"]["name"] == "records-${{ matrix.platform }}-${{ matrix.scenario }}-${{ matrix.past }}"
    fetched = [step["with"]["name"] for step in steps("compare", "download-artifact")]
    platform = "records-${{ matrix.platform }}"
    assert fetched == [f"{platform}-fresh-default", f"{platform}-upgrade-${{{{ matrix.past }}}}"]
    for scenario in SCENARIOS:
        assert f"artifacts/records/{scenario}.json" in script("compare")


def test_the_comparison_uses_the_rules_of_the_verifier_and_fails_although_it_is_piped() -> None:
    assert "--rules molecule/verifier/rules.yml" in script("compare")
    assert 'tee -a "$GITHUB_STEP_SUMMARY"' in script("compare")


def test_every_shell_is_named_for_only_then_it_fails_where_a_command_before_a_pipe_does() -> None:
    assert {name: each["defaults"] for name, each in WORKFLOWS.items()} == {
        name: {"run": {"shell": "bash"}} for name in WORKFLOWS
    }


@pytest.mark.parametrize("job", ["scenario", "verdict", "changes", "unit"])
def test_production_is_built_from_a_whole_history(job: str) -> None:
    (checkout,) = steps(job, "checkout")
    assert checkout["with"]["fetch-depth"] == 0


def test_unit_tests_run_on_every_supported_python() -> None:
    assert JOBS["unit"]["strategy"]["matrix"] == {"python": ["3.11", "3.12", "3.13", "3.14"]}


def test_the_gate_waits_for_every_other_job_and_always_speaks() -> None:
    gate = JOBS["gate"]
    assert set(gate["needs"]) == set(JOBS) - {"gate", "publish"}
    assert gate["if"] == "always()"
    assert "name" not in gate, "branch protection knows it by its id"


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed here; runners have it")
@pytest.mark.parametrize(
    ("results", "code"),
    [
        (["success", "success"], 0),
        (["success", "failure"], 1),
        (["skipped", "success"], 1),
        (["success", "cancelled"], 1),
    ],
)
def test_the_gate_opens_only_if_every_job_succeeded(results: list[str], code: int) -> None:
    (step,) = JOBS["gate"]["steps"]
    assert step["env"] == {"NEEDS": "${{ toJSON(needs) }}"}
    needs = {f"job-{number}": {"result": result, "outputs": {}} for number, result in enumerate(results)}
    ran = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]],
        env={"NEEDS": json.dumps(needs), "PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert ran.returncode == code


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {name for line in re.findall(r"^([a-z ]+):", makefile, re.MULTILINE) for name in line.split()}
    called = {word for words in commands("make") for word in words[1:]}
    assert {"lint", "unit", "changes", "setup", "environment"} <= called
    assert called <= targets


def test_every_tdi_command_is_understood() -> None:
    called = [words[1:] for words in commands("tdi")]
    assert {"state", "verdict", "production"} <= {words[0] for words in called}
    for words in called:
        command: click.Command = cli.cli
        while isinstance(command, click.Group):
            default = getattr(command, "default", None)
            named = not default or words[0] in command.list_commands(click.Context(command))
            name = words.pop(0) if named else str(default)
            found = command.get_command(click.Context(command), name)
            assert found, f"tdi has no command {name}"
            command = found
        command.make_context(command.name, words)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it(file: Path) -> None:
    used = re.findall(r"uses:.*", file.read_text(encoding="utf-8"))
    assert used
    for line in used:
        own = re.fullmatch(r"uses: \./[\w./-]*", line)
        assert own or re.fullmatch(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


READS = {"contents": "read", "packages": "read"}
PUBLISHES = {"contents": "read", "packages": "write", "id-token": "write", "attestations": "write"}


def test_every_job_may_read_and_no_more_but_those_that_publish() -> None:
    assert all(each["permissions"] == {"contents": "read"} for each in WORKFLOWS.values())
    assert {name: job["permissions"] for name, job in ALL_JOBS.items() if "permissions" in job} == {
        "ci legs": READS,
        "ci scenario": READS,
        "ci verdict": READS,
        "ci gate": {},
        "ci publish": PUBLISHES,
        "publish publish": PUBLISHES,
        "role-release release": {"contents": "write", "id-token": "write", "attestations": "write"},
        "role-release galaxy": {"contents": "write"},
    }


def test_what_others_wrote_starts_no_job_that_may_write() -> None:
    events = {event for each in WORKFLOWS.values() for event in each["on"]}
    assert events == {"push", "pull_request", "merge_group", "schedule", "workflow_dispatch", "workflow_call"}
    publish = JOBS["publish"]
    assert publish["needs"] == ["legs", "gate"]
    assert publish["if"].startswith("github.event_name == 'push' && github.ref == 'refs/heads/main' && ")
    assert WORKFLOWS["publish"]["jobs"]["publish"]["if"] == "github.ref == 'refs/heads/main'"


def test_one_job_alone_knows_a_secret() -> None:
    assert [name for name, job in ALL_JOBS.items() if "secrets." in json.dumps(job)] == ["role-release galaxy"]
    assert ALL_JOBS["role-release galaxy"]["environment"] == "galaxy"


def test_publishers_wait_for_each_other_and_none_is_cancelled() -> None:
    turn = WORKFLOWS["publish"]["jobs"]["publish"]["concurrency"]
    expected = {"group": "publish-production-${{ matrix.platform }}", "cancel-in-progress": False, "queue": "max"}
    assert turn == expected
    assert WORKFLOWS["role-release"]["concurrency"]["cancel-in-progress"] is False
    assert "pull_request.number" in CI["concurrency"]["group"], "a push to main is a group of its own"


def test_every_night_covers_every_platform() -> None:
    nightly = WORKFLOWS["nightly"]["jobs"]
    for job in ("upstream", "changes"):
        assert set(nightly[job]["strategy"]["matrix"]["platform"]) == PLATFORMS
    by_hand = WORKFLOWS["publish"]["on"]["workflow_dispatch"]["inputs"]["platforms"]["default"]
    assert set(json.loads(by_hand)) == PLATFORMS


def test_the_token_does_not_stay_in_the_checkout() -> None:
    all_steps = [step for job in ALL_JOBS.values() for step in job.get("steps", ())]
    checkouts = [step for step in all_steps if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) > len(JOBS)
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_script_is_made_of_what_others_wrote(file: Path) -> None:
    # A value in the environment stays a value; one written into a script becomes a part of it.
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    jobs = document["jobs"].values()
    scripts = [step["run"] for job in jobs for step in job.get("steps", ()) if "run" in step]
    assert scripts
    assert not [text for text in scripts if "${{" in text]


def test_it_runs_for_every_change_and_every_merge() -> None:
    assert set(CI["on"]) == {"push", "pull_request", "merge_group"}
    assert CI["on"]["push"] == {"branches": ["main"]}
    assert CI["on"]["pull_request"] is None, "filters would leave the required check pending"


def test_no_job_runs_without_a_limit() -> None:
    own = {name: job for name, job in ALL_JOBS.items() if "uses" not in job}
    assert set(ALL_JOBS) - set(own) == {"ci publish"}, "one that calls a workflow has the limits of that"
    assert all(0 < job["timeout-minutes"] <= (180 if "nightly" in name else 60) for name, job in own.items())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_is_valid_by_the_schema_of_the_forge(file: Path) -> None:
    words = ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


SCRIPTS = {
    f"{name} {number}": step["run"]
    for name, job in ALL_JOBS.items()
    for number, step in enumerate(job.get("steps", ()))
    if "run" in step
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_hold_for_shellcheck(name: str) -> None:
    words = ["shellcheck", "--shell=bash", "--exclude=SC1091", "-"]  # the environment is made by a step before
    done = subprocess.run(words, input=SCRIPTS[name], capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_before_each_commit_the_same_runs_as_in_make_lint() -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    ours = [line for line in tox["testenv:lint"]["commands"].splitlines() if line]
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert local["repo"] == "local"
    assert [hook["entry"] for hook in local["hooks"]] == ours
    assert all(hook["language"] == "system" and hook["pass_filenames"] is False for hook in local["hooks"])


RENOVATE: dict[str, Any] = json.loads((ROOT / "renovate.json").read_text(encoding="utf-8"))


def test_renovate_finds_every_image_that_a_platform_is_made_from_pinned_or_not() -> None:
    text = (ROOT / "src/tdi/images/platforms.yml").read_text(encoding="utf-8")
    (pattern,) = RENOVATE["customManagers"][0]["matchStrings"]
    pattern = pattern.replace("(?<", "(?P<")
    assert len(re.findall(pattern, text)) == len(PLATFORMS)
    pinned = re.search(pattern, f"    image: debian:13@sha256:{'0' * 64}\n")
    assert pinned
    assert pinned.groupdict() == {"depName": "debian", "currentValue": "13", "currentDigest": f"sha256:{'0' * 64}"}


def test_renovate_finds_what_a_workflow_installs_with_go() -> None:
    (pattern,) = RENOVATE["customManagers"][1]["matchStrings"]
    found = re.search(pattern.replace("(?<", "(?P<"), script("lint"))
    assert found
    assert found.groupdict() == {"depName": "github.com/rhysd/actionlint", "currentValue": "v1.7.12"}


def test_renovate_can_read_how_the_pinned_packages_were_pinned() -> None:
    head = (ROOT / "requirements" / "requirements.txt").read_text(encoding="utf-8").splitlines()[:2]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    pins = re.search(r"uv pip compile (.*)", makefile)
    assert pins
    ours = [word for word in pins[1].split() if word not in {"--quiet", "--upgrade"}]
    assert head[1].removeprefix("#").split() == ["uv", "pip", "compile", *ours]
    (place,) = RENOVATE["pip-compile"]["managerFilePatterns"]
    assert re.search(place.strip("/"), "requirements/requirements.txt")
