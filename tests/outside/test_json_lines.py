"""A file of JSON objects is followed while it is written."""

from pathlib import Path

from tdi.outside.json_lines import JsonLines


def test_each_line_is_read_once_and_half_a_line_later(tmp_path: Path):
    path = tmp_path / "events"
    events = JsonLines(path)
    assert not list(events.fresh())
    with path.open("a") as file:
        file.write('{"a": 1}\n{"a"')
        file.flush()
        assert list(events.fresh()) == [{"a": 1}]
        assert not list(events.fresh())
        file.write(": 2}\n")
        file.flush()
        assert list(events.fresh()) == [{"a": 2}]
