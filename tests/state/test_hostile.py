"""Machines that are large, deep or odd on purpose: recorded in bounded time, and said in short lines."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from by_program import collect, write

from tdi.state.program import program
from tdi.state.recording import START


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A root with a chain of directories that is longer than a path may be."""
    write(tmp_path, "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
    here = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    yield tmp_path
    # Python's own removal goes by paths or by recursion, and both have an end.
    subprocess.run(["rm", "-r", "--", tmp_path / "d"], check=True)


def test_a_chain_of_directories_beyond_the_longest_path_costs_only_what_lies_beyond(deep: Path):
    began = time.monotonic()
    found = collect(deep, scopes=["files"])["files"]
    assert time.monotonic() - began < 30
    assert found["status"] == "partial"
    assert found["objects"]["/d" * 1000]["type"] == "dir"
    assert "/etc/passwd" in found["objects"]
    assert "too long" in found["reason"]
    assert len(found["reason"]) < 1000


def test_many_files_in_one_directory_are_all_there(tmp_path: Path):
    (tmp_path / "srv").mkdir()
    for number in range(20_000):
        os.close(os.open(tmp_path / "srv" / f"{number:05d}", os.O_CREAT | os.O_WRONLY))
    began = time.monotonic()
    found = collect(tmp_path, scopes=["files"])["files"]
    assert time.monotonic() - began < 30
    assert found["status"] == "ok"
    assert sum(path.startswith("/srv/") for path in found["objects"]) == 20_000


@pytest.mark.parametrize("name", ["etc/crontab", "etc/sudoers", "etc/fstab"])
def test_a_line_of_a_megabyte_does_not_hold_a_scope_up(tmp_path: Path, name: str):
    write(tmp_path, name, "* * * * * root " + "pass" * 250_000 + "\n")
    began = time.monotonic()
    found = collect(tmp_path, scopes=["cron", "sudoers", "mounts"])
    assert time.monotonic() - began < 20
    assert not [scope for scope in found.values() if "stopped after" in (scope["reason"] or "")]


def running(*words: str) -> bool:
    """Whether a process with exactly this command line runs."""
    wanted = "\0".join(words).encode() + b"\0"

    def arguments(directory: Path) -> bytes:
        with suppress(OSError):
            return (directory / "cmdline").read_bytes()
        return b""

    return any(arguments(directory) == wanted for directory in Path("/proc").glob("[0-9]*"))


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether a condition holds before so many seconds are over."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()


@pytest.mark.parametrize("end", ["stdin", "stdout"])
def test_a_collector_that_nobody_waits_for_ends_with_all_that_it_started(tmp_path: Path, end: str):
    hanging = ("sleep", f"31.{os.getpid()}{len(end)}")
    probe = {"name": "hanging", "command": hanging, "timeout": 60}
    settings = {"root": str(tmp_path), "lifeline": 0, "scopes": ["probes", "files"], "probes": [probe]}
    sent = program()
    process = subprocess.Popen(
        [sys.executable, *START[1:], json.dumps(settings), str(len(sent))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
    )
    assert process.stdin
    process.stdin.write(sent)
    assert within(20, lambda: running(*hanging))
    getattr(process, end).close()
    assert process.wait(10) == 1
    assert within(5, lambda: not running(*hanging))


def test_a_list_that_is_too_long_to_be_read_is_said_to_be_missing(tmp_path: Path):
    write(tmp_path, "etc/cron.d/long", "* * * * * root x\n" * 100_000)
    (tmp_path / "etc" / "cron.d" / "directory").mkdir()
    (tmp_path / "etc" / "cron.d" / "null").symlink_to("/dev/null")
    os.mkfifo(tmp_path / "etc" / "fstab")
    found = collect(tmp_path, scopes=["cron", "users"])
    assert (found["cron"]["status"], found["cron"]["reason"]) == (
        "partial",
        "/etc/cron.d/long: larger than 1048576 bytes",
    )
    assert found["users"]["status"] == "ok"
