"""How the numbers of processes are told and compared."""

from pathlib import Path

import pytest
from by_hand import compared, only_finding

ONE, TWO, AUTO = {"count": 1}, {"count": 2}, {"count": "auto", "counted": 2}


@pytest.mark.parametrize(
    ("new", "upgraded", "said"),
    [
        (
            ONE,
            AUTO,
            "count is 1 on the new machine and 2 on the upgraded machine (as many as processors on the upgraded ",
        ),
        (
            AUTO,
            ONE,
            "count is 2 on the new machine and 1 on the upgraded machine (as many as processors on the new machine",
        ),
        (
            {"count": {"a": 1, "b": 3}},
            {"count": {"a": "auto", "b": 3}, "counted": {"a": 4, "b": 3}},
            "count is a: 1 on the new machine and a: 4 on the upgraded machine (as many as processors on the upgraded",
        ),
    ],
)
def test_processes_are_told_by_their_numbers_and_that_these_may_be_automatic_after_that(
    tmp_path: Path, new, upgraded, said
):
    key = "x.service|/usr/sbin/x"
    finding = only_finding(compared(tmp_path, {"processes": {key: new}}, {"processes": {key: upgraded}}))
    assert said in finding.why


def test_numbers_that_no_program_found_out_have_no_remark(tmp_path: Path):
    key = "x.service|/usr/sbin/x"
    finding = only_finding(compared(tmp_path, {"processes": {key: ONE}}, {"processes": {key: TWO}}))
    assert finding.why.endswith("count is 1 on the new machine and 2 on the upgraded machine.")


def test_as_many_as_each_machine_has_processors_is_the_same(tmp_path: Path):
    key = "x.service|/usr/sbin/x"
    larger = {"count": "auto", "counted": 64}
    assert compared(tmp_path, {"processes": {key: AUTO}}, {"processes": {key: larger}}).result == "same"
