"""What must hold on every machine, looked at on its own: two that are wrong in the same way compare as equal."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from tdi.state.explain import debt
from tdi.state.finding import Difference, Finding, Kind, Severity, finding_id
from tdi.state.fold.facts import package_of
from tdi.state.record import RecordFile, ScopeStatus

_Check = Callable[[str, dict[str, Any]], "tuple[str, Severity, str, str] | None"]
"""Takes key and attributes of an object; gives the attribute that is wrong, severity, why and action, or None."""

_LEFT_OVER_ENDINGS = (".dpkg-dist", ".dpkg-new", ".ucf-dist", ".ucf-new")
_SHARED_DIRECTORIES = frozenset({"1777", "2777", "3777"})
_UNIT_LINKS = ("/etc/systemd/system/", "/etc/systemd/user/")


def check(record: RecordFile) -> tuple[Finding, ...]:
    """Return what is wrong on one machine, worst first; only in scopes that were recorded completely.

    Raises TdiError for a record that turns out to be damaged.
    """
    findings = [
        finding
        for scope, checks in _CHECKS.items()
        if scope in record.scopes and record.scopes[scope].status is ScopeStatus.OK
        for key, text in record.objects(scope)
        for finding in _apply(scope, key, text, checks)
    ]
    findings += _dangling(record)
    return tuple(sorted(findings, key=lambda found: (found.severity.rank, found.scope, found.key)))


def _apply(scope: str, key: str, text: str, checks: tuple[tuple[str, _Check], ...]) -> Iterator[Finding]:
    """Parse an object only where one of the marks says that a check may have something to say."""
    # Several marks may call for one check.
    for look in dict.fromkeys(look for mark, look in checks if mark in text or mark in key):
        attributes = json.loads(text)
        wrong = look(key, attributes)
        if wrong is not None:
            yield _finding(scope, key, attributes, *wrong)


def _finding(
    scope: str, key: str, attributes: dict[str, Any], attribute: str, severity: Severity, why: str, action: str
) -> Finding:
    difference = Difference(scope, key, Kind.CHANGED, (attribute,), None, attributes)
    return Finding(
        id=finding_id(f"invariant:{scope}", key, Kind.CHANGED, (attribute,)),
        scope=scope,
        key=key,
        kind=Kind.CHANGED,
        severity=severity,
        owner=package_of(difference) or attributes.get("origin", {}).get("kind") or "nobody",
        attributes=(attribute,),
        why=why,
        action=action,
        differences=(difference,),
    )


def _privilege(key: str, file: dict[str, Any]) -> tuple[str, Severity, str, str] | None:
    """A setuid or setgid program or a capability that no package accounts for."""
    setuid = int(file.get("mode", "0"), 8) & 0o6000
    if file.get("type") != "file" or not (setuid or "capability" in file) or package_of(_on(key, file)):
        return None
    right = f"mode {file['mode']}" if setuid else str(file["capability"])
    why = f"{key} gives its caller more rights ({right}), and no package accounts for it."
    return ("mode" if setuid else "capability"), Severity.SECURITY, why, "Remove the file, or take the right from it."


def _world_writable(key: str, file: dict[str, Any]) -> tuple[str, Severity, str, str] | None:
    mode = file.get("mode", "0")
    if (
        _odd_mode(key, file)
        or not int(mode, 8) & 0o002
        or file.get("type") not in {"file", "dir"}
        or mode in _SHARED_DIRECTORIES
    ):
        return None
    why = f"{key} can be written by every user of the machine (mode {mode})."
    return "mode", Severity.SECURITY, why, "Set a mode that lets only its users write; a shared directory needs 1777."


def _odd_mode(key: str, file: dict[str, Any]) -> tuple[str, Severity, str, str] | None:
    """A plain file with the sticky bit, which means nothing there: its mode was written without the leading zero."""
    number = int(file.get("mode", "0"), 8)
    if file.get("type") != "file" or not number & 0o1000 or package_of(_on(key, file)):
        return None
    meant = (
        f"`mode: {number}` without quotes is read as that"
        if str(number) in _COMMON_MODES
        else "a file has no use for it"
    )
    why = f"{key} has the mode {file['mode']}, with the sticky bit: {meant}."
    return "mode", Severity.SECURITY, why, 'Write the mode in quotes and with a leading zero (`mode: "0644"`).'


_COMMON_MODES = {"600", "640", "644", "660", "664", "700", "710", "711", "750", "755", "770", "775"}


def _left_over(key: str, file: dict[str, Any]) -> tuple[str, Severity, str, str] | None:
    if not key.endswith(_LEFT_OVER_ENDINGS) or file.get("type") == "dir":
        return None
    why = f"{key} was left by a conflict about a configuration file when a package was upgraded."
    return "type", Severity.LEFT_OVER, why, "Merge it into the role's file, then remove it in a task."


def _failed(key: str, unit: dict[str, Any]) -> tuple[str, Severity, str, str] | None:
    if unit.get("active") not in {"failed", "restarting"}:
        return None
    why = (
        f"Unit {key} has failed." if unit["active"] == "failed" else f"Unit {key} fails and is started again and again."
    )
    return "active", Severity.SERVICE, why, f"See `systemctl status {key}` on the machine."


def _needs_reload(key: str, unit: dict[str, Any]) -> tuple[str, Severity, str, str] | None:
    if unit.get("need_reload") is not True:
        return None
    why = f"systemd runs unit {key} as it was before its file changed."
    return "need_reload", Severity.SERVICE, why, "Let a handler run `systemctl daemon-reload` when a unit file changes."


def _restart_debt(key: str, process: dict[str, Any]) -> tuple[str, Severity, str, str] | None:
    reasons = process.get("restart_debt")
    if not reasons:
        return None
    more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    why = f"Process {key} is older than what it runs: {debt(str(reasons[0]))}{more}."
    return "restart_debt", Severity.SERVICE, why, "Let a handler restart or reload the service when these files change."


def _audit(key: str, _: dict[str, Any]) -> tuple[str, Severity, str, str] | None:
    if not key.startswith("audit:"):
        return None
    package = key.removeprefix("audit:")
    return "audit", Severity.SERVICE, f"dpkg finds package {package} not installed properly.", "Run `dpkg --audit`."


_CHECKS: dict[str, tuple[tuple[str, _Check], ...]] = {
    "files": (
        ('"capability":', _privilege),
        ('"mode":"2', _privilege),
        ('"mode":"4', _privilege),
        ('"mode":"6', _privilege),
        ('2","origin"', _world_writable),
        ('3","origin"', _world_writable),
        ('6","origin"', _world_writable),
        ('7","origin"', _world_writable),
        ('"mode":"1', _odd_mode),
        ('"mode":"3', _odd_mode),
        (".dpkg-", _left_over),
        (".ucf-", _left_over),
    ),
    "systemd": (
        ('"active":', _failed),
        ('"need_reload":', _needs_reload),
    ),
    "processes": (('"restart_debt":', _restart_debt),),
    "dpkg": (("audit:", _audit),),
}
"""Scope → what in the line of an object calls for which check; most of a million lines are never parsed."""


def _on(key: str, attributes: dict[str, Any]) -> Difference:
    return Difference("files", key, Kind.CHANGED, (), None, attributes)


def _dangling(record: RecordFile) -> Iterator[Finding]:
    """Enablement links that lead to no unit file."""
    if "files" not in record.scopes or record.scopes["files"].status is not ScopeStatus.OK:
        return
    links: dict[str, dict[str, Any]] = {}
    for key, text in record.objects("files"):
        if key.startswith(_UNIT_LINKS) and '"type":"link"' in text:
            links[key] = json.loads(text)
    targets = {key: _resolve(key, str(link.get("target", ""))) for key, link in links.items()}
    wanted = {target for target in targets.values() if target not in {"/dev/null", ""}}
    missing = set(wanted)
    if missing:
        for key, _ in record.objects("files"):
            missing.discard(key)
            if not missing:
                return
    for key, target in targets.items():
        if target in missing and not target.startswith("/run/"):
            why = f"{key} enables a unit whose file {target} does not exist."
            action = "Disable the unit before its file is removed (`enabled: false`)."
            yield _finding("files", key, links[key], "target", Severity.SERVICE, why, action)


def _resolve(link: str, target: str) -> str:
    """Where a link leads, as a path with a merged /usr."""
    parts = target.split("/") if target.startswith("/") else [*link.split("/")[:-1], *target.split("/")]
    path: list[str] = []
    for part in parts:
        if part == "..":
            path = path[:-1]
        elif part not in {"", "."}:
            path.append(part)
    merged = ["usr", *path] if path[:1] == ["lib"] else path
    return "/" + "/".join(merged)
