"""The sources, keys and settings of apt."""

import re

from tdi.state.advice import Advice, Case
from tdi.state.finding import Difference, Kind, Severity
from tdi.state.fold.facts import said_files
from tdi.state.fold.tree import Tree
from tdi.state.scopes.entries import make_entry, mend_entry
from tdi.state.scopes.scope import Entries, Scope, Stage, example

_UNVERIFIED = re.compile(r"(?i)unauthenticated|allow(insecure|weak|downgrade)|verify-(peer|host)|trusted")
"""In the name of a setting of apt: that packages are taken without proof of where they come from."""


def _severity(difference: Difference) -> Severity:
    """Whom to trust for packages is a matter of security, a preference is not."""
    trusts = difference.key.startswith(("key:", "source:")) or _UNVERIFIED.search(difference.key)
    return Severity.SECURITY if trusts else Severity.CONFIGURATION


def _remove(case: Case) -> str:
    if case.key.startswith("source:") and not case.own_files:
        return (
            f"Add a task that removes the source from {' and '.join(case.declared) or 'the sources'}"
            f" (`ansible.builtin.apt_repository` with `state: absent`){case.or_there}"
        )
    return case.remove_declaration("the entry") + case.or_there


def apt_configuration(tree: Tree) -> None:
    """An entry that does not say which file it is from goes with the one file that differs."""
    files = [file for path, file in tree.files.items() if path.startswith("/etc/apt/apt.conf")]
    entries = [entry for key, entry in tree.by_scope["apt"].items() if key.startswith("config:")]
    if len(files) == 1 and entries:
        for difference in (*entries[1:], *files):
            tree.hang(difference, entries[0])


def _mirror(entry: object) -> str:
    """The protocol and the host of a source's entry."""
    found = re.match(r"source:\S+ (\w+:/*[^/ ]*)", str(entry))
    return found.group(1) if found else ""


def _one_statement(entry: Difference, other: Difference) -> bool:
    """Whether two entries come of one thing in a file: suites and types of a source, another mirror, a keyring."""
    kinds = [difference.key.partition(":")[0] for difference in (entry, other)]
    mirrors = [[_mirror((side or {}).get("entry")) for side in (d.a, d.b)] for d in (entry, other)]
    moved = mirrors[0] == mirrors[1] and mirrors[0][0] != mirrors[0][1]
    uris = [difference.key.split(" ")[1:2] for difference in (entry, other)]
    return kinds[0] == kinds[1] and (kinds[0] != "source" or uris[0] == uris[1] or moved)


def _suite(entry: Difference) -> str:
    """The suite of a source, which its key names."""
    return entry.key.rpartition(" ")[2] if entry.key.startswith("source:") else "None"


def _comes_from(entry: Difference) -> tuple[str, ...]:
    sides = (entry.b or {}, entry.a or {})
    return (*said_files(entry), *(str(path) for side in sides for path in side.get("files") or ()))


APT = Scope(
    "apt",
    "apt setting",
    severity=_severity,
    examples={
        "a source or key of apt, or that it takes packages without proof": (
            example("apt", "source:deb x", Kind.ONLY_B),
            example("apt", "config:APT::Get::AllowUnauthenticated", Kind.ONLY_B),
        ),
        "a pin or other setting of apt": (example("apt", "preference:x", Kind.ONLY_B),),
    },
    advice=Advice(make_entry, _remove, mend_entry),
    comes_from=_comes_from,
    kinds_of_entries=True,
    entries=Entries(edited=True, keeps=((_suite,),), one_statement=_one_statement),
    follows={Stage.OWN_ENTRIES: (apt_configuration,)},
    after_machines=False,
)
