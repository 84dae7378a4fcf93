"""Says what a finding is, why it is there and what to do about it, how bad it is and whose it is."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tdi.state import advice
from tdi.state.finding import Difference, Finding, Kind, Names, Severity, finding_id
from tdi.state.fold.facts import FEW, has_privilege, is_modified_conffile, package_of
from tdi.state.fold.tree import Group
from tdi.state.record import RecordFile

MUST_DIFFER = "must-differ"
"""Stands among the attributes of a finding about a secret that both machines share."""

MORE = "…"
"""The key of the finding that stands for differences which were only counted."""

SAYS = "says"
"""The attribute in which an object of a probe says what paths mean to the service: path → a clause of a sentence."""

ACCESS = frozenset({"mode", "owner", "group", "acl", "acl_default", "capability", "xattrs"})
"""Attributes that decide who may do what with a file."""

_SECURITY_SCOPES = frozenset({"users", "groups", "sudoers", "authorized_keys", "packet_filter"})
_SERVICE_SCOPES = frozenset({"systemd", "processes", "probes", "certificates", "cron", "mounts"})
_SECURITY_PATHS = (
    "/etc/ssh/", "/etc/pam.d/", "/etc/security/", "/etc/sudoers", "/etc/doas.conf", "/etc/polkit-1/", "/root/.ssh/",
    "/etc/shadow", "/etc/gshadow", "/etc/hosts.allow", "/etc/hosts.deny", "/etc/hosts.equiv", "/root/.rhosts",
    "/etc/ssl/private/", "/etc/ssl/certs/", "/etc/ca-certificates", "/usr/local/share/ca-certificates/",
    "/usr/share/ca-certificates/", "/etc/apt/trusted.gpg", "/etc/apt/keyrings/", "/etc/apt/auth.conf",
    "/etc/ld.so.preload", "/etc/nftables", "/etc/iptables/", "/etc/ufw/", "/etc/apparmor", "/etc/selinux/",
)  # fmt: skip
"""Who gets in and as whom, whom the machine trusts, and what every program loads."""
_UNVERIFIED = re.compile(r"(?i)unauthenticated|allow(insecure|weak|downgrade)|verify-(peer|host)|trusted")
"""In the name of a setting of apt: that packages are taken without proof of where they come from."""
_PRIVATE_KEY_ENDINGS = (".key", "/id_rsa", "/id_ecdsa", "/id_ed25519")
_SETTINGS_PATHS = ("/etc/", "/var/", "/root/", "/home/")
_PROGRAM_PATHS = (
    "/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/", "/usr/local/bin/", "/usr/local/sbin/",
    "/etc/systemd/system", "/etc/systemd/user",
)  # fmt: skip
"""What runs, and what says how: units, their drop-ins, presets and generators among it."""
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


Blame = Callable[[Group], str | None]
"""Gives for a finding who made its object, as a clause for the explanation."""


def describe(
    group: Group,
    names: Names,
    owners: Mapping[str, str],
    blame: Blame | None = None,
    meanings: Mapping[Kind, Mapping[str, str]] | None = None,
) -> Finding:
    """The finding that explains `group`.

    `owners`: path → package, for what refers to a file (see `owners_of`). `meanings`: what the probes say of a path
    (see `meanings_of`).
    """
    head = group[0]
    told = _Telling(head, group, names)
    why = told.why()
    if text := _meaning(group, (meanings or {}).get(head.kind, {})):
        why += f"; {text}"
    if blame is not None and (text := blame(group)):
        why += f"; {text}"
    return Finding(
        id=finding_id(head.scope, head.key, head.kind, head.attributes),
        scope=head.scope,
        key=head.key,
        kind=head.kind,
        severity=min((severity(member) for member in group if member is head or _counts(member)), key=_rank),
        owner=_owner_of(group, owners),
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
    paths += [str(path) for side in sides if head.scope == "apt" for path in side.get("files") or ()]
    if head.scope == "sudoers":
        paths.append(head.key.partition(":")[0])
    if head.key.startswith("script:"):
        paths.append(head.key.partition(":")[2])
    return (*paths, head.key.partition("|")[2]) if head.scope == "processes" else tuple(paths)


def meanings_of(a: RecordFile, b: RecordFile) -> dict[Kind, dict[str, str]]:
    """What the probes of the machine that has an object say of paths: "says" of their objects, path → a clause.

    A path that ends in a slash stands for everything below it. Of what both machines have, B's word counts.
    """
    found: list[dict[str, str]] = []
    for record in (a, b):
        words: dict[str, str] = {}
        for _, attributes in record.objects("probes") if "probes" in record.scopes else ():
            said = json.loads(attributes).get(SAYS)
            for path, text in said.items() if isinstance(said, dict) else ():
                words[path] = f"{words[path]}; {text}" if path in words else str(text)
        found.append(words)
    return {Kind.ONLY_A: found[0], Kind.ONLY_B: found[1], Kind.CHANGED: found[1]}


def _meaning(group: Group, words: Mapping[str, str]) -> str | None:
    """What the finding's file means to a service, else one of the files in its directory, else what it lies in."""
    head = group[0]
    for path in (head.key, *referred_paths(group)):
        if text := words.get(path) or words.get(f"{path}/"):
            return text
    if head.scope != "files":
        return None
    for member in group if words else ():
        if member.scope == "files" and member.key in words:
            return f"{words[member.key]} ({member.key})"
    above = head.key
    while above := above.rpartition("/")[0]:
        if text := words.get(f"{above}/"):
            return text
    return None


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


def _owner_of(group: Group, owners: Mapping[str, str]) -> str:
    """The owner of the finding's object; of a directory that packages share, the one package of what came or went."""
    found = owner(group[0], owners)
    if found != "package" or group[0].kind is Kind.CHANGED:
        return found
    packages = {package_of(member) for member in group[1:]} - {None}
    return str(min(map(str, packages))) if len(packages) == 1 else found


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
    trusts = difference.key.startswith(("key:", "source:")) or _UNVERIFIED.search(difference.key)
    return Severity.SECURITY if trusts else Severity.CONFIGURATION


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
    access = changed & (ACCESS | {MUST_DIFFER}) - ({"mode"} if "type" in changed else set())
    if has_privilege(difference) or access or _is_opening(difference):
        return Severity.SECURITY
    whole = f"{path}/" if difference.present.get("type") == "dir" else path
    if whole.startswith(_SECURITY_PATHS) or path.endswith(_PRIVATE_KEY_ENDINGS):
        return Severity.SECURITY
    if path.endswith(_LEFT_OVER_ENDINGS):
        return Severity.LEFT_OVER
    if _is_tampered(difference):
        return Severity.SECURITY
    if path.startswith(_PROGRAM_PATHS) or (difference.kind is Kind.CHANGED and not path.startswith(_SETTINGS_PATHS)):
        return Severity.SERVICE
    left_over = difference.kind is Kind.ONLY_B and not path.startswith("/etc/")
    return Severity.LEFT_OVER if left_over else Severity.CONFIGURATION


def _is_opening(difference: Difference) -> bool:
    """Whether B has a way around the rights on files: a device, another name of a secret, or what all may write to."""
    now = difference.b or {}
    if now.get("type") in {"char", "block"} or str(now.get("hardlink", "")).startswith(_SECURITY_PATHS):
        return True
    mode = int(str(now.get("mode", "0")), 8)
    shared = now.get("type") == "dir" and mode & 0o1000
    return difference.kind is Kind.ONLY_B and now.get("type") in {"file", "dir"} and bool(mode & 0o002) and not shared


def _is_tampered(difference: Difference) -> bool:
    """Whether a package's file is not as it came: dpkg's sum says so, or two machines with the package disagree."""
    if is_modified_conffile(difference):
        return False
    origins = [(side or {}).get("origin", {}) for side in (difference.a, difference.b)]
    alike = all(origin.get("kind") == "package" and origin.get("state") == "pristine" for origin in origins)
    return origins[1].get("state") == "modified" or (alike and "hash" in difference.attributes)


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
    elif value == "":
        text = "empty"
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, list):
        text = ", ".join(str(part) for part in value) or "none"
    elif isinstance(value, dict):
        text = ", ".join(f"{name}: {part}" for name, part in sorted(value.items())) or "none"
    else:
        text = str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def debt(reason: str) -> str:
    """Why a process should be restarted, in words."""
    kind, _, path = reason.partition(":")
    return _DEBT_SAYS.get(kind, reason).format(path)


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
            place = head.key.rpartition("/")[0]
            beside = [m for m in self.group if m.scope == head.scope == "files" and m.key.rpartition("/")[0] == place]
            if len(beside) > FEW:
                text += f", which has {len(beside)} entries in {place}, and the {self.there} machine none"
        return text + self._inside()

    def _change(self, name: str) -> str:
        first, second = ((side or {}).get(name) for side in (self.head.a, self.head.b))
        said = self._special(name, first, second)
        if said is not None:
            return said
        if list in (type(first), type(second)):
            return f"{name} {self._members(first or [], second or [])}"
        if isinstance(first, dict) and isinstance(second, dict):
            unequal = {key for key in {*first, *second} if first.get(key) != second.get(key)}
            first = {key: value for key, value in first.items() if key in unequal}
            second = {key: value for key, value in second.items() if key in unequal}
        return self._values(name.replace("_", " "), first, second)

    def _values(self, name: str, first: Any, second: Any) -> str:
        """A clause for two values; one that does not apply is not recorded, and neither is what does not hold."""
        if bool in (type(first), type(second)):
            first, second = first or False, second or False
        if first is None or second is None:
            here = self.names.b if first is None else self.names.a
            return f"{name} is {show(second if first is None else first)} on the {here} machine only"
        return f"{name} is {show(first)} on the {self.names.a} machine and {show(second)} on the {self.names.b} machine"

    def _special(self, name: str, first: Any, second: Any) -> str | None:
        """A clause for the attributes whose values say little by themselves; None for others."""
        said: str | None = None
        if name in ("hash", "text", "text_hash"):
            said = "its content differs"
        elif name == "type":
            said = f"it is {self._kind_of(self.head.a, self.names.a)} and {self._kind_of(self.head.b, self.names.b)}"
        elif name == "properties":
            said = "; ".join(self._properties(first or {}, second or {}))
        elif name == "entry" and self.head.scope in {"users", "groups"}:
            said = f"it is called {first} on the {self.names.a} machine and {second} on the {self.names.b} machine"
        elif name == "restart_debt":
            said = "; ".join(self._debts(first or (), second or ()))
        elif name == "hardlink" and self.head.key in {first, second} and not (first and second):
            said = f"it has one more name on the {self.names.a if first else self.names.b} machine"
        elif name == "origin":
            said = f"who accounts for it differs ({_origin(first)} and {_origin(second)})"
        elif name == "unstable":
            said = "it kept changing while it was recorded"
        return said

    def _debts(self, first: Iterable[str], second: Iterable[str]) -> Iterator[str]:
        """Why processes should be restarted, by machine."""
        for debts, others, name in ((first, second, self.names.a), (second, first, self.names.b)):
            own = [each for each in debts if each not in others]
            if own:
                more = f" and {len(own) - _DEBTS} more" if len(own) > _DEBTS else ""
                said = ", ".join(debt(each) for each in own[:_DEBTS])
                yield f"on the {name} machine it is older than what it should run ({said}{more})"

    @staticmethod
    def _kind_of(side: Mapping[str, Any] | None, name: str) -> str:
        kind = str((side or {}).get("type", "nothing"))
        to = f" to {show((side or {}).get('target'))}" if kind == "link" else ""
        return f"a {_TYPES.get(kind, kind)}{to} on the {name} machine"

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
                yield self._values(name, first.get(name), second.get(name))

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
        edited = next((member.key for member in self.group[1:] if is_modified_conffile(member)), None)
        where = f"; it stands in the edited configuration file {edited}" if edited else ""
        return f"{where}; {follow} from it ({', '.join(parts)})"

    def action(self) -> str:
        """What to do about it."""
        if MUST_DIFFER in self.head.attributes:
            return "Remove it from the image and let each machine make its own at first boot."
        if self.head.key == MORE:
            return "Mend the others and compare again."
        return advice.action(self.group, self.names)


_DEBTS = 3
"""Reasons why a process should be restarted that a sentence names."""

_DEBT_SAYS = {
    "deleted": "its program {} was replaced or removed",
    "library": "its library {} was replaced or removed",
    "configuration-newer": "{} was written since",
    "configuration-removed": "something in {} was removed since",
    "script-newer": "its script {} was written since",
    "unit-changed": "its unit was changed since",
}


def _origin(value: Any) -> str:
    return " ".join(str(part) for part in (value or {"kind": "nobody"}).values())


def _masked(head: Difference) -> bool:
    return any(str((side or {}).get("enablement", "")).startswith("masked") for side in (head.a, head.b))


_CAUSES: tuple[tuple[str, Callable[[Difference], bool], frozenset[str]], ...] = (
    ("files", lambda head: "type" in head.attributes, frozenset({"type", "owner", "group"})),
    ("packages", lambda head: "status" in head.attributes, frozenset({"status", "version", "flag", "selection"})),
    ("systemd", lambda head: "enablement" in head.attributes and _masked(head), frozenset({"active", "enablement"})),
    (
        "systemd",
        lambda head: (
            "fragment" in head.attributes and not all((side or {}).get("fragment") for side in (head.a, head.b))
        ),
        frozenset({"active", "enablement", "fragment", "need_reload"}),
    ),
)
"""Scope, whether one of the attributes is behind the others, and the attributes that are told then."""


def _told(head: Difference) -> list[str]:
    """The attributes to tell of: content once, its size not at all, its origin only where nothing else differs.

    What follows from another type, from a package's removal or from a mask says nothing by itself.
    """
    for scope, cause, told in _CAUSES:
        if head.scope == scope and cause(head):
            return [name for name in head.attributes if name in told]
    names = [name for name in head.attributes if name not in ("size", "hash", "text", "text_hash")]
    if len(names) < len(head.attributes):
        names.append("hash")
    if "properties" in names and "hash" in names:
        names.remove("hash")
    # What a probe says of paths follows from the rest of what it says, and that a certificate is another one from what
    # is in it.
    for name in ("origin", SAYS, "fingerprint"):
        if len(names) > 1 and name in names:
            names.remove(name)
    return names
