"""Folds differences that have one cause into one group, so that a finding is one thing to understand and to mend.

Each step names a cause among the differences and hangs those that follow from it below it. A modified conffile is
never hung below anything but the entry that was read out of it, a new setuid bit or capability only below the package
that brings it: an administrator has to see them.
"""

import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from tdi.state.finding import Difference, Kind

Group = tuple[Difference, ...]
"""Differences with one cause; the first one is it."""

_PACKAGE_CHANGE = {"version", "status", "architecture"}
_PACKAGE_INFO = re.compile(r"^/var/lib/dpkg/info/([a-z0-9+.-]+?)(?::[a-z0-9-]+)?\.[a-z0-9]+$")
_UNIT_FILE = re.compile(
    r"^/(?:etc|run|usr/lib|lib|usr/local/lib)/systemd/(?:system|system\.control|user)/(?:[^/]+\.(?:wants|requires|upholds)/)?"
    r"([^/]+\.[a-z]+)(?:\.d(?:/[^/]+\.conf)?)?$"
)
_UNIT_STATE = re.compile(
    r"^/var/lib/systemd/deb-systemd-(?:user-)?helper-[a-z]+/(?:[^/]+\.[a-z]+/)?([^/]+?)(?:\.dsh-also)?$"
)
_LOGS = re.compile(r"^/var/log/(alternatives\.log|dpkg\.log|apt/(history\.log|term\.log|eipp\.log\.xz))$")
"""The logs of the package tools, which are there once one of them had something to write."""
_RUNLEVEL_LINK = re.compile(r"^/etc/rc[0-6S]\.d/[SK]\d\d(.+)$")
_ENTRY_KIND = re.compile(r"^[a-z_]+:")
"""What the keys of the scopes apt and dpkg begin with: "diversion:/usr/bin/x"."""

_SOURCES_OF = (
    (
        re.compile(r"^/etc/ld\.so\.cache$"),
        re.compile(r"^(/usr)?(/local)?/lib.*\.so(\..*)?$|^/etc/ld\.so\.conf(\.d/.+)?$"),
    ),
    (
        re.compile(r"^/etc/ssl/certs/.+$"),
        re.compile(r"^/usr/(local/)?share/ca-certificates(/.+)?$|^/etc/ca-certificates(\.conf|/.+)$"),
    ),
    (re.compile(r"^/etc/pam\.d/common-.+$|^/var/lib/pam/.+$"), re.compile(r"^/usr/share/pam-configs/.+$")),
    (re.compile(r"^/var/cache/man/.+$"), re.compile(r"^/usr/(local/)?share/man/.+$")),
    (re.compile(r"^/var/lib/systemd/catalog/database$"), re.compile(r"^/usr/lib/systemd/catalog/.+$")),
    (re.compile(r"^/etc/udev/hwdb\.bin$"), re.compile(r"^/(usr/lib|etc)/udev/hwdb\.d/.+$")),
    (re.compile(r"^/usr/share/info/dir$"), re.compile(r"^/usr/share/info/.+$")),
    (re.compile(r"^(?P<directory>.+)/__pycache__/[^/]+\.pyc$"), re.compile(r"^.+\.py$")),
)
"""Derived file → what it is made of: ldconfig, update-ca-certificates, mandb, systemd-hwdb and others make them."""

FEW = 4
"""Entries of a file that both machines have: up to so many stand alone, more of them are one edit of the file. So it is
with all that a directory held."""

_PYTHON_METADATA = re.compile(r"^(?P<place>.+)/(?P<name>[^/]+?)-[^/-]+(?:-py[\d.]+)?\.(?:dist|egg)-info$")
"""What pip keeps of a distribution beside it."""

_PATH_ATTRIBUTES = ("file", "path", "fragment", "source", "link", "to", "key")


def fold(differences: Iterable[Difference], bare: Collection[tuple[str, Kind]] = ()) -> list[Group]:
    """Group `differences` by what caused them; every difference is in exactly one group.

    `bare`: the directories in which one machine has nothing, each with the kind of what only the other one has there.
    """
    tree = _Tree(differences, bare)
    for step in _STEPS:
        step(tree)
    return tree.groups()


def is_modified_conffile(difference: Difference) -> bool:
    """Whether it is a package's configuration file that somebody has edited on either machine."""
    return difference.scope == "files" and any(
        (side or {}).get("origin", {}).get("kind") == "conffile" and (side or {})["origin"].get("state") == "modified"
        for side in (difference.a, difference.b)
    )


def package_of(difference: Difference) -> str | None:
    """The package that accounts for the object on either machine."""
    for side in (difference.b, difference.a):
        package = (side or {}).get("origin", {}).get("package")
        if package:
            return str(package)
    return None


def sources_of(path: str) -> Callable[[str], bool] | None:
    """Which files a cache or bundle is made of by a tool; None where `path` is no such file."""
    for derived, source in _SOURCES_OF:
        if match := derived.match(path):
            inside = match.groupdict().get("directory", "")
            return lambda other: other.startswith(inside) and source.match(other) is not None
    return None


def has_privilege(difference: Difference) -> bool:
    """Whether it brings a setuid or setgid file or a capability that the other machine does not have alike."""
    rights = [_rights(side) for side in (difference.a, difference.b)]
    return difference.scope == "files" and rights[0] != rights[1] and any(rights)


def _rights(side: object) -> tuple[int, str]:
    if not isinstance(side, dict) or side.get("type") != "file":
        return 0, ""
    return int(str(side.get("mode", "0")), 8) & 0o6000, str(side.get("capability", ""))


class _Tree:
    """The differences, and which of them hangs below which."""

    def __init__(self, differences: Iterable[Difference], bare: Collection[tuple[str, Kind]] = ()) -> None:
        self.all = list(differences)
        self.bare = bare
        self.by_scope: dict[str, dict[str, Difference]] = defaultdict(dict)
        for difference in self.all:
            self.by_scope[difference.scope][difference.key] = difference
        self._parent: dict[Difference, Difference] = {}

    @property
    def files(self) -> dict[str, Difference]:
        return self.by_scope["files"]

    def free(self, scope: str) -> list[Difference]:
        """The differences of a scope that hang below nothing so far."""
        return [difference for difference in self.by_scope[scope].values() if difference not in self._parent]

    def root(self, difference: Difference) -> Difference:
        while (above := self._parent.get(difference)) is not None:
            difference = above
        return difference

    def hang(self, difference: Difference, below: Difference) -> None:
        """Hang `difference` below `below`, unless it has a place, must stand alone, or would hang below itself."""
        if difference in self._parent or self.root(below) is difference:
            return
        packaged = below.scope == "packages" and not _is_modified(difference)
        told = below.scope in _DECLARED and difference.key in _paths(below)
        if is_modified_conffile(difference) and not told:
            return
        if has_privilege(difference) and not (packaged or _is_same_file(difference, below)):
            return
        self._parent[difference] = below

    def merge(self, gone: Difference, come: Difference, attributes: tuple[str, ...]) -> None:
        """Make one difference of an entry that one machine has and the entry that the other has in its place."""
        a, b = ({**(side or {}), "entry": difference.key} for side, difference in ((gone.a, gone), (come.b, come)))
        merged = Difference(come.scope, come.key, Kind.CHANGED, attributes, a, b)
        self.all = [difference for difference in self.all if difference not in (gone, come)]
        self.all.append(merged)
        del self.by_scope[gone.scope][gone.key]
        self.by_scope[come.scope][come.key] = merged

    def split(self, difference: Difference, attributes: tuple[str, ...]) -> Difference:
        """Make a difference of its own of some attributes, and return it."""
        if difference.attributes == attributes:
            return difference
        rest = replace(difference, attributes=tuple(name for name in difference.attributes if name not in attributes))
        own = replace(difference, attributes=attributes)
        self.all[self.all.index(difference)] = rest
        self.all.append(own)
        self.by_scope[difference.scope][difference.key] = rest
        self._parent = {child: rest if above is difference else above for child, above in self._parent.items()}
        return own

    def groups(self) -> list[Group]:
        grouped: dict[Difference, list[Difference]] = {}
        for difference in self.all:
            root = self.root(difference)
            members = grouped.setdefault(root, [root])
            if difference is not root:
                members.append(difference)
        return [tuple(members) for members in grouped.values()]


def _packages(tree: _Tree) -> None:
    """Everything that a package brings hangs below the package, where that is on one side or of another version."""
    moved: dict[str, Difference] = {}
    for key, difference in tree.by_scope["packages"].items():
        if difference.kind is not Kind.CHANGED or _PACKAGE_CHANGE & {*difference.attributes}:
            moved[key] = difference
            moved.setdefault(key.partition(":")[0], difference)
    lists: dict[str, Difference] = {}
    for difference in tree.files.values():
        info = _PACKAGE_INFO.match(difference.key)
        cause = moved.get((info.group(1) if info else package_of(difference)) or "")
        if cause is not None and (info or not (_is_modified(difference) or _is_missing(difference, cause))):
            tree.hang(difference, cause)
        elif info:
            lists.setdefault(info.group(1), difference)
    for difference in tree.files.values():
        # What dpkg no longer knows of a file follows from what it has lost.
        if difference.attributes == ("origin",) and (package_of(difference) or "") in lists:
            tree.hang(difference, lists[package_of(difference) or ""])


def _packaged_entries(tree: _Tree) -> None:
    """Units and alternatives go with the package whose file they are."""
    for scope in ("systemd", "alternatives"):
        for difference in tree.by_scope[scope].values():
            roots = (tree.root(tree.files[path]) for path in _paths(difference) if path in tree.files)
            package = next((root for root in roots if root.scope == "packages"), None)
            if package is not None:
                tree.hang(difference, package)


def _dependencies(tree: _Tree) -> None:
    """What a package needs goes with it: installed or removed for it, or of the same other version.

    What was installed automatically, and no package names, hangs below the one that was asked for if there is only one.
    """
    packages = dict(sorted(tree.by_scope["packages"].items()))
    providers = {str(name): d for d in packages.values() for name in d.present.get("provides") or ()}
    needs: dict[str, list[Difference]] = {}
    for key, package in packages.items():
        found = (packages.get(name) or providers.get(name) for name in package.present.get("depends") or ())
        needs[key] = [other for other in found if other is not None and other.kind is package.kind]
        for needed in needs[key] if package.kind is Kind.CHANGED else ():
            if _versions(needed) == _versions(package) != ():
                tree.hang(needed, package)
    for kind in (Kind.ONLY_A, Kind.ONLY_B):
        here = [package for package in packages.values() if package.kind is kind]
        automatic = dict.fromkeys(package for package in here if package.present.get("auto"))
        asked = [package for package in here if not package.present.get("auto")]
        # Packages may need each other: what was asked for comes first.
        pending = [*asked, *automatic]
        while pending:
            package = pending.pop(0)
            for needed in needs[package.key]:
                if needed in automatic and tree.root(needed) is needed and needed is not tree.root(package):
                    tree.hang(needed, package)
                    pending.insert(0, needed)
        for package in automatic if len(asked) == 1 else ():
            tree.hang(package, asked[0])


def _versions(package: Difference) -> tuple[str, ...]:
    """The versions that both machines have of a package, where these differ: packages of one source share them."""
    versions = tuple(str((side or {}).get("version")) for side in (package.a, package.b))
    return versions if "version" in package.attributes else ()


def _package_state(tree: _Tree) -> None:
    """What the package tools keep of a package hangs below it, and so do its own empty directories."""
    moved = {key: d for key, d in tree.by_scope["packages"].items() if d.kind is not Kind.CHANGED}
    for key, difference in tree.by_scope["dpkg"].items():
        source = key.removeprefix("debconf:").partition("/")[0]
        package = next((name for name in moved if name == source or name.startswith(f"{source}-")), None)
        if key.startswith("debconf:") and package:
            tree.hang(difference, moved[package])
        if key == "debconf:libpam-runtime/profiles":
            for profile in (d for path, d in tree.files.items() if path.startswith("/usr/share/pam-configs/")):
                tree.hang(difference, profile)
        audited = tree.by_scope["packages"].get(key.removeprefix("audit:"))
        if key.startswith("audit:") and audited is not None:
            tree.hang(difference, audited)
    for difference in tree.free("files"):
        unit = unit_of(difference.key)
        stem = (unit or "").rpartition(".")[0]
        if stem in moved and unit not in tree.by_scope["systemd"]:
            tree.hang(difference, moved[stem])
        of_users = tree.files.get(f"/usr/lib/systemd/user/{unit}")
        if of_users is not None and of_users is not difference and of_users.kind is difference.kind:
            tree.hang(difference, of_users)


def _package_makes(tree: _Tree) -> None:
    """The accounts, files and empty directories that the scripts and lists of a package name come and go with it."""
    makers: dict[str, list[Difference]] = defaultdict(list)
    for package in tree.by_scope["packages"].values():
        if package.kind is not Kind.CHANGED or _PACKAGE_CHANGE & {*package.attributes}:
            for name in package.present.get("makes") or ():
                makers[str(name)].append(package)
    if not makers:
        return
    accounts = (d for scope in ("users", "groups") for d in tree.by_scope[scope].values() if _is_system_account(d))
    files = (d for d in tree.files.values() if package_of(d) is None)
    for difference in (*accounts, *files):
        if difference.kind is Kind.CHANGED:
            continue
        named = makers.get(difference.key, ())
        above = [path for path in _ancestors(difference.key) if path.count("/") >= _OWN_DEPTH]
        # What a new version names is its own; what is below that may have been there before.
        inside = [d for path in above for d in makers.get(path, ()) if d.kind is difference.kind]
        for package in (*named, *inside):
            if package.kind in {difference.kind, Kind.CHANGED}:
                tree.hang(difference, package)
                break


_OWN_DEPTH = 3
"""From this depth on a directory that a script names is the package's alone: /var/lib/app."""


def _is_system_account(difference: Difference) -> bool:
    number = difference.present.get("uid" if difference.scope == "users" else "gid")
    return isinstance(number, int) and 0 < number < _FIRST_PERSON


_FIRST_PERSON = 1000
"""The first number that is given to people's accounts."""


def _package_tools(tree: _Tree) -> None:
    """What a foreign architecture is written down as goes with it, and the tools' logs with what they did."""
    for key, difference in tree.by_scope["dpkg"].items():
        if key.startswith("architecture:"):
            follow = [tree.files.get(f"/var/lib/dpkg/arch{ending}") for ending in ("", "-old")]
            follow += [tree.by_scope["apt"].get(f"config:APT::Architectures{ending}") for ending in ("", "::")]
            for other in filter(None, follow):
                tree.hang(other, difference)
    packages = tree.free("packages")
    causes = [*tree.free("alternatives"), *packages]
    moved = [d for d in packages if d.kind is not Kind.CHANGED or _PACKAGE_CHANGE & {*d.attributes}]
    for difference in tree.free("files"):
        if causes and difference.kind is not Kind.CHANGED and _LOGS.match(difference.key):
            tree.hang(difference, causes[0])
        shared = _is_directory(difference) and difference.attributes == ("origin",)
        if moved and (shared or difference.key.startswith("/var/lib/dpkg/triggers/")):
            tree.hang(difference, moved[0])


def _conffile_states(tree: _Tree) -> None:
    """That a package's conffile is modified or missing goes with the file itself."""
    for difference in list(tree.by_scope["packages"].values()):
        if "conffiles" in difference.attributes:
            a, b = ({**((side or {}).get("conffiles") or {})} for side in (difference.a, difference.b))
            paths = sorted(path for path in {*a, *b} if a.get(path) != b.get(path))
            diverted = [tree.by_scope["dpkg"].get(f"diversion:{path}") for path in paths]
            if paths and diverted[0] is not None and all(diverted):
                # dpkg looks for the file under its new name.
                tree.hang(tree.split(difference, ("conffiles",)), diverted[0])
            elif paths and all(path in tree.files for path in paths):
                tree.hang(tree.split(difference, ("conffiles",)), tree.files[paths[0]])
                listed = tree.files.get(f"/var/lib/dpkg/info/{difference.key}.list")
                if listed is not None and "obsolete" in {**a, **b}.values():
                    tree.hang(listed, tree.files[paths[0]])


def _is_modified(difference: Difference) -> bool:
    """Whether somebody has edited a packaged file on either machine."""
    return any((side or {}).get("origin", {}).get("state") == "modified" for side in (difference.a, difference.b))


def _is_missing(difference: Difference, package: Difference) -> bool:
    """Whether it is a conffile that the package has on either machine, where somebody has deleted it."""
    sides = (package.a, package.b)
    return any(((side or {}).get("conffiles") or {}).get(difference.key) == "missing" for side in sides)


def _renamed(tree: _Tree) -> None:
    """An account or group that has another name on the other machine is one change, told by its number.

    Numbers are given out again, so an account must have kept its home, and a group must not be an account's own.
    """
    for scope, number in (("users", "uid"), ("groups", "gid")):
        places: dict[tuple[int, str], list[list[Difference]]] = defaultdict(lambda: [[], []])
        for difference in tree.by_scope[scope].values():
            if difference.kind is not Kind.CHANGED and not (scope == "groups" and _users_own(tree, difference)):
                kept = str(difference.present.get("home" if scope == "users" else "members"))
                place = places[difference.present.get(number) or 0, kept]
                place[difference.kind is Kind.ONLY_B].append(difference)
        for (value, kept), (gone, come) in places.items():
            if len(gone) == len(come) == 1 and value and kept not in _NO_HOMES:
                first, second = gone[0].present, come[0].present
                others = sorted(name for name in {*first, *second} if first.get(name) != second.get(name))
                tree.merge(gone[0], come[0], ("entry", *others))


_NO_HOMES = frozenset({"/", "/nonexistent", "/var/empty", "/run/sshd", "/dev/null"})
"""What accounts that have no home name as one."""


def _users_own(tree: _Tree, group: Difference) -> bool:
    user = tree.by_scope["users"].get(group.key)
    return user is not None and user.kind is group.kind


def _accounts(tree: _Tree) -> None:
    """A user's group, memberships and subordinate ids hang below the user."""
    users = tree.by_scope["users"]
    for name, difference in tree.by_scope["groups"].items():
        user = users.get(name)
        alike = difference.kind is not Kind.CHANGED or {*difference.attributes} <= {"gid", "entry"}
        if user is not None and user.kind is difference.kind and alike:
            tree.hang(difference, user)
        elif difference.attributes == ("members",):
            a, b = ({*(side or {}).get("members", ())} for side in (difference.a, difference.b))
            causes = [_user_called(users, member) for member in sorted(a ^ b)]
            if causes and None not in causes:
                tree.hang(difference, next(filter(None, causes)))
    for difference in tree.by_scope["subids"].values():
        user = _user_called(users, difference.key.partition(":")[2])
        alike = user is not None and (user.kind is difference.kind or "entry" in user.attributes)
        if user is not None and alike and difference.kind is not Kind.CHANGED:
            tree.hang(difference, user)


def _memberships(tree: _Tree) -> None:
    """That a user is in a group which only one machine has, or has under this name, hangs below the group."""
    groups = tree.by_scope["groups"]
    for difference in list(tree.by_scope["users"].values()):
        if "groups" not in difference.attributes:
            continue
        a, b = ({*(side or {}).get("groups", ())} for side in (difference.a, difference.b))
        causes = [groups.get(name) or _formerly(groups, name) for name in sorted(a ^ b)]
        found = [cause for cause in causes if cause is not None and cause.attributes != ("members",)]
        if causes and len(found) == len(causes):
            tree.hang(tree.split(difference, ("groups",)), found[0])


def _user_called(users: dict[str, Difference], name: str) -> Difference | None:
    """The difference of the account that has a name on either machine."""
    return users.get(name) or _formerly(users, name)


def _formerly(entries: dict[str, Difference], name: str) -> Difference | None:
    """The account or group that the first machine has under a name and the second under another one."""
    named = (d for d in entries.values() if "entry" in d.attributes and (d.a or {}).get("entry") == name)
    return next(named, None)


def _ownership(tree: _Tree) -> None:
    """That a file belongs to another name, or to a number, goes with the account or the group that this comes from."""
    users, groups = tree.by_scope["users"], tree.by_scope["groups"]
    if not users and not groups:
        return
    for difference in tree.files.values():
        if difference.attributes and {*difference.attributes} <= {"owner", "group"}:
            causes = [
                _cause_of_owner(users if name == "owner" else groups, difference, name)
                or (_cause_of_primary_group(users, difference) if name == "group" else None)
                for name in difference.attributes
            ]
            if None not in causes:
                tree.hang(difference, next(filter(None, causes)))


def _cause_of_owner(entries: dict[str, Difference], file: Difference, attribute: str) -> Difference | None:
    """The account or group whose new name, number or absence makes a file show another owner."""
    names = [str((side or {}).get(attribute)) for side in (file.a, file.b)]
    number = "uid" if attribute == "owner" else "gid"
    for name in names:
        cause = _user_called(entries, name)
        if cause is None or not (cause.kind is not Kind.CHANGED or {"entry", number} & {*cause.attributes}):
            continue
        numbers = {(side or {}).get(number) for side in (cause.a, cause.b)} - {None}
        # Who has got the number since shows as the owner of what was left.
        heirs = {key for key, entry in entries.items() if entry.present.get(number) in numbers}
        called = {str((side or {}).get("entry")) for side in (cause.a, cause.b)}
        if {*names} <= called | heirs | {cause.key, *(f"#{each}" for each in numbers)}:
            return cause
    return None


def _cause_of_primary_group(users: dict[str, Difference], file: Difference) -> Difference | None:
    """The owner of a file in their home that got the group which the owner got."""
    user = users.get(str(file.present.get("owner")))
    if user is None or not {"gid", "entry"} & {*user.attributes}:
        return None
    home = str(user.present.get("home", ""))
    return user if home.count("/") > 1 and (file.key == home or file.key.startswith(f"{home}/")) else None


def _belongings(tree: _Tree) -> None:
    """The home, the keys, the mail and the crontab of a user that only one machine has hang below the user."""
    for name, user in tree.by_scope["users"].items():
        if user.kind is Kind.CHANGED:
            if "home" in user.attributes:
                _moved_home(tree, user)
            continue
        home = str(user.present.get("home", ""))
        spool = {f"/var/mail/{name}", f"/var/spool/mail/{name}", f"/var/spool/cron/crontabs/{name}"}
        for difference in tree.files.values():
            # A home such as /var or / belongs to more than the user.
            at_home = home.count("/") > 1 and (difference.key == home or difference.key.startswith(home + "/"))
            own = at_home and difference.present.get("owner") == name
            if difference.kind is user.kind and (own or difference.key in spool):
                tree.hang(difference, user)
        for difference in tree.by_scope["authorized_keys"].values():
            if difference.key.partition(":")[0] == name:
                tree.hang(difference, user)


def _moved_home(tree: _Tree, user: Difference) -> None:
    """The files that left the home of an account for its new one hang below the account."""
    for side, kind in ((user.a, Kind.ONLY_A), (user.b, Kind.ONLY_B)):
        home = str((side or {}).get("home", ""))
        for path, difference in tree.files.items():
            inside = home.count("/") > 1 and (path == home or path.startswith(f"{home}/"))
            named = {user.key, (side or {}).get("entry")}
            if inside and difference.kind is kind and difference.present.get("owner") in named:
                tree.hang(difference, user)


def _shared_drop_ins(tree: _Tree) -> None:
    """A drop-in for a whole type of units, for all whose names begin alike, or for a template, is one change.

    What it does to each unit hangs below the template where that is one of them, else below the drop-in.
    """
    units = tree.by_scope["systemd"]
    for unit in units.values():
        if not unit.attributes or not {*unit.attributes} <= {"dropins", "properties", "text_hash"}:
            continue
        used = [[*((side or {}).get("dropins") or ())] for side in (unit.a, unit.b)]
        causes = [path for path in dict.fromkeys([*used[0], *used[1]]) if _says_otherwise(tree, path, used)]
        drop_in = tree.files.get(causes[0]) if causes else None
        others = [p for p in (unit.present.get("fragment"), *causes) if p in tree.files and unit_of(str(p)) == unit.key]
        if drop_in is not None and not others and all(path in tree.files for path in causes):
            template = units.get(_template(unit.key))
            tree.hang(unit, template if template is not None and template is not unit else drop_in)


def _says_otherwise(tree: _Tree, path: str, used: list[list[str]]) -> bool:
    """Whether a drop-in is used on one machine only, or is another one there."""
    return (path in used[0]) != (path in used[1]) or path in tree.files


def _lost_programs(tree: _Tree) -> None:
    """A unit whose program comes or goes with a package goes with that: it no longer runs, or a generator made it."""
    units = tree.by_scope["systemd"]
    for name, unit in units.items():
        made = str(unit.present.get("fragment", "")).startswith("/run/systemd/generator")
        stopped = unit.attributes == ("active",)
        if not name.endswith(".service") or not (stopped or (made and unit.kind is not Kind.CHANGED)):
            continue
        commands = (unit.present.get("properties") or {}).get("ExecStart") or ()
        programs = (str(command).lstrip("-@:+!").partition(" ")[0] for command in commands)
        program = next((tree.files[path] for path in programs if path in tree.files), None)
        if program is None or program.kind is Kind.CHANGED or tree.root(program).scope != "packages":
            continue
        tree.hang(unit, program)
        for other, starter in units.items():
            if made and _triggered_by(unit, {other: starter}) is not None:
                tree.hang(starter, unit)


def _units(tree: _Tree) -> None:
    """The files and links that make up a unit, and what runs or listens because of it, hang below the unit."""
    units = tree.by_scope["systemd"]
    for difference in tree.files.values():
        if (name := unit_of(difference.key)) and name in units and _explains(units[name], difference.key):
            tree.hang(difference, units[name])
    for unit in units.values():
        for path in _paths(unit):
            if path in tree.files:
                tree.hang(tree.files[path], unit)
        # systemd makes a unit of a script where there is none.
        script = tree.files.get(f"/etc/init.d/{unit.key.rpartition('.')[0]}")
        if script is not None and str(unit.present.get("fragment", "")).startswith("/run/systemd/generator"):
            tree.hang(script, unit)
    comes_or_goes = (d for d in units.values() if not d.attributes or {"enablement", "active"} & {*d.attributes})
    takes = [(unit, said) for unit in comes_or_goes if any(said := _takes_with_it(unit))]
    for name, unit in units.items():
        if name in _CONDITIONS and _CONDITIONS[name] in tree.files:
            tree.hang(unit, tree.files[_CONDITIONS[name]])
        if cause := _triggered_by(unit, units) or _enabled_with(unit, takes):
            tree.hang(unit, cause)


def _enabled_with(unit: Difference, takes: list[tuple[Difference, list[set[str]]]]) -> Difference | None:
    """The unit that was enabled or disabled, came or went, and takes this one with it.

    This one is another name of it, or is named in its Also, or is started because it requires it.
    """
    for other, (also, alias, needs) in takes:
        if other is unit:
            continue
        states = [[(side or {}).get("enablement") for side in (d.a, d.b)] for d in (unit, other)]
        named = unit.attributes == ("enablement",) and unit.key in also
        if named and (states[0] == states[1] or other.kind is not Kind.CHANGED):
            return other
        if unit.kind is not Kind.CHANGED and unit.key in alias:
            return other
        if unit.attributes == ("active",) and unit.key in needs:
            return other
    return None


def _takes_with_it(unit: Difference) -> list[set[str]]:
    """What a unit names in each of _TAKES_WITH_IT."""
    said = [((side or {}).get("properties") or {}) for side in (unit.a, unit.b)]
    return [{word for part in said for n in part.get(key, ()) for word in str(n).split()} for key in _TAKES_WITH_IT]


_TAKES_WITH_IT = ("Also", "Alias", "Requires")


_CONDITIONS = {"rc-local.service": "/etc/rc.local"}
"""Unit → the file that makes a generator of systemd start it."""

_UNIT_TEXT = {"text_hash", "properties", "dropins", "fragment", "need_reload", "enablement"}


def _explains(unit: Difference, path: str) -> bool:
    """Whether a difference of a unit is about the file: a link that enables it, or what it is made of."""
    if unit.kind is not Kind.CHANGED:
        return True
    links = _UNIT_STATE.match(path) or _RUNLEVEL_LINK.match(path) or re.search(r"\.(wants|requires|upholds)/", path)
    return "enablement" in unit.attributes if links else bool(_UNIT_TEXT & {*unit.attributes})


def _triggered_by(unit: Difference, units: dict[str, Difference]) -> Difference | None:
    """What came or went with a unit: the timer, socket or path unit that starts it, the instance of a template."""
    stem, _, kind = unit.key.rpartition(".")
    if kind == "service" and unit.kind is not Kind.CHANGED:
        for other in units.values():
            starts, _, by = other.key.rpartition(".")
            named = (other.present.get("properties") or {}).get("Unit", f"{starts}.service")
            started = by in {"timer", "socket", "path"} and unit.key in {named, f"{starts}@.service"}
            if started and other.kind is unit.kind:
                return other
    if stem.endswith("@") and (unit.kind is not Kind.CHANGED or unit.attributes == ("enablement",)):
        instances = (other for key, other in units.items() if key.startswith(stem) and key.endswith(f".{kind}"))
        return next((i for i in instances if i is not unit and unit.kind in {i.kind, Kind.CHANGED}), None)
    return None


def _unit_effects(tree: _Tree) -> None:
    """What runs or listens, or no longer does, because a unit differs hangs below the unit."""
    for scope in ("listeners", "processes", "probes"):
        for difference in list(tree.by_scope[scope].values()):
            name = str(difference.either("unit") or difference.key.partition("|")[0])
            unit = tree.by_scope["systemd"].get(name) or _socket_of(tree, difference)
            if unit is None:
                continue
            comes_or_goes = difference.kind is not Kind.CHANGED
            started = unit.kind is not Kind.CHANGED or "active" in unit.attributes
            stale = difference.attributes == ("restart_debt",) and unit.attributes == ("need_reload",)
            if (started and (comes_or_goes or scope == "probes")) or stale:
                tree.hang(difference, unit)
            elif scope != "probes" and _runs_another_way(unit):
                # That a process is stale may have another cause.
                others = tuple(name for name in difference.attributes if name != "restart_debt")
                if comes_or_goes or others:
                    tree.hang(tree.split(difference, others), unit)


def _mounted(tree: _Tree) -> None:
    """What is mounted goes with the unit or the line of fstab that asks for it, the directory for it with the mount."""
    mounts = tree.by_scope["mounts"]
    for key, difference in mounts.items():
        point = key.partition(":")[2]
        causes = [mounts.get(f"configured:{point}")]
        for name, unit in tree.by_scope["systemd"].items():
            where = [((side or {}).get("properties") or {}).get("Where") for side in (unit.a, unit.b)]
            causes += [unit] if point in where and name.endswith("mount") else []
        generated = [c for c in causes if c and str(c.either("fragment")).startswith("/run/systemd/generator")]
        for cause in filter(None, causes):
            tree.hang(*((cause, difference) if cause in generated else (difference, cause)))
        directory = tree.files.get(point)
        if directory is not None and _is_directory(directory) and directory.kind is difference.kind:
            tree.hang(directory, difference)


def _runs_another_way(unit: Difference) -> bool:
    """Whether a unit says something else of how its processes are started."""
    first, second = ((side or {}).get("properties") or {} for side in (unit.a, unit.b))
    names = {name for name in {*first, *second} if first.get(name) != second.get(name)}
    return unit.kind is Kind.CHANGED and any(name.startswith(_HOW_IT_RUNS) for name in names)


_HOW_IT_RUNS = ("Exec", "User", "Group", "Environment", "Listen", "Ambient", "Capab", "Dynamic", "Supplement", "Root")
"""What the settings of a unit begin with that decide what runs, as whom, with which rights, and where it listens."""


def _socket_of(tree: _Tree, listener: Difference) -> Difference | None:
    """The socket unit for which systemd itself listens."""
    port = listener.key.rpartition(":")[2]
    for unit in tree.by_scope["systemd"].values() if listener.scope == "listeners" else ():
        properties = [(side or {}).get("properties") or {} for side in (unit.a, unit.b)]
        streams = [s for part in properties for name in ("ListenStream", "ListenDatagram") for s in part.get(name, ())]
        if unit.key.endswith(".socket") and any(str(stream).rpartition(":")[2] == port for stream in streams):
            return unit
    return None


def unit_of(path: str) -> str | None:
    """The systemd unit that a path belongs to: unit file, drop-in, enablement link, or Debian's record of these."""
    if runlevel := _RUNLEVEL_LINK.match(path):
        return f"{runlevel.group(1)}.service"
    for pattern in (_UNIT_STATE, _UNIT_FILE):
        if found := pattern.match(path):
            return found.group(1).removesuffix(".d")
    return None


_SYSTEM_FILES = {
    "timezone": ("/etc/localtime", "/etc/timezone"),
    "locale": ("/etc/default/locale", "/etc/locale.conf"),
    "default-target": ("/etc/systemd/system/default.target",),
    "environment": ("/etc/environment",),
    "generated-locales": ("/etc/locale.gen",),
}
"""Where the settings of the scope system are kept."""

_DECLARED = (
    "apt", "dpkg", "sudoers", "authorized_keys", "cron", "sysctl", "modules", "limits",
    "alternatives", "mounts", "system", "certificates", "packet_filter",
)  # fmt: skip
"""Scopes whose objects are read out of files."""


def _declared_in_files(tree: _Tree) -> None:
    """A file hangs below the entries that were read out of it, and these below the first of them.

    Where both machines have the file, a few entries are as many edits, and each stands alone.
    """
    for scope in _DECLARED:
        entries = tree.by_scope[scope]
        in_file: dict[str, int] = defaultdict(int)
        for difference in entries.values():
            for path in {*_paths(difference)}:
                in_file[path] += 1
        for difference in entries.values():
            for path in _paths(difference):
                file = tree.files.get(path)
                if file is None or not _says_of(difference, file):
                    continue
                cause = tree.root(file)
                if cause is file:
                    tree.hang(file, difference)
                elif cause.scope in {scope, "packages", "users"} and cause is not difference:
                    edits = file.kind is Kind.CHANGED and cause.scope == scope and in_file[path] <= FEW
                    if not edits or _one_statement(difference, cause):
                        tree.hang(difference, cause)


def _says_of(entry: Difference, file: Difference) -> bool:
    """Whether an entry may have to do with what a file differs in: rights alone change what few entries say."""
    if not file.attributes or not {*file.attributes} <= _RIGHTS:
        return True
    return entry.scope == "dpkg" or bool({"mode", "runs"} & {*entry.attributes})


_RIGHTS = frozenset({"mode", "owner", "group", "acl", "acl_default", "capability", "xattrs"})


def _hidden(tree: _Tree) -> None:
    """A file of an administrator that hides one of a package hangs below what this would have set."""
    for scope in ("sysctl", "modules", "limits"):
        for difference in tree.by_scope[scope].values():
            for path in _paths(difference):
                _, _, name = path.rpartition("lib/")
                for top in ("/etc/", "/run/", "/usr/local/lib/"):
                    if path.startswith(("/usr/lib/", "/lib/")) and top + name in tree.files:
                        tree.hang(tree.files[top + name], difference)


def _one_statement(entry: Difference, other: Difference) -> bool:
    """Whether two entries come of one thing in a file: suites and types of a source, another mirror, a keyring."""
    if entry.scope == "apt":
        kinds = [difference.key.partition(":")[0] for difference in (entry, other)]
        mirrors = [[_mirror((side or {}).get("entry")) for side in (d.a, d.b)] for d in (entry, other)]
        moved = mirrors[0] == mirrors[1] and mirrors[0][0] != mirrors[0][1]
        uris = [difference.key.split(" ")[1:2] for difference in (entry, other)]
        return kinds[0] == kinds[1] and (kinds[0] != "source" or uris[0] == uris[1] or moved)
    return entry.scope in {"alternatives", "certificates", "packet_filter", "system"}


def _mirror(entry: object) -> str:
    """The protocol and the host of a source's entry."""
    found = re.match(r"source:\S+ (\w+:/*[^/ ]*)", str(entry))
    return found.group(1) if found else ""


_PLACES: dict[str, tuple[tuple[str, ...], ...]] = {
    "cron": (("command", "user"), ("schedule", "user")),
    "apt": (("suite",),),
}
"""Scope → attributes that an entry keeps when it is edited, the surest first."""


def _edits(tree: _Tree) -> None:
    """An entry that one machine has, and the one that the other has in its place in the same file, are one change."""
    for scope in ("apt", "authorized_keys", "cron", "limits", "modules", "mounts", "sudoers"):
        by_file: dict[str, list[Difference]] = defaultdict(list)
        for difference in tree.free(scope):
            for path in dict.fromkeys(_paths(difference)):
                if path in tree.files and tree.files[path].kind is Kind.CHANGED:
                    by_file[path].append(difference)
                    break
        for entries in by_file.values():
            for keeps in (*_PLACES.get(scope, ()), ()):
                _pair(tree, entries, keeps)


def _kept(entry: Difference, name: str) -> str:
    """An attribute of an entry, or the suite of a source, which its key names."""
    if name == "suite":
        return entry.key.rpartition(" ")[2] if entry.key.startswith("source:") else "None"
    return str(entry.present.get(name))


def _pair(tree: _Tree, entries: list[Difference], keeps: tuple[str, ...]) -> None:
    places: dict[tuple[str, ...], list[list[Difference]]] = defaultdict(lambda: [[], []])
    for entry in entries:
        kind = entry.key.partition(":")[0] if entry.scope in {"apt", "mounts"} else ""
        place = (kind, *(_kept(entry, name) for name in keeps))
        if entry.kind is not Kind.CHANGED and (not keeps or "None" not in place):
            places[place][entry.kind is Kind.ONLY_B].append(entry)
    for gone, come in places.values():
        if len(gone) == len(come) == 1:
            first, second = gone[0].present, come[0].present
            told = tuple(name for name in ("schedule", "user", "command") if first.get(name) != second.get(name))
            tree.merge(gone[0], come[0], told or ("entry",))
            entries.remove(gone[0])
            entries.remove(come[0])


def _boot_target(tree: _Tree) -> None:
    """What the target of the boot is called, and that it is enabled by that name, hangs below the setting."""
    setting = tree.by_scope["system"].get("default-target")
    if setting is None:
        return
    names = {str((side or {}).get("value")) for side in (setting.a, setting.b)}
    for name, unit in tree.by_scope["systemd"].items():
        if name == "default.target" or (name in names and unit.attributes == ("enablement",)):
            tree.hang(unit, setting)


def _alternatives(tree: _Tree) -> None:
    """The links of an alternative, those of its manual pages too, hang below the alternative."""
    entries = tree.by_scope["alternatives"]
    for path, difference in tree.files.items():
        directory, _, name = path.rpartition("/")
        if directory in {"/etc/alternatives", "/var/lib/dpkg/alternatives"}:
            cause = entries.get(name) or next((e for e in entries.values() if _points_alike(difference, e)), None)
            if cause is not None:
                tree.hang(difference, cause)
    for difference in tree.files.values():
        link = tree.files.get(str(difference.present.get("target", "")))
        if link is not None and link.key.startswith("/etc/alternatives/"):
            tree.hang(difference, link)


def _points_alike(link: Difference, entry: Difference) -> bool:
    """Whether a link follows the choice of an alternative: vim.1.gz goes with vim.basic."""
    for choice, follower in ((entry.a, link.a), (entry.b, link.b)):
        chosen, target = (choice or {}).get("current"), (follower or {}).get("target")
        stems = [str(path).rpartition("/")[2].partition(".")[0] for path in (chosen, target)]
        if chosen and target and stems[0] == stems[1]:
            return True
    return False


def _effects(tree: _Tree) -> None:
    """A live kernel setting hangs below the configured one, a process that is older than a file below the file."""
    sysctl = tree.by_scope["sysctl"]
    for key, difference in sysctl.items():
        configured = sysctl.get("configured:" + key.removeprefix("live:"))
        if configured is not None and configured is not difference:
            tree.hang(difference, configured)
    for key, difference in tree.by_scope["processes"].items():
        if difference.attributes == ("restart_debt",):
            a, b = ({*((side or {}).get("restart_debt") or ())} for side in (difference.a, difference.b))
            causes = [_cause_of_debt(tree, str(reason), key.partition("|")[0]) for reason in sorted(a ^ b)]
            explained = [cause for cause in causes if cause is not None]
            if len(explained) == len(causes):
                tree.hang(difference, explained[0])


def _at_jobs(tree: _Tree) -> None:
    """The number of the next job goes with the first job."""
    number = tree.files.get("/var/spool/cron/atjobs/.SEQ")
    job = next((entry for key, entry in tree.by_scope["cron"].items() if key.startswith("at:")), None)
    if number is not None and job is not None:
        tree.hang(number, job)


def _packet_filter(tree: _Tree) -> None:
    """The chains and sets of a table that one machine has go with it, and so does the file that they are kept in."""
    tables = tree.by_scope["packet_filter"]
    for key, difference in tables.items():
        table = tables.get(key.rpartition("/")[0])
        if table is not None and difference.kind is table.kind is not Kind.CHANGED:
            tree.hang(difference, table)
    loose = tree.free("packet_filter")
    for kind in (Kind.ONLY_A, Kind.ONLY_B):
        first: dict[str, Difference] = {}
        for difference in loose:
            table_name = difference.key.rpartition("/")[0]
            if difference.kind is kind and table_name and first.setdefault(table_name, difference) is not difference:
                tree.hang(difference, first[table_name])
    for path, file in tree.files.items():
        if loose and path.startswith(_FILTER_FILES):
            tree.hang(file, tree.root(loose[0]))


_FILTER_FILES = ("/etc/nftables", "/etc/iptables", "/etc/ufw/", "/etc/firewalld", "/etc/ferm/", "/etc/shorewall")
"""Where the rules of the packet filter are kept."""


def _answers(tree: _Tree) -> None:
    """What a unit says goes with its process where that is stale, and else with the first thing that it says."""
    first: dict[tuple[str, tuple[str, ...]], Difference] = {}
    for difference in tree.free("probes"):
        unit = str(difference.present.get("unit") or "")
        stale = (d for key, d in tree.by_scope["processes"].items() if key.startswith(f"{unit}|"))
        cause = next((d for d in stale if "restart_debt" in d.attributes), None) if unit else None
        if cause is not None:
            tree.hang(difference, cause)
        elif unit:
            alike = first.setdefault((unit, difference.attributes), difference)
            tree.hang(difference, alike)


def _probes(tree: _Tree) -> None:
    """A part of a probe hangs below the file it comes from, else below the part that it follows, or the probe's status.

    A socket that a part says it opens hangs below that part.
    """
    probes = tree.by_scope["probes"]
    for difference in probes.values():
        for path in _paths(difference):
            if path in tree.files:
                tree.hang(difference, tree.files[path])
    _answers(tree)
    for difference in tree.free("probes"):
        name = difference.key.partition("/")[0]
        for part in (difference.present.get("follows"), "status"):
            if f"{name}/{part}" in probes:
                tree.hang(difference, probes[f"{name}/{part}"])
    for difference in probes.values():
        for socket in difference.present.get("listeners") or ():
            if socket in tree.by_scope["listeners"]:
                tree.hang(tree.by_scope["listeners"][socket], difference)


def _apt_configuration(tree: _Tree) -> None:
    """An entry that does not say which file it is from goes with the one file that differs."""
    files = [file for path, file in tree.files.items() if path.startswith("/etc/apt/apt.conf")]
    entries = [entry for key, entry in tree.by_scope["apt"].items() if key.startswith("config:")]
    if len(files) == 1 and entries:
        for difference in (*entries[1:], *files):
            tree.hang(difference, entries[0])


def _lone_processes(tree: _Tree) -> None:
    """A process that listens hangs below its socket."""
    for key, process in tree.by_scope["processes"].items():
        unit, _, program = key.partition("|")
        name = program.rpartition("/")[2]
        for listener in tree.by_scope["listeners"].values():
            programs = listener.present.get("program") or ()
            alike = any(name.startswith(str(other)) for other in programs)
            if listener.kind is process.kind and str(listener.present.get("unit") or "") == unit and alike:
                tree.hang(process, listener)


def _shared_debt(tree: _Tree) -> None:
    """Processes that are stale for the same reason, as by a library that they share, hang below the first of them."""
    first: dict[str, Difference] = {}
    stale = [d for d in tree.free("processes") if d.attributes == ("restart_debt",)]
    for difference in sorted(stale, key=lambda d: (d.key.startswith("init.scope"), d.key)):
        debts = json.dumps([(side or {}).get("restart_debt") for side in (difference.a, difference.b)])
        if first.setdefault(debts, difference) is not difference:
            tree.hang(difference, first[debts])


def _stale_units(tree: _Tree) -> None:
    """Processes of a unit that runs what it was started with go with the one that should be restarted."""
    stale: dict[str, Difference] = {}
    for difference in tree.free("processes"):
        if "restart_debt" in difference.attributes:
            stale.setdefault(difference.key.partition("|")[0], difference)
    for difference in tree.free("processes"):
        cause = stale.get(difference.key.partition("|")[0])
        if cause is not None and difference.key.partition("|")[0]:
            tree.hang(difference, cause)


def _hard_links(tree: _Tree) -> None:
    """That a file has one more or one fewer name hangs below the name that came or went."""
    groups = {
        str(name): difference
        for difference in tree.files.values()
        if difference.kind is not Kind.CHANGED and (name := difference.present.get("hardlink"))
    }
    for difference in tree.files.values():
        cause = groups.get(str(difference.either("hardlink")))
        if difference.attributes == ("hardlink",) and cause is not None:
            tree.hang(difference, cause)
    firsts: dict[str, Difference] = {}
    for difference in sorted(tree.free("files"), key=lambda d: (len(d.attributes) == 1, d.key)):
        name = str(difference.either("hardlink") or "")
        if not name or difference.kind is not Kind.CHANGED:
            continue
        first = firsts.setdefault(name, difference)
        if first is not difference and (difference.attributes == ("hardlink",) or _is_same_file(difference, first)):
            tree.hang(difference, first)


def _is_same_file(difference: Difference, other: Difference) -> bool:
    """Whether both are names of one file on either machine, and differ alike."""
    names = [[(side or {}).get("hardlink") for side in (d.a, d.b)] for d in (difference, other)]
    same = names[0] == names[1] and all(names[0])
    return same and difference.scope == other.scope == "files" and difference.attributes == other.attributes


def _cause_of_debt(tree: _Tree, reason: str, unit: str) -> Difference | None:
    """The difference that made a process stale: in its configuration, or in its unit."""
    if reason == "unit-changed":
        files = (difference for path, difference in tree.files.items() if unit_of(path) in {unit, _template(unit)})
        return tree.by_scope["systemd"].get(unit) or next(files, None)
    path = reason.partition(":")[2] if reason.startswith(("configuration-", "script-")) else reason
    if path in tree.files:
        return tree.files[path]
    # A directory is newer when something in it came, went or was replaced.
    found = min((other for other in tree.files if other.startswith(f"{path}/")), default=None)
    return tree.files[found] if found and path != reason else None


def _template(unit: str) -> str:
    """The template that a unit is an instance of."""
    return re.sub(r"@.+(\.\w+)$", r"@\1", unit)


def _paths(difference: Difference) -> Iterator[str]:
    """The paths that an object says it comes from or is about, also as they are with a merged /usr."""
    for path in _named_paths(difference):
        yield path
        if path.startswith(("/bin/", "/sbin/", "/lib/")):
            yield f"/usr{path}"


def _named_paths(difference: Difference) -> Iterator[str]:
    for side in (difference.b, difference.a):
        for name in _PATH_ATTRIBUTES:
            value = (side or {}).get(name)
            if isinstance(value, str) and value.startswith("/"):
                yield value.partition(":")[0] if name != "path" else value
        for name in ("dropins", "files", "links"):
            for value in (side or {}).get(name) or ():
                if isinstance(value, str):
                    yield value
    choices = [{*((side or {}).get("choices") or ())} for side in (difference.a, difference.b)]
    yield from sorted(choices[0] ^ choices[1])
    if difference.key.startswith("configured:") and difference.scope == "mounts":
        yield "/etc/fstab"
        return
    if difference.scope == "system":
        yield from _SYSTEM_FILES.get(difference.key, ())
    rest = _ENTRY_KIND.sub("", difference.key, count=1)
    if rest.startswith("/"):
        yield rest
        yield rest.partition(":")[0]


def _derived(tree: _Tree) -> None:
    """A cache or bundle hangs below what it is made of, where that differs."""
    for difference in tree.free("files"):
        is_source = sources_of(difference.key)
        cause = next((other for path, other in tree.files.items() if is_source(path)), None) if is_source else None
        if cause is not None:
            tree.hang(difference, cause)


def _links(tree: _Tree) -> None:
    """A link goes with what it leads to, or leads through, where the same machine alone has both."""
    for difference in tree.free("files"):
        target = difference.present.get("target")
        if difference.kind is Kind.CHANGED or difference.present.get("type") != "link" or not target:
            continue
        where = os.path.normpath(PurePosixPath(difference.key).parent / str(target))
        for path in (where, *_ancestors(where)):
            other = tree.files.get(path)
            if other is not None and other.kind is difference.kind:
                tree.hang(difference, other)
                break


def _metadata(tree: _Tree) -> None:
    """What pip keeps of a Python distribution hangs below its package or module."""
    for path, difference in tree.files.items():
        found = _PYTHON_METADATA.match(path)
        if found is None:
            continue
        name = re.sub(r"[-_.]+", "_", found["name"]).lower()
        for other in (f"{found['place']}/{name}", f"{found['place']}/{name}.py", f"{found['place']}/{found['name']}"):
            if other in tree.files and tree.files[other].kind is difference.kind:
                tree.hang(difference, tree.files[other])


def _directories(tree: _Tree) -> None:
    """What is in a directory that only one machine has hangs below that directory, or below what took its place."""
    tops: list[tuple[Difference, Kind]] = []
    for path in sorted(tree.files, key=_as_parts):
        difference = tree.files[path]
        while tops and not path.startswith(tops[-1][0].key + "/"):
            tops.pop()
        if tops and tops[-1][1] is difference.kind:
            tree.hang(difference, tops[-1][0])
        if difference.kind is not Kind.CHANGED and difference.present.get("type") == "dir":
            tops.append((difference, difference.kind))
        elif "type" in difference.attributes:
            was = (difference.a or {}).get("type") == "dir"
            tops.append((difference, Kind.ONLY_A if was else Kind.ONLY_B))


def _as_parts(path: str) -> list[str]:
    return path.split("/")


def _wrappers(tree: _Tree) -> None:
    """A directory that only one machine has goes with what is in it, where all of that is explained otherwise.

    A directory out of a package goes with the package even if other things have been put into it.
    """
    tops = {top.key: top for top in tree.free("files") if top.kind is not Kind.CHANGED and _is_directory(top)}
    if not tops:
        return
    causes: dict[str, Difference] = {}
    own: set[str] = set()
    for path in sorted(tree.files):
        difference = tree.files[path]
        root = tree.root(difference)
        if _is_directory(difference) and root.scope == "files":
            continue
        for top in _ancestors(path):
            if top not in tops:
                continue
            if root is tops[top]:
                own.add(top)
            elif root.scope == "packages" or top not in causes:
                causes[top] = root
    for path, cause in causes.items():
        packaged = tops[path].present.get("origin", {}).get("kind") == "package" and cause.scope == "packages"
        if packaged or path not in own:
            tree.hang(tops[path], cause)


def _emptied(tree: _Tree) -> None:
    """All that a directory holds on one machine, and that the other one has nothing of, is one thing."""
    first: dict[tuple[str, Kind], Difference] = {}
    for difference in sorted(tree.free("files"), key=lambda d: _as_parts(d.key)) if tree.bare else ():
        place = difference.key.rpartition("/")[0], difference.kind
        if place in tree.bare and first.setdefault(place, difference) is not difference:
            tree.hang(difference, first[place])


def _is_directory(difference: Difference) -> bool:
    return difference.present.get("type") == "dir"


def _ancestors(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


_STEPS = (
    _packages,
    _packaged_entries,
    _dependencies,
    _package_makes,
    _renamed,
    _accounts,
    _memberships,
    _ownership,
    _belongings,
    _boot_target,
    _shared_drop_ins,
    _lost_programs,
    _units,
    _unit_effects,
    _edits,
    _declared_in_files,
    _hidden,
    _apt_configuration,
    _alternatives,
    _mounted,
    _at_jobs,
    _packet_filter,
    _effects,
    _probes,
    _stale_units,
    _shared_debt,
    _lone_processes,
    _hard_links,
    _conffile_states,
    _package_state,
    _package_tools,
    _derived,
    _metadata,
    _links,
    _directories,
    _wrappers,
    _emptied,
)
"""In this order: what hangs below something stays there."""
