"""What to do about a finding: the task that a role lacks, named so that it can be written down.

A finding is mended in the role, never on the machine: the next machine would have it again.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tdi.state.finding import Difference, Kind, Names
from tdi.state.fold.facts import is_modified_conffile, package_of, unit_of
from tdi.state.fold.tree import Group

_CONFLICT = re.compile(r"^(?P<file>.+)\.(dpkg-(dist|new|old|bak|tmp)|ucf-(dist|new|old))$")
_WHOLE = "Let a task write {file} whole (`ansible.builtin.template` or `ansible.builtin.copy`), whatever was there."
_ABSENT = "(`ansible.builtin.file` with `state: absent`)"
_NO_LINE = "(`ansible.builtin.lineinfile` with `state: absent`)"
_FIND = "Find out what started it, and let the role start or stop it alike on both machines."


@dataclass(frozen=True)
class _Case:
    """A finding, and what its machines are called."""

    head: Difference
    group: Group
    names: Names

    @property
    def key(self) -> str:
        return self.head.key

    @property
    def name(self) -> str:
        """The key without what stands before or after the name itself: architecture, kind of entry."""
        return self.key.partition(":")[2] if self.head.scope in {"apt", "dpkg", "sysctl", "mounts"} else self.key

    @property
    def changed(self) -> set[str]:
        return {*self.head.attributes}

    @property
    def or_there(self) -> str:
        return f", or one that makes it on the {self.names.a} machine too."

    @property
    def own_files(self) -> list[str]:
        """The files of the finding that come or go with it, the one that declares it first."""
        inside = [m.key for m in self.group if m.scope == "files" and m.kind is self.head.kind]
        return sorted(inside, key=lambda path: path not in self.declared)

    @property
    def declared(self) -> list[str]:
        """The files that the object says it was read out of."""
        head = self.head
        value = head.either("file") or head.either("fragment") or head.either("files") or []
        found = [value] if isinstance(value, str) else [*value]
        path = re.sub(r"^(script|leftover|at):", "", head.key)
        inside = [m.key for m in self.group[1:] if m.scope == "files" and m.kind is Kind.CHANGED]
        named = [path.partition(":")[0]] if path.startswith("/") else []
        return list(dict.fromkeys([*map(str, found), *named, *inside]))

    def remove_declaration(self, what: str = "it") -> str:
        """Remove the file that declares it, or, where both machines have the file, the line in it."""
        if self.own_files:
            return f"Add a task that removes {self.own_files[0]} {_ABSENT}"
        if self.declared:
            return f"Add a task that removes {what} from {self.declared[0]} {_NO_LINE}"
        return f"Add a task that removes {what}"


def action(group: Group, names: Names) -> str:
    """One or two sentences on how to make both machines alike."""
    case = _Case(group[0], group, names)
    table = {Kind.ONLY_A: _MAKE, Kind.ONLY_B: _REMOVE, Kind.CHANGED: _MEND}[case.head.kind]
    say = table.get(case.head.scope, table[""])
    return say(case)


# --- only on the second machine ---------------------------------------------------------------------------------------


def _remove_file(case: _Case) -> str:
    path, origin = case.key, case.head.present.get("origin", {})
    conflict = _CONFLICT.match(path)
    if conflict:
        return _merge(conflict["file"], path)
    unit = unit_of(path)
    if unit and case.head.present.get("type") == "link" and path.startswith("/etc/systemd/"):
        return (
            f"Add a task that disables {unit} before its unit goes (`ansible.builtin.systemd_service` with"
            f" `enabled: false`), or one that removes the link {path} {_ABSENT}."
        )
    if origin.get("kind") == "package" and case.head.present.get("type") != "dir":
        package = package_of(case.head)
        return f"Find out what removed it from the {case.names.a} machine: the package {package} brings it."
    inside = " and all that is in it" if case.head.present.get("type") == "dir" else ""
    return f"Add a task that removes {path}{inside} {_ABSENT}{case.or_there}"


def _merge(file: str, path: str) -> str:
    return (
        f"Decide on the conflict that dpkg or ucf left: let the role write {file} as it must be, and add a task that"
        f" removes {path} {_ABSENT}."
    )


def _remove_package(case: _Case) -> str:
    name = case.key.partition(":")[0]
    if case.head.present.get("status") == "config-files":
        return f"Add a task that purges it (`ansible.builtin.apt` with `name: {name}`, `state: absent`, `purge: true`)."
    return (
        f"Add a task that removes it (`ansible.builtin.apt` with `name: {name}`, `state: absent`, `purge: true`), or"
        f" install it on the {case.names.a} machine too."
    )


def _remove_user(case: _Case) -> str:
    if case.key.endswith("#"):
        return f"Remove the second line of {case.key.rstrip('#')} from /etc/passwd: find out who wrote it."
    with_home = ", `remove: true`" if str(case.head.present.get("home")) in case.own_files else ""
    return (
        f"Add a task that removes the account (`ansible.builtin.user` with `name: {case.key}`, `state:"
        f" absent`{with_home}){case.or_there}"
    )


def _remove_group(case: _Case) -> str:
    return (
        f"Add a task that removes the group (`ansible.builtin.group` with `name: {case.key}`, `state: absent`)"
        f"{case.or_there}"
    )


def _remove_unit(case: _Case) -> str:
    if "masked" in str(case.head.present.get("enablement")):
        return (
            f"Add a task that unmasks {case.key} (`ansible.builtin.systemd_service` with `masked: false`), or one that"
            f" masks it on the {case.names.a} machine too."
        )
    fragment = str(case.head.present.get("fragment") or "/run/")
    # What a generator wrote below /run comes of one of the other files.
    files = [path for path in case.own_files if fragment.startswith("/run/") or path in case.declared]
    if not files:
        return _FIND
    # Without the unit its drop-ins would lie there for nothing.
    dropins = [path for path in case.own_files if path.endswith(f"/{case.key}.d")]
    removed = " and ".join([files[0], *dropins])
    return (
        f"Add a task that stops and disables {case.key} (`ansible.builtin.systemd_service` with `state: stopped`,"
        f" `enabled: false`), then one that removes {removed} {_ABSENT}, and let a handler reload systemd"
        f"{case.or_there}"
    )


def _remove_key(case: _Case) -> str:
    user = case.key.partition(":")[0]
    return (
        f"Add a task that takes the key from {user} (`ansible.posix.authorized_key` with `user: {user}`, `state:"
        f" absent`){case.or_there}"
    )


def _remove_cron(case: _Case) -> str:
    if case.key.startswith("at:"):
        return "Add a task that removes the job (`atrm`), or let the role ask for it on both machines."
    return case.remove_declaration("the entry") + case.or_there


def _remove_apt(case: _Case) -> str:
    if case.key.startswith("source:") and not case.own_files:
        return (
            f"Add a task that removes the source from {' and '.join(case.declared) or 'the sources'}"
            f" (`ansible.builtin.apt_repository` with `state: absent`){case.or_there}"
        )
    return case.remove_declaration("the entry") + case.or_there


def _remove_dpkg(case: _Case) -> str:
    kind = case.key.partition(":")[0]
    conflict = _CONFLICT.match(case.name)
    if kind == "leftover" and conflict:
        return _merge(conflict["file"], case.name)
    command = {
        "diversion": f"dpkg-divert --rename --remove {case.name}",
        "statoverride": f"dpkg-statoverride --remove {case.name}",
        "architecture": f"dpkg --remove-architecture {case.name}",
        "debconf": f"echo PURGE | debconf-communicate {case.name.partition('/')[0]}",
    }.get(kind)
    if command is None:
        return "Let the role finish what dpkg began (`dpkg --configure --pending`), or remove the package."
    return f"Add a task that takes it back (`{command}`), or let the role do the same on the {case.names.a} machine."


def _remove_sysctl(case: _Case) -> str:
    if case.key.startswith("live:"):
        return f"Add a task that sets {case.name} on both machines (`ansible.posix.sysctl` with `sysctl_set: true`)."
    return (
        f"{case.remove_declaration('the setting')}, and one that sets {case.name} back, which the running kernel keeps"
        f" (`ansible.posix.sysctl` with `sysctl_set: true`){case.or_there}"
    )


def _remove_mount(case: _Case) -> str:
    if case.head.present.get("type") == "swap":
        return (
            f"Add a task that turns it off (`swapoff {case.name}`) and removes its line from /etc/fstab {_NO_LINE}"
            f"{case.or_there}"
        )
    return (
        f"Add a task that unmounts it and takes it from /etc/fstab (`ansible.posix.mount` with `path: {case.name}`,"
        f" `state: absent`){case.or_there}"
    )


def _remove_alternative(case: _Case) -> str:
    return (
        f"Add a task that removes it (`update-alternatives --remove {case.key} {case.head.present.get('current', '')}`)"
        f"{case.or_there}"
    )


def _remove_range(case: _Case) -> str:
    kind, _, user = case.key.partition(":")
    return f"Add a task that removes the line of {user} from /etc/{kind} {_NO_LINE}{case.or_there}"


def _stop(case: _Case) -> str:
    unit = str(case.head.present.get("unit") or case.key.partition("|")[0])
    if not re.fullmatch(r".+\.(service|socket|timer)", unit):
        return _FIND
    there = "stops" if case.head.kind is Kind.ONLY_A else "starts"
    return f"{_FIND} It belongs to {unit}: look at what {there} or configures that unit on the {case.names.b} machine."


def _remove_other(case: _Case) -> str:
    return case.remove_declaration() + case.or_there


_Say = Callable[[_Case], str]

_REMOVE: Mapping[str, _Say] = {
    "files": _remove_file,
    "packages": _remove_package,
    "users": _remove_user,
    "groups": _remove_group,
    "systemd": _remove_unit,
    "authorized_keys": _remove_key,
    "cron": _remove_cron,
    "apt": _remove_apt,
    "dpkg": _remove_dpkg,
    "sysctl": _remove_sysctl,
    "mounts": _remove_mount,
    "alternatives": _remove_alternative,
    "subids": _remove_range,
    "listeners": _stop,
    "processes": _stop,
    "": _remove_other,
}


# --- only on the first machine ----------------------------------------------------------------------------------------


def _make_file(case: _Case) -> str:
    return _bring_back(case, [case.head]) or f"{_make_other(case)} Where no task makes it, add one that removes it."


def _make_entry(case: _Case) -> str:
    hiding = next((m.key for m in case.group[1:] if m.scope == "files" and m.kind is Kind.ONLY_B), None)
    if hiding is not None:
        return f"Add a task that removes {hiding}, which hides it {_ABSENT}."
    return _bring_back(case, [m for m in case.group if m.scope == "files"]) or _make_other(case)


def _bring_back(case: _Case, lost: list[Difference]) -> str | None:
    """What to do where all that is gone came from one package."""
    parts = [m for m in case.group if m.scope == "files" and m.present.get("type") != "dir"]
    packages = {package_of(part) for part in (parts if lost and lost[0].present.get("type") == "dir" else lost)}
    if len(packages) != 1 or None in packages:
        return None
    package = min(map(str, packages))
    return (
        f"Find out what removed it from the {case.names.b} machine: the package {package} brings it. Reinstall that to"
        f" have it back (`apt-get install --reinstall -o Dpkg::Options::=--force-confmiss {package}`)."
    )


def _make_package(case: _Case) -> str:
    name = case.key.partition(":")[0]
    there = f"on the {case.names.b} machine too"
    return f"Let the role install it {there} (`ansible.builtin.apt` with `name: {name}`, `state: present`)."


def _make_other(case: _Case) -> str:
    return (
        f"Let the task that makes it on the {case.names.a} machine also act on the {case.names.b} one: look for what"
        " holds it back there (`when`, `creates`, `force: false`, `run_once`, a handler)."
    )


_MAKE: Mapping[str, _Say] = {
    "files": _make_file,
    **dict.fromkeys(("apt", "cron", "modules", "sysctl", "limits", "systemd"), _make_entry),
    "packages": _make_package,
    "listeners": _stop,
    "processes": _stop,
    "": _make_other,
}


# --- on both ----------------------------------------------------------------------------------------------------------


def _and(words: set[str]) -> str:
    return " and ".join(sorted(words))


def _mend_file(case: _Case) -> str:
    sides: list[Mapping[str, Any]] = [side or {} for side in (case.head.a, case.head.b)]
    said = _mend_rights(case, sides)
    if said:
        return said
    package = package_of(case.head)
    if case.changed == {"origin"} and package:
        return f"Reinstall the package {package}, so that dpkg knows the file."
    if "link" in {side.get("type") for side in sides} or len({side.get("type") for side in sides}) > 1:
        state = str(sides[0].get("type", "file"))
        how = {"dir": "`state: directory`", "link": "`state: link`, `force: true`"}.get(state)
        module = f"`ansible.builtin.file` with {how}" if how else "`ansible.builtin.copy` or `ansible.builtin.template`"
        return f"Let a task make it what it must be, whatever is in its place ({module})."
    states = [side.get("origin", {}).get("state") for side in sides]
    edited = "modified" in states
    if package and is_modified_conffile(case.head) and states[0] == "pristine":
        return (
            f"Let a task write it whole, whatever was there, or have what the package brings: remove it, then `apt-get"
            f" install --reinstall -o Dpkg::Options::=--force-confmiss {package}`."
        )
    if package and edited and not is_modified_conffile(case.head):
        return f"Find out what edited it, and reinstall the package {package} there."
    whole = _WHOLE.format(file="it")
    made = all(side.get("origin", {}).get("kind") == "nobody" and "text" not in side for side in sides)
    # A key, a certificate, a password: nobody can see from here that it is one.
    return f"{whole} Where each machine is to have its own, allow it (`tdi state allow`)." if made else whole


def _mend_rights(case: _Case, sides: list[Mapping[str, Any]]) -> str | None:
    """What to do where the content is the same, and only who may do what with it differs; None for other changes."""
    if case.changed == {"hardlink"}:
        return "Let the role make all names of the file alike on both machines."
    changed = case.changed - {"hardlink"}
    if changed <= {"owner", "group", "mode"}:
        wanted = ", ".join(f"`{name}: {_quoted(sides[0].get(name))}`" for name in sorted(changed))
        link = ", `follow: false`" if sides[0].get("type") == "link" else ""
        if case.head.present.get("origin", {}).get("kind") in {"package", "conffile", "generated"}:
            return f"Set {_and(changed)} in a task (`ansible.builtin.file` with `path: {case.key}`, {wanted})."
        return f"Set {_and(changed)} explicitly in the task that makes it ({wanted}{link})."
    if changed <= {"acl", "acl_default", "capability", "xattrs", "mode"}:
        return _mend_attributes(case, sides)
    return None


def _quoted(value: object) -> str:
    """A mode in quotes, without which YAML takes it for a number."""
    return f'"{value}"' if str(value).isdigit() else str(value)


def _mend_attributes(case: _Case, sides: list[Mapping[str, Any]]) -> str:
    """How to set what stands beside a file's mode, or to take it away where the first machine has none."""
    path = case.key
    for name, module, take in (
        ("capability", "`community.general.capabilities`", f"setcap -r {path}"),
        ("acl", "`ansible.posix.acl`", f"setfacl --remove-all {path}"),
        ("acl_default", "`ansible.posix.acl` with `default: true`", f"setfacl --remove-default {path}"),
    ):
        if name in case.changed:
            how = f"`{take}`" if sides[0].get(name) is None else module
            return f"Let a task {'take it away' if sides[0].get(name) is None else 'set it'} on both machines ({how})."
    first, second = ({*(side.get("xattrs") or {})} for side in sides)
    if second - first:
        return f"Let a task take it away (`setfattr --remove {min(second - first)} {path}`)."
    return "Let a task set it on both machines (`community.general.xattr`)."


def _mend_package(case: _Case) -> str:
    changed, name = case.changed, case.key.partition(":")[0]
    if "status" in changed:
        return (
            "Bring the package to the same status on both machines (`ansible.builtin.apt` with"
            f" `name: {name}`, `state: present`, or `absent` with `purge: true`)."
        )
    if "version" in changed:
        return "Let the role bring it to one version on both machines (`state: latest`, or a pinned version)."
    if "auto" in changed:
        return f"Mark it as manual or automatic alike on both machines (`apt-mark manual {name}`, or `auto`)."
    if "selection" in changed and "hold" not in {(side or {}).get("selection") for side in (case.head.a, case.head.b)}:
        wanted = (case.head.a or {}).get("selection")
        return (
            f"Set what is wanted of it (`ansible.builtin.dpkg_selections` with `name: {name}`, `selection: {wanted}`)."
        )
    if "selection" in changed:
        return f"Set or release the hold in the role (`ansible.builtin.dpkg_selections` with `name: {name}`)."
    return "Let the role set the package's configuration files alike on both machines."


_USER_OPTIONS = {
    "gecos": "comment",
    "expires": "expires",
    "password_min_days": "password_expire_min",
    "password_max_days": "password_expire_max",
    "password_warning_days": "password_expire_warn",
    "password_inactive_days": "password_expire_account_disable",
}
"""Attribute of a user → the option of ansible.builtin.user, where it is called otherwise."""


def _mend_user(case: _Case) -> str:
    changed = case.changed
    if "entry" in changed:
        former = (case.head.a or {}).get("entry")
        return (
            f"Let a task name the account alike on both machines: {former} or {case.key}, with all that belongs to it."
        )
    if changed & {"uid", "gid"}:
        return f"Give the account a fixed uid and gid (`ansible.builtin.user` with `name: {case.key}`, `uid`, `group`)."
    if changed == {"groups"}:
        return f"Set the groups as a whole (`ansible.builtin.user` with `name: {case.key}`, `groups`, `append: false`)."
    if "password" in changed:
        how = f"`name: {case.key}`, `password` or `password_lock`, and `update_password: always`"
        return f"Set it in a task that does so on both machines (`ansible.builtin.user` with {how})."
    if changed == {"password_must_change"}:
        return (
            f"Let a task say when the password was set (`chage --lastday DATE {case.key}`), which asks for no new one."
        )
    options = {_USER_OPTIONS.get(name, name) for name in changed - {"password_must_change"}}
    more = ", `append: false`" if "groups" in options else ""
    listed = ", ".join(f"`{option}`" for option in sorted(options))
    return f"Set {_and(options)} explicitly in a task (`ansible.builtin.user` with `name: {case.key}`, {listed}{more})."


def _mend_group(case: _Case) -> str:
    changed = case.changed
    if "entry" in changed:
        former = (case.head.a or {}).get("entry")
        return f"Let one task name the group alike on both machines ({former} or {case.key}), and those that use it."
    if "administrators" in changed:
        return f"Let a task set who administers the group (`gpasswd --administrators USERS {case.key}`)."
    if "password" in changed:
        return f"Let a task take the password from the group (`gpasswd --remove-password {case.key}`)."
    if "members" in changed:
        return "Set the groups of those users as a whole (`ansible.builtin.user` with `groups`, `append: false`)."
    return f"Set {_and(changed)} explicitly in a task (`ansible.builtin.group` with `name: {case.key}`)."


def _mend_unit(case: _Case) -> str:
    unit, changed = case.key, case.changed
    if "need_reload" in changed:
        return f"Let a handler run `systemctl daemon-reload` when a file of {unit} changes."
    enablements = {str((side or {}).get("enablement")) for side in (case.head.a, case.head.b)}
    if "enablement" in changed and any("masked" in each for each in enablements):
        return f"Set `masked` of {unit} explicitly in the role (`ansible.builtin.systemd_service`)."
    if changed & {"enablement", "active"}:
        return f"Set `enabled` and `state` of {unit} explicitly in the role (`ansible.builtin.systemd_service`)."
    return _mend_unit_files(case)


def _mend_unit_files(case: _Case) -> str:
    """What to do where a unit is made of other files, or these say something else."""
    first, second = ({*((side or {}).get("dropins") or ())} for side in (case.head.a, case.head.b))
    if any(path.startswith("/run/") for path in second - first):
        return f"It lasts until the next boot; `systemctl revert {case.key}` takes it back now. Find out who set it."
    if second - first:
        removed = f"Add a task that removes {min(second - first)} {_ABSENT}, and let a handler reload systemd"
        return removed + case.or_there
    if first - second:
        return f"Let the task that writes {min(first - second)} also act on the {case.names.b} machine."
    a, b = (str((side or {}).get("fragment") or "") for side in (case.head.a, case.head.b))
    if a != b and a.startswith(_VENDOR_UNITS) and b.startswith("/etc/"):
        hides = f"Add a task that removes {b}, which hides {a} {_ABSENT}, and let a handler reload systemd"
        return hides + case.or_there
    edited = [m.key for m in case.group[1:] if m.scope == "files" and m.kind is Kind.CHANGED and unit_of(m.key)]
    file = edited[0] if edited else case.head.either("fragment")
    return _WHOLE.format(file=file) if file else _mend_other(case)


_VENDOR_UNITS = ("/usr/lib/systemd/", "/lib/systemd/", "/usr/local/lib/systemd/")


def _mend_process(case: _Case) -> str:
    if "restart_debt" in case.changed:
        unit = case.key.partition("|")[0]
        what = unit if re.fullmatch(r".+\.service", unit) else "the service"
        if any(member.scope == "processes" for member in case.group[1:]):
            return f"Let a handler restart {what} and the others that use it, or reboot the machine."
        return f"Let a handler restart {what} when what it runs, or its configuration, changes."
    return _mend_other(case)


def _mend_alternative(case: _Case) -> str:
    return f"Choose it in a task (`community.general.alternatives` with `name: {case.key}` and `path`)."


def _mend_sysctl(case: _Case) -> str:
    return f"Set it in a task (`ansible.posix.sysctl` with `name: {case.name}`, `value` and `sysctl_set: true`)."


def _mend_system(case: _Case) -> str:
    how = {
        "timezone": "`community.general.timezone`",
        "default-target": "`systemctl set-default`",
        "locale": "/etc/default/locale",
        "environment": "/etc/environment",
        "generated-locales": "`community.general.locale_gen`",
    }.get(case.key)
    if case.key == "reboot-required":
        return "Let the role reboot the machine where packages ask for it (`ansible.builtin.reboot`)."
    return f"Let a task set it on both machines ({how})." if how else _mend_other(case)


def _mend_dpkg(case: _Case) -> str:
    if case.key.startswith("debconf:"):
        return f"Let a task answer it alike on both machines (`ansible.builtin.debconf` with `question: {case.name}`)."
    if case.key.startswith("statoverride:"):
        return (
            f"Let a task set it alike on both machines (`dpkg-statoverride --update --force-all --add`, {case.name})."
        )
    return _mend_other(case)


def _mend_range(case: _Case) -> str:
    kind, _, user = case.key.partition(":")
    return f"Let a task write the lines of {user} in /etc/{kind} (`usermod --add-{kind}s`, `--del-{kind}s`)."


def _mend_mount(case: _Case) -> str:
    if case.key.startswith("configured:"):
        how = f"`path: {case.name}`, `src`, `fstype`, `opts`, `state: mounted`"
        return f"Let a task write it whole to /etc/fstab and mount it (`ansible.posix.mount` with {how})."
    return f"Let a task mount it anew (`ansible.posix.mount` with `path: {case.name}`, `state: remounted`)."


def _mend_certificate(case: _Case) -> str:
    files = f"{case.key} and {case.head.either('key')}" if case.head.either("key") else case.key
    if (case.head.b or {}).get("key_matches") is False:
        return f"Let one task put certificate and key there ({files}): on the {case.names.b} machine they do not fit."
    return f"Let a task put the same there on both machines ({files}), or allow it where each machine has its own."


def _mend_entry(case: _Case) -> str:
    for member in case.group[1:]:
        # It is said in one more file, or one file fewer.
        if member.scope == "files" and member.kind is not Kind.CHANGED:
            return action((member,), case.names)
    if case.changed <= {"mode", "runs"} and case.declared:
        modes = [(m.a or {}).get("mode") for m in case.group if "mode" in m.attributes]
        wanted = f" (`mode: {_quoted(modes[0])}`)" if modes else ""
        return f"Set mode of {case.declared[0]} explicitly in the task that makes it{wanted}."
    return _WHOLE.format(file=case.declared[0]) if case.declared else _mend_other(case)


def _mend_other(_case: _Case) -> str:
    return "Make the role set it, so that both machines end alike, whatever was there before."


_MEND: Mapping[str, _Say] = {
    "files": _mend_file,
    "packages": _mend_package,
    "users": _mend_user,
    "groups": _mend_group,
    "systemd": _mend_unit,
    "processes": _mend_process,
    "alternatives": _mend_alternative,
    "sysctl": _mend_sysctl,
    "system": _mend_system,
    "dpkg": _mend_dpkg,
    "subids": _mend_range,
    "mounts": _mend_mount,
    "certificates": _mend_certificate,
    **dict.fromkeys(("apt", "authorized_keys", "cron", "limits", "modules", "sudoers"), _mend_entry),
    "": _mend_other,
}
