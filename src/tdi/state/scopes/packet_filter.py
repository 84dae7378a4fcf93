"""The rules of the packet filter."""

from tdi.state.finding import Difference, Kind, Severity
from tdi.state.fold.tree import Tree
from tdi.state.scopes.scope import Entries, Scope, Stage


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


PACKET_FILTER = Scope(
    "packet_filter",
    "packet filter rule",
    severity=Severity.SECURITY,
    entries=Entries(one_statement=lambda *_: True),
    follows={Stage.OWN_ENTRIES: (packet_filter,)},
)
