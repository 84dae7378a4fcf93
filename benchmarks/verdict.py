"""How long a verdict takes, side by side: stock Molecule (a), `tdi verdict` (b), and the raw floor (c).

a  the same role and tests through Molecule at its defaults (bundled create and destroy, default sequence, no
   pipelining, no Mitogen, Testinfra's own docker backend), both scenarios one after the other
b  `tdi verdict`
c  docker run, apt-get update, install, copying the files, docker rm, for two machines at once; no Ansible

They alternate in one run, at least three times each, with the same byte code, on images that are there before the
clock starts. Printed are the medians and the ratios b/a and b/c. `--alone` measures `molecule test -s fresh` and
`-s upgrade` of this project each against the same scenario in stock Molecule.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tdi.images import base_image, production
from tdi.machines import lifecycle
from tdi.molecule import scenario
from tdi.outside import ansible, docker
from tdi.project import Project

SITE = "server { listen 80 default_server; root /srv/website; }\n"
PAGE = "<!DOCTYPE html>\n<title>Hello world</title>\n<h1>Hello world</h1>\n"


@dataclass(frozen=True)
class Images:
    """The images that the machines of the two scenarios start from."""

    fresh: str
    upgrade: str


class MeasurementError(Exception):
    """One of the three did not end well: there is nothing to compare."""


def stock_checkout(project: Project, images: Images, directory: Path) -> Path:
    """Make a copy of the role and its tests with scenarios that leave everything to Molecule's defaults."""
    copy = directory / "stock"
    for part in ("roles", "molecule/shared"):
        shutil.copytree(project.root / part, copy / part)
    tests = copy / "molecule" / "verifier"
    shutil.copytree(project.verifier, tests, ignore=shutil.ignore_patterns("__pycache__"))
    # The tests that record need what our driver brings; stock Molecule has Testinfra's own backend, as it comes.
    (tests / "test_state.py").unlink()
    for name, image in (("fresh", images.fresh), ("upgrade", images.upgrade)):
        platform: dict[str, Any] = {
            **scenario.MACHINE,
            "name": f"tdi-stock-{name}",
            "image": image,
            "pre_build_image": True,
            "override_command": False,
        }
        stock = {
            "driver": {"name": "docker"},
            "platforms": [platform],
            "provisioner": {
                "name": "ansible",
                "playbooks": {"converge": "../shared/converge.yml"},
                "env": {"ANSIBLE_ROLES_PATH": str(copy / "roles")},
            },
            "verifier": {"name": "testinfra", "directory": "../verifier"},
        }
        target = copy / "molecule" / name
        target.mkdir()
        (target / "molecule.yml").write_text(yaml.safe_dump(stock), encoding="utf-8")
    return copy


def environment(home: Path, records: Path) -> dict[str, str]:
    """The environment for all three: byte code is used and written nowhere, records go to a scratch directory."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "TDI_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, **docker.environment(), "PATH": path, "ANSIBLE_HOME": str(home), "TDI_RECORDS": str(records)}


def run(command: Sequence[str], cwd: Path, variables: dict[str, str], log: Path) -> float:
    """Run a command and return the seconds that it took. Raises MeasurementError where it fails."""
    began = time.monotonic()
    with log.open("ab") as sink:
        done = subprocess.run(
            command, cwd=cwd, env=variables, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL, check=False
        )
    seconds = time.monotonic() - began
    if done.returncode:
        raise MeasurementError(f"{' '.join(command)} ended with {done.returncode}; the log: {log}")
    return seconds


def stock(copy: Path, name: str, log: Path) -> float:
    """One scenario in stock Molecule."""
    with tempfile.TemporaryDirectory() as home:
        variables = environment(Path(home), log.parent / "stock-records")
        variables |= {"TDI_ROOT": str(copy), "TDI_COMPARE": "later"} if name == "upgrade" else {"TDI_ROOT": str(copy)}
        return run([sys.executable, "-m", "molecule", "test", "-s", name], copy, variables, log)


def floor(project: Project, images: Images) -> float:
    """Two machines at once with nothing but docker and apt."""
    settings = scenario.load(project, "fresh")
    began = time.monotonic()

    def one(number_and_image: tuple[int, str]) -> None:
        number, image = number_and_image
        name = f"tdi-floor-{number}"
        docker.run_detached(name, image, settings.options, lifecycle.labels("floor"))
        try:
            docker.wait_until_booted(name)
            docker.execute(name, ["apt-get", "update", "-qq"])
            docker.execute(
                name, ["sh", "-c", "DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes nginx >/dev/null"]
            )
            with tempfile.TemporaryDirectory() as files:
                (Path(files) / "site").write_text(SITE)
                (Path(files) / "index.html").write_text(PAGE)
                docker.execute(name, ["mkdir", "-p", "/srv/website"])
                for source, target in (
                    ("site", "/etc/nginx/sites-enabled/ansible-website"),
                    ("index.html", "/srv/website/"),
                ):
                    subprocess.run(["docker", "cp", "--quiet", f"{files}/{source}", f"{name}:{target}"], check=True)
            docker.execute(name, ["rm", "-f", "/etc/nginx/sites-enabled/default"])
            docker.execute(name, ["systemctl", "reload", "nginx"])
        finally:
            docker.remove([name])

    with ThreadPoolExecutor() as pool:
        list(pool.map(one, enumerate((images.fresh, images.upgrade))))
    return time.monotonic() - began


def report(name: str, seconds: Sequence[float]) -> float:
    """Print a row of seconds and return their median."""
    median = statistics.median(seconds)
    print(f"{name:44} median {median:6.1f} s   of {', '.join(f'{value:.1f}' for value in seconds)}")
    return median


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--alone", action="store_true", help="each scenario alone, against stock")
    parser.add_argument("--json", type=Path, help="write the figures here")
    chosen = parser.parse_args()
    project = Project.find()
    project.prepare_artifacts()
    log = project.artifacts / "bench.log"
    log.unlink(missing_ok=True)
    base = base_image.ensure(project)
    images = Images(base.id, production.ensure(project, base).id)
    measured: dict[str, list[float]] = {}

    def measure(name: str, work: Callable[[], float]) -> None:
        measured.setdefault(name, []).append(work())
        print(f"  {name}: {measured[name][-1]:.1f} s", flush=True)

    with tempfile.TemporaryDirectory(prefix="tdi-bench-") as directory:
        copy = stock_checkout(project, images, Path(directory))
        ours = environment(Path(directory) / "home", Path(directory) / "records") | {"TDI_ARTIFACTS": directory}
        # From one past, as the scenarios of stock Molecule.
        tdi = [str(Path(sys.executable).parent / "tdi"), "verdict", "--from", "default"]
        molecule = str(Path(sys.executable).parent / "molecule")
        try:
            for number in range(chosen.times):
                print(f"round {number + 1} of {chosen.times}", flush=True)
                if chosen.alone:
                    for name in scenario.NAMES:
                        measure(f"stock {name}", lambda name=name: stock(copy, name, log))  # type: ignore[misc]
                        measure(name, lambda name=name: run([molecule, "test", "-s", name], project.root, ours, log))  # type: ignore[misc]
                else:
                    measure("a", lambda: sum(stock(copy, name, log) for name in scenario.NAMES))
                    measure("b", lambda: run(tdi, project.root, ours, log))
                    measure("c", lambda: floor(project, images))
        except MeasurementError as error:
            sys.exit(f"bench: {error}")
        finally:
            docker.remove(["tdi-stock-fresh", "tdi-stock-upgrade"])
    _print(measured, alone=chosen.alone)
    if chosen.json:
        chosen.json.write_text(
            json.dumps({"strategy": ansible.strategy()["ANSIBLE_STRATEGY"], "seconds": measured}, indent=2)
        )


def _print(measured: dict[str, list[float]], *, alone: bool) -> None:
    print()
    if alone:
        for name in scenario.NAMES:
            mine, theirs = (
                report(f"molecule test -s {name}", measured[name]),
                report(f"stock, {name}", measured[f"stock {name}"]),
            )
            print(f"{name}/stock {mine / theirs:.2f}")
        return
    a = report("a  stock Molecule, one scenario after the other", measured["a"])
    b = report("b  tdi verdict", measured["b"])
    c = report("c  raw floor, two machines at once", measured["c"])
    print(f"b/a {b / a:.2f}   b/c {b / c:.2f}")


if __name__ == "__main__":
    main()
