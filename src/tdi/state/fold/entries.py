"""Entries that are read out of files: the file goes with its entries, an edited entry is one change."""

import re
from collections import defaultdict

from tdi.state.finding import Difference, Kind
from tdi.state.fold.facts import DECLARED, FEW, is_directory, paths_of
from tdi.state.fold.tree import Tree


def mounted(tree: Tree) -> None:
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
        if directory is not None and is_directory(directory) and directory.kind is difference.kind:
            tree.hang(directory, difference)


def declared_in_files(tree: Tree) -> None:
    """A file hangs below the entries that were read out of it, and these below the first of them.

    Where both machines have the file, a few entries are as many edits, and each stands alone.
    """
    for scope in DECLARED:
        entries = tree.by_scope[scope]
        in_file: dict[str, int] = defaultdict(int)
        for difference in entries.values():
            for path in {*paths_of(difference)}:
                in_file[path] += 1
        for difference in entries.values():
            for path in paths_of(difference):
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


def hidden_entries(tree: Tree) -> None:
    """A file of an administrator that hides one of a package hangs below what this would have set."""
    for scope in ("sysctl", "modules", "limits"):
        for difference in tree.by_scope[scope].values():
            for path in paths_of(difference):
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


def edited_entries(tree: Tree) -> None:
    """An entry that one machine has, and the one that the other has in its place in the same file, are one change."""
    for scope in ("apt", "authorized_keys", "cron", "limits", "modules", "mounts", "sudoers"):
        by_file: dict[str, list[Difference]] = defaultdict(list)
        for difference in tree.free(scope):
            for path in dict.fromkeys(paths_of(difference)):
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


def _pair(tree: Tree, entries: list[Difference], keeps: tuple[str, ...]) -> None:
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


def alternative_links(tree: Tree) -> None:
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


def at_jobs(tree: Tree) -> None:
    """The number of the next job goes with the first job."""
    number = tree.files.get("/var/spool/cron/atjobs/.SEQ")
    job = next((entry for key, entry in tree.by_scope["cron"].items() if key.startswith("at:")), None)
    if number is not None and job is not None:
        tree.hang(number, job)


def packet_filter(tree: Tree) -> None:
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


def apt_configuration(tree: Tree) -> None:
    """An entry that does not say which file it is from goes with the one file that differs."""
    files = [file for path, file in tree.files.items() if path.startswith("/etc/apt/apt.conf")]
    entries = [entry for key, entry in tree.by_scope["apt"].items() if key.startswith("config:")]
    if len(files) == 1 and entries:
        for difference in (*entries[1:], *files):
            tree.hang(difference, entries[0])
