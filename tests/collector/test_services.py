"""What running services say of the files that they write, of made-up processes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from by_program import write

from tdi.collector.machine import Machine
from tdi.collector.services import services
from tdi.collector.settings import Settings


def process(pid: int, unit: str = "app.service", **attributes: Any) -> SimpleNamespace:
    plain = {"name": "app", "uid": 1000, "gid": 1000, "written": set(), "at_home": True}
    return SimpleNamespace(pid=pid, unit=unit, **{**plain, **attributes})


def told(root: Path, *processes: SimpleNamespace) -> dict[str, Any]:
    machine = Machine(Settings({"root": str(root)}))
    machine.__dict__["processes"] = {each.pid: each for each in processes}
    return services(machine)


def test_the_files_and_the_user_of_a_service_are_its_own(root: Path):
    found = told(root, process(7, written={"/var/lib/x/db"}), process(8, uid=0, written={"/var/lib/y"}))
    assert found["open"] == {"/var/lib/x/db": "app.service", "/var/lib/y": "app.service"}
    assert found["users"] == {"alice": ["app.service", "alice"]}


def test_what_runs_in_a_container_or_belongs_to_no_service_says_nothing_of_files(root: Path):
    held = {"written": {"/var/lib/x/db"}}
    found = told(root, process(7, at_home=False, **held), process(8, "init.scope", **held), process(9, "", **held))
    assert not found["open"]
    assert not found["users"]


def test_each_process_has_a_pid_but_for_init(root: Path):
    found = told(root, process(1, "init.scope"), process(7, at_home=False), process(8, ""))
    assert found["pids"] == {"7": "app.service", "8": "process app"}


def test_the_user_of_a_unit_with_a_directory_of_its_own_counts_while_it_does_not_run(root: Path):
    write(root, "/etc/systemd/system/a.service", "[Service]\nUser=a\nGroup=b\nStateDirectory=a\n")
    write(root, "/etc/systemd/system/c.service", "[Service]\nUser=c\n")
    write(root, "/etc/systemd/system/d.service", "[Service]\nStateDirectory=d\n")
    assert told(root)["users"] == {"a": ["a.service", "b"]}


def test_directories_that_systemd_makes_for_a_service_of_root_are_its_own(root: Path):
    write(root, "/etc/systemd/system/d.service", "[Service]\nStateDirectory=d e/f\nCacheDirectory=d:link\n")
    write(root, "/etc/systemd/system/d.service.d/x.conf", "[Service]\nStateDirectory=\nStateDirectory=g %i\n")
    write(root, "/etc/systemd/system/a.service", "[Service]\nUser=a\nStateDirectory=a\n")
    assert told(root)["directories"] == {"/var/lib/g": "d.service", "/var/cache/d": "d.service"}
