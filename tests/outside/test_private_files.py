"""What says something of a server is read by its owner alone: records, baselines and reports."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tdi.outside import process
from tdi.outside.files import make_directory, write_atomically
from tdi.state.record import ScopeHeader, atomic_output, write_record


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    former = os.umask(request.param)
    yield request.param
    os.umask(former)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("name", ["report.json", "record.json", "record.json.gz", "hashes.baseline"])
@pytest.mark.parametrize("there", [True, False])
def test_its_owner_alone_reads_it_whatever_the_umask_and_what_was_there(tmp_path: Path, name: str, *, there: bool):
    file = tmp_path / name
    if there:
        file.write_text("what was there")
        file.chmod(0o644)
    if name.startswith("report"):
        write_atomically(file, "text")
    elif name.startswith("record"):
        write_record(file, {}, {"files": (ScopeHeader(), [])})
    else:
        with atomic_output(file) as output:
            output.write(b"text")
    assert oct(file.stat().st_mode & 0o777) == "0o600"


@pytest.mark.usefixtures("umask")
def test_a_directory_that_is_made_for_it_is_its_owners_alone_and_one_that_was_there_is_left_as_it_is(tmp_path: Path):
    there = tmp_path / "there"
    there.mkdir()
    there.chmod(0o755)
    write_atomically(there / "reports" / "first" / "report.json", "text")
    write_record(there / "records" / "web1.json.gz", {}, {"files": (ScopeHeader(), [])})
    make_directory(there)
    assert oct(there.stat().st_mode & 0o777) == "0o755"
    made = [there / "reports", there / "reports" / "first", there / "records"]
    assert {oct(each.stat().st_mode & 0o777) for each in made} == {"0o700"}


@pytest.mark.usefixtures("umask")
def test_what_a_program_says_into_a_log_is_its_owners_alone(tmp_path: Path):
    log = tmp_path / "ansible.log"
    with process.started(["echo", "a host"], log=log) as running:
        running.wait()
    assert log.read_text(encoding="utf-8") == "a host\n"
    assert oct(log.stat().st_mode & 0o777) == "0o600"
