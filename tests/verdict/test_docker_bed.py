"""How the real test bed runs Ansible: once for both machines, or once for each where that would not be the same."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event as Event_
from typing import Any

import pytest

from tdi.machines.run import Run
from tdi.molecule.pasts import DEFAULT, Past
from tdi.outside.ansible import AnsibleSettings, Event, Outcome, Pass, second_gate
from tdi.project import Project
from tdi.same_state import kept_records
from tdi.same_state.kept_records import Wrote
from tdi.verdict import docker_bed
from tdi.verdict.docker_bed import DockerBed

DONE = Pass(results=1)


class Program:
    """A program that runs until it is ended."""

    def __init__(self) -> None:
        self.ended = Event_()

    def end(self) -> None:
        self.ended.set()


class Started:
    """A run of Ansible that only notes what it was started with."""

    def __init__(self, machines: Mapping[str, AnsibleSettings], gate: Path | None) -> None:
        self.machines, self.gate, self.program = machines, gate, Program()

    def outcome(self, observe: Callable[[Event], None]) -> Outcome:
        observe(Event("play", {"name": "Converge"}, tuple(self.machines)))
        return Outcome({name: [DONE] for name in self.machines}, recap=True, code=0, log=Path())


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Started]:
    """The runs of Ansible that were started."""
    runs: list[Started] = []

    @contextmanager
    def converging(
        machines: Mapping[str, AnsibleSettings], *_: Path, times: int, gate: Path | None = None
    ) -> Iterator[Started]:
        assert times == 2
        runs.append(Started(machines, gate))
        yield runs[-1]

    monkeypatch.setattr(docker_bed.ansible, "converging", converging)
    return runs


@pytest.fixture
def bed(checkout: Project, tmp_path: Path) -> Callable[[], DockerBed]:
    """The bed of this checkout, as far as it needs no engine."""

    def call() -> DockerBed:
        (tmp_path / "run").mkdir()
        made = DockerBed(checkout, Run("0123", tmp_path / "run"), [Past(DEFAULT)])
        made._settings = {machine.name: made._scenarios[machine.scenario].ansible for machine in made.machines}
        return made

    return call


def test_one_run_is_of_both_machines(bed, started: list[Started]):
    made = bed()
    seen: list[Event] = []
    with made.converging() as playbook:
        (only,) = started
        assert only.gate
        assert list(only.machines) == [machine.name for machine in made.machines]
        assert not only.gate.exists()
        playbook.begin()
        assert only.gate.exists()
        playbook.begin_again(made.machines)
        assert second_gate(only.gate).exists()
        assert [list(each.passes) for each in playbook.outcomes(seen.append)] == [list(only.machines)]
    assert len(seen) == 1


def test_content_that_looks_at_other_hosts_has_a_run_for_each_machine(bed, checkout: Project, started: list[Started]):
    tasks = checkout.root / "roles" / "nginx" / "tasks" / "main.yml"
    tasks.write_text("- name: Once\n  ansible.builtin.command: id\n  run_once: true\n")
    made = bed()
    seen: list[Event] = []
    fresh, upgrade = made.machines
    with made.converging() as playbook:
        assert [list(run.machines) for run in started] == [[fresh.name], [upgrade.name]]
        playbook.begin()
        gates = [run.gate for run in started if run.gate]
        assert len({*gates}) == 2
        assert all(gate.exists() for gate in gates)
        playbook.begin_again([upgrade])
        assert [second_gate(gate).exists() for gate in gates] == [False, True]
        assert [list(each.passes) for each in playbook.outcomes(seen.append)] == [[fresh.name], [upgrade.name]]
    assert sorted(event.machines for event in seen) == [(fresh.name,), (upgrade.name,)]


def test_the_verify_playbook_runs_on_each_machine_whose_scenario_has_one(
    bed, checkout: Project, monkeypatch: pytest.MonkeyPatch
):
    (checkout.scenario("upgrade") / "verify.yml").write_text("[]\n")
    made = bed()
    asked: list[tuple[list[str], str, dict[str, Any]]] = []

    def converge(given: Mapping[str, AnsibleSettings], _work: Path, log: Path, **options: Any) -> Outcome:
        asked.append((list(given), log.name, options))
        assert all(each.playbook == checkout.scenario("upgrade") / "verify.yml" for each in given.values())
        return Outcome({name: [DONE] for name in given}, recap=True, code=0, log=log)

    monkeypatch.setattr(docker_bed.ansible, "converge", converge)
    assert list(made.verify(made.machines)) == [made.machines[1].name]
    assert asked == [([made.machines[1].name], "verify-upgrade.log", {"times": 1, "first": "verify"})]


def test_where_no_scenario_has_a_verify_playbook_nothing_is_run(bed):
    made = bed()
    assert made.verify(made.machines) == {}


def test_an_interrupt_ends_what_it_interrupts(bed, started: list[Started], monkeypatch: pytest.MonkeyPatch):
    def forever(self: Started, _: Callable[[Event], None]) -> Outcome:
        assert self.program.ended.wait(20), "nobody ended it"
        return Outcome({name: [DONE] for name in self.machines}, recap=False, code=-9, log=Path())

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Started, "outcome", forever)
    made = bed()
    with made.converging() as playbook, monkeypatch.context() as patch:
        begin = lambda pool, act, runs: [pool.submit(act, runs[0]), interrupted()]  # noqa: E731
        patch.setattr(docker_bed.ThreadPoolExecutor, "map", begin)
        with pytest.raises(KeyboardInterrupt):
            playbook.outcomes(lambda _: None)
    assert started[0].program.ended.is_set()


def test_production_before_the_change_is_recorded_once_an_image(bed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    made = bed()
    made._project = Project(made._project.root, tmp_path / "artifacts")
    upgrade = made.machines[1]
    made._images = {upgrade.name: "sha256:" + "a" * 64}
    recorded, taken = [], []

    def record(_project: Project, machine: object, moment: str) -> Path:
        recorded.append((machine, moment))
        (tmp_path / "record.json").write_text("{}")
        return tmp_path / "record.json"

    def take_known(_project: Project, _machine: object, known: Path) -> bool:
        taken.append(known.read_text())
        return True

    monkeypatch.setattr(docker_bed.kept_records, "record_machine", record)
    monkeypatch.setattr(docker_bed.kept_records, "take_known", take_known)
    for moment in ("before", "before", "converged"):
        made.record(upgrade, moment)
    assert recorded == [(upgrade, "before"), (upgrade, "converged")]
    assert taken == ["{}"]


def test_a_machine_that_was_prepared_is_recorded_each_time(bed, monkeypatch: pytest.MonkeyPatch):
    made = bed()
    upgrade = made.machines[1]
    made._scenarios["upgrade"] = replace(made._scenarios["upgrade"], prepare=Path("prepare.yml"))
    recorded = []
    monkeypatch.setattr(docker_bed.kept_records, "record_machine", lambda *given: recorded.append(given))
    for _ in range(2):
        made.record(upgrade, "before")
    assert len(recorded) == 2


def test_with_the_record_of_a_new_machine_there_is_none_among_the_machines(
    checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    former, records = tmp_path / "former", tmp_path / "run" / "records"
    former.mkdir()
    (former / "fresh.json").write_text("the record")
    wrote = {"fresh": {"/etc/a": "Write a"}, "upgrade": {"/etc/b": "Write b"}}
    (former / "wrote.json").write_text(json.dumps({"tasks": wrote, "places": {}}))
    made = DockerBed(checkout, Run("0123", records.parent), [Past("old"), Past("older")], new=former)
    assert [machine.label for machine in made.machines] == ["upgrade-old", "upgrade-older"]
    with_new = DockerBed(checkout, Run("0123", records.parent), [Past("old"), Past("older")])
    hosts = made._settings_of(made.machines)
    # What Ansible calls a machine may be in its files: it is the same with a new machine and without.
    assert {name: each.inventory.host for name, each in hosts.items()} == {
        name: each.inventory.host
        for name, each in with_new._settings_of(with_new.machines).items()
        if name != with_new.machines[0].name
    }
    with made.in_force():
        assert (records / "fresh.json").read_text() == "the record"
        made.keep_wrote(Wrote({"upgrade-old": {"/etc/c": "Write c"}}))
        # What former machines in production had is of no use: only the new one stands in for one.
        assert kept_records.read_wrote(checkout).paths == {"/etc/a", "/etc/c"}
        monkeypatch.setattr(docker_bed.new_machines, "twin", lambda *_, **__: pytest.fail("a twin is made"))
        made._have_a_twin()
