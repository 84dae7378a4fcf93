"""Packages: what they bring, make and need, and what the package tools keep of them."""

import re
from collections import defaultdict
from dataclasses import replace

from tdi.state import words
from tdi.state.advice import Advice, Case
from tdi.state.finding import Difference, Kind, Names, Severity
from tdi.state.fold.facts import ancestors, is_directory, is_modified, package_of, unit_of
from tdi.state.fold.tree import Group, Tree
from tdi.state.scopes.scope import Cause, Inherited, Scope, Stage, example


def _severity(difference: Difference) -> Severity:
    removed = {side.get("status") for side in (difference.a, difference.b) if side} <= {"config-files", "not-installed"}
    if removed or (difference.kind is Kind.CHANGED and difference.attributes == ("conffiles",)):
        return Severity.LEFT_OVER if removed else Severity.CONFIGURATION
    minor = {"auto", "selection", "conffiles"}
    if difference.kind is Kind.CHANGED and {*difference.attributes} <= minor:
        return Severity.CONFIGURATION
    return Severity.SERVICE


def _in_plan(head: Difference) -> str:
    first, second = (str((side or {}).get("version", "")) for side in (head.a, head.b))
    if head.kind is not Kind.CHANGED:
        return first or second
    version = f"{first} → {second}" if first != second else ""
    if "status" in head.attributes:
        # That it is no longer asked for follows from it.
        return "; ".join(
            part for part in (version, words.changes(replace(head, attributes=("status",)), set())) if part
        )
    others = words.changes(head, {"version"})
    return "; ".join(part for part in (version, others) if part)


def _make(case: Case) -> str:
    name = case.key.partition(":")[0]
    there = f"on the {case.names.b} machine too"
    return f"Let the role install it {there} (`ansible.builtin.apt` with `name: {name}`, `state: present`)."


def _remove(case: Case) -> str:
    name = case.key.partition(":")[0]
    if case.head.present.get("status") == "config-files":
        return f"Add a task that purges it (`ansible.builtin.apt` with `name: {name}`, `state: absent`, `purge: true`)."
    return (
        f"Add a task that removes it (`ansible.builtin.apt` with `name: {name}`, `state: absent`, `purge: true`), or"
        f" install it on the {case.names.a} machine too."
    )


def _mend(case: Case) -> str:
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


def _is_missing(difference: Difference, package: Difference) -> bool:
    """Whether it is a conffile that the package has on either machine, where somebody has deleted it."""
    sides = (package.a, package.b)
    return any(((side or {}).get("conffiles") or {}).get(difference.key) == "missing" for side in sides)


_PACKAGE_CHANGE = {"version", "status", "architecture"}

_PACKAGE_INFO = re.compile(r"^/var/lib/dpkg/info/([a-z0-9+.-]+?)(?::[a-z0-9-]+)?\.[a-z0-9]+$")

_LOGS = re.compile(r"^/var/log/(alternatives\.log|dpkg\.log|apt/(history\.log|term\.log|eipp\.log\.xz))$")
"""The logs of the package tools, which are there once one of them had something to write."""


def packaged_files(tree: Tree) -> None:
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
        if cause is not None and (info or not (is_modified(difference) or _is_missing(difference, cause))):
            tree.hang(difference, cause)
        elif info:
            lists.setdefault(info.group(1), difference)
    for difference in tree.files.values():
        # What dpkg no longer knows of a file follows from what it has lost.
        if difference.attributes == ("origin",) and (package_of(difference) or "") in lists:
            tree.hang(difference, lists[package_of(difference) or ""])


def packaged_entries(tree: Tree) -> None:
    """Units and alternatives go with the package whose file they are."""
    for scope in ("systemd", "alternatives"):
        for difference in tree.by_scope[scope].values():
            roots = (tree.root(tree.files[path]) for path in tree.paths_of(difference) if path in tree.files)
            package = next((root for root in roots if root.scope == "packages"), None)
            if package is not None:
                tree.hang(difference, package)


def dependencies_of_packages(tree: Tree) -> None:
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


def package_state(tree: Tree) -> None:
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


def package_makes(tree: Tree) -> None:
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
        above = [path for path in ancestors(difference.key) if path.count("/") >= _OWN_DEPTH]
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


def package_tools(tree: Tree) -> None:
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
        shared = is_directory(difference) and difference.attributes == ("origin",)
        if moved and (shared or difference.key.startswith("/var/lib/dpkg/triggers/")):
            tree.hang(difference, moved[0])


def conffile_states(tree: Tree) -> None:
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


def _follows_bases(difference: Difference, inherited: Inherited) -> bool:
    """Whether it is the mark as manual or automatic that a package keeps which is there already."""
    if difference.attributes != ("auto",):
        return False
    place = (difference.scope, difference.key)
    sides = zip(inherited.bases, (difference.a, difference.b), strict=True)
    return [base[place] == side for base, side in sides if place in base] == [True]


def _detail(group: Group, _names: Names) -> str:
    present = group[0].present
    return f" ({present.get('version', '?')}, {present.get('status', '?')})"


PACKAGES = Scope(
    "packages",
    "package",
    severity=_severity,
    examples={
        "a package or its version": (example("packages", "x", Kind.CHANGED, "version", status="installed"),),
        "hold, automatic or manual, conffiles of a package": (
            example("packages", "x", Kind.CHANGED, "auto", status="installed"),
        ),
        "a package that was removed and not purged": (example("packages", "x", Kind.ONLY_B, status="config-files"),),
    },
    detail=_detail,
    causes=(Cause(lambda head: "status" in head.attributes, frozenset({"status", "version", "flag", "selection"})),),
    in_plan=_in_plan,
    one_text=True,
    advice=Advice(_make, _remove, _mend),
    takes_entries=True,
    accounts_for_files=True,
    follows={
        Stage.PACKAGES: (packaged_files, packaged_entries, dependencies_of_packages, package_makes),
        Stage.KEPT: (conffile_states, package_state, package_tools),
    },
    follows_bases=_follows_bases,
    evidence=frozenset({"depends", "provides", "makes"}),
    after_machines=False,
)
