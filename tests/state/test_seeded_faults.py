"""Recall: faults planted on a real upgraded machine, each of which must be found as one finding, and as the right one.

Both machines go through the scenarios once. Each group of faults is planted on a machine of its own, which is started
from what the upgraded one was then, and compared with the new machine.
"""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from faults import FAULTS, FURNITURE, TOOLS, Fault
from rich.console import Console

from conftest import ROOT
from tdi.images import base_image, production
from tdi.machines import lifecycle
from tdi.molecule import playing, scenario
from tdi.outside import ansible, docker
from tdi.project import Project
from tdi.same_state import comparing, kept_records
from tdi.state import plan, recording
from tdi.state.compare import Comparison, compare
from tdi.state.finding import Finding
from tdi.state.record import RecordFile
from tdi.state.reports import html, markdown, terminal
from tdi.state.reports import json as json_report

pytestmark = pytest.mark.docker

CLEAN = "clean"
"""The group without a fault."""

SECRETS = {
    "password hash": "usermod --password '$6$c2FsdHNhbHQ${0}' anna",
    "file of an application": "mkdir -p /etc/app; echo 'password = {1}' > /etc/app/settings.ini",
    "private key": (
        "printf -- '-----BEGIN PRIVATE KEY-----\\n{2}\\n-----END PRIVATE KEY-----\\n' | tee /etc/ssl/private/app.key"
        " > /etc/nginx/conf.d/key.conf.bak; cp /etc/ssl/private/app.key /etc/nginx/snippets/key.conf"
    ),
    "environment of a process": "TOKEN={3} setsid sleep 1000 > /dev/null 2>&1 < /dev/null &",
    "argument of a process": "setsid sh -c 'sleep 999; :' --password {4} > /dev/null 2>&1 < /dev/null &",
    "environment of a unit": (
        "mkdir -p /etc/systemd/system/fed.service.d; systemctl daemon-reload;"
        "printf '[Service]\\nEnvironment=DB_PASSWORD={5}\\n' > /etc/systemd/system/fed.service.d/secret.conf;"
        "systemctl daemon-reload; systemctl restart fed"
    ),
    "cron": "echo 'API_TOKEN={6}' >> /etc/cron.d/backup",
    "source of packages": "echo 'deb http://user:{7}@example.org/debian sid main' > /etc/apt/sources.list.d/x.list",
    "password file of nginx": "echo 'anna:$apr1${8}' > /etc/nginx/.htpasswd",
}
"""Where a secret is planted, and how; each one is a word of its own."""


def shell(machine: str, lines: str, **variables: str) -> str:
    """Run lines of shell as root; what they print where they fail, else nothing."""
    words = [f"{name}={value}" for name, value in variables.items()]
    done = docker.execute(machine, ["env", *words, "sh", "-eu", "-c", TOOLS + lines], check=False)
    return "" if done.ok else f"exit code {done.code}: {done.stdout}{done.stderr}"


@dataclass(frozen=True)
class Outcome:
    """What came of planting the faults of a group."""

    comparison: Comparison
    not_planted: dict[str, str] = field(default_factory=dict)
    """Fault → what its lines of shell said as they failed."""


@dataclass(frozen=True)
class Pair:
    """The images that new and upgraded machines are started from, and the record of a new one."""

    project: Project
    directory: Path
    run_id: str
    options: tuple[str, ...]
    upgraded: str
    fresh: RecordFile
    fresh_machine_id: str

    def planted(self, group: str) -> Outcome:
        """Plant the faults of a group on an upgraded machine, and compare it with the new one."""
        failed: dict[str, str] = {}
        with _machine(self.upgraded, group.replace(" ", "-"), self.options, self.run_id) as machine:
            for fault in FAULTS:
                if fault.machine == group:
                    said = shell(machine, fault.plant, FRESH_MACHINE_ID=self.fresh_machine_id)
                    failed |= {fault.id: said} if said else {}
            with _record(self.project, machine, self.directory / f"{group}.json") as record:
                rules = comparing.rules(self.project)
                return Outcome(compare(self.fresh, record, rules, names=comparing.NAMES), failed)


def _machine(image: str, name: str, options: tuple[str, ...], run_id: str) -> AbstractContextManager[str]:
    return lifecycle.one(f"tdi-{run_id}-{name}", image, options, run_id)


def _record(project: Project, machine: str, file: Path) -> RecordFile:
    return recording.record(f"docker://{machine}", file, **kept_records.settings(project))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Converge a new and an upgraded machine, furnish them alike, and make an image of each to start machines from."""
    directory = tmp_path_factory.mktemp("faults")
    project = Project(ROOT, directory / "artifacts")
    project.prepare_artifacts()
    base = base_image.ensure(project)
    image = production.ensure(project, base)
    run_id = lifecycle.new_run_id()
    settings = {name: scenario.load(project, name, {**os.environ, "TDI_RUN_ID": run_id}) for name in scenario.NAMES}
    options = settings["upgrade"].options
    images = {name: f"tdi-seeded-faults:{run_id}-{name}" for name in scenario.NAMES}
    with ExitStack() as stack:
        stack.callback(docker.remove_images, f"tdi.seeded-faults={run_id}")
        stack.callback(lifecycle.remove_run, run_id)
        started = [each.of_machine for each in settings.values()]
        lifecycle.start_all([(started[0], base.id, options), (started[1], image.id, options)], run_id)
        for machine in started:
            docker.wait_until_booted(machine.name)
        state = playing.as_checked_out(project)
        scenarios = {
            machine.name: playing.settings(state, settings[machine.scenario], directory / "content")
            for machine in started
        }
        outcome = ansible.converge(scenarios, directory / "ansible", directory / "log", times=1)
        assert outcome.code == 0, outcome.log.read_text()
        for machine in started:
            # The faults were thought out on machines that have less: each is to be found by itself.
            purge = "SUDO_FORCE_REMOVE=yes apt-get purge -qq --autoremove adduser cron kmod procps sudo"
            shell(machine.name, f"{purge} >/dev/null 2>&1")
            assert not shell(machine.name, FURNITURE)
            docker.stop(machine.name)
            docker.commit(machine.name, images[machine.scenario], {docker.LABEL: "image", "tdi.seeded-faults": run_id})
        with _machine(images["fresh"], "again-fresh", options, run_id) as machine:
            fresh = stack.enter_context(_record(project, machine, directory / "fresh.json"))
            machine_id = docker.execute(machine, ["cat", "/etc/machine-id"]).stdout.strip()
        yield Pair(project, directory, run_id, options, images["upgrade"], fresh, machine_id)


@pytest.fixture(scope="module")
def outcome(pair: Pair) -> Callable[[str], Outcome]:
    """What came of a group of faults, which are planted when this is first asked for."""
    known: dict[str, Outcome] = {}

    def of(group: str) -> Outcome:
        if group not in known:
            known[group] = pair.planted(group)
        return known[group]

    return of


def says(finding: Finding, fault: Fault) -> bool:
    """Whether a finding is the one that a fault must give; `*` in a key stands for what is the machine's own."""
    alike = finding.key == fault.key or ("*" in fault.key and fnmatchcase(finding.key, fault.key))
    return alike and finding.scope == fault.scope and fault.kind in {finding.kind.value, "*"}


def shown(findings: Sequence[Finding]) -> str:
    """The findings, a line each."""
    return "\n".join(f"{f.kind} {f.scope} {f.key!r} ({f.owner}): {f.why}" for f in findings)


def test_the_plan_tells_a_restart_from_a_reload(pair: Pair):
    with _machine(pair.upgraded, "restarts", pair.options, pair.run_id) as machine:
        files = [pair.directory / f"restarts-{number}.json" for number in range(3)]
        _record(pair.project, machine, files[0]).close()
        for what, file in zip(("restart", "reload"), files[1:], strict=True):
            assert not shell(machine, f"systemctl {what} nginx")
            _record(pair.project, machine, file).close()
    with RecordFile(files[0]) as first, RecordFile(files[1]) as second, RecordFile(files[2]) as third:
        plans = plan.plan(first, second), plan.plan(second, third)
    assert [(made.restarted, made.reloaded) for made in plans] == [(("nginx.service",), ()), ((), ("nginx.service",))]


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.id for fault in FAULTS])
def test_a_planted_fault_is_one_finding_and_the_right_one(fault: Fault, outcome: Callable[[str], Outcome]):
    came = outcome(fault.machine)
    assert fault.id not in came.not_planted, came.not_planted[fault.id]
    owners = [finding.owner for finding in came.comparison.findings if says(finding, fault)]
    assert owners == [fault.owner], shown(came.comparison.findings)


@pytest.mark.parametrize("group", sorted({fault.machine for fault in FAULTS}))
def test_planted_faults_give_no_other_finding(group: str, outcome: Callable[[str], Outcome]):
    comparison = outcome(group).comparison
    assert not comparison.not_acceptable, comparison.not_compared
    faults = [fault for fault in FAULTS if fault.machine == group]
    others = [f for f in comparison.findings if not any(says(f, fault) for fault in faults)]
    assert not others, shown(others)


def test_a_machine_without_a_planted_fault_gives_no_finding(outcome: Callable[[str], Outcome]):
    comparison = outcome(CLEAN).comparison
    assert comparison.result == "same", shown(comparison.findings)


def test_no_planted_secret_is_in_a_record_or_a_report(pair: Pair):
    words = [f"SeCrEt{number}x{pair.run_id}" for number in range(len(SECRETS))]
    kept = pair.directory / "secrets.json"
    with _machine(pair.upgraded, "secrets", pair.options, pair.run_id) as machine:
        for lines in SECRETS.values():
            assert not shell(machine, lines.format(*words))
        _record(pair.project, machine, kept).close()
    with RecordFile(kept) as record:
        comparison = compare(pair.fresh, record, names=comparing.NAMES)
    written = io.StringIO()
    terminal.show(comparison, Console(file=written, width=200), verbose=True)
    texts = {
        "record": kept.read_text(),
        "terminal": written.getvalue(),
        "json": json_report.render(comparison),
        "html": html.render(comparison),
        "markdown": markdown.render(comparison),
    }
    secrets = dict(zip(SECRETS, words, strict=True))
    found = [(where, name) for where, text in texts.items() for name, word in secrets.items() if word in text]
    assert not found
    # What holds the secrets was looked at, and is reported.
    assert "/etc/app" in texts["terminal"]
    assert "anna" in texts["terminal"]
