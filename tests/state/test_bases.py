"""A moved base: what differs because the base images do is told apart, and nothing else is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from by_hand import file, package, record

from tdi.state.bases import Bases
from tdi.state.compare import Comparison, Result, compare

Objects = Mapping[str, Any]


@pytest.fixture
def compared(tmp_path: Path):
    def _compared(
        new: Objects, upgraded: Objects, base_new: Objects, base_upgraded: Objects, scope: str = "files"
    ) -> Comparison:
        names = ("new", "upgraded", "base-new", "base-upgraded")
        objects = (new, upgraded, base_new, base_upgraded)
        a, b, base_a, base_b = (
            record(tmp_path / f"{name}.json", {scope: each}) for name, each in zip(names, objects, strict=True)
        )
        return compare(a, b, bases=Bases(base_a, base_b))

    return _compared


def test_a_file_that_differs_as_the_bases_do_does_not_count(compared):
    old, new = {"/etc/issue": file(hash="b2:old")}, {"/etc/issue": file(hash="b2:new")}
    found = compared(new, old, new, old)
    assert found.result is Result.SAME
    assert [(one.key, one.kind) for one in found.from_bases] == [("/etc/issue", "changed")]


def test_a_package_that_only_one_base_has_does_not_count(compared):
    found = compared({}, {"less": package()}, {}, {"less": package()}, scope="packages")
    assert found.result is Result.SAME
    assert [one.key for one in found.from_bases] == ["less"]


def test_a_left_over_of_the_role_counts(compared):
    found = compared({}, {"/srv/old.html": file()}, {}, {})
    assert found.result is Result.DIFFERENT
    assert not found.from_bases


def test_what_a_machine_changed_beyond_its_base_counts(compared):
    base = {"/etc/issue": file(hash="b2:base")}
    found = compared(base, {"/etc/issue": file(hash="b2:edited")}, base, base)
    assert found.result is Result.DIFFERENT


def test_what_the_role_removes_on_one_machine_only_counts(compared):
    base = {"/etc/issue": file()}
    found = compared({}, base, base, base)
    assert found.result is Result.DIFFERENT


def test_one_attribute_may_come_from_the_bases_and_another_not(compared):
    a, b = {"/etc/x": file(hash="b2:new", mode="0644")}, {"/etc/x": file(hash="b2:old", mode="0666")}
    found = compared(a, b, a, {"/etc/x": file(hash="b2:old", mode="0644")})
    assert [one.attributes for one in found.findings] == [("mode",)]
    assert [one.attributes for one in found.from_bases] == [("hash",)]


def test_it_is_in_the_json_and_not_counted_as_a_finding(compared):
    found = compared({}, {"less": package()}, {}, {"less": package()}, scope="packages").as_json()
    assert found["findings"] == []
    assert [one["key"] for one in found["from_bases"]] == ["less"]
