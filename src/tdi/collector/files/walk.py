"""Which paths there are."""

from __future__ import annotations

import os

from tdi.collector.files.hosts import HOSTS
from tdi.collector.files.storage import storage
from tdi.collector.mountinfo import LEFT_OUT, mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdi.collector.machine import Machine

# What a pipe in packet mode keeps together (PIPE_BUF), and so the most that a worker takes from the queue at once. No
# path is longer: the kernel's limit for a path (PATH_MAX) is the same.
PACKET = 4096
EMPTIED = ("/tmp", "/var/tmp")
# File systems that hold files; everything else (proc, tmpfs, cgroup, network and FUSE file systems) is not walked.
FILE_SYSTEMS = {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "overlay", "vfat", "bcachefs"}


def not_walked(machine: Machine) -> set[str]:
    """The mount points at which the walk stops: not files of this machine, or seen elsewhere already."""
    table = mounts(machine)
    stops = set()
    whole = {device for _, device, root, _, _, _ in table if root == "/"}
    for point, device, root, kind, _, _ in table:
        if point == "/":
            continue
        bound = root != "/" and kind != "btrfs" and device in whole
        # The engine of a container puts its hosts file there, but what is added to it is the machine's own.
        single = not os.path.isdir(machine.prefix + point) and point != HOSTS
        if kind not in FILE_SYSTEMS or bound or single:
            stops.add(point)
    return stops


class Walk:
    """Puts every path of the machine's own file systems into a queue, in no order; runs in a process of its own."""

    def __init__(self, machine: Machine) -> None:
        self.root = os.fsencode(machine.prefix)
        stops = (not_walked(machine) - set(EMPTIED)) | set(LEFT_OUT) | set(machine.settings.exclude)
        self.stops = {self.root + os.fsencode(stop) for stop in stops}
        # The directories are recorded, not what is in them.
        self.emptied = {self.root + os.fsencode(path) for path in (*EMPTIED, *storage(machine))}
        self.errors: list[str] = []
        self.fed = 0

    def feed(self, queue: int) -> None:
        """Write the paths to a pipe in packet mode: joined by NUL, each after `f` for a file or `o` for another type.

        The type is what the directory says, which takes no look at the file itself.
        """
        cut = len(self.root)
        packet: list[bytes] = [b"o/"]
        size = 3
        self.fed = 1
        pending = [self.root or b"/"]
        while pending:
            directory = pending.pop()
            if directory in self.emptied:
                continue
            items = []
            try:
                with os.scandir(directory) as entries:
                    for entry in entries:
                        path = entry.path
                        if path in self.stops:
                            continue
                        if entry.is_file(follow_symlinks=False):
                            items.append(b"f" + path[cut:])
                            continue
                        items.append(b"o" + path[cut:])
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(path)
            except FileNotFoundError:
                pass  # it went away while we walked; what was in it is left out by the worker
            except OSError as error:
                self.errors.append("%s: %s" % (os.fsdecode(directory[cut:] or b"/"), error.strerror))
            for item in items:
                if size + len(item) > PACKET:
                    os.write(queue, b"\0".join(packet))
                    packet, size = [], 0
                if len(item) > PACKET:
                    self.errors.append("%s…: the path is too long" % os.fsdecode(item[1:200]))
                    continue
                packet.append(item)
                size += len(item) + 1
                self.fed += 1
        if packet:
            os.write(queue, b"\0".join(packet))
