"""Small records made by hand, for tests of what is done with records."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tdi.state.compare import Comparison, compare
from tdi.state.finding import Finding, Names
from tdi.state.record import RecordFile, ScopeHeader, ScopeStatus, write_record
from tdi.state.rules import Rules

NAMES = Names("new", "upgraded")
Scopes = Mapping[str, Mapping[str, Mapping[str, Any]]]


def file(**attributes: Any) -> dict[str, Any]:
    """An ordinary file of root's."""
    return {
        "type": "file",
        "mode": "0644",
        "owner": "root",
        "group": "root",
        "size": 100,
        "hash": "b2:1",
        "origin": {"kind": "nobody"},
    } | attributes


def directory(**attributes: Any) -> dict[str, Any]:
    """An ordinary directory of root's."""
    plain = {"type": "dir", "mode": "0755", "owner": "root", "group": "root", "origin": {"kind": "nobody"}}
    return plain | attributes


def link(target: str, **attributes: Any) -> dict[str, Any]:
    """A symbolic link."""
    plain = {"type": "link", "owner": "root", "group": "root", "origin": {"kind": "nobody"}, "target": target}
    return plain | attributes


def of_package(package: str, kind: str = "package", state: str = "pristine") -> dict[str, Any]:
    """The origin of a packaged file."""
    return {"kind": kind, "package": package, "state": state}


def package(version: str = "1.0", **attributes: Any) -> dict[str, Any]:
    """An installed package."""
    plain = {"version": version, "architecture": "amd64", "selection": "install", "status": "installed", "auto": False}
    return plain | attributes


def written(path: Path, scopes: Scopes, meta: Mapping[str, Any] = MappingProxyType({"hostname": "a"})) -> Path:
    """Write a record in which all scopes are complete."""
    write_record(path, meta, {name: (ScopeHeader(), sorted(objects.items())) for name, objects in scopes.items()})
    return path


def record(path: Path, scopes: Scopes, headers: Mapping[str, ScopeHeader] | None = None, **meta: Any) -> RecordFile:
    """Write a record and open it."""
    written = {
        name: ((headers or {}).get(name, ScopeHeader()), sorted(objects.items())) for name, objects in scopes.items()
    }
    write_record(path, meta, written)
    return RecordFile(path)


def compared(
    tmp_path: Path,
    a: Scopes,
    b: Scopes,
    rules: Rules | None = None,
    *,
    unavailable: Mapping[str, str] | None = None,
    **options: Any,
) -> Comparison:
    """Compare two machines; `unavailable` (scope → reason) is missing on b."""
    headers = {name: ScopeHeader(ScopeStatus.UNAVAILABLE, reason) for name, reason in (unavailable or {}).items()}
    scopes = {*a, *b}
    first = {scope: a.get(scope, {}) for scope in scopes}
    second = {scope: b.get(scope, {}) for scope in scopes}
    with record(tmp_path / "a.json", first) as one, record(tmp_path / "b.json", second, headers) as two:
        return compare(one, two, rules, names=NAMES, **options)


def only_finding(comparison: Comparison) -> Finding:
    """The one finding that there must be."""
    assert [finding.key for finding in comparison.findings] == [comparison.findings[0].key], comparison.findings
    return comparison.findings[0]
