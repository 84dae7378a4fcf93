"""Pairing two records: equal lines are never parsed, and a damaged one is told."""

import time
import tracemalloc

import pytest
from by_hand import written as make

from tdi.state.pairs import pairs
from tdi.state.record import DamagedRecordError, RecordFile, ScopeHeader, write_record


@pytest.mark.parametrize(
    ("line", "where"),
    [
        (b'"/b', "a line of files is not an object"),
        (b'"/b\xff": {}', "a line of files is not an object"),
        (b'"/a": {"x":2}', "files is not in order"),
        (b'"/0": {"x":2}', "files is not in order"),
    ],
)
def test_a_damaged_line_is_told_when_it_is_compared(tmp_path, line, where):
    a = make(tmp_path / "a", {"files": {"/a": {"x": 1}, "/b": {"x": 1}, "/c": {"x": 1}}})
    b = tmp_path / "b"
    b.write_bytes(a.read_bytes().replace(b'"/b": {"x":1}', line))
    with pytest.raises(DamagedRecordError, match=where), RecordFile(a) as left, RecordFile(b) as right:
        list(pairs(left, right, "files"))


def test_a_very_long_line_is_parsed_once(tmp_path):
    a = make(tmp_path / "a", {"files": {f"/{number:04d}": {} for number in range(3000)}})
    b = make(tmp_path / "b", {"files": {"/9999": {"x": "x" * 3_000_000}}})
    began = time.process_time()
    with RecordFile(a) as left, RecordFile(b) as right:
        assert len(list(pairs(left, right, "files"))) == 3001
    assert time.process_time() - began < 2


def test_pairs_yield_what_is_not_equal_and_count_everything(tmp_path):
    a = make(tmp_path / "a", {"files": {"/1": {"x": 1}, "/2": {"x": 1}, "/3": {"x": 1}, "/5": {}}})
    b = make(tmp_path / "b", {"files": {"/0": {}, "/2": {"x": 1}, "/3": {"x": 2}, "/5": {}}})
    with RecordFile(a) as left, RecordFile(b) as right:
        found = pairs(left, right, "files")
        assert list(found) == [
            ("/0", None, "{}"),
            ("/1", '{"x":1}', None),
            ("/3", '{"x":1}', '{"x":2}'),
        ]
        assert found.compared == 5


def test_the_comma_of_the_last_object_makes_no_difference(tmp_path):
    a = make(tmp_path / "a", {"files": {"/1": {}}})
    b = make(tmp_path / "b", {"files": {"/1": {}, "/2": {}}})
    assert list(pairs(RecordFile(a), RecordFile(b), "files")) == [("/2", None, "{}")]


def test_equal_values_written_differently_are_equal(tmp_path):
    a = make(tmp_path / "a", {"files": {"/1": {"x": 1, "y": 2}}})
    b = tmp_path / "b"
    b.write_bytes(a.read_bytes().replace(b'{"x":1,"y":2}', b'{"y": 2, "x": 1}'))
    assert list(pairs(RecordFile(a), RecordFile(b), "files")) == []


def test_keys_that_sort_differently_as_bytes_are_paired(tmp_path):
    keys = ["/a", "/a\U0001f600", "/a\udcff", "/é", "/z"]
    a = make(tmp_path / "a", {"files": {key: {"x": 1} for key in keys}})
    b = make(tmp_path / "b", {"files": {key: {"x": 2} for key in keys}})
    found = list(pairs(RecordFile(a), RecordFile(b), "files"))
    assert [key for key, left, right in found if left and right] == sorted(keys)


def test_large_records_are_paired_as_a_stream(tmp_path):
    paths = []
    for name, value in (("a", 0), ("b", 1)):
        objects = (
            (f"/{number:06d}", {"hash": "x" * 100, "n": value if number == 777 else 0}) for number in range(50000)
        )
        write_record(tmp_path / name, {}, {"files": (ScopeHeader(), objects)})
        paths.append(tmp_path / name)
    with RecordFile(paths[0]) as a, RecordFile(paths[1]) as b:
        tracemalloc.start()
        assert [key for key, _, _ in pairs(a, b, "files")] == ["/000777"]
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
        tracemalloc.stop()
