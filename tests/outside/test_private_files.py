"""What says something of a server is read by its owner alone: records, baselines and reports."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tdi.outside.files import write_atomically
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
