"""Kernel settings, as configured and as they are."""

from tdi.state.advice import Advice, Case
from tdi.state.fold.tree import Tree
from tdi.state.scopes.entries import make_entry
from tdi.state.scopes.scope import Entries, Scope, Stage


def _remove(case: Case) -> str:
    if case.key.startswith("live:"):
        return f"Add a task that sets {case.name} on both machines (`ansible.posix.sysctl` with `sysctl_set: true`)."
    return (
        f"{case.remove_declaration('the setting')}, and one that sets {case.name} back, which the running kernel keeps"
        f" (`ansible.posix.sysctl` with `sysctl_set: true`){case.or_there}"
    )


def _mend(case: Case) -> str:
    return f"Set it in a task (`ansible.posix.sysctl` with `name: {case.name}`, `value` and `sysctl_set: true`)."


def live_settings(tree: Tree) -> None:
    """A live kernel setting hangs below the configured one."""
    sysctl = tree.by_scope["sysctl"]
    for key, difference in sysctl.items():
        configured = sysctl.get("configured:" + key.removeprefix("live:"))
        if configured is not None and configured is not difference:
            tree.hang(difference, configured)


SYSCTL = Scope(
    "sysctl",
    "kernel setting",
    advice=Advice(make_entry, _remove, _mend),
    kinds_of_entries=True,
    entries=Entries(hidden=True),
    follows={Stage.EFFECTS: (live_settings,)},
)
