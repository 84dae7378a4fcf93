"""What is mounted, and what is to be."""

from collections.abc import Iterator

from tdi.state.advice import NO_LINE, Advice, Case
from tdi.state.finding import Difference, Severity
from tdi.state.fold.facts import is_directory, named_in_attributes, named_in_key
from tdi.state.fold.tree import Tree
from tdi.state.scopes.scope import Entries, Scope, Stage


def _remove(case: Case) -> str:
    if case.head.present.get("type") == "swap":
        return (
            f"Add a task that turns it off (`swapoff {case.name}`) and removes its line from /etc/fstab {NO_LINE}"
            f"{case.or_there}"
        )
    return (
        f"Add a task that unmounts it and takes it from /etc/fstab (`ansible.posix.mount` with `path: {case.name}`,"
        f" `state: absent`){case.or_there}"
    )


def _mend(case: Case) -> str:
    if case.key.startswith("configured:"):
        how = f"`path: {case.name}`, `src`, `fstype`, `opts`, `state: mounted`"
        return f"Let a task write it whole to /etc/fstab and mount it (`ansible.posix.mount` with {how})."
    return f"Let a task mount it anew (`ansible.posix.mount` with `path: {case.name}`, `state: remounted`)."


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


def _paths(entry: Difference) -> Iterator[str]:
    """Where a mount is configured; one that is there now is about the directory in its key."""
    yield from named_in_attributes(entry)
    if entry.key.startswith("configured:"):
        yield "/etc/fstab"
    else:
        yield from named_in_key(entry)


MOUNTS = Scope(
    "mounts",
    "mount",
    severity=Severity.SERVICE,
    advice=Advice(remove=_remove, mend=_mend),
    paths=_paths,
    kinds_of_entries=True,
    entries=Entries(edited=True),
    follows={Stage.OWN_ENTRIES: (mounted,)},
)
