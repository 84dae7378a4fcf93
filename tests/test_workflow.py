"""The workflow: it covers what the project has, calls only what is there, and trusts nobody more than it must."""

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

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CI = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
JOBS: dict[str, dict[str, Any]] = CI["jobs"]
PLATFORMS = set(yaml.safe_load((ROOT / "src/tdi/images/platforms.yml").read_text(encoding="utf-8"))["platforms"])
SCENARIOS = {file.parent.name for file in (ROOT / "molecule").glob("*/molecule.yml")}


def steps(job: str, action: str) -> list[dict[str, Any]]:
    return [step for step in JOBS[job]["steps"] if step.get("uses", "").startswith(f"actions/{action}@")]


def script(job: str) -> str:
    return "\n".join(step["run"] for step in JOBS[job]["steps"] if "run" in step)


def commands() -> list[list[str]]:
    """Every command of every job's scripts, as words; pipes end a command."""
    text = "\n".join(script(job) for job in JOBS).replace("\\\n", " ")
    return [shlex.split(line.split(" | ")[0]) for line in text.splitlines() if line and not line.startswith("jq ")]


def test_the_scenarios_run_on_every_platform() -> None:
    matrix = JOBS["scenario"]["strategy"]["matrix"]
    assert set(matrix) == {"scenario", "platform"}, "include and exclude would change what is covered"
    assert sorted(product(matrix["scenario"], matrix["platform"])) == sorted(product(SCENARIOS, PLATFORMS))


def test_what_the_matrix_names_reaches_the_scenario_and_leaves_the_comparison_to_the_later_job() -> None:
    job = JOBS["scenario"]
    assert job["env"] == {
        "TDI_PLATFORM": "${{ matrix.platform }}",
        "SCENARIO": "${{ matrix.scenario }}",
        "TDI_COMPARE": "later",
    }
    assert 'molecule test -s "$SCENARIO"' in script("scenario")


def test_every_platform_is_compared() -> None:
    job = JOBS["compare"]
    assert job["needs"] == "scenario"
    assert set(job["strategy"]["matrix"]) == {"platform"}
    assert set(job["strategy"]["matrix"]["platform"]) == PLATFORMS


def test_one_failed_leg_does_not_hide_what_the_others_would_say() -> None:
    assert not any(job["strategy"].get("fail-fast", True) for job in JOBS.values() if "strategy" in job)


def test_the_comparison_gets_both_records_of_its_platform_and_no_others() -> None:
    keep, *_ = steps("scenario", "upload-artifact")
    (fetch,) = steps("compare", "download-artifact")
    assert "if" not in keep
    assert keep["with"]["if-no-files-found"] == "error"
    names = {
        (scenario, platform): keep["with"]["name"]
        .replace("${{ matrix.platform }}", platform)
        .replace("${{ matrix.scenario }}", scenario)
        for scenario, platform in product(SCENARIOS, PLATFORMS)
    }
    assert len(set(names.values())) == len(names), "two legs would overwrite each other's records"
    for platform in PLATFORMS:
        pattern = fetch["with"]["pattern"].replace("${{ matrix.platform }}", platform).replace("*", ".*")
        fetched = {leg for leg, name in names.items() if re.fullmatch(pattern, name)}
        assert fetched == {(scenario, platform) for scenario in SCENARIOS}
    assert fetch["with"]["merge-multiple"] is True
    for scenario in SCENARIOS:
        assert f"{fetch['with']['path']}/{scenario}.json" in script("compare")


def test_the_comparison_uses_the_rules_of_the_verifier_and_fails_although_it_is_piped() -> None:
    assert "--rules molecule/verifier/rules.yml" in script("compare")
    assert 'tee -a "$GITHUB_STEP_SUMMARY"' in script("compare")
    assert CI["defaults"]["run"]["shell"] == "bash", "only a shell that is named gets pipefail"


@pytest.mark.parametrize("job", ["scenario", "changes", "unit"])
def test_production_is_built_from_a_whole_history(job: str) -> None:
    (checkout,) = steps(job, "checkout")
    assert checkout["with"]["fetch-depth"] == 0


def test_unit_tests_run_on_every_supported_python() -> None:
    assert JOBS["unit"]["strategy"]["matrix"] == {"python": ["3.11", "3.12", "3.13", "3.14"]}


def test_the_gate_waits_for_every_other_job_and_always_speaks() -> None:
    gate = JOBS["gate"]
    assert set(gate["needs"]) == set(JOBS) - {"gate"}
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


def test_it_only_calls_what_a_developer_calls() -> None:
    allowed = {"make", "molecule", "tdi", "source"}
    assert {words[0] for words in commands()} == allowed


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {name for line in re.findall(r"^([a-z ]+):", makefile, re.MULTILINE) for name in line.split()}
    called = {word for words in commands() if words[0] == "make" for word in words[1:]}
    assert called
    assert called <= targets


def test_every_tdi_command_is_understood() -> None:
    called = [words[1:] for words in commands() if words[0] == "tdi"]
    assert called
    for words in called:
        command: click.Command = cli.cli
        while isinstance(command, click.Group):
            name = words.pop(0)
            found = command.get_command(click.Context(command), name)
            assert found, f"tdi has no command {name}"
            command = found
        command.make_context(command.name, words)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it(file: Path) -> None:
    used = re.findall(r"uses:.*", file.read_text(encoding="utf-8"))
    assert used
    for line in used:
        assert re.fullmatch(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_it_may_only_read() -> None:
    assert CI["permissions"] == {"contents": "read"}
    assert {name: job["permissions"] for name, job in JOBS.items() if "permissions" in job} == {"gate": {}}
    assert "pull_request_target" not in CI["on"]
    assert "secrets." not in json.dumps(CI)


def test_the_token_does_not_stay_in_the_checkout() -> None:
    checkouts = [step for job in JOBS for step in steps(job, "checkout")]
    assert len(checkouts) == len(JOBS) - 1, "the gate alone checks nothing out"
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_script_is_made_of_what_others_wrote(file: Path) -> None:
    # A value in the environment stays a value; one written into a script becomes a part of it.
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    scripts = [step["run"] for job in document["jobs"].values() for step in job["steps"] if "run" in step]
    assert scripts
    assert not [text for text in scripts if "${{" in text]


def test_it_runs_for_every_change_and_every_merge() -> None:
    assert set(CI["on"]) == {"push", "pull_request", "merge_group"}
    assert CI["on"]["push"] == {"branches": ["main"]}
    assert CI["on"]["pull_request"] is None, "filters would leave the required check pending"


def test_no_job_runs_without_a_limit() -> None:
    assert all(0 < job["timeout-minutes"] <= 60 for job in JOBS.values())
