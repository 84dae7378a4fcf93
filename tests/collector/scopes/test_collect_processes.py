"""What runs, and why it should be restarted."""

from types import SimpleNamespace

import pytest
from by_program import write

from tdi.collector.machine import Machine
from tdi.collector.procfs import Process
from tdi.collector.scopes.processes import passing_units
from tdi.collector.scopes.restart_debt import script_of
from tdi.collector.settings import Settings


def test_a_job_that_began_after_its_state_was_asked_for_is_no_part_of_the_state(root):
    for unit, kind in (("job", "oneshot"), ("kept", "oneshot"), ("daemon", "simple"), ("asked", "oneshot")):
        write(root, f"/etc/systemd/system/{unit}.service", f"[Service]\nType={kind}\n")
    machine = Machine(Settings({"root": str(root)}))
    machine.booted = True
    units = [f"{unit}.service" for unit in ("job", "kept", "daemon", "asked")] + ["init.scope", ""]
    machine.__dict__["processes"] = {pid: SimpleNamespace(unit=unit) for pid, unit in enumerate(units)}
    machine.__dict__["unit_states"] = {
        "kept.service": {"ActiveState": "active"},
        "asked.service": {"ActiveState": "activating"},
    }
    assert passing_units(machine) == {"job.service", "asked.service"}


@pytest.mark.parametrize(
    ("program", "words", "script"),
    [
        ("/usr/bin/python3.13", ["python3", "-u", "/opt/app.py", "/x"], "/opt/app.py"),
        ("/usr/bin/python3.13", ["python3", "-m", "app"], ""),
        ("/usr/sbin/nginx", ["nginx", "/etc/x"], ""),
    ],
)
def test_the_script_of_an_interpreter(program, words, script):
    process = Process.__new__(Process)
    process.program, process.words = program, words
    assert script_of(process) == script
