"""Causes that are users and groups: their memberships, belongings, numbers and names."""

from collections import defaultdict

from tdi.state.finding import Difference, Kind
from tdi.state.fold.facts import ancestors
from tdi.state.fold.tree import Tree


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
