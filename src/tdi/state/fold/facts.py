"""What a single difference says of itself: who accounts for it, which paths it is about, whether it may be hidden."""

import re
from collections.abc import Callable, Iterator

from tdi.state.finding import Difference

_UNIT_FILE = re.compile(
    r"^/(?:etc|run|usr/lib|lib|usr/local/lib)/systemd/(?:system|system\.control|user)/(?:[^/]+\.(?:wants|requires|upholds)/)?"
    r"([^/]+\.[a-z]+)(?:\.d(?:/[^/]+\.conf)?)?$"
)

UNIT_STATE = re.compile(
    r"^/var/lib/systemd/deb-systemd-(?:user-)?helper-[a-z]+/(?:[^/]+\.[a-z]+/)?([^/]+?)(?:\.dsh-also)?$"
)

RUNLEVEL_LINK = re.compile(r"^/etc/rc[0-6S]\.d/[SK]\d\d(.+)$")

_ENTRY_KIND = re.compile(r"^[a-z_]+:")
"""What the keys of some scopes begin with: "diversion:/usr/bin/x"."""

_SOURCES_OF = (
    (
        re.compile(r"^/etc/ld\.so\.cache$"),
        re.compile(r"^(/usr)?(/local)?/lib.*\.so(\..*)?$|^/etc/ld\.so\.conf(\.d/.+)?$"),
    ),
    (
        re.compile(r"^/etc/ssl/certs/.+$"),
        re.compile(r"^/usr/(local/)?share/ca-certificates(/.+)?$|^/etc/ca-certificates(\.conf|/.+)$"),
    ),
    (re.compile(r"^/etc/pam\.d/common-.+$|^/var/lib/pam/.+$"), re.compile(r"^/usr/share/pam-configs/.+$")),
    (re.compile(r"^/var/cache/man/.+$"), re.compile(r"^/usr/(local/)?share/man/.+$")),
    (re.compile(r"^/var/lib/systemd/catalog/database$"), re.compile(r"^/usr/lib/systemd/catalog/.+$")),
    (re.compile(r"^/etc/udev/hwdb\.bin$"), re.compile(r"^/(usr/lib|etc)/udev/hwdb\.d/.+$")),
    (re.compile(r"^/usr/share/info/dir$"), re.compile(r"^/usr/share/info/.+$")),
    (re.compile(r"^(?P<directory>.+)/__pycache__/[^/]+\.pyc$"), re.compile(r"^.+\.py$")),
)
"""Derived file → what it is made of: ldconfig, update-ca-certificates, mandb, systemd-hwdb and others make them."""

FEW = 4
"""Entries of a file that both machines have: up to so many stand alone, more of them are one edit of the file. So it is
with all that a directory held."""

_PATH_ATTRIBUTES = ("file", "path", "fragment", "source", "link", "to", "key")


def is_modified_conffile(difference: Difference) -> bool:
    """Whether it is a package's configuration file that somebody has edited on either machine."""
    return difference.scope == "files" and any(
        (side or {}).get("origin", {}).get("kind") == "conffile" and (side or {})["origin"].get("state") == "modified"
        for side in (difference.a, difference.b)
    )


def package_of(difference: Difference) -> str | None:
    """The package that accounts for the object on either machine."""
    for side in (difference.b, difference.a):
        package = (side or {}).get("origin", {}).get("package")
        if package:
            return str(package)
    return None


def sources_of(path: str) -> Callable[[str], bool] | None:
    """Which files a cache or bundle is made of by a tool; None where `path` is no such file."""
    for derived, source in _SOURCES_OF:
        if match := derived.match(path):
            inside = match.groupdict().get("directory", "")
            return lambda other: other.startswith(inside) and source.match(other) is not None
    return None


def has_privilege(difference: Difference) -> bool:
    """Whether it brings a setuid or setgid file or a capability that the other machine does not have alike."""
    rights = [_rights(side) for side in (difference.a, difference.b)]
    return difference.scope == "files" and rights[0] != rights[1] and any(rights)


def _rights(side: object) -> tuple[int, str]:
    if not isinstance(side, dict) or side.get("type") != "file":
        return 0, ""
    return int(str(side.get("mode", "0")), 8) & 0o6000, str(side.get("capability", ""))


def is_modified(difference: Difference) -> bool:
    """Whether somebody has edited a packaged file on either machine."""
    return any((side or {}).get("origin", {}).get("state") == "modified" for side in (difference.a, difference.b))


def unit_of(path: str) -> str | None:
    """The systemd unit that a path belongs to: unit file, drop-in, enablement link, or Debian's record of these."""
    if runlevel := RUNLEVEL_LINK.match(path):
        return f"{runlevel.group(1)}.service"
    for pattern in (UNIT_STATE, _UNIT_FILE):
        if found := pattern.match(path):
            return found.group(1).removesuffix(".d")
    return None


def is_same_file(difference: Difference, other: Difference) -> bool:
    """Whether both are names of one file on either machine, and differ alike."""
    names = [[(side or {}).get("hardlink") for side in (d.a, d.b)] for d in (difference, other)]
    same = names[0] == names[1] and all(names[0])
    return same and difference.scope == other.scope == "files" and difference.attributes == other.attributes


def named_paths(difference: Difference) -> Iterator[str]:
    """The paths that an object's attributes and its key name."""
    yield from named_in_attributes(difference)
    yield from named_in_key(difference)


def named_in_attributes(difference: Difference) -> Iterator[str]:
    """The paths that an object's attributes name, those of the second machine first."""
    for side in (difference.b, difference.a):
        for name in _PATH_ATTRIBUTES:
            value = (side or {}).get(name)
            if isinstance(value, str) and value.startswith("/"):
                yield value.partition(":")[0] if name != "path" else value
        for name in ("dropins", "files", "links"):
            for value in (side or {}).get(name) or ():
                if isinstance(value, str):
                    yield value
    choices = [{*((side or {}).get("choices") or ())} for side in (difference.a, difference.b)]
    yield from sorted(choices[0] ^ choices[1])


def named_in_key(difference: Difference) -> Iterator[str]:
    """The path that an object's key begins with, or has behind the kind of entry that it is."""
    rest = _ENTRY_KIND.sub("", difference.key, count=1)
    if rest.startswith("/"):
        yield rest
        yield rest.partition(":")[0]


def said_files(difference: Difference) -> tuple[str, ...]:
    """The files that an object says it comes from."""
    sides = (difference.b or {}, difference.a or {})
    return tuple(str(side[name]) for name in ("fragment", "file", "path") for side in sides if side.get(name))


def is_directory(difference: Difference) -> bool:
    """Whether the object is a directory, on the second machine where both have it."""
    return difference.present.get("type") == "dir"


def ancestors(path: str) -> Iterator[str]:
    """The directories that a path is in, the nearest first, without the root."""
    while path := path.rpartition("/")[0]:
        yield path


def template_of(unit: str) -> str:
    """The template that a unit is an instance of."""
    return re.sub(r"@.+(\.\w+)$", r"@\1", unit)
