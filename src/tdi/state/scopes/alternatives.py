"""Alternatives: which of several programs a name stands for."""

from tdi.state.advice import Advice, Case
from tdi.state.finding import Difference
from tdi.state.fold.tree import Tree
from tdi.state.scopes.scope import Entries, Scope, Stage


def _remove(case: Case) -> str:
    return (
        f"Add a task that removes it (`update-alternatives --remove {case.key} {case.head.present.get('current', '')}`)"
        f"{case.or_there}"
    )


def _mend(case: Case) -> str:
    return f"Choose it in a task (`community.general.alternatives` with `name: {case.key}` and `path`)."


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


ALTERNATIVES = Scope(
    "alternatives",
    "alternative",
    advice=Advice(remove=_remove, mend=_mend),
    entries=Entries(one_statement=lambda *_: True),
    follows={Stage.OWN_ENTRIES: (alternative_links,)},
    after_machines=False,
)
