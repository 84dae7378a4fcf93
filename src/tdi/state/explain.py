"""Says what a finding is, why it is there and what to do about it, how bad it is and whose it is."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tdi.state.finding import Difference, Finding, Kind, Names, Severity, finding_id
from tdi.state.fold import Group, has_privilege, is_modified_conffile, package_of
from tdi.state.record import RecordFile

MUST_DIFFER = "must-differ"
"""Stands among the attributes of a finding about a secret that both machines share."""

MORE = "…"
"""The key of the finding that stands for differences which were only counted."""

ACCESS = frozenset({"mode", "owner", "group", "acl", "acl_default", "capability", "xattrs"})
"""Attributes that decide who may do what with a file."""

_SECURITY_SCOPES = frozenset({"users", "groups", "sudoers", "authorized_keys", "packet_filter"})
_SERVICE_SCOPES = frozenset({"systemd", "processes", "probes", "certificates", "cron", "mounts"})
_SECURITY_PATHS = ("/etc/ssh/", "/etc/pam.d/", "/etc/security/", "/etc/sudoers", "/etc/ssl/private/", "/root/.ssh/")
_PRIVATE_KEY_ENDINGS = (".key", "/id_rsa", "/id_ecdsa", "/id_ed25519")
_SETTINGS_PATHS = ("/etc/", "/var/", "/root/", "/home/")
_PROGRAM_PATHS = ("/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/", "/usr/local/bin/", "/usr/local/sbin/")
_LEFT_OVER_ENDINGS = (
    ".dpkg-dist", ".dpkg-new", ".dpkg-old", ".dpkg-bak", ".dpkg-tmp", ".ucf-dist", ".ucf-new", ".ucf-old"
)  # fmt: skip
_SHOWN = 80
"""Characters of a value in a sentence; the rest is in the verbose report."""

_NOUNS = {
    "packages": "package",
    "users": "user",
    "groups": "group",
    "sudoers": "sudo rule",
    "authorized_keys": "SSH key",
    "subids": "subordinate id range",
    "cron": "cron entry",
    "systemd": "unit",
    "sysctl": "kernel setting",
    "alternatives": "alternative",
    "mounts": "mount",
    "modules": "kernel module setting",
    "limits": "limit",
    "system": "system setting",
    "listeners": "listening socket",
    "packet_filter": "packet filter rule",
    "processes": "process",
    "certificates": "certificate",
    "probes": "probe",
    "apt": "apt setting",
    "dpkg": "dpkg entry",
}
_TYPES = {"dir": "directory", "link": "link", "char": "character device", "block": "block device"}


def describe(
    group: Group, names: Names, owners: Mapping[str, str], blame: Callable[[str], str | None] | None = None
) -> Finding:
    """The finding that explains `group`. `owners`: path → package, for what refers to a file (see `owners_of`)."""
    head = group[0]
    told = _Telling(head, group, names)
    why = told.why()
    if blame is not None and head.kind is not Kind.CHANGED:
        path = head.key if head.scope == "files" else next((d.key for d in group if d.scope == "files"), None)
        if path and (text := blame(path)):
            why += f"; {text}"
    return Finding(
        id=finding_id(head.scope, head.key, head.kind, head.attributes),
        scope=head.scope,
        key=head.key,
        kind=head.kind,
        severity=min((severity(member) for member in group if member is head or _counts(member)), key=_rank),
        owner=owner(head, owners),
        attributes=head.attributes,
        why=why + ".",
        action=told.action(),
        differences=group,
    )


def _rank(value: Severity) -> int:
    return value.rank


def _counts(member: Difference) -> bool:
    """Whether a folded difference may raise the severity of its finding: access rights and secrets do."""
    return has_privilege(member) or (member.scope == "files" and member.key.endswith(_PRIVATE_KEY_ENDINGS))


def referred_paths(group: Group) -> tuple[str, ...]:
    """The files that the finding's object says it comes from."""
    head = group[0]
    if head.scope == "files":
        return ()
    sides = (head.b or {}, head.a or {})
    paths = [str(side[name]) for name in ("fragment", "file", "path") for side in sides if side.get(name)]
    return (*paths, head.key.partition("|")[2]) if head.scope == "processes" else tuple(paths)


def owners_of(groups: Iterable[Group], records: Iterable[RecordFile]) -> dict[str, str]:
    """Path → package of the files that findings of other scopes refer to. Reads the records again where needed."""
    wanted = {path for group in groups for path in referred_paths(group)}
    found: dict[str, str] = {}
    for record in records:
        if not wanted or "files" not in record.scopes:
            continue
        for path, attributes in record.objects("files"):
            if path in wanted:
                package = json.loads(attributes).get("origin", {}).get("package")
                if package:
                    found[path] = str(package)
                    wanted.discard(path)
                if not wanted:
                    break
    return found


def owner(difference: Difference, owners: Mapping[str, str]) -> str:
    """The package that accounts for the object, else how it came to be, else "nobody"."""
    if difference.scope == "packages":
        return difference.key
    package = package_of(difference)
    if package:
        return package
    for path in referred_paths((difference,)):
        if path in owners:
            return owners[path]
    for side in (difference.b, difference.a):
        kind = (side or {}).get("origin", {}).get("kind")
        if kind:
            return str(kind)
    return "nobody"


def severity(difference: Difference) -> Severity:
    """How bad a difference is: security, then what a service does, then configuration, then left-overs."""
    special = _SEVERITY_OF.get(difference.scope)
    if special is not None:
        return special(difference)
    if difference.scope in _SECURITY_SCOPES:
        return Severity.SECURITY
    return Severity.SERVICE if difference.scope in _SERVICE_SCOPES else Severity.CONFIGURATION


def _apt_severity(difference: Difference) -> Severity:
    """Whom to trust for packages is a matter of security, a preference is not."""
    return Severity.SECURITY if difference.key.startswith(("key:", "source:")) else Severity.CONFIGURATION


def _dpkg_severity(difference: Difference) -> Severity:
    return Severity.LEFT_OVER if difference.key.startswith("leftover:") else Severity.CONFIGURATION


def _listener_severity(difference: Difference) -> Severity:
    """An additional socket that other machines reach is a matter of security."""
    local = any(part in difference.key for part in (" 127.", " [::1]", " ::1"))
    exposed = difference.kind is Kind.ONLY_B and not local
    return Severity.SECURITY if exposed else Severity.SERVICE


def _package_severity(difference: Difference) -> Severity:
    removed = {side.get("status") for side in (difference.a, difference.b) if side} <= {"config-files", "not-installed"}
    if removed or (difference.kind is Kind.CHANGED and difference.attributes == ("conffiles",)):
        return Severity.LEFT_OVER if removed else Severity.CONFIGURATION
    minor = {"auto", "selection", "conffiles"}
    if difference.kind is Kind.CHANGED and {*difference.attributes} <= minor:
        return Severity.CONFIGURATION
    return Severity.SERVICE


def _file_severity(difference: Difference) -> Severity:
    path = difference.key
    changed = {*difference.attributes}
    if has_privilege(difference) or changed & (ACCESS | {MUST_DIFFER}):
        return Severity.SECURITY
    if path.startswith(_SECURITY_PATHS) or path.endswith(_PRIVATE_KEY_ENDINGS):
        return Severity.SECURITY
    if path.endswith(_LEFT_OVER_ENDINGS):
        return Severity.LEFT_OVER
    state = (difference.b or {}).get("origin", {}).get("state")
    if state == "modified" and not is_modified_conffile(difference):
        return Severity.SECURITY
    if path.startswith(_PROGRAM_PATHS) or (difference.kind is Kind.CHANGED and not path.startswith(_SETTINGS_PATHS)):
        return Severity.SERVICE
    left_over = difference.kind is Kind.ONLY_B and not path.startswith("/etc/")
    return Severity.LEFT_OVER if left_over else Severity.CONFIGURATION


_SEVERITY_OF: Mapping[str, Callable[[Difference], Severity]] = {
    "files": _file_severity,
    "packages": _package_severity,
    "apt": _apt_severity,
    "dpkg": _dpkg_severity,
    "listeners": _listener_severity,
}


def show(value: Any) -> str:
    """A value of a record as it stands in a sentence."""
    if value is None:
        text = "nothing"
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, list):
        text = ", ".join(str(part) for part in value) or "none"
    elif isinstance(value, dict):
        text = ", ".join(f"{name}: {part}" for name, part in sorted(value.items())) or "none"
    else:
        text = str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


@dataclass(frozen=True)
class _Telling:
    """The sentences about one group."""

    head: Difference
    group: Group
    names: Names

    @property
    def thing(self) -> str:
        head = self.head
        if head.scope == "files":
            noun = _TYPES.get(head.present.get("type", ""), str(head.present.get("type", "file")))
            if is_modified_conffile(head):
                noun = "edited configuration file"
            return f"{noun} {head.key}"
        noun = _NOUNS.get(head.scope, head.scope)
        return f"{noun} {head.key}"

    @property
    def here(self) -> str:
        """The machine that has it."""
        return self.names.a if self.head.kind is Kind.ONLY_A else self.names.b

    @property
    def there(self) -> str:
        """The other machine."""
        return self.names.b if self.head.kind is Kind.ONLY_A else self.names.a

    def why(self) -> str:
        head = self.head
        if MUST_DIFFER in head.attributes:
            text = f"{head.key} is the same on both machines, and it must be one machine's own"
        elif head.key == MORE:
            text = f"{head.present.get('objects', 0):,} more objects of the scope {head.scope} differ"
        elif head.kind is Kind.CHANGED:
            text = f"{self.thing}: {'; '.join(self._change(name) for name in _told(head))}"
        else:
            text = f"{self.thing} is only on the {self.here} machine"
            text += self._detail()
        return text + self._inside()

    def _change(self, name: str) -> str:
        first, second = ((side or {}).get(name) for side in (self.head.a, self.head.b))
        if name in ("hash", "text", "text_hash"):
            return "its content differs"
        if name == "properties":
            return "; ".join(self._properties(first or {}, second or {}))
        if name in ("origin", "unstable"):
            said = {"origin": "who accounts for it differs", "unstable": "it kept changing while it was recorded"}
            return said[name] + (f" ({_origin(first)} and {_origin(second)})" if name == "origin" else "")
        if isinstance(first, list) and isinstance(second, list):
            return f"{name} {self._members(first, second)}"
        return f"{name} is {show(first)} on the {self.names.a} machine and {show(second)} on the {self.names.b} machine"

    def _members(self, first: list[Any], second: list[Any]) -> str:
        only = [
            f"has {show(left)} only on the {name} machine"
            for left, name in (
                ([item for item in first if item not in second], self.names.a),
                ([item for item in second if item not in first], self.names.b),
            )
            if left
        ]
        return " and ".join(only) or "is in another order"

    def _properties(self, first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[str]:
        for name in sorted({*first, *second}):
            if first.get(name) != second.get(name):
                sides = f"{show(first.get(name))} on the {self.names.a} machine and {show(second.get(name))}"
                yield f"{name} is {sides} on the {self.names.b} machine"

    def _detail(self) -> str:
        present = self.head.present
        if self.head.scope == "packages":
            return f" ({present.get('version', '?')}, {present.get('status', '?')})"
        if present.get("type") == "link":
            return f" (to {show(present.get('target'))})"
        if has_privilege(self.head):
            return f" (mode {present.get('mode')}{', ' + present['capability'] if present.get('capability') else ''})"
        return ""

    def _inside(self) -> str:
        """What was folded into it, counted by scope."""
        counts: dict[str, int] = {}
        for member in self.group[1:]:
            counts[member.scope] = counts.get(member.scope, 0) + 1
        if not counts:
            return ""
        parts = (f"{count} in {scope}" for scope, count in sorted(counts.items()))
        total = len(self.group) - 1
        follow = "1 difference follows" if total == 1 else f"{total} differences follow"
        return f"; {follow} from it ({', '.join(parts)})"

    def action(self) -> str:
        """What to do about it: the first advice that fits."""
        head, changed = self.head, {*self.head.attributes}
        advice = _PACKAGE_ADVICE if head.scope == "packages" else _ADVICE
        text = next(text for fits, text in advice if fits(head, changed))
        return text.format(a=self.names.a, b=self.names.b, attributes=" and ".join(head.attributes))


_Advice = tuple[Callable[[Difference, set[str]], bool], str]

_ADVICE: tuple[_Advice, ...] = (
    (
        lambda _, changed: MUST_DIFFER in changed,
        "Remove it from the image and let each machine make its own at first boot.",
    ),
    (
        lambda _, changed: "restart_debt" in changed,
        "Let a handler restart the service when what it runs changes.",
    ),
    (
        lambda _, changed: "need_reload" in changed,
        "Let a handler run `systemctl daemon-reload` when a unit file changes.",
    ),
    (
        lambda head, _: head.key.endswith(_LEFT_OVER_ENDINGS),
        "Decide on the conflict that dpkg or ucf left: merge the file, then remove it in a task.",
    ),
    (
        lambda head, _: head.scope in {"listeners", "processes"} and head.kind is not Kind.CHANGED,
        "Find out what started it, and let the role start or stop it alike on both machines.",
    ),
    (
        lambda head, _: head.kind is Kind.ONLY_B,
        "Add a task that removes it, or one that makes it on the {a} machine too.",
    ),
    (
        lambda head, _: head.kind is Kind.ONLY_A,
        "Let the task that makes it on the {a} machine also act on the {b} one.",
    ),
    (
        lambda _, changed: changed <= {"owner", "group", "mode"},
        "Set {attributes} explicitly in the task that makes it.",
    ),
    (
        lambda head, changed: head.scope == "users" and bool(changed & {"uid", "gid"}),
        "Give the account a fixed uid and gid, or let nothing depend on the number.",
    ),
    (
        lambda head, changed: head.scope == "systemd" and bool(changed & {"enablement", "active"}),
        "Set `enabled` and `state` of the unit explicitly in the role.",
    ),
    (lambda _head, _changed: True, "Make the role set it, so that both machines end alike, whatever was there before."),
)

_PACKAGE_ADVICE: tuple[_Advice, ...] = (
    (
        lambda head, _: head.kind is Kind.ONLY_B and head.present.get("status") == "config-files",
        "Purge it in a task (`state: absent`, `purge: true`) on the {b} machine.",
    ),
    (
        lambda head, _: head.kind is Kind.ONLY_B,
        "Remove it in a task (`state: absent`), or install it on the {a} machine too.",
    ),
    (lambda head, _: head.kind is Kind.ONLY_A, "Let the role install it on the {b} machine too."),
    (
        lambda _, changed: "status" in changed,
        "Bring the package to the same status on both machines (`state: present`, or `absent` with `purge: true`).",
    ),
    (
        lambda _, changed: "version" in changed,
        "Let the role bring it to one version on both machines (`state: latest`, or a pinned version).",
    ),
    (lambda _, changed: "auto" in changed, "Mark it with `apt-mark` as manual or automatic alike on both machines."),
    (lambda _, changed: "selection" in changed, "Set or release the hold in the role (`dpkg_selections`)."),
    (lambda _head, _changed: True, "Let the role set the package's configuration files alike on both machines."),
)


def _origin(value: Any) -> str:
    return " ".join(str(part) for part in (value or {"kind": "nobody"}).values())


def _told(head: Difference) -> list[str]:
    """The attributes to tell of: content once, its size not at all, its origin only where nothing else differs."""
    names = [name for name in head.attributes if name not in ("size", "hash", "text", "text_hash")]
    if len(names) < len(head.attributes):
        names.append("hash")
    if "properties" in names and "hash" in names:
        names.remove("hash")
    if len(names) > 1 and "origin" in names:
        names.remove("origin")
    return names
