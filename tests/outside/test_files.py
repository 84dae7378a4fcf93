"""Files that are written whole or not at all."""

from pathlib import Path

import pytest

from tdi.errors import TdiError
from tdi.outside.files import write_atomically


def test_a_file_is_replaced_whole(tmp_path: Path):
    file = tmp_path / "new" / "result.json"
    write_atomically(file, "first")
    with file.open(encoding="utf-8") as reader:
        write_atomically(file, "second ✓")
        assert reader.read() == "first"
    assert file.read_text(encoding="utf-8") == "second ✓"
    assert [each.name for each in file.parent.iterdir()] == ["result.json"]
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("where", ["a-file/result.json", "/proc/result.json"])
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, where: str):
    (tmp_path / "a-file").touch()
    with pytest.raises(TdiError) as error:
        write_atomically(tmp_path / where, "text")
    assert str(tmp_path / where) in error.value.what


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path):
    (tmp_path / "result.json").mkdir()
    with pytest.raises(TdiError):
        write_atomically(tmp_path / "result.json", "text")
    assert [each.name for each in tmp_path.iterdir()] == ["result.json"]
