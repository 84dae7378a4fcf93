"""The scripts that resolve and publish production, as the workflows have them, against a real registry on loopback."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from runners import ROOT

pytestmark = [pytest.mark.docker, pytest.mark.nightly]

PLATFORM = os.environ.get("TDI_PLATFORM") or "debian-13"


def step(workflow: str, job: str, name: str) -> str:
    """The script of a step."""
    file = ROOT / ".github" / "workflows" / f"{workflow}.yml"
    steps: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"][job]["steps"]
    (found,) = [each["run"] for each in steps if each.get("name") == name]
    return str(found)


class Runner:
    """A clone, where scripts of workflows run as they are, but for the registry's address and the environment."""

    def __init__(self, directory: Path, host: str) -> None:
        self.directory, self.host = directory, host
        self.clone = directory / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(self.clone)], check=True)
        self.said = ""

    def commit(self) -> str:
        """Make another revision and return its id."""
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
        words = [*git, "commit", "--quiet", "--allow-empty", "--message", "another revision"]
        subprocess.run(words, cwd=self.clone, check=True)
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.clone, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def run(self, script: str, **variables: str) -> dict[str, str]:
        """Run a script and return its outputs. What it says is in `said`."""
        output = self.directory / "output"
        output.write_text("", encoding="utf-8")
        text = script.replace("ghcr.io", self.host).replace("source .venv/bin/activate", "")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TDI_")}
        environment |= {
            "GITHUB_OUTPUT": str(output),
            "GITHUB_REPOSITORY": "Some-Owner/The.Repo",
            "GITHUB_ACTOR": "somebody",
            "TOKEN": "a-token",
            "DOCKER_CONFIG": str(self.directory / "docker"),
            "RUNNER_TEMP": str(self.directory),
            "TDI_PAST": "default",
            **variables,
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
            cwd=self.clone,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=500,
            check=False,
        )
        self.said = done.stdout
        assert done.returncode == 0, done.stdout
        return dict(line.partition("=")[::2] for line in output.read_text(encoding="utf-8").splitlines())


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    from production.registries import RealRegistry, running  # noqa: PLC0415 (it comes with the command)

    with running(RealRegistry(tmp_path / "registry")) as registry:
        yield Runner(tmp_path, registry.host)


def test_production_is_published_resolved_and_published_again(runner: Runner):
    resolve = step("ci", "legs", "Production by digest")
    publish = step("publish", "publish", "Publish")
    repository = f"{runner.host}/some-owner/the.repo/production/{PLATFORM}"
    digests: list[str] = []
    for bootstrap in ("true", ""):
        before = runner.run(resolve, PLATFORMS=json.dumps([PLATFORM]))
        expected = {PLATFORM: f"{repository}@{digests[-1]}"} if digests else {}
        assert json.loads(before["images"]) == expected
        assert json.loads(before["published"]) == list(expected)
        assert ("::notice title=production on" in runner.said) == (not digests)
        if digests:
            runner.commit()
        done = runner.run(publish, BOOTSTRAP=bootstrap, TDI_PLATFORM=PLATFORM)
        assert (done["repository"], done["result"]) == (repository, "published")
        digests.append(done["digest"])
    assert digests[0] != digests[1]
