"""The file of results: kept as they come, read after a kill, gone on with where they are of the same tree."""

from dataclasses import replace
from pathlib import Path

import pytest

from tdi.errors import TdiError
from tdi.mutants import keeping
from tdi.mutants.results import Kill, MutantResult, Oracle, Results, Status

HEAD = Results("abc", "tree", "debian-13", full=False, made=3, sources={"a.yml": "a: 1\n"})
ONE = MutantResult(
    *("1", "drop-task", "a.yml", 1, 2, "it is gone", "a diff", Status.KILLED),
    kills=(Kill(Oracle.FRESH_TESTS, "test_a failed", ""), Kill(Oracle.PLAN, "a file more", "former")),
    seconds=1.5,
)
TWO = replace(ONE, id="2", status=Status.COULD_NOT_RUN, kills=(), why="no engine")


def keep(directory: Path, *results: MutantResult, of: Results = HEAD, resume: bool = False) -> set[str]:
    """Keep results, and return the ids of those that were known before."""
    with keeping.keeper(directory, of, (1, 2), resume=resume) as keeper:
        known = set(keeper.known)
        for result in results:
            keeper.add(result)
    return known


def test_what_is_kept_is_read_again(tmp_path: Path):
    keep(tmp_path, ONE, TWO)
    assert keeping.read(tmp_path / keeping.NAME) == replace(HEAD, mutants=(ONE, TWO))
    assert keeping.shard_of(tmp_path / keeping.NAME) == (1, 2)


def test_a_result_is_on_the_disk_before_the_next_is_begun(tmp_path: Path):
    with keeping.keeper(tmp_path, HEAD, (1, 1), resume=False) as keeper:
        keeper.add(ONE)
        assert keeping.read(tmp_path / keeping.NAME).mutants == (ONE,)


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path):
    keep(tmp_path, ONE, TWO)
    file = tmp_path / keeping.NAME
    file.write_bytes(file.read_bytes()[:-20])
    assert keeping.read(file).mutants == (ONE,)
    assert keep(tmp_path, resume=True) == {"1"}


def test_what_could_not_be_run_is_tried_again(tmp_path: Path):
    keep(tmp_path, ONE, TWO)
    assert keep(tmp_path, resume=True) == {"1"}
    assert keeping.read(tmp_path / keeping.NAME).mutants == (ONE,)


def test_without_resume_a_run_begins_anew(tmp_path: Path):
    keep(tmp_path, ONE)
    assert keep(tmp_path) == set()
    assert keeping.read(tmp_path / keeping.NAME).mutants == ()


@pytest.mark.parametrize("other", [{"tree": "b"}, {"platform": "debian-12"}, {"full": True}, {"made": 4}])
def test_results_of_something_else_are_not_gone_on_with(tmp_path: Path, other: dict):
    keep(tmp_path, ONE)
    with pytest.raises(TdiError, match=f"of another {next(iter(other))}"):
        keep(tmp_path, of=replace(HEAD, **other), resume=True)
    assert keeping.read(tmp_path / keeping.NAME).mutants == (ONE,)


@pytest.mark.parametrize("text", ["", "{}\n", "no\n", '{"schema": 2}\n', '{"schema": 1}\n'])
def test_another_file_is_refused(tmp_path: Path, text: str):
    file = tmp_path / "a.jsonl"
    file.write_text(text)
    with pytest.raises(TdiError, match=r"no results|another version"):
        keeping.read(file)
