"""The files that the role writes: type, owner, group and mode."""

from typing import Any

from declared import SITES


def test_files_belong_to_root_and_only_root_may_write_them(host: Any) -> None:
    expected = {}
    for site in SITES:
        expected[site.directory] = "directory root root 755"
        expected[site.index] = "regular file root root 644"
        expected[site.configuration] = "regular file root root 644"
        expected[site.link] = "symbolic link root root 777"
    found = host.check_output(f"stat --format '%n|%F %U %G %a' {' '.join(expected)}")
    assert dict(line.split("|") for line in found.splitlines()) == expected


def test_a_site_is_enabled_as_the_distribution_does_it(host: Any) -> None:
    for site in SITES:
        assert host.check_output(f"readlink {site.link}") == f"../sites-available/ansible-{site.name}"


def test_an_exchange_of_the_configuration_leaves_nothing(host: Any) -> None:
    assert host.check_output("find /etc/nginx -name '.*'") == ""
