"""Reading and writing records: only whole ones are read."""

import gzip
import json
import os
from pathlib import Path

import pytest
from by_hand import written as make

from tdi.errors import TdiError
from tdi.state import record as record_module
from tdi.state.record import RecordFile, ScopeHeader, ScopeStatus, read_meta, write_record

META = {"hostname": "a"}


@pytest.fixture
def record(tmp_path):
    return make(tmp_path / "record.json", {"files": {"/a": {"type": "dir"}, "/b": {"type": "file"}}, "users": {}})


def test_what_was_written_is_read(record):
    with RecordFile(record) as opened:
        assert opened.schema == 1
        assert opened.meta == META
        assert opened.scopes == {"files": ScopeHeader(), "users": ScopeHeader()}
        assert opened.counts == {"files": 2, "users": 0}
        assert list(opened.objects("files")) == [("/a", '{"type":"dir"}'), ("/b", '{"type":"file"}')]
        assert list(opened.objects("users")) == []
        assert list(opened.objects("nothing")) == []


def test_the_layout_is_one_object_per_line(record):
    assert record.read_text() == (
        '{"schema": 1,\n'
        '"meta": {"hostname":"a"},\n'
        '"scopes": {\n'
        '"files": {"status": "ok", "reason": null, "objects": {\n'
        '"/a": {"type":"dir"},\n'
        '"/b": {"type":"file"}\n'
        "}},\n"
        '"users": {"status": "ok", "reason": null, "objects": {\n'
        "}}\n"
        "},\n"
        '"end": {"objects": {"files":2,"users":0}}}\n'
    )
    json.loads(record.read_text())


def test_a_scope_that_is_not_ok_says_why(tmp_path):
    header = ScopeHeader(ScopeStatus.UNAVAILABLE, 'no "x"')
    write_record(tmp_path / "r", {}, {"systemd": (header, [])})
    assert RecordFile(tmp_path / "r").scopes == {"systemd": header}


def test_any_key_survives(tmp_path):
    keys = ["", "a\nb", 'q"\\', '": {"x": 1}, "', "\udcff", "\U0001f600", "é", "</script>"]
    path = make(tmp_path / "r", {"files": {key: {"key": key} for key in keys}})
    path.read_bytes().decode("ascii")
    found = [(key, json.loads(raw)) for key, raw in RecordFile(path).objects("files")]
    assert found == [(key, {"key": key}) for key in sorted(keys)]


def test_compressed_records_are_read_and_reproducible(tmp_path):
    scopes = {"files": {f"/{number}": {"type": "dir"} for number in range(1000)}}
    first, second = (make(tmp_path / name, scopes) for name in ("a.json.gz", "b.json.gz"))
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[:8] == b"\x1f\x8b\x08\x00\0\0\0\0"  # no name and no time
    assert RecordFile(first).counts == {"files": 1000}
    assert read_meta(first) == META


def test_another_layout_is_read_as_well(record):
    data = json.loads(record.read_text())
    record.write_text(json.dumps(data, indent=2))
    with RecordFile(record) as opened:
        assert list(opened.objects("files")) == [("/a", '{"type":"dir"}'), ("/b", '{"type":"file"}')]
    assert read_meta(record) == META


def test_iterations_of_one_record_do_not_disturb_each_other(record):
    with RecordFile(record) as opened:
        assert [(a, b) for a, _ in opened.objects("files") for b, _ in opened.objects("files")] == [
            ("/a", "/a"), ("/a", "/b"), ("/b", "/a"), ("/b", "/b"),
        ]  # fmt: skip


def refused(path: Path) -> TdiError:
    with pytest.raises(TdiError) as caught:
        RecordFile(path)
    assert str(path) in caught.value.what
    assert "\n" not in caught.value.what
    return caught.value


def test_every_truncation_is_noticed(record):
    whole = record.read_bytes()
    for length in range(1, len(whole)):
        record.write_bytes(whole[:length])
        refused(record)


def test_anything_after_the_end_is_noticed(record):
    with record.open("ab") as file:
        file.write(b"{}\n")
    refused(record)


def test_a_lost_object_is_noticed(record):
    record.write_bytes(record.read_bytes().replace(b'"/a": {"type":"dir"},\n', b""))
    assert "truncated or damaged" in refused(record).what


def test_a_truncated_compressed_record_is_noticed(tmp_path):
    path = make(tmp_path / "r.gz", {"files": {f"/{number}": {} for number in range(5000)}})
    path.write_bytes(path.read_bytes()[:-20])
    assert "truncated" in refused(path).what
    path.write_bytes(gzip.compress(b"nonsense"))
    assert "not JSON" in refused(path).what


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not JSON"),
        ("hello", "not JSON"),
        ("\udcff\udcfe", "not JSON"),
        ("[1]", "not a record"),
        ("{}", "not a record"),
        ('{"schema": 1}', "not a record"),
        ('{"schema": 0, "meta": {}, "scopes": {}, "end": {}}', "not a record"),
        ('{"schema": 1, "meta": {}, "scopes": {"files": 7}, "end": {}}', "not a record"),
        ('{"schema": 1, "meta": {}, "scopes": {}}', "truncated"),
        ('{"schema": 2, "whatever": 1}', "schema 2; this tdi reads schema 1"),
        ("[" * 100000, "not JSON"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path, content, said):
    path = tmp_path / "r"
    path.write_bytes(os.fsencode(content))
    assert said in refused(path).what


def test_a_newer_schema_in_the_canonical_layout_is_refused(record):
    record.write_bytes(record.read_bytes().replace(b'"schema": 1', b'"schema": 3'))
    assert "Use a newer tdi" in refused(record).remedy


def test_a_missing_file_and_a_directory_are_refused(tmp_path):
    assert "no record" in refused(tmp_path / "none").what
    assert "cannot be read" in refused(tmp_path).what


def test_what_is_no_plain_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero")):
        assert "not a file" in refused(path).what


def test_a_file_that_was_compressed_to_do_harm_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(record_module, "BYTES", 10_000_000)
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b'{"schema": 1,\n"meta": {}' + b" " * 20_000_000))
    assert "truncated or damaged" in refused(path).what


def test_what_is_too_large_to_be_read_as_a_whole_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(record_module, "WHOLE", 1000)
    path = tmp_path / "r"
    path.write_text(" " * 1001)
    assert "too large" in refused(path).what


def test_nothing_is_left_of_a_record_that_could_not_be_written(tmp_path):
    with pytest.raises(ValueError, match="not in order"):
        write_record(tmp_path / "r", {}, {"files": (ScopeHeader(), [("b", {}), ("a", {})])})
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(TdiError, match="cannot be written"):
        write_record(tmp_path / "file" / "r", {}, {})
