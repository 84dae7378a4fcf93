"""The schema of a record: it says what does not fit, and which record is to blame."""

import pytest
from by_hand import written as make

from tdi.state.record import DamagedRecordError
from tdi.state.schema import blaming, schema, validate


def test_the_record_that_is_damaged_is_blamed_and_no_other(tmp_path):
    sound = make(tmp_path / "sound", {"files": {}})
    wrong = make(tmp_path / "wrong", {"files": {"/x": {"type": "file", "mode": 5}}})
    said = "/wrong is truncated or damaged: files '/x': 5 is not of type"
    with pytest.raises(DamagedRecordError, match=said), blaming(sound, wrong):
        raise TypeError
    with pytest.raises(TypeError), blaming(sound):
        raise TypeError


def test_the_schema_is_one_and_says_what_does_not_fit(tmp_path):
    assert schema()["$defs"]["file"]["additionalProperties"] is False
    path = make(tmp_path / "r", {"files": {"/a": {"type": "dir", "size": -1}, "b": {"type": "dir"}}, "nonsense": {}})
    problems = validate(path)
    assert any(line.startswith("meta: 'recorded_at' is a required property") for line in problems)
    assert any("files '/a'" in line for line in problems)
    assert any("files 'b'" in line for line in problems)
    assert "nonsense: the schema knows no such scope" in problems
