"""Links that enable units: where a unit's `[Install]` changed, they are old until the unit is enabled anew."""

import re
from collections import defaultdict

from tdi.state.advice import Case
from tdi.state.finding import Difference, Kind
from tdi.state.fold.tree import Tree

_LINK = re.compile(r"^/etc/systemd/(?:system|user)/[^/]+\.(?:wants|requires|upholds)/(?P<unit>[^/]+)$")


def enabled_anew(tree: Tree) -> None:
    """The links of a unit that is enabled otherwise on each machine are one finding, and so are their directories.

    The unit itself is the same on both: whoever wrote its file did not enable it anew. What the second machine has of
    the old `[Install]` stands for all.
    """
    links: dict[str, list[Difference]] = defaultdict(list)
    for difference in tree.free("files"):
        if (unit := _enabled_by(difference)) and difference.kind is not Kind.CHANGED:
            links[unit].append(difference)
    heads = {}
    for unit, found in links.items():
        if unit in tree.by_scope["systemd"] or not any(each.kind is Kind.ONLY_A for each in found):
            continue
        head = next((each for each in found if each.kind is Kind.ONLY_B), found[0])
        for each in found:
            tree.hang(each, head)
            heads[each] = head
    for wants in dict.fromkeys(each.key.rpartition("/")[0] for each in heads):
        inside = [other for path, other in tree.files.items() if path.startswith(f"{wants}/")]
        if wants in tree.files and all(other in heads for other in inside):
            tree.hang(tree.files[wants], heads[inside[0]])


def enable_anew(case: Case) -> str | None:
    """What to do about such links; None where they are of another kind, as those of a unit that is gone."""
    come = {_enabled_by(each) for each in case.group if each.kind is Kind.ONLY_A} - {None}
    if _enabled_by(case.head) not in come:
        return None
    units = " ".join(sorted(map(str, come)))
    globally = "--global " if case.key.startswith("/etc/systemd/user/") else ""
    return (
        f"The `[Install]` of {units} changed, and it was not enabled anew, which `enabled: true` leaves undone: let a"
        f" handler run `systemctl {globally}reenable {units}` when the task that writes the unit changes it."
    )


def _enabled_by(difference: Difference) -> str | None:
    """The unit that a link enables; None for what is no such link."""
    found = _LINK.match(difference.key) if difference.scope == "files" else None
    return found["unit"] if found and difference.present.get("type") == "link" else None
