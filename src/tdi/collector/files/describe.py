"""What the record says of a path."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

from tdi.collector.encoding import encode, encode_key
from tdi.collector.files.contents import Contents
from tdi.collector.files.hosts import HOSTS, added_hosts
from tdi.collector.files.origins import PARSED_FILES
from tdi.collector.hashes import hash_of
from tdi.collector.machine import TEXT_LIMIT
from tdi.collector.mountinfo import mounts
from tdi.collector.network import own_addresses
from tdi.collector.redaction import redact
from tdi.collector.rights import acl_text, capability_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from tdi.collector.files.origins import Origins
    from tdi.collector.machine import Machine

# Files beyond this are left for the end, when they fill up whichever worker is done with the small ones.
LATER = 1024 * 1024
# A certificate's bundle or a key is not configuration text, whatever the list of text files says.
PRIVATE_KEY = b"PRIVATE KEY-----"
TYPES = {
    stat.S_IFDIR: "dir", stat.S_IFREG: "file", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket", stat.S_IFCHR: "char", stat.S_IFBLK: "block",
}  # fmt: skip
READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class Describer:
    """Turns paths into the lines of the `files` scope; runs in a hash worker."""

    def __init__(self, machine: Machine, origins: Origins) -> None:
        self.machine = machine
        self.origins = origins
        self.contents = Contents(machine)
        self.paths: list[str] = []
        self.lines: list[str] = []
        # Which of `lines` are of an object that has other names, too: (number of the line, device, inode).
        self.linked: list[tuple[int, int, int]] = []
        self.size = 0
        self.done = 0
        self.skipped: list[str] = []
        self.texts: dict[Any, str] = {}
        # A hosts file that a container's engine wrote: only what was added to it counts.
        self.hosts: str | None = None
        if any(point == HOSTS for point, *_ in mounts(machine)):
            self.hosts = added_hosts(machine.text(HOSTS, TEXT_LIMIT), own_addresses(), os.uname().nodename)

    def take(self, packet: bytes, later: Callable[[bytes], bool]) -> None:
        """Describe the paths of a packet; `later` takes a large file and says whether somebody will see to it."""
        prefix = self.machine.prefix
        for item in packet.decode("utf-8", "surrogateescape").split("\0"):
            path = item[1:]
            self.done += 1
            try:
                line = (self.file if item[0] == "f" else self.other)(prefix + path, path, later)
            except FileNotFoundError:
                continue  # it vanished since the walk: as if it had vanished before
            except OSError as error:
                reason = error.strerror or "error %s" % error.errno
                self.skipped.append("%s: %s" % (path, reason))
                line = encode({"type": "unknown", "error": reason})
            if line:
                line = encode_key(path) + ": " + line
                self.paths.append(path)
                self.lines.append(line)
                self.size += len(line)
            else:
                self.done -= 1

    def text(self, value: Any) -> str:
        """The JSON text of a value that comes again and again."""
        text = self.texts.get(value)
        if text is None:
            text = self.texts[value] = encode(dict(value) if isinstance(value, tuple) else value)
        return text

    def owners(self, status: os.stat_result) -> tuple[str, str]:
        """The names of owner and group."""
        uid, gid = status.st_uid, status.st_gid
        return self.machine.users.get(uid) or "#%d" % uid, self.machine.groups.get(gid) or "#%d" % gid

    def file(self, real: str, path: str, later: Callable[[bytes], bool]) -> str:
        """The attributes of a regular file as JSON, "" if it is left for later.

        It is opened first, and everything is asked of what was opened. Most files have no attributes but the usual
        ones: their JSON is put together here, which takes a third of what an encoder takes.
        """
        file = self.open(real)
        if file is None:
            return self.other(real, path, later)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                return self.other(real, path, later)
            if status.st_size > LATER and later(b"f" + os.fsencode(path)):
                return ""
            try:
                names = os.listxattr(file)
            except OSError:
                names = []
            origin, digest, pristine = self.origins.of(path, stat.S_IFREG, status)
            known: dict[str, Any] = {}
            text = None
            if path == HOSTS and self.hosts is not None:
                data = self.hosts.encode("utf-8", "surrogateescape")
                known = {"size": len(data), "hash": hash_of(data)}
                if any(pattern.search(path) for pattern in self.machine.settings.text):
                    text = redact(self.hosts)
            elif path not in PARSED_FILES:
                known = self.contents.of(file, path, status, check=digest != "")
                if pristine:
                    origin["state"] = "pristine"
                elif digest and "md5" in known:
                    origin["state"] = "pristine" if known["md5"] == digest else "modified"
                if self.machine.settings.text and status.st_size <= TEXT_LIMIT and "unstable" not in known:
                    text = self.text_of(file, path)
            owner, group = self.owners(status)
            if len(known) == 2 + ("md5" in known) and "hash" in known and not names and text is None:
                if status.st_nlink > 1:
                    self.linked.append((len(self.lines), status.st_dev, status.st_ino))
                return '{"group":%s,"hash":"%s","mode":"%04o","origin":%s,"owner":%s,"size":%d,"type":"file"}' % (
                    self.text(group),
                    known["hash"],
                    status.st_mode & 0o7777,
                    self.text(tuple(origin.items())),
                    self.text(owner),
                    known["size"],
                )
            attributes = self.common(status, origin)
            for name in ("size", "hash", "unstable", "error"):
                if name in known:
                    attributes[name] = known[name]
            if "error" in known:
                self.skipped.append("%s: %s" % (path, known["error"]))
            if text is not None:
                attributes["text"] = text
            self.extended(file, names, attributes)
            return encode(attributes)
        finally:
            os.close(file)

    def other(self, real: str, path: str, _: object = None) -> str:
        """The attributes of what is no regular file, as JSON."""
        status = os.lstat(real)
        kind = stat.S_IFMT(status.st_mode)
        attributes = self.common(status, self.origins.of(path, kind, status)[0])
        if kind == stat.S_IFLNK:
            attributes["target"] = os.readlink(real)
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            attributes["device"] = "%d:%d" % (os.major(status.st_rdev), os.minor(status.st_rdev))
        elif kind == stat.S_IFREG:
            attributes["unstable"] = True  # it was something else a moment ago
        try:
            names = os.listxattr(real, follow_symlinks=False)
        except OSError:
            names = []
        self.extended(real, names, attributes)
        return encode(attributes)

    def common(self, status: os.stat_result, origin: dict[str, Any]) -> dict[str, Any]:
        """The attributes that each object has."""
        kind = stat.S_IFMT(status.st_mode)
        owner, group = self.owners(status)
        attributes = {"type": TYPES.get(kind, "unknown"), "owner": owner, "group": group, "origin": origin}
        if kind != stat.S_IFLNK:
            attributes["mode"] = "%04o" % (status.st_mode & 0o7777)
        if status.st_nlink > 1 and kind != stat.S_IFDIR:
            self.linked.append((len(self.lines), status.st_dev, status.st_ino))
        return attributes

    def text_of(self, file: int, path: str) -> str | None:
        """The text of a file that the caller has allowed, unless it is none or holds a key; secrets are taken out."""
        for pattern in self.machine.settings.text:
            if pattern.search(path):
                with suppress(OSError, UnicodeDecodeError):
                    data = os.pread(file, TEXT_LIMIT, 0)
                    if PRIVATE_KEY not in data:
                        return redact(data.decode("utf-8"))
        return None

    def open(self, real: str) -> int | None:
        """Open without following a link, waiting for a fifo or touching the time of last access; None if not a file."""
        try:
            return os.open(real, READING | os.O_NOATIME)
        except PermissionError:
            return os.open(real, READING)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENODEV):
                return None  # a link, a socket or a device
            raise

    def extended(self, where: int | str, names: list[str], attributes: dict[str, Any]) -> None:
        """Capabilities, ACLs and the other extended attributes; their values only where the kernel defines them."""
        others = {}
        for name in names:
            if name.startswith("trusted.overlay.") or name in ("security.evm", "user.crtime_usec"):
                continue
            try:
                value = os.getxattr(where, name, follow_symlinks=isinstance(where, int))
            except OSError:
                continue
            if name == "security.capability":
                attributes["capability"] = capability_text(value)
            elif name == "system.posix_acl_access":
                attributes["acl"] = acl_text(value, self.machine)
            elif name == "system.posix_acl_default":
                attributes["acl_default"] = acl_text(value, self.machine)
            elif name == "security.selinux":
                others[name] = value.rstrip(b"\0").decode("utf-8", "replace")
            else:
                # A user attribute may hold anything, so only its hash is kept.
                others[name] = hash_of(value)
        if others:
            attributes["xattrs"] = others
