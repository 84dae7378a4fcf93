"""YAML files of a project: read as far as they can be, or an error that names them."""

from pathlib import Path

import pytest

from tdi.content import yaml_files
from tdi.errors import TdiError


def test_tags_of_ansibles_own_stand_for_what_is_behind_them(tmp_path: Path):
    file = tmp_path / "a.yml"
    file.write_text("a: !vault |\n  x\nb: !unsafe '{{ y }}'\nc: !any [1, 2]\nd: !other {e: f}\n")
    assert yaml_files.mapping(file) == {"a": "x\n", "b": "{{ y }}", "c": [1, 2], "d": {"e": "f"}}


def test_a_file_that_is_not_there_or_empty_says_nothing(tmp_path: Path):
    (tmp_path / "empty.yml").write_text("---\n")
    for name in ("empty.yml", "gone.yml"):
        assert yaml_files.read(tmp_path / name) is None
        assert yaml_files.mapping(tmp_path / name) == {}


@pytest.mark.parametrize("content", [b"a: b: c", b"\xff\xfe\xff", b"a: [", b"a: *nobody"])
def test_a_file_that_cannot_be_read_is_an_error_in_one_line(tmp_path: Path, content: bytes):
    file = tmp_path / "a.yml"
    file.write_bytes(content)
    with pytest.raises(TdiError) as error:
        yaml_files.read(file)
    assert error.value.what.startswith(f"{file} cannot be read: ")
    assert "\n" not in error.value.what


def test_a_directory_in_place_of_a_file_is_an_error(tmp_path: Path):
    with pytest.raises(TdiError, match="cannot be read"):
        yaml_files.read(tmp_path)


def test_what_is_no_mapping_is_an_error_where_one_is_wanted(tmp_path: Path):
    file = tmp_path / "a.yml"
    file.write_text("- a\n")
    with pytest.raises(TdiError, match="it is no mapping"):
        yaml_files.mapping(file)
    assert yaml_files.read(file) == ["a"]
