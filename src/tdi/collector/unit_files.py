"""The unit files of systemd, and what they say."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress

from tdi.collector.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdi.collector.machine import Machine

UNIT_TYPES = (".service", ".socket", ".timer", ".path", ".mount", ".automount", ".swap", ".target", ".slice")
# In systemd's own order: what is found first wins.
UNIT_DIRECTORIES = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
)
# The ones that hold what packages bring, and those that hold plain unit files at all.
VENDOR_DIRECTORIES = ("/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
STATIC_DIRECTORIES = ("/etc/systemd/system", *VENDOR_DIRECTORIES)
LINK_DIRECTORIES = (".wants", ".requires", ".upholds")
UNIT_LISTS = frozenset(
    """ExecStart ExecStartPre ExecStartPost ExecReload ExecStop ExecStopPost ExecCondition EnvironmentFile
    OnCalendar OnBootSec OnUnitActiveSec OnUnitInactiveSec OnStartupSec ListenStream ListenDatagram ListenFIFO
    WantedBy RequiredBy Alias Also Requires Wants BindsTo PartOf Conflicts ReadWritePaths ReadOnlyPaths
    InaccessiblePaths AmbientCapabilities CapabilityBoundingSet SupplementaryGroups SystemCallFilter PathExists
    PathChanged Environment""".split()
)
UNIT_VALUES = frozenset(
    """User Group Type Restart RestartSec WorkingDirectory RootDirectory DynamicUser NoNewPrivileges ProtectSystem
    ProtectHome PrivateTmp PrivateDevices PrivateNetwork RuntimeDirectory StateDirectory LogsDirectory UMask
    LimitNOFILE LimitNPROC LimitCORE LimitMEMLOCK MemoryMax CPUQuota TasksMax Nice OOMScoreAdjust KillMode
    KillSignal TimeoutStartSec TimeoutStopSec PIDFile RemainAfterExit Persistent RandomizedDelaySec Unit Accept
    SocketUser SocketGroup SocketMode What Where Options BindIPv6Only FileDescriptorName Slice StandardOutput
    StandardError Delegate""".split()
)


class Units:
    """The unit files of the machine, and what each unit's text is with its drop-ins."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.contents: dict[str, set[str]] = {}
        seen = set()
        for directory in UNIT_DIRECTORIES:
            real = os.path.realpath(machine.prefix + directory)
            if real in seen:
                continue
            seen.add(real)
            names = machine.names(directory)
            if names:
                self.contents[directory] = set(names)

    def changed_since(self, moment: float) -> bool:
        """Whether a unit file or a drop-in was written, or one of their directories changed, after `moment`."""
        for directory, names in self.contents.items():
            # Generators write while systemd reads, and nobody else writes there.
            if not directory.startswith("/run/systemd/generator") and changed_after(self.machine, directory, moment):
                return True
            for name in names:
                path = directory + "/" + name
                if not name.endswith(LINK_DIRECTORIES) and changed_after(self.machine, path, moment):
                    return True
                if name.endswith(".d"):
                    files = self.machine.names(path)
                    if any(changed_after(self.machine, path + "/" + file, moment) for file in files):
                        return True
        return False

    def linked(self) -> set[str]:
        """The units that links of the administrator, or of this boot, name or lead to."""
        found = set()
        for directory, names in self.contents.items():
            if directory in VENDOR_DIRECTORIES:
                continue
            for name in names:
                path = directory + "/" + name
                inside = self.machine.names(path) if name.endswith(LINK_DIRECTORIES) else []
                for link in [path, *(path + "/" + each for each in inside)]:
                    with suppress(OSError):
                        found |= {os.path.basename(link), os.path.basename(os.readlink(self.machine.prefix + link))}
        return found

    def instances(self) -> set[str]:
        """The instances of templates that links of the administrator start: getty@tty5.service."""
        found = set()
        for name in self.contents.get("/etc/systemd/system", ()):
            inside = self.machine.names("/etc/systemd/system/" + name) if name.endswith(LINK_DIRECTORIES) else []
            found |= {link for link in inside if re.search(r"@.+\.\w+$", link) and link.endswith(UNIT_TYPES)}
        return found

    def is_static(self, name: str) -> bool:
        """Whether the unit is one plain file of a package or the administrator, without a section [Install]."""
        directories = [directory for directory, names in self.contents.items() if name in names]
        if len(directories) > 1 or directories[0] not in STATIC_DIRECTORIES:
            return False
        path = directories[0] + "/" + name
        try:
            status = os.lstat(self.machine.prefix + path)
        except OSError:
            return False
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return False
        texts = [self.machine.text(file, 1 << 20) for file in [path, *self.drop_ins(name)]]
        return all(texts) and not any("[Install]" in text for text in texts)

    def fragment(self, name: str) -> str:
        """The path of the file that defines the unit, "" if there is none."""
        template = re.sub(r"@.*(\.\w+)$", r"@\1", name)
        for candidate in dict.fromkeys((name, template)):
            for directory, names in self.contents.items():
                if candidate in names:
                    return directory + "/" + candidate
        return ""

    def drop_ins(self, name: str) -> list[str]:
        """The paths of the unit's drop-ins, in the order in which they apply."""
        stem, dot, kind = name.rpartition(".")
        places = [name + ".d"]
        if "@" in stem and not stem.endswith("@"):
            stem = stem.partition("@")[0] + "@"
            places.append(stem + dot + kind + ".d")
        at = stem.rfind("-", 0, -1) if stem.endswith("-") else stem.rfind("-")
        while at > 0:
            places.append(stem[: at + 1] + dot + kind + ".d")
            at = stem.rfind("-", 0, at)
        places.append(kind + ".d")
        found: dict[str, str] = {}
        for place in places:
            for directory, names in self.contents.items():
                if place in names:
                    for file in self.machine.names(directory + "/" + place):
                        if file.endswith(".conf"):
                            found.setdefault(file, directory + "/" + place + "/" + file)
        return [found[file] for file in sorted(found)]


def unit_properties(lines: list[str]) -> dict[str, Any]:
    """The settings that matter of a unit's effective text; an empty assignment resets a list, as in systemd."""
    values: dict[str, Any] = {}
    for line in lines:
        name, equals, value = line.partition("=")
        name, value = name.strip(), value.strip()
        if not equals:
            continue
        if name == "Environment":
            # Only the names: values are where secrets are passed.
            names = re.findall(r"(?:^|\s|[\"'])([A-Za-z_]\w*)=", value)
            values[name] = sorted(set(values.get(name, [])) | set(names)) if value else []
        elif name in UNIT_LISTS:
            values[name] = [*values.get(name, []), redact(value)] if value else []
        elif name in UNIT_VALUES:
            values[name] = redact(value)
    return {name: value for name, value in values.items() if value not in ([], "")}


def units_of(machine: Machine) -> Units:
    """The unit files of the machine, read once."""
    if "units" not in machine.__dict__:
        machine.__dict__["units"] = Units(machine)
    units: Units = machine.__dict__["units"]
    return units


def changed_after(machine: Machine, path: str, moment: float) -> bool:
    """Whether the object at `path` was changed after `moment`; a package's files keep the time of their making."""
    try:
        return os.lstat(machine.prefix + path).st_ctime > moment
    except OSError:
        return False
