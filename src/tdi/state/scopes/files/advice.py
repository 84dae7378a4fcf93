"""What to do about a file that differs."""

from collections.abc import Mapping
from typing import Any

from tdi.collector.leftovers import original
from tdi.state.advice import ABSENT, WHOLE, Case, bring_back, joined, make_other, quoted
from tdi.state.fold.facts import is_modified_conffile, package_of, unit_of
from tdi.state.scopes.enabling import enable_anew


def make(case: Case) -> str:
    """What to do about a file that only the first machine has."""
    anew = enable_anew(case)
    if anew:
        return anew
    return bring_back(case, [case.head]) or f"{make_other(case)} Where no task makes it, add one that removes it."


def remove(case: Case) -> str:
    """What to do about a file that only the second machine has."""
    path, origin = case.key, case.head.present.get("origin", {})
    file = original(path)
    if file:
        return merge(file, path)
    anew = enable_anew(case)
    if anew:
        return anew
    unit = unit_of(path)
    if unit and case.head.present.get("type") == "link" and path.startswith("/etc/systemd/"):
        return (
            f"Add a task that disables {unit} before its unit goes (`ansible.builtin.systemd_service` with"
            f" `enabled: false`), or one that removes the link {path} {ABSENT}."
        )
    if origin.get("kind") == "package" and case.head.present.get("type") != "dir":
        package = package_of(case.head)
        return f"Find out what removed it from the {case.names.a} machine: the package {package} brings it."
    inside = " and all that is in it" if case.head.present.get("type") == "dir" else ""
    return f"Add a task that removes {path}{inside} {ABSENT}{case.or_there}"


def merge(file: str, path: str) -> str:
    """What to do about `path`, which stands for a conflict about `file`."""
    return (
        f"Decide on the conflict that dpkg or ucf left: let the role write {file} as it must be, and add a task that"
        f" removes {path} {ABSENT}."
    )


def mend(case: Case) -> str:
    """What to do about a file that both have."""
    sides: list[Mapping[str, Any]] = [side or {} for side in (case.head.a, case.head.b)]
    said = _mend_rights(case, sides) or _mend_meaning(sides)
    if said:
        return said
    package = package_of(case.head)
    if case.changed == {"origin"} and package:
        return f"Reinstall the package {package}, so that dpkg knows the file."
    if "link" in {side.get("type") for side in sides} or len({side.get("type") for side in sides}) > 1:
        state = str(sides[0].get("type", "file"))
        how = {"dir": "`state: directory`", "link": "`state: link`, `force: true`"}.get(state)
        module = f"`ansible.builtin.file` with {how}" if how else "`ansible.builtin.copy` or `ansible.builtin.template`"
        return f"Let a task make it what it must be, whatever is in its place ({module})."
    states = [side.get("origin", {}).get("state") for side in sides]
    edited = "modified" in states
    if package and is_modified_conffile(case.head) and states[0] == "pristine":
        return (
            f"Let a task write it whole, whatever was there, or have what the package brings: remove it, then `apt-get"
            f" install --reinstall -o Dpkg::Options::=--force-confmiss {package}`."
        )
    if package and edited and not is_modified_conffile(case.head):
        return f"Find out what edited it, and reinstall the package {package} there."
    whole = WHOLE.format(file="it")
    made = all(side.get("origin", {}).get("kind") == "nobody" and "text" not in side for side in sides)
    # A key, a certificate, a password: nobody can see from here that it is one.
    return f"{whole} Where each machine is to have its own, allow it (`tdi state allow`)." if made else whole


def _mend_rights(case: Case, sides: list[Mapping[str, Any]]) -> str | None:
    """What to do where the content is the same, and only who may do what with it differs; None for other changes."""
    if case.changed == {"hardlink"}:
        return "Let the role make all names of the file alike on both machines."
    changed = case.changed - {"hardlink"}
    if changed <= {"owner", "group", "mode"}:
        wanted = ", ".join(f"`{name}: {quoted(sides[0].get(name))}`" for name in sorted(changed))
        link = ", `follow: false`" if sides[0].get("type") == "link" else ""
        if case.head.present.get("origin", {}).get("kind") in {"package", "conffile", "generated"}:
            return f"Set {joined(changed)} in a task (`ansible.builtin.file` with `path: {case.key}`, {wanted})."
        return f"Set {joined(changed)} explicitly in the task that makes it ({wanted}{link})."
    if changed <= {"acl", "acl_default", "capability", "xattrs", "mode"}:
        return _mend_attributes(case, sides)
    return None


def _mend_meaning(sides: list[Mapping[str, Any]]) -> str | None:
    """What to do where a file holds what something else says; None for other changes."""
    held = str(next((side["content"] for side in sides if side.get("content")), ""))
    if held.startswith("copy of "):
        return (
            f"Let what keeps the copy make it anew of {held.removeprefix('copy of ')}: most services do when they are"
            " restarted."
        )
    return "Restart what writes it, or remove the file where nothing does any more." if held else None


def _mend_attributes(case: Case, sides: list[Mapping[str, Any]]) -> str:
    """How to set what stands beside a file's mode, or to take it away where the first machine has none."""
    path = case.key
    for name, module, take in (
        ("capability", "`community.general.capabilities`", f"setcap -r {path}"),
        ("acl", "`ansible.posix.acl`", f"setfacl --remove-all {path}"),
        ("acl_default", "`ansible.posix.acl` with `default: true`", f"setfacl --remove-default {path}"),
    ):
        if name in case.changed:
            how = f"`{take}`" if sides[0].get(name) is None else module
            return f"Let a task {'take it away' if sides[0].get(name) is None else 'set it'} on both machines ({how})."
    first, second = ({*(side.get("xattrs") or {})} for side in sides)
    if second - first:
        return f"Let a task take it away (`setfattr --remove {min(second - first)} {path}`)."
    return "Let a task set it on both machines (`community.general.xattr`)."
