"""The table of platforms, and the one that is asked for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ROOT, Ended
from tdi.errors import TdiError
from tdi.images import platforms

FOUR = {"ubuntu-24.04", "ubuntu-22.04", "debian-13", "debian-12"}


def test_the_table_has_the_four_platforms_and_a_default():
    table = platforms.load()
    assert set(table.by_name) == FOUR
    assert table.default == "ubuntu-24.04"
    assert [platform.name for platform in table.of("debian")] == ["debian-13", "debian-12"]


def test_no_platform_is_wanted_unless_one_is_named(monkeypatch: pytest.MonkeyPatch):
    table = platforms.load()
    assert platforms.wanted(table) is None
    monkeypatch.setenv("TDI_PLATFORM", "")
    assert platforms.wanted(table) is None
    monkeypatch.setenv("TDI_PLATFORM", "debian-12")
    assert platforms.wanted(table) == table.by_name["debian-12"]


def test_an_unknown_platform_is_an_error_that_names_the_known_ones(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TDI_PLATFORM", "debian-99")
    with pytest.raises(TdiError, match="debian-99") as error:
        platforms.wanted(platforms.load())
    assert all(name in error.value.remedy for name in FOUR)


@pytest.mark.docker
@pytest.mark.parametrize("arguments", [("verdict",), ("base", "build"), ("production", "build")])
def test_an_unknown_platform_ends_the_command_line_with_code_2(
    tdi: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...]
):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("TDI_PLATFORM", "debian-99")
    monkeypatch.setenv("TDI_ARTIFACTS", str(tmp_path))
    ended = tdi(*arguments)
    assert ended.code == 2
    assert "debian-99" in ended.out + ended.err
    assert "debian-13" in ended.out + ended.err


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just words",
        "- a\n- list",
        "default: a\nplatforms: [a]",
        "default: a\nplatforms: {a: {distribution: debian}}",
        "default: a\nplatforms: {a: }",
        "platforms: {}",
        "a: b: c",
        "default: b\nplatforms: {}",
    ],
)
def test_a_broken_table_is_an_error_that_names_the_file(tmp_path: Path, text: str):
    file = tmp_path / "platforms.yml"
    file.write_text(text)
    with pytest.raises(TdiError) as error:
        platforms.load(file)
    assert str(file) in error.value.what
    assert "\n" not in error.value.what
