"""Processes, as /proc shows them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tdi.collector.procfs import Process, unit_of

HOLDS = """
import mmap, os, sys
read, written, both, mapped, gone = sys.argv[1:]
files = [open(read), open(written, "a"), open(both, "r+"), open(gone, "w"), open("/dev/null", "w")]
os.unlink(gone)
kept = mmap.mmap(os.open(mapped, os.O_RDWR), 0), mmap.mmap(files[0].fileno(), 0, prot=mmap.PROT_READ)
for number in os.listdir("/proc/self/fd"):  # the mapping stays
    if os.path.exists("/proc/self/fd/" + number) and os.readlink("/proc/self/fd/" + number) == mapped:
        os.close(int(number))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holding(tmp_path: Path) -> Iterator[tuple[Process, Path]]:
    """A process that has files open, and the directory that they are in."""
    names = [tmp_path / name for name in ("read", "written", "both", "mapped", "gone")]
    for name in names:
        name.write_text("x", encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, *names], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        yield Process(running.pid), tmp_path
        assert running.stdin
        running.stdin.close()


def test_what_a_process_writes_is_what_it_has_open_for_writing_or_maps(holding: tuple[Process, Path]):
    process, directory = holding
    process.look_inside()
    # Whatever runs the tests may have handed down a file of its own.
    written = {Path(path).name for path in process.written if Path(path).parent == directory}
    assert written == {"written", "both", "mapped"}
    assert process.at_home


def test_a_process_whose_root_is_another_one_is_not_at_home(holding: tuple[Process, Path], monkeypatch):
    process, directory = holding
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda path: real(directory if str(path).endswith("/root/") else path))
    process.look_inside()
    assert not process.at_home


@pytest.mark.parametrize("name", ["run-r0123456789abcdef.service", "run-u12.service", "run-p34-i56.service"])
def test_a_unit_without_a_name_of_its_own_has_none_in_the_record(name):
    assert unit_of(f"0::/system.slice/{name}\n") == "run-N.service"
    assert unit_of("0::/system.slice/run-parts.service\n") == "run-parts.service"
