"""The files that the role writes: type, owner, group and mode."""

from typing import Any

from declared import SITES


def test_files_belong_to_root_and_only_root_may_write_them(host: Any) -> None:
    expected = {}
    for site in SITES:
        expected[site.directory] = "directory root root 755"
        expected[site.index] = "regular file root root 644"
        expected[site.file] = "regular file root root 644"
    found = host.check_output(f"stat --format '%n|%F %U %G %a' {' '.join(expected)}")
    assert dict(line.split("|") for line in found.splitlines()) == expected
