"""The machine that is recorded: its files and its commands, both within bounds."""

from __future__ import annotations

import errno
import os
import re
import select
import signal
import stat
import time
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.settings import Settings

# A configuration file beyond this is data, not something that a person reads in a report.
TEXT_LIMIT = 64 * 1024
# Databases and lists that are parsed: dpkg's status file is the largest one, a few MB on a large server.
PARSED_LIMIT = 64 * 1024 * 1024
COMMAND_SECONDS = 20
COMMAND_BYTES = 8 * 1024 * 1024
# No file is there, or nothing that holds text: a directory, a device, a loop of links.
NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.ENODEV)


class Machine:
    """The machine under `root`: reads its files and runs its commands, both within bounds."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.prefix = settings.prefix
        self.live = not self.prefix
        self.unread: list[str] = []
        self.booted = self.live and os.path.isdir("/run/systemd/system")
        self.users = self._names("/etc/passwd")
        self.groups = self._names("/etc/group")
        # On a merged /usr, dpkg still names some files by the old directories.
        self.merged = [
            name
            for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
            if os.path.islink(self.prefix + "/" + name)
        ]
        self._old_directory = re.compile(r"(?m)^/(%s)(?=/)" % "|".join(self.merged)) if self.merged else None
        self._architecture = ""

    def merged_names(self, text: str) -> str:
        """The lines of `text`, each a path, as they are called on a machine with a merged /usr."""
        return self._old_directory.sub(r"/usr/\1", text) if self._old_directory else text

    def _names(self, path: str) -> dict[int, str]:
        names: dict[int, str] = {}
        for line in self.text(path).split("\n"):
            fields = line.split(":")
            if len(fields) > 2 and fields[2].isdigit():
                names.setdefault(int(fields[2]), fields[0])
        return names

    def resolve(self, path: str) -> str:
        """Where `path` leads inside the root, links followed within it; for a root that is not our own."""
        if self.live:
            return path
        done: list[str] = []
        left = [part for part in reversed(path.split("/")) if part]
        links = 0
        while left:
            part = left.pop()
            if part == ".":
                continue
            if part == "..":
                done = done[:-1]
                continue
            here = self.prefix + "/" + "/".join([*done, part])
            if os.path.islink(here):
                links += 1
                if links > 40:
                    raise OSError(40, "too many links", path)
                target = os.readlink(here)
                if target.startswith("/"):
                    done = []
                left.extend(p for p in reversed(target.split("/")) if p)
            else:
                done.append(part)
        return self.prefix + "/" + "/".join(done)

    def bytes(self, path: str, limit: int = PARSED_LIMIT) -> bytes:
        """The content of the regular file at `path`; OSError if it is none or larger than `limit`."""
        file = os.open(self.resolve(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            parts: list[bytes] = []
            left = limit + 1
            while left > 0:
                part = os.read(file, min(left, 1 << 20))
                if not part:
                    return b"".join(parts)
                parts.append(part)
                left -= len(part)
            raise OSError(errno.EFBIG, "larger than %d bytes" % limit, path)
        finally:
            os.close(file)

    def text(self, path: str, limit: int = PARSED_LIMIT) -> str:
        """The content of `path`, empty if there is no such regular file; what is there and not read is noted."""
        try:
            return self.bytes(path, limit).decode("utf-8", "surrogateescape")
        except OSError as error:
            if error.errno not in NO_FILE:
                self.unread.append("%s: %s" % (path, error.strerror))
            return ""

    def names(self, directory: str) -> list[str]:
        """The sorted names in `directory`, none if there is no such directory."""
        try:
            return sorted(os.listdir(self.resolve(directory)))
        except OSError:
            return []

    @property
    def architecture(self) -> str:
        """Debian's name for the machine's own architecture, from dpkg's own entry."""
        if not self._architecture:
            found = re.search(r"(?m)^Package: dpkg\n(?:.+\n)*?Architecture: (\S+)", self.text("/var/lib/dpkg/status"))
            self._architecture = found.group(1) if found else os.uname().machine
        return self._architecture

    def run(
        self, command: list[str], seconds: float = COMMAND_SECONDS, limit: int = COMMAND_BYTES
    ) -> tuple[int, str, str]:
        """Exit status, output and what cut it short ("" if nothing did) of `command`, bounded in time and output."""
        import subprocess  # noqa: PLC0415 - only the child for the small scopes needs it, while the others work

        environment = {"LC_ALL": "C.UTF-8", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
        output = process.stdout.fileno() if process.stdout else -1
        deadline = time.monotonic() + seconds
        parts = []
        size = 0
        cut = ""
        try:
            while True:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([output], [], [], left)[0]:
                    cut = "no end after %g s" % seconds
                    break
                part = os.read(output, 1 << 16)
                if not part:
                    break
                parts.append(part)
                size += len(part)
                if size > limit:
                    cut = "more than %d bytes of output" % limit
                    break
            if not cut:
                try:
                    process.wait(max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    cut = "no end after %g s" % seconds
        finally:
            if process.poll() is None or cut:
                with suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)
            if process.stdout:
                process.stdout.close()
            process.wait()
        return process.returncode, b"".join(parts)[:limit].decode("utf-8", "surrogateescape"), cut
