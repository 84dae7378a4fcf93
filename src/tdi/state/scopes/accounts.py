"""Users and groups, their memberships, belongings, numbers and names, and who may become whom."""

from collections import defaultdict

from tdi.state.advice import NO_LINE, Advice, Case, joined
from tdi.state.finding import Difference, Kind, Names, Severity
from tdi.state.fold.facts import ancestors, said_files
from tdi.state.fold.tree import Tree
from tdi.state.scopes.entries import mend_entry
from tdi.state.scopes.scope import Entries, Inherited, Scope, Stage


def _remove_user(case: Case) -> str:
    if case.key.endswith("#"):
        return f"Remove the second line of {case.key.rstrip('#')} from /etc/passwd: find out who wrote it."
    with_home = ", `remove: true`" if str(case.head.present.get("home")) in case.own_files else ""
    return (
        f"Add a task that removes the account (`ansible.builtin.user` with `name: {case.key}`, `state:"
        f" absent`{with_home}){case.or_there}"
    )


_USER_OPTIONS = {
    "gecos": "comment",
    "expires": "expires",
    "password_min_days": "password_expire_min",
    "password_max_days": "password_expire_max",
    "password_warning_days": "password_expire_warn",
    "password_inactive_days": "password_expire_account_disable",
}
"""Attribute of a user → the option of ansible.builtin.user, where it is called otherwise."""


def _mend_user(case: Case) -> str:
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
    return (
        f"Set {joined(options)} explicitly in a task (`ansible.builtin.user` with `name: {case.key}`, {listed}{more})."
    )


def _remove_group(case: Case) -> str:
    return (
        f"Add a task that removes the group (`ansible.builtin.group` with `name: {case.key}`, `state: absent`)"
        f"{case.or_there}"
    )


def _mend_group(case: Case) -> str:
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
    return f"Set {joined(changed)} explicitly in a task (`ansible.builtin.group` with `name: {case.key}`)."


def _remove_range(case: Case) -> str:
    kind, _, user = case.key.partition(":")
    return f"Add a task that removes the line of {user} from /etc/{kind} {NO_LINE}{case.or_there}"


def _mend_range(case: Case) -> str:
    kind, _, user = case.key.partition(":")
    return f"Let a task write the lines of {user} in /etc/{kind} (`usermod --add-{kind}s`, `--del-{kind}s`)."


def _remove_key(case: Case) -> str:
    user = case.key.partition(":")[0]
    return (
        f"Add a task that takes the key from {user} (`ansible.posix.authorized_key` with `user: {user}`, `state:"
        f" absent`){case.or_there}"
    )


def renamed_accounts(tree: Tree) -> None:
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


def _users_own(tree: Tree, group: Difference) -> bool:
    user = tree.by_scope["users"].get(group.key)
    return user is not None and user.kind is group.kind


def own_groups(tree: Tree) -> None:
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


def memberships(tree: Tree) -> None:
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


def ownership(tree: Tree) -> None:
    """That a file belongs to another name, or to a number, goes with the account or the group that this comes from."""
    users, groups = tree.by_scope["users"], tree.by_scope["groups"]
    if not users and not groups:
        return
    known: dict[tuple[str, ...], Difference | None] = {}
    for difference in tree.files.values():
        if difference.attributes and {*difference.attributes} <= {"owner", "group"}:
            causes = []
            for attribute in difference.attributes:
                names = [str((side or {}).get(attribute)) for side in (difference.a, difference.b)]
                asked = (attribute, *names)
                if asked not in known:
                    known[asked] = _cause_of_owner(users if attribute == "owner" else groups, names, attribute)
                cause = known[asked] or (_cause_of_primary_group(users, difference) if attribute == "group" else None)
                causes.append(cause)
            if None not in causes:
                tree.hang(difference, next(filter(None, causes)))


def _cause_of_owner(entries: dict[str, Difference], names: list[str], attribute: str) -> Difference | None:
    """The account or group whose new name, number or absence makes a file show another owner: `names` on A and B."""
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


def belongings(tree: Tree) -> None:
    """What is an account's own where it lives goes with the account that came, went, or moved to another home."""
    users = tree.by_scope["users"]
    moved = {name: user for name, user in users.items() if user.kind is not Kind.CHANGED}
    spools = {
        (f"{spool}/{name}", user.kind): user
        for name, user in moved.items()
        for spool in ("/var/mail", "/var/spool/mail", "/var/spool/cron/crontabs")
    }
    homes = _homes(users)
    for path, difference in tree.files.items() if homes or spools else ():
        kind, owner = difference.kind, difference.present.get("owner")
        if (path, kind) in spools:
            tree.hang(difference, spools[path, kind])
        for directory in (path, *ancestors(path)):
            for user, names in homes.get((directory, kind), ()):
                if owner in names:
                    tree.hang(difference, user)
    for key, difference in tree.by_scope["authorized_keys"].items():
        if (name := key.partition(":")[0]) in moved:
            tree.hang(difference, moved[name])


def _homes(users: dict[str, Difference]) -> dict[tuple[str, Kind], list[tuple[Difference, set[str]]]]:
    """The home that one machine alone has, and on which: whose it is, and what the owner is called there."""
    homes: dict[tuple[str, Kind], list[tuple[Difference, set[str]]]] = defaultdict(list)
    for name, user in users.items():
        if user.kind is Kind.CHANGED and "home" not in user.attributes:
            continue
        for side, kind in ((user.a, Kind.ONLY_A), (user.b, Kind.ONLY_B)):
            home = str((side or {}).get("home", ""))
            # A home such as /var or / belongs to more than the user.
            if home.count("/") > 1:
                homes[home, kind].append((user, {name, str((side or {}).get("entry"))}))
    return homes


def _follows_bases(difference: Difference, inherited: Inherited) -> bool:
    """Whether it is the next free range of ids, which depends on those that were handed out before."""
    kind = difference.key.partition(":")[0]
    taken = any(each.scope == "subids" and each.key.partition(":")[0] == kind for each in inherited.from_bases)
    return taken and not any((difference.scope, difference.key) in base for base in inherited.bases)


def _renamed(head: Difference, names: Names) -> str:
    first, second = ((side or {}).get("entry") for side in (head.a, head.b))
    return f"it is called {first} on the {names.a} machine and {second} on the {names.b} machine"


USERS = Scope(
    "users",
    "user",
    severity=Severity.SECURITY,
    clauses={"entry": _renamed},
    advice=Advice(remove=_remove_user, mend=_mend_user),
    takes_entries=True,
    follows={Stage.ACCOUNTS: (renamed_accounts, own_groups, memberships, ownership, belongings)},
    after_machines=False,
)

GROUPS = Scope(
    "groups",
    "group",
    severity=Severity.SECURITY,
    clauses={"entry": _renamed},
    advice=Advice(remove=_remove_group, mend=_mend_group),
    after_machines=False,
)

SUBIDS = Scope(
    "subids",
    "subordinate id range",
    advice=Advice(remove=_remove_range, mend=_mend_range),
    follows_bases=_follows_bases,
)

SUDOERS = Scope(
    "sudoers",
    "sudo rule",
    severity=Severity.SECURITY,
    advice=Advice(mend=mend_entry),
    comes_from=lambda rule: (*said_files(rule), rule.key.partition(":")[0]),
    entries=Entries(edited=True),
)

AUTHORIZED_KEYS = Scope(
    "authorized_keys",
    "SSH key",
    severity=Severity.SECURITY,
    advice=Advice(remove=_remove_key, mend=mend_entry),
    entries=Entries(edited=True),
)
