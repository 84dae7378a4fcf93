"""Files: the ground that all other scopes stand on."""

import re
from collections.abc import Mapping
from typing import Any

from tdi.state.advice import Advice
from tdi.state.finding import MUST_DIFFER, Difference, Kind, Names
from tdi.state.fold.facts import FEW, has_privilege, is_modified_conffile
from tdi.state.fold.tree import Group
from tdi.state.noise import CONTENT
from tdi.state.scopes.files import advice, causes, checks
from tdi.state.scopes.files.noise import NOISE
from tdi.state.scopes.files.severity import ACCESS, raises, severity
from tdi.state.scopes.scope import Cause, Scope, Stage, example
from tdi.state.words import TYPES, show


def _called(head: Difference) -> str:
    noun = TYPES.get(head.present.get("type", ""), str(head.present.get("type", "file")))
    if is_modified_conffile(head):
        noun = "edited configuration file"
    return f"{noun} {head.key}"


def _detail(group: Group, names: Names) -> str:
    """Where a link leads, what a program may do, and how many others lie beside it."""
    head = group[0]
    present, text = head.present, ""
    if present.get("type") == "link":
        text = f" (to {show(present.get('target'))})"
    elif has_privilege(head):
        text = f" (mode {present.get('mode')}{', ' + present['capability'] if present.get('capability') else ''})"
    place = head.key.rpartition("/")[0]
    beside = [m for m in group if m.scope == head.scope and m.key.rpartition("/")[0] == place]
    if len(beside) > FEW:
        there = names.b if head.kind is Kind.ONLY_A else names.a
        text += f", which has {len(beside)} entries in {place}, and the {there} machine none"
    return text


def _hardlink(head: Difference, names: Names) -> str | None:
    first, second = ((side or {}).get("hardlink") for side in (head.a, head.b))
    if head.key in {first, second} and not (first and second):
        return f"it has one more name on the {names.a if first else names.b} machine"
    return None


def _content(head: Difference, names: Names) -> str:
    """What a file holds, where that was recorded as what it means; elsewhere its content is its own."""
    said = [str((side or {}).get("content", "content of its own")) for side in (head.a, head.b)]
    first, second = (re.sub("^(pid|copy) of ", r"the \1 of ", each).replace("the copy", "a copy") for each in said)
    return f"it holds {first} on the {names.a} machine and {second} on the {names.b} machine"


def _origin(head: Difference, _names: Names) -> str:
    first, second = (_accounted((side or {}).get("origin")) for side in (head.a, head.b))
    return f"who accounts for it differs ({first} and {second})"


def _accounted(origin: Mapping[str, Any] | None) -> str:
    return " ".join(str(part) for part in (origin or {"kind": "nobody"}).values())


FILES = Scope(
    "files",
    "file",
    holds="Every file, directory and link of the machine's own file systems, and who accounts for it.",
    severity=severity,
    examples={
        "mode, owner, group, ACL or capability of a file": (example("files", "/srv/x", Kind.CHANGED, "mode"),),
        "a new file with setuid, setgid or a capability": (
            example("files", "/usr/bin/x", Kind.ONLY_B, type="file", mode="4755"),
        ),
        "a new device outside of /dev, another name of a file of passwords, a new file that everybody may write": (
            example("files", "/srv/x", Kind.ONLY_B, type="block"),
            example("files", "/srv/x", Kind.ONLY_B, type="file", hardlink="/etc/shadow"),
            example("files", "/srv/x", Kind.ONLY_B, type="file", mode="0666"),
        ),
        "who gets in and whom the machine trusts (/etc/ssh, /etc/pam.d, /etc/sudoers.d, trusted authorities, the"
        " loader's preload list, the packet filter's files), and private keys": (
            example("files", "/usr/local/share/ca-certificates/x.crt", Kind.ONLY_B, type="file"),
            example("files", "/etc/ssh/sshd_config", Kind.CHANGED, "hash"),
            example("files", "/srv/site.key", Kind.ONLY_B, type="file"),
        ),
        "a packaged file that is not as it came, unless it is a conffile": (
            example("files", "/usr/share/x", Kind.CHANGED, "hash", origin={"kind": "package", "state": "modified"}),
        ),
        "a secret that two machines share": (example("files", "/etc/machine-id", Kind.CHANGED, MUST_DIFFER),),
        "a program or library": (example("files", "/usr/bin/x", Kind.CHANGED, "hash"),),
        "a file in /etc": (example("files", "/etc/x.conf", Kind.ONLY_B, type="file"),),
        "a file elsewhere that only the second machine has": (example("files", "/srv/x", Kind.ONLY_B, type="file"),),
        "`.dpkg-dist`, `.ucf-old` and their like": (example("files", "/etc/x.dpkg-dist", Kind.ONLY_B, type="file"),),
    },
    raises=raises,
    called=_called,
    detail=_detail,
    clauses={
        "content": _content,
        "hardlink": _hardlink,
        "origin": _origin,
        "unstable": lambda *_: "it kept changing while it was recorded",
    },
    causes=(
        Cause(lambda head: "type" in head.attributes, frozenset({"type", "owner", "group"})),
        Cause(lambda head: "content" in head.attributes, frozenset({*ACCESS, "content", "hardlink"})),
    ),
    implied=frozenset({"origin"}),
    advice=Advice(advice.make, advice.remove, advice.mend),
    comes_from=lambda _: (),
    follows={
        Stage.FILE_NAMES: (causes.hard_links,),
        Stage.FILES: (
            causes.derived_files,
            causes.python_metadata,
            causes.link_targets,
            causes.directory_contents,
            causes.wrappers,
            causes.emptied_directories,
        ),
    },
    follows_bases=causes.follows_bases,
    noise=NOISE,
    evidence=frozenset({"data_of"}),
    content=frozenset(CONTENT),
    names=lambda key, form: form(key),
    checks=(
        ('"capability":', checks.privilege),
        ('"mode":"2', checks.privilege),
        ('"mode":"4', checks.privilege),
        ('"mode":"6', checks.privilege),
        (re.compile(r'"mode":"\d{3}[2367]"'), checks.world_writable),
        ('"mode":"1', checks.odd_mode),
        ('"mode":"3', checks.odd_mode),
        (".dpkg-", checks.left_over),
        (".ucf-", checks.left_over),
    ),
)
