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


CACHE = "/etc/ld.so.cache"
LIBRARY = "/usr/lib/libx.so.1"


def test_the_loaders_cache_goes_with_a_library_of_a_base(compared):
    new, old = {CACHE: file(hash="b2:new")}, {CACHE: file(hash="b2:old"), LIBRARY: file()}
    found = compared(new, old, {CACHE: file(hash="b2:1")}, {CACHE: file(hash="b2:2"), LIBRARY: file()})
    assert found.result is Result.SAME
    assert {each.key for one in found.from_bases for each in one.differences} == {CACHE, LIBRARY}


def test_the_loaders_cache_counts_where_a_library_is_the_machines_own(compared):
    new, old = {CACHE: file(hash="b2:new")}, {CACHE: file(hash="b2:old"), LIBRARY: file(), "/usr/lib/liby.so.1": file()}
    found = compared(new, old, {CACHE: file(hash="b2:1")}, {CACHE: file(hash="b2:2"), LIBRARY: file()})
    assert {each.key for one in found.findings for each in one.differences} == {CACHE, "/usr/lib/liby.so.1"}


def test_the_next_free_ids_depend_on_the_users_of_a_base(compared):
    base = {"subuid:old": {"ranges": ["100000:65536"]}}
    new, upgraded = {"subuid:app": {"ranges": ["100000:65536"]}}, {"subuid:app": {"ranges": ["165536:65536"]}, **base}
    assert compared(new, upgraded, {}, base, scope="subids").result is Result.SAME
    assert (
        compared(new, {"subuid:app": {"ranges": ["165536:65536"]}}, {}, {}, scope="subids").result is Result.DIFFERENT
    )


@pytest.mark.parametrize(
    ("upgraded", "base", "result"),
    [
        (package(auto=False), package(auto=False), Result.SAME),
        (package(auto=False), package(auto=True), Result.DIFFERENT),
        (package("2", auto=False), package("1", auto=False), Result.DIFFERENT),
        (package(auto=False), None, Result.DIFFERENT),
    ],
)
def test_a_package_keeps_the_mark_that_it_has_in_a_base(compared, upgraded: Any, base: Any, result: Result):
    there = {"less": base} if base else {}
    assert compared({"less": package(auto=True)}, {"less": upgraded}, {}, there, scope="packages").result is result
