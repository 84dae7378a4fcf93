"""Record the state of the machine this runs on: one file, standard library, Python 3.8 and later, run once as root.

It is sent over standard input (`python3 -I -S -B -X utf8 - SETTINGS`), so it knows no file of its own, and it leaves
nothing behind. SETTINGS is one JSON object, see `Settings`. The canonical record goes to standard output.

A baseline names the hashes of files by what tells that a file was not touched since: path, inode, size, time of content
and time of status change (ctime). With one, a file that all five describe is not read again. In containers of one image
on overlayfs, files of the lower layers show the inode and the times that they have in their layer, the same in each
container, until something writes to one, changes its owner or mode, or copies it: that makes it a file of the container
with a ctime of its own. No system call sets a ctime; only root could forge one, by turning the clock back to the very
nanosecond, and root could as well replace the Python that runs this. Where a storage driver copies files instead, or
for an image that was unpacked again, nothing matches and everything is read. Files that changed less than two seconds
before a baseline was made are left out of it: the clock of a file system is not finer than a few milliseconds.

How the work is shared out: one child process collects every small scope, one walks the tree, and one for each core
describes and hashes what the walk finds, while it goes on; the parent puts the parts in order. Whatever fails costs its
own scope only, which then says why.
"""

from __future__ import annotations

import binascii
import errno
import fcntl
import gc
import hashlib
import json
import os
import re
import select
import signal
import stat
import sys
import time
from contextlib import suppress

TYPE_CHECKING = False  # as typing's, without the time that importing typing takes
if TYPE_CHECKING:
    from typing import IO, Any, Callable, Iterator

# A configuration file beyond this is data, not something that a person reads in a report.
TEXT_LIMIT = 64 * 1024
# Databases and lists that are parsed: dpkg's status file is the largest one, a few MB on a large server.
PARSED_LIMIT = 64 * 1024 * 1024
# Files at least this large are hashed block by block without their blocks of zeros, so that a sparse file costs what
# it holds. The rule depends on the size alone: equal content gives an equal hash, sparse or not.
LARGE_FILE = 256 * 1024 * 1024
# More data than this in one file is not hashed: it would take minutes, and the record says so.
HASH_LIMIT = 32 * 1024 * 1024 * 1024
BLOCK = 1024 * 1024
# What a pipe in packet mode keeps together (PIPE_BUF), and so the most that a worker takes from the queue at once. No
# path is longer: the kernel's limit for a path (PATH_MAX) is the same.
PACKET = 4096
# Files beyond this are left for the end, when they fill up whichever worker is done with the small ones.
LATER = 1024 * 1024
# So much a worker keeps before it hands it over.
BATCH = 256 * 1024
COMMAND_SECONDS = 20
COMMAND_BYTES = 8 * 1024 * 1024
SCOPE_SECONDS = 60

# The caller puts the baseline here, as a run with the setting `make_baseline` wrote it.
BASELINE = b""
# See the docstring: what changed this short a time before a baseline is not in it.
BASELINE_AGE = 2 * 10**9

SEPARATORS = (",", ":")
encode = json.JSONEncoder(sort_keys=True, separators=SEPARATORS).encode
encode_key = json.encoder.encode_basestring_ascii
sha256 = hashlib.sha256


def hash_of(data: bytes) -> str:
    """The hash of some content: SHA-256, for which processors have instructions; it runs twice as fast as BLAKE2."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


class OutOfTime(Exception):  # noqa: N818 - it is raised by a timer, not by a mistake
    """A scope used up its time."""


class NobodyWaits(Exception):  # noqa: N818 - see above
    """Whoever asked for the record is gone."""


class Settings:
    """What the caller asks for; every part may be left out of the JSON object."""

    def __init__(self, given: dict[str, Any]) -> None:
        unknown = set(given) - {"text", "probes", "exclude", "scopes", "root", "make_baseline", "lifeline"}
        if unknown:
            raise ValueError("unknown settings: " + ", ".join(sorted(unknown)))
        self.root = given.get("root") or "/"
        self.prefix = "" if self.root == "/" else self.root.rstrip("/")
        self.text = [re.compile(pattern) for pattern in given.get("text") or []]
        self.exclude = list(given.get("exclude") or [])
        self.probes = list(given.get("probes") or [])
        self.scopes = given.get("scopes")
        self.make_baseline = bool(given.get("make_baseline"))
        # The number of an open file whose other end is open for as long as somebody waits for the record.
        self.lifeline = given.get("lifeline")


# --- reading the machine ---------------------------------------------------------------------------------------------


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


class Scope:
    """What a scope gathers: objects by key, and the reasons why something is missing."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.reasons: list[str] = []
        self.unavailable = ""
        # What the record says of the machine without comparing it: it differs from moment to moment.
        self.meta: dict[str, Any] = {}

    def missing(self, reason: str) -> None:
        """Say that a part of the scope could not be collected."""
        reason = redact(" ".join(reason.split()))
        if reason not in self.reasons:
            self.reasons.append(reason)


# --- secrets ---------------------------------------------------------------------------------------------------------

REDACTED = "[redacted]"
_HIDING = (
    r"(?:(?<!by)(?<!com)(?<!tres)pass(?:word|wd|phrase|code|(?:_\d+)?(?![\w-]))|pwd|secret|token(?!s)|credentials?|psk|jwt"
    r"|(?:api|access|private|secret|shared|account|encryption|signing|license|master|app|fastopen|pre-?shared)[-_]?key|master-?auth|community"
    # The name of what holds or limits one, and the tags of sudo's rules.
    r"|(?:(?-i:(?<=_)AUTH)|(?<![\w-])key)(?==))(?!(?-i:(?<=PASSWD):\s))"
    r"(?![-_.]?(?:s?[-_]?file|s?[-_]?path|s?[-_]?dir|name|limit|length|policy|timeout|tries|type|url|ttl|rounds|max"
    r"|prompt|header|command|iz))"
)
_SECRET_NAME = r"(?i)%s(?![a-z])|auth_?key" % _HIDING
# What is no secret whatever it is called: a file, a variable, a switch, the sources of nsswitch.conf.
_PLAIN = (
    r"(?![\"']?(?:(?:file|env|fd):|/(?:etc|run|var|usr|srv|opt|home|root|mnt|proc)/"
    r"|\"\"|''|\$\w{1,64};|(?:(?-i:\$\{?[A-Z_]{2,64}\}?)|yes|no|on|off|true|false|none|null|files|compat|for|is|to)(?:[\s\"',;)]|$)))"
)
# In quotes, which somebody may have forgotten to close, or up to what ends a word.
_VALUE = _PLAIN + r"""("[^"]*"|'[^']*'|"[^"\n]*|'[^'\n]*|[^\s"',;]+)"""
# No pattern begins with a repetition, or has one without bound within another: each takes time in proportion to the
# text, however hostile that is. They are compiled when the first text comes, which is not while files wait.
_SECRETS = (
    # name=value and name: value, the name with a suffix (DB_PASSWORD_1); then --name value
    r"(?i)(%s[\w-]{0,64}[\"']?\s*(?:[=!]?=[>~]?|:)\s*)%s" % (_HIDING, _VALUE),
    r"(?i)(\s--?[\w-]{0,64}?%s[\w-]{0,64}\s+)(?!-)%s" % (_HIDING, _VALUE),
    r"(?i)\b((?:bearer|basic)\s+)[\w+/=.~-]{6,}",
    # headers, in which a scheme or the name of a cookie comes first; in quotes all is theirs
    r"(?i)([\"'](?:proxy-)?(?:authorization|cookie)\s*:\s*)[^\"'\n]+",
    r"(?i)\b((?:authorization|cookie)[\"']?(?:\s*:\s*|\s+)(?!\"\"|'')[\"']?(?:(?:bearer|basic|token|apikey)\s+)?)"
    r"(?:[\w.-]{1,64}=[^\s\"';]{1,4096};\s){0,64}" + _VALUE,
    # name value, as directives of a configuration have it
    r"(?i)((?:password|passwd|passphrase|requirepass|masterauth|secret|token|psk|community"
    r"|(?:api|access|private|auth|secret|app|pre-?shared)[-_]?key)[\"']?[ \t]+)(?!-)" + _VALUE,
    r"(?i)([?&](?:sig|signature|key|auth|code)=)[^\s\"'&;]+",
    # hashes of passwords, as crypt(3) and htpasswd write them
    r"(\$(?:apr1|y|gy|7|[156]|2[abxy])\$)(?:[\w./=,+-]{1,64}\$){1,4}[\w./+=-]{8,}",
    r"(\{S?SHA\d*\})[\w+/=]{8,}",
    # tokens that say themselves what they are
    r"\b(gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|[sr]k_live_|AKIA|ASIA|eyJ|hooks\.slack\.com/services/)[\w./+=-]{10,}",
    # user:password@ of a URL, and a token in the place of the user's name
    r"(://)(?:[^/\s:@]*:[^/\s]+|[^/\s:@]{16,})(?=@)",
    # -u user:password, but not the user and group that a program shall run as
    r"((?:\s(?:-[uU]|--(?:proxy-)?user|--auth)[\s=]*|\buser(?:name)?=)"
    r"(?!\d+:\d+\b|([\w-]{1,32}):\2\b)[^\s:=%,-][^\s:=%,]{0,64}[:%])" + _VALUE,
    # the environment of a container, of which only the names are kept, as elsewhere
    r"(\s(?:-e|--env)[\s=]+[\"']?(?!(?:PATH|HOME|TZ|LANG|LC_[A-Z]+|USER|SHELL)=)[A-Z][A-Z0-9_]{1,64}=)" + _VALUE,
    r"(\b(?:echo|printf)\s)[^|\n]{1,200}(?=\|\s?(?:sudo )?(?:/usr/s?bin/)?(?:ch)?passwd\b)",
    r"(\bhtpasswd\s{1,4}-\w{0,8}b\w{0,8}\s{1,4}\S{1,256}\s{1,4}\S{1,256}\s{1,4})" + _VALUE,
)
# Programs whose short options take a secret: what each is called, and those options.
_CLIENTS = (
    (r"(?:mysql|mariadb)\w*(?:-\w+)*|7z[ar]?", r"p"),
    (
        r"sshpass|mongo(?:sh|dump|restore|export|import)?|(?:docker|podman|nerdctl) login|user(?:add|mod)|ncftp\w*",
        r"p\s*",
    ),
    (r"redis-cli", r"a\s*"),
    (r"curl", r"b\s*(?=[\"']?[\w.-]{1,64}=)"),
    (r"snmp(?:walk|get\w*|set|bulk\w*|table|trap|inform|status)", r"[cAX]\s*"),
    (r"ldap\w+|ssh-keygen|unzip|zip|sqlcmd|tsql|ipmitool|mosquitto_\w+|openssl", r"(?:[wNP]\s*|[kK]\s+)"),
)
_CLIENT = r"\b(?:%s)\b[^|;&\n]{0,400}" % "|".join("(%s)" % names for names, _ in _CLIENTS)


def _without_options(found: re.Match[str]) -> str:
    options = _CLIENTS[(found.lastindex or 1) - 1][1]
    return re.sub(r"(\s-%s)(?!-)%s" % (options, _VALUE), r"\g<1>" + REDACTED, found.group())


# Without one of these none of the patterns matches; most texts have none.
_SUSPICIOUS = (
    r"(?i)pass|pwd|secret|token|cred|psk|jwt|key|auth|commu|bearer|basic|cookie|sig|code|\$|\{s|gh\w_|_pat_|glpat|xox|live_"
    r"|akia|asia|eyj|hooks|://|\s-[ue]|user|env|echo|printf|mysql|maria|7z|mongo|docker|podman|nerdctl|ncftp|redis|curl"
    r"|snmp|ldap|zip|sql|ipmi|mosq|openssl"
)
# The variables whose values are no secret; of all others only the names are kept.
PLAIN_VARIABLES = re.compile(
    r"PATH|HOME|SHELL|USER|LOGNAME|MAILTO|MAILFROM|CRON_TZ|TZ|EDITOR|LANG(UAGE)?|LC_\w+|\w+_proxy|\w+_PROXY"
)


def redact(text: str) -> str:
    """Text of a command line or option without the values that look like secrets."""
    if not re.search(_SUSPICIOUS, text):
        return text
    for pattern in _SECRETS:
        text = re.sub(pattern, r"\g<1>" + REDACTED, text)
    return re.sub(_CLIENT, _without_options, text)


def redact_value(name: str, value: str) -> str:
    """The value of a setting, unless the name says that it is a secret."""
    return REDACTED if re.search(_SECRET_NAME, name) else redact(value)


def variable(name: str, value: str) -> str:
    """The value of an environment variable that is known not to be a secret."""
    return redact(value) if PLAIN_VARIABLES.fullmatch(name) else REDACTED


# --- files -----------------------------------------------------------------------------------------------------------

# Not a part of the machine's state on disk. The two directories for temporary files count, what is in them does not.
LEFT_OUT = ("/proc", "/sys", "/dev", "/run")
EMPTIED = ("/tmp", "/var/tmp")
# File systems that hold files; everything else (proc, tmpfs, cgroup, network and FUSE file systems) is not walked.
FILE_SYSTEMS = {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "overlay", "vfat", "bcachefs"}
# The content of these is compared by what it means, in other scopes; the bytes differ between equal machines,
# and some hold password hashes.
PARSED_FILES = frozenset(
    [
        "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid",
        "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-",
        "/var/lib/dpkg/status", "/var/lib/dpkg/status-old", "/var/lib/dpkg/available", "/var/lib/dpkg/available-old",
        "/var/lib/dpkg/diversions", "/var/lib/dpkg/diversions-old",
        "/var/lib/dpkg/statoverride", "/var/lib/dpkg/statoverride-old",
        "/var/lib/apt/extended_states", "/var/lib/ucf/hashfile", "/var/lib/ucf/registry",
        "/var/cache/debconf/config.dat", "/var/cache/debconf/config.dat-old",
        "/var/cache/debconf/templates.dat", "/var/cache/debconf/templates.dat-old", "/var/cache/debconf/passwords.dat",
    ]
)  # fmt: skip
GENERATED = re.compile(
    r"""/__pycache__(/|$)
    | ^/etc/(ld\.so\.cache|machine-id|\.pwd\.lock|mailcap|adjtime|ssh/ssh_host_\w+_key(\.pub)?
            |(passwd|group|shadow|gshadow|subuid|subgid)-?)$
    | ^/etc/ssl/certs/ | ^/boot/(initrd|grub/)
    | ^/usr/(lib|share)/.*/(gconv-modules\.cache|giomodule\.cache|loaders\.cache|mime\.cache|icon-theme\.cache)$
    | ^/usr/lib/locale/(locale-archive|\w+\.utf8(/|$)) | ^/usr/share/info/dir
    | ^/usr/lib/modules/[^/]+/modules\.
    | ^/var/(cache|log|backups)/
    | ^/var/lib/(dpkg|apt|systemd|ucf|dbus|private|misc|logrotate|pam|python|initramfs-tools)/
    """,
    re.VERBOSE,
)
# A certificate's bundle or a key is not configuration text, whatever the list of text files says.
PRIVATE_KEY = b"PRIVATE KEY-----"
TYPES = {
    stat.S_IFDIR: "dir", stat.S_IFREG: "file", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket", stat.S_IFCHR: "char", stat.S_IFBLK: "block",
}  # fmt: skip
CAPABILITIES = (
    "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service "
    "net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin "
    "sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override "
    "mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore"
).split()
ACL_TAGS = {1: "user:", 2: "user:", 4: "group:", 8: "group:", 16: "mask:", 32: "other:"}


def unescape(text: str) -> str:
    """A path as in mountinfo, whose blanks are written as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), text)


def mounts(machine: Machine) -> list[tuple[str, str, str, str, str, str]]:
    """(mount point, device, root, type, source, options) of what is mounted below the root."""
    found = []
    for line in machine_mountinfo().split("\n"):
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        kind = right.split(" ")
        if len(fields) < 6 or len(kind) < 3:
            continue
        point = unescape(fields[4])
        if machine.prefix:
            if not point.startswith(machine.prefix + "/"):
                continue
            point = point[len(machine.prefix) :]
        options = ",".join(sorted(set(fields[5].split(",")) | set(kind[2].split(","))))
        found.append((point, fields[2], unescape(fields[3]), kind[0], unescape(kind[1]), options))
    return found


def machine_mountinfo() -> str:
    """The kernel's list of mounts; it has no size, so it is read to its end."""
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            return file.read(PARSED_LIMIT).decode("utf-8", "surrogateescape")
    except OSError:
        return ""


HOSTS = "/etc/hosts"
ENGINE_NAMES = re.compile(r"(localhost|ip6-(localhost|loopback|localnet|mcastprefix|allnodes|allrouters))$")


def added_hosts(text: str, own: list[str], hostname: str) -> str:
    """The lines of a hosts file but for those that an engine writes: this machine's name, and the names of IPv6."""
    added = []
    for line in significant(text):
        address, *names = line.partition("#")[0].split()
        engines = ":" in address and all(ENGINE_NAMES.match(name) for name in names)
        if not engines and not (address in own and set(names) <= {hostname, hostname.partition(".")[0]}):
            added.append(" ".join([address, *names]) + "\n")
    return "".join(added)


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
        self.emptied = {self.root + os.fsencode(path) for path in EMPTIED}
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


class Origins:
    """Who accounts for a file: what dpkg, update-alternatives, ucf and systemctl have written down."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.packages: dict[str, str] = {}
        self.listed: dict[str, int] = {}
        self.checked: set[str] = set()
        self._sums: dict[str, dict[str, str]] = {}
        self.conffiles = {path: (name, digest) for path, name, digest, _ in conffiles(machine)}
        self.diversions = {to: package for _, to, package in diversions(machine)}
        self.diverted = {source: (to, package) for source, to, package in diversions(machine)}
        self.alternatives = alternative_links(machine)
        self.ucf = ucf_files(machine)
        self._read_lists()

    def _read_lists(self) -> None:
        directory = "/var/lib/dpkg/info/"
        for name in self.machine.names(directory):
            package, dot, kind = name.rpartition(".")
            if not dot:
                continue
            if kind == "list":
                paths = self.machine.merged_names(self.machine.text(directory + name)).split("\n")
                self.packages.update(dict.fromkeys(paths, package))
                try:
                    self.listed[package] = os.lstat(self.machine.prefix + directory + name).st_mtime_ns
                except OSError:
                    continue
            elif kind == "md5sums":
                self.checked.add(package)
        for source, (to, package) in self.diverted.items():
            # The file that was diverted lives on under its new name; the old name is the diverting package's.
            owner = self.packages.get(source)
            if owner and owner != package:
                self.packages[to] = owner
        for path in list(self.diverted):
            if self.diverted[path][1] not in ("", ":"):
                self.packages[path] = self.diverted[path][1]

    def digest(self, package: str, path: str) -> str:
        """The md5 sum that the package came with, "" if it lists none."""
        sums = self._sums.get(package)
        if sums is None:
            text = self.machine.text("/var/lib/dpkg/info/" + package + ".md5sums")
            sums = {}
            for line in text.split("\n"):
                digest, _, name = line.partition("  ")
                if name:
                    sums[self.machine.merged_names("/" + name)] = digest
            self._sums[package] = sums
        return sums.get(path, "")

    def of(self, path: str, kind: int, status: os.stat_result) -> tuple[dict[str, Any], str, bool]:
        """The origin, the md5 sum to check against ("" for none), and whether no check is needed."""
        conffile = self.conffiles.get(path)
        if conffile:
            return {"kind": "conffile", "package": conffile[0].partition(":")[0]}, conffile[1], False
        diversion = self.diversions.get(path)
        if diversion is not None:
            return {"kind": "diversion", "package": diversion}, "", False
        package = self.packages.get(path)
        if package:
            if kind == stat.S_IFDIR:
                # Many packages share a directory: naming one of them would make equal directories differ.
                return {"kind": "package"}, "", False
            origin = {"kind": "package", "package": package.partition(":")[0]}
            if kind != stat.S_IFREG or package not in self.checked:
                return origin, "", False
            if status.st_mtime_ns <= self.listed.get(package, 0):
                return origin, "", True
            return origin, self.digest(package, path), False
        owner = self.ucf.get(path)
        if owner:
            return {"kind": "ucf", "package": owner[0]}, owner[1], False
        if path in self.alternatives:
            return {"kind": "alternative"}, "", False
        if kind == stat.S_IFLNK and ENABLEMENT.match(path):
            return {"kind": "enablement"}, "", False
        if path in PARSED_FILES or GENERATED.search(path):
            return {"kind": "generated"}, "", False
        return {"kind": "nobody"}, "", False


ENABLEMENT = re.compile(
    r"/etc/systemd/(system|user)/([^/]+\.(wants|requires|upholds)/)?[^/]+$|/etc/rc[0-6S]\.d/[SK]\d\d"
)


def identity(status: os.stat_result) -> str:
    """What stays the same of a file as long as nobody touches it."""
    return "%d %d %d %d " % (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_baseline() -> dict[str, str]:
    """Path → identity, hash and md5 sum ("-" for none) of the baseline that came with this program."""
    if not BASELINE:
        return {}
    import zlib  # noqa: PLC0415 - most records have no baseline

    items = zlib.decompress(binascii.a2b_base64(BASELINE)).decode("utf-8", "surrogateescape").split("\0")
    return dict(zip(items[::2], items[1::2]))  # noqa: B905 - strict came with Python 3.10


def write_baseline(output: IO[bytes], entries: list[bytes]) -> None:
    """Write what the workers found for a baseline: a line with what a later run takes as BASELINE."""
    import zlib  # noqa: PLC0415 - see above

    packed = binascii.b2a_base64(zlib.compress(b"\0".join(filter(None, entries)), 1), newline=False)
    output.write(b'{"baseline": "' + packed + b'"}\n')


READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class Describer:
    """Turns paths into the lines of the `files` scope; runs in a hash worker."""

    def __init__(self, machine: Machine, origins: Origins) -> None:
        self.machine = machine
        self.origins = origins
        self.buffer = memoryview(bytearray(BLOCK))
        self.zeros = bytes(BLOCK)
        self.by_inode: dict[tuple[int, int], dict[str, Any]] = {}
        self.paths: list[str] = []
        self.lines: list[str] = []
        # Which of `lines` are of an object that has other names, too: (number of the line, device, inode).
        self.linked: list[tuple[int, int, int]] = []
        self.size = 0
        self.done = 0
        self.hashed = 0
        self.hashed_bytes = 0
        self.reused = 0
        # Path and entry by turns, of files that were last touched before `made_until`.
        self.made: list[str] = []
        self.made_until = time.time_ns() - BASELINE_AGE if machine.settings.make_baseline else 0
        self.baseline = read_baseline()
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
                known = self.content(file, path, status, check=digest != "")
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

    def content(self, file: int, path: str, status: os.stat_result, *, check: bool) -> dict[str, Any]:
        """Size, hash and, for `check`, md5 sum of an open file; or why there is no hash."""
        inode = (status.st_dev, status.st_ino)
        known = self.by_inode.get(inode) if status.st_nlink > 1 else None
        if known is not None and check and "md5" not in known:
            known = None  # it was read under a name that has nothing to be checked against
        if known is None and self.baseline:
            known = self.known_from_baseline(path, status, check=check)
        if known is None:
            known = self.read(file, status, check=check)
        if status.st_nlink > 1:
            self.by_inode[inode] = known
        if status.st_ctime_ns < self.made_until and "hash" in known:
            self.made += (path, identity(status) + known["hash"] + " " + known.get("md5", "-"))
        return known

    def known_from_baseline(self, path: str, status: os.stat_result, *, check: bool) -> dict[str, Any] | None:
        """What the baseline knows of a file that was not touched since; None if it has to be read."""
        same = identity(status)
        entry = self.baseline.get(path, "")
        if not entry.startswith(same):
            return None
        digest, _, md5 = entry[len(same) :].partition(" ")
        if check and md5 == "-":
            return None
        self.reused += 1
        known = {"size": status.st_size, "hash": digest}
        if md5 != "-":
            known["md5"] = md5
        return known

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

    def read(self, file: int, before: os.stat_result, *, check: bool) -> dict[str, Any]:
        """Hash an open file; `check` also computes its md5 sum. A file that keeps changing is marked as unstable."""
        if before.st_blocks * 512 > HASH_LIMIT:
            return {"size": before.st_size, "error": "more than %d bytes of data, not hashed" % HASH_LIMIT}
        for _ in range(3):
            known = self.digest(file, before.st_size, check=check)
            after = os.fstat(file)
            if (
                after.st_ctime_ns == before.st_ctime_ns
                and after.st_mtime_ns == before.st_mtime_ns
                and after.st_size == before.st_size
            ):
                self.hashed += 1
                self.hashed_bytes += before.st_size
                return known
            before = after
            os.lseek(file, 0, os.SEEK_SET)
        return {"unstable": True}

    def digest(self, file: int, size: int, *, check: bool) -> dict[str, Any]:
        """Size, hash and, for `check`, md5 sum of an open file."""
        known: dict[str, Any] = {"size": size}
        if size >= LARGE_FILE:
            known["hash"] = "sha256-blocks:" + self.blocks(file, size)
            return known
        md5 = new_md5() if check else None
        hasher = sha256()
        left = size
        while left > 0:
            # Into one buffer that stays in the processor's cache: a new one for each file costs more than hashing it.
            count = os.readv(file, [self.buffer])
            if not count:
                break
            part = self.buffer[:count]
            hasher.update(part)
            if md5:
                md5.update(part)
            left -= count
        known["hash"] = "sha256:" + hasher.hexdigest()
        if md5:
            known["md5"] = md5.hexdigest()
        return known

    def blocks(self, file: int, size: int) -> str:
        """Hash of (number, content) of the blocks that are not all zeros, which skips the holes of a sparse file."""
        hasher = hashlib.sha256()
        offset = 0
        while offset < size:
            try:
                offset = os.lseek(file, offset, os.SEEK_DATA)
            except OSError:
                break  # only a hole is left
            offset -= offset % BLOCK
            count = os.preadv(file, [self.buffer], offset)
            if not count:
                break
            if self.buffer[:count] != self.zeros[:count]:
                hasher.update(b"%d:" % (offset // BLOCK))
                hasher.update(self.buffer[:count])
            offset += count
        return hasher.hexdigest()

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


def new_md5() -> Any:
    """An md5 sum, or None where the system forbids md5 (FIPS)."""
    try:
        return hashlib.md5()  # noqa: S324 - dpkg keeps md5 sums, there is nothing else to compare with
    except ValueError:
        return None


def capability_text(value: bytes) -> str:
    """A file's capabilities as getcap writes them; hex for a layout of the kernel's that is not known here."""
    revision = value[3] if len(value) >= 4 else 0
    words = [int.from_bytes(value[at : at + 4], "little") for at in range(0, len(value), 4)]
    if revision not in (2, 3) or len(words) < 5:
        return value.hex()
    flag = "e" if words[0] & 1 else ""
    permitted = words[1] | words[3] << 32
    inheritable = words[2] | words[4] << 32
    groups = []
    for held, bits in (
        ("ip", permitted & inheritable),
        ("p", permitted & ~inheritable),
        ("i", inheritable & ~permitted),
    ):
        if bits:
            groups.append(capability_names(bits) + "+" + flag + held)
    text = " ".join(groups)
    return text + (" [rootid=%d]" % words[5] if revision == 3 and len(words) > 5 else "")


def capability_names(bits: int) -> str:
    """The names of a set of capabilities, joined by commas."""
    return ",".join(
        "cap_" + CAPABILITIES[bit] if bit < len(CAPABILITIES) else str(bit) for bit in range(64) if bits >> bit & 1
    )


def acl_text(value: bytes, machine: Machine) -> str:
    """A POSIX ACL as getfacl writes it, on one line, with names."""
    entries = []
    for at in range(4, len(value) - 7, 8):
        tag = int.from_bytes(value[at : at + 2], "little")
        permission = int.from_bytes(value[at + 2 : at + 4], "little")
        number = int.from_bytes(value[at + 4 : at + 8], "little")
        who = ""
        if tag == 2:
            who = machine.users.get(number) or "#%d" % number
        elif tag == 8:
            who = machine.groups.get(number) or "#%d" % number
        bits = "".join(letter if permission & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))
        entries.append(ACL_TAGS.get(tag, "%d:" % tag) + who + ":" + bits)
    return ",".join(entries)


# --- packages --------------------------------------------------------------------------------------------------------


def paragraphs(text: str) -> list[dict[str, str]]:
    """The paragraphs of a Debian control file: lower-case field name to value, lines of a value kept."""
    found = []
    for paragraph in re.split(r"\n\n+", text.strip("\n")):
        fields: dict[str, str] = {}
        name = ""
        for line in paragraph.split("\n"):
            if line[:1] in (" ", "\t"):
                if name:
                    fields[name] += "\n" + line
            elif not line.startswith("#"):
                name, _, value = line.partition(":")
                name = name.lower()
                fields[name] = value.strip()
        if fields:
            found.append(fields)
    return found


def dpkg_status(machine: Machine) -> list[dict[str, str]]:
    """The entries of dpkg's status file, read once."""
    cached = machine.__dict__.get("dpkg_status")
    if cached is None:
        # Descriptions are most of the file and never needed: they are not split into lines.
        wanted = "Package Status Architecture Version Conffiles Depends Pre-Depends Recommends Provides".split()
        pattern = re.compile(r"(?m)^(%s):((?:.*)(?:\n[ \t].*)*)" % "|".join(wanted))
        cached = []
        for paragraph in machine.text("/var/lib/dpkg/status").split("\n\n"):
            fields = {name.lower(): value.strip(" ") for name, value in pattern.findall(paragraph)}
            if fields:
                cached.append(fields)
        machine.__dict__["dpkg_status"] = cached
    return cached


def package_key(machine: Machine, name: str, architecture: str) -> str:
    """A package's name, with its architecture where that is a foreign one."""
    return name if architecture in ("all", machine.architecture) else name + ":" + architecture


def conffiles(machine: Machine) -> list[tuple[str, str, str, str]]:
    """(path, package, md5 sum, flag) of every conffile that dpkg knows; the flag is "obsolete" or the like."""
    found = []
    for fields in dpkg_status(machine):
        name = package_key(machine, fields.get("package", ""), fields.get("architecture", ""))
        for line in fields.get("conffiles", "").split("\n"):
            parts = line.split()
            if len(parts) < 2:
                continue
            flag = parts.pop() if parts[-1] in ("obsolete", "remove-on-upgrade") else ""
            digest = parts.pop()
            path = machine.merged_names(" ".join(parts))
            found.append((path, name, digest, flag))
    return found


def diversions(machine: Machine) -> list[tuple[str, str, str]]:
    """(from, to, package) of dpkg's diversions; ":" as a package is the administrator."""
    lines = machine.merged_names(machine.text("/var/lib/dpkg/diversions")).rstrip("\n").split("\n")
    return [(lines[at], lines[at + 1], lines[at + 2]) for at in range(0, len(lines) - 2, 3)]


def alternative_links(machine: Machine) -> set[str]:
    """The paths of the links that update-alternatives maintains."""
    links = {"/etc/alternatives/" + name for name in machine.names("/etc/alternatives")} - {"/etc/alternatives/README"}
    for name in machine.names("/var/lib/dpkg/alternatives"):
        lines = machine.text("/var/lib/dpkg/alternatives/" + name).split("\n")
        if len(lines) < 2:
            continue
        links.add(machine.merged_names(lines[1]))
        at = 2
        while at + 1 < len(lines) and lines[at]:
            links.add(machine.merged_names(lines[at + 1]))
            at += 2
    return links


def ucf_files(machine: Machine) -> dict[str, tuple[str, str]]:
    """Path → (package, md5 sum) of the configuration files that ucf manages."""
    sums = {}
    for line in machine.text("/var/lib/ucf/hashfile").split("\n"):
        digest, _, path = line.partition(" ")
        if path:
            sums[path.strip()] = digest
    found = {}
    for line in machine.text("/var/lib/ucf/registry").split("\n"):
        package, _, path = line.strip().partition(" ")
        if path:
            found[path.strip()] = (package, sums.get(path.strip(), ""))
    return found


def packages(machine: Machine, scope: Scope) -> None:
    """Version, status, selection, manual or automatic, and conffiles that are not as packaged."""
    if not machine.text("/var/lib/dpkg/status"):
        scope.unavailable = "no dpkg status file"
        return
    automatic = set()
    for fields in paragraphs(machine.text("/var/lib/apt/extended_states")):
        if fields.get("auto-installed") == "1":
            automatic.add((fields.get("package"), fields.get("architecture")))
    changed: dict[str, dict[str, str]] = {}
    diverted = {source: to for source, to, _ in diversions(machine)}
    for path, name, digest, flag in conffiles(machine):
        state = conffile_state(machine, diverted.get(path, path), digest, flag)
        if state:
            changed.setdefault(name, {})[path] = state
    for fields in dpkg_status(machine):
        name = fields.get("package", "")
        architecture = fields.get("architecture", "")
        words = fields.get("status", "").split()
        if len(words) != 3 or words[2] == "not-installed":
            continue
        key = package_key(machine, name, architecture)
        attributes: dict[str, Any] = {
            "version": fields.get("version", ""),
            "architecture": architecture,
            "selection": words[0],
            "status": words[2],
        }
        if words[1] != "ok":
            attributes["flag"] = words[1]
        if words[2] == "installed":
            attributes["auto"] = bool(automatic & {(name, architecture), (name, machine.architecture)})
        listed = [package_names(",".join(fields.get(field, "") for field in each)) for each in PACKAGE_LISTS.values()]
        attributes.update((each, names) for each, names in zip(PACKAGE_LISTS, listed) if names)  # noqa: B905 - see above
        made = makes(machine, name, architecture)
        if made:
            attributes["makes"] = made
        if key in changed:
            attributes["conffiles"] = changed[key]
        scope.objects[key] = attributes


PACKAGE_LISTS = {"depends": ("pre-depends", "depends", "recommends"), "provides": ("provides",)}


def package_names(text: str) -> list[str]:
    """The names in a list of packages, without versions and architectures, those of alternatives too."""
    return sorted({re.split(r"[\s:(\[]", part.strip(), maxsplit=1)[0] for part in re.split(r"[,|]", text)} - {""})


ADDS_ACCOUNT = re.compile(r"(?m)^.*\b(?:adduser|addgroup|useradd|groupadd)\b((?:.*\\\n)*.*)$")
ACCOUNT = re.compile(r"(?<![\w/$.=-])[A-Za-z_][\w-]*(?![\w/=.(-])")
MADE_PATH = re.compile(
    r"(?<![\w/.$}])/(?:etc|var/(?:cache|lib|log|spool|mail|opt)|srv|opt)/[\w@+.-]+(?:/[\w@+.-]+)*(?<!\.)"
)
NOT_A_DIRECTORY = re.compile(r"^/usr/.*(/(bin|sbin|man\d?|doc)/|\.[^/]*$)")


def makes(machine: Machine, name: str, architecture: str) -> list[str]:
    """What a package makes that is none of its files, as far as its scripts say: words that may be accounts, and paths.

    Its own empty directories are among them: no file tells whose they are.
    """
    info = "/var/lib/dpkg/info/" + name
    if not os.path.exists(machine.prefix + info + ".list"):
        info += ":" + architecture
    found: set[str] = set()
    for script in (".preinst", ".postinst", ".postrm"):
        text = machine.text(info + script, 1 << 20)
        found.update(MADE_PATH.findall(text))
        for line in ADDS_ACCOUNT.findall(text):
            found.update(ACCOUNT.findall(line))
    paths = machine.merged_names(machine.text(info + ".list")).split("\n")
    parents = {path.rpartition("/")[0] for path in paths} | {"", "/."}
    for path in paths:
        if path.startswith("/etc/logrotate.d/"):
            found.update(MADE_PATH.findall(machine.text(path, 1 << 20)))
        if path.startswith("/usr/lib/sysusers.d/"):
            found.update(re.findall(r"(?m)^[ug]!?\s+\"?([\w-]+)", machine.text(path, 1 << 20)))
        if path not in parents and not NOT_A_DIRECTORY.search(path) and os.path.isdir(machine.prefix + path):
            found.add(path)
    return sorted(found)


def conffile_state(machine: Machine, path: str, digest: str, flag: str) -> str:
    """How a conffile is not as its package brought it: modified, missing, obsolete, or "" if it is."""
    if digest == "newconffile":
        return ""
    try:
        md5 = new_md5()
        if md5 is None:
            return ""
        md5.update(machine.bytes(path))
    except FileNotFoundError:
        return "" if flag else "missing"
    except OSError:
        return "unreadable"
    if flag == "obsolete":
        return "obsolete"
    return "" if md5.hexdigest() == digest else "modified"


# --- systemd ---------------------------------------------------------------------------------------------------------

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


def significant(text: str) -> list[str]:
    """The lines of a unit or configuration file without comments and blank ones, continued lines joined."""
    joined = re.sub(r"\\\n(?:[#;].*\n)*", " ", text)
    return [line for line in map(str.strip, joined.split("\n")) if line and line[0] not in "#;"]


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


def unit_states(machine: Machine, scope: Scope) -> dict[str, dict[str, str]]:
    """What systemd says of the units it has loaded: Id → property → value.

    Asking for the properties of a unit takes it 4 ms. They are asked of each unit only where a unit file changed after
    systemd read them all; else of those with processes, as nothing else that is used here can differ from the files.
    """
    cached: dict[str, dict[str, str]] | None = machine.__dict__.get("unit_states")
    if cached is not None:
        return cached
    found: dict[str, dict[str, str]] = {}
    command = ["systemctl", "list-units", "--full", "--plain", "--no-legend", "--no-pager"]
    status, output, cut = machine.run(command)
    if status or cut:
        scope.missing("systemctl list-units: " + (cut or output.strip()[:200]))
    for line in output.split("\n"):
        words = line.split(None, 4)
        if len(words) > 3:
            found[words[0]] = {"ActiveState": words[2], "SubState": words[3]}
    asked = ["*"]
    if not units_of(machine).changed_since(units_read(machine)):
        asked = sorted({process.unit for process in all_processes(machine).values()} & set(found))
    properties = (
        "Id,ActiveState,SubState,NeedDaemonReload,Transient,FragmentPath,StateChangeTimestampMonotonic,InvocationID"
    )
    if asked:
        status, output, cut = machine.run(["systemctl", "show", "--no-pager", "--property=" + properties, "--", *asked])
        if status or cut:
            scope.missing("systemctl show: " + (cut or output.strip()[:200]))
        for paragraph in output.split("\n\n"):
            fields = dict(line.split("=", 1) for line in paragraph.split("\n") if "=" in line)
            # Which units that do not run systemd happens to remember is no part of the machine's state.
            if fields.get("Id") in found:
                found[fields["Id"]] = fields
    machine.__dict__["unit_states"] = found
    return found


def units_read(machine: Machine) -> float:
    """When systemd last read all unit files, in seconds since 1970; 0.0 where it does not say so (before v250)."""
    manager = ["org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"]
    status, output, cut = machine.run(["busctl", "get-property", *manager, "UnitsLoadTimestamp"])
    found = re.match(r"t (\d+)\s*$", output)
    return int(found.group(1)) / 1e6 if found and not status and not cut else 0.0


def unit_file_states(machine: Machine, scope: Scope) -> dict[str, str]:
    """Unit file → enablement, as systemd says it.

    It takes systemd 1.5 ms for each file to find out, so it is not asked where the answer is known: a file that is
    there once, has no section [Install], and that no link of the administrator names, is static.
    """
    units = units_of(machine)
    found = {}
    asked = []
    linked = units.linked()
    for name in sorted({name for names in units.contents.values() for name in names if name.endswith(UNIT_TYPES)}):
        if name not in linked and units.is_static(name):
            found[name] = "static"
        else:
            asked.append(re.sub(r"([\\*?\[])", r"\\\1", name))
    if asked:
        command = ["systemctl", "list-unit-files", "--all", "--no-pager", "--no-legend", "--plain", "--", *asked]
        status, output, cut = machine.run(command)
        if status or cut:
            scope.missing("systemctl list-unit-files: " + (cut or output.strip()[:200]))
        for line in output.split("\n"):
            words = line.split()
            if len(words) >= 2 and words[0].endswith(UNIT_TYPES):
                found[words[0]] = words[1]
    return found


def units_of(machine: Machine) -> Units:
    """The unit files of the machine, read once."""
    if "units" not in machine.__dict__:
        machine.__dict__["units"] = Units(machine)
    units: Units = machine.__dict__["units"]
    return units


def systemd(machine: Machine, scope: Scope) -> None:
    """Units with their enablement, whether they run, their files and the settings that matter."""
    if not machine.booted:
        scope.unavailable = "not booted"
        return
    enablement = unit_file_states(machine, scope)
    states = unit_states(machine, scope)
    scope.meta["runs"] = {
        name: [fields.get("InvocationID", ""), fields.get("StateChangeTimestampMonotonic", "")]
        for name, fields in states.items()
        if name.endswith(".service") and fields["ActiveState"] == "active" and fields.get("InvocationID")
    }
    units = units_of(machine)
    # systemd lists the templates only.
    enablement.update(dict.fromkeys(units.instances() - set(enablement), "enabled"))
    names = set(enablement)
    for name, fields in states.items():
        fragment = fields.get("FragmentPath") or units.fragment(name)
        if fields.get("Transient") == "yes" or fragment.startswith("/run/systemd/transient/"):
            names.discard(name)
        elif fields["ActiveState"] == "failed" or (
            name.endswith((".service", ".socket", ".timer", ".path")) and fragment
        ):
            names.add(name)
    for name in names:
        if enablement.get(name) == "transient":
            continue
        scope.objects[name] = unit(machine, units, name, enablement.get(name, ""), states.get(name, {}))


def unit(machine: Machine, units: Units, name: str, enablement: str, state: dict[str, str]) -> dict[str, Any]:
    """The attributes of one unit."""
    attributes: dict[str, Any] = {}
    fragment = units.fragment(name)
    drop_ins = units.drop_ins(name)
    lines: list[str] = []
    for path in [fragment, *drop_ins]:
        if path:
            lines += significant(machine.text(path, 1 << 20))
    if enablement:
        attributes["enablement"] = enablement
    if name.endswith((".service", ".socket", ".timer", ".path", ".mount", ".automount", ".swap")) and "@." not in name:
        active = active_state(state)
        if active == "failed" or not ONCE_AFTER_UPDATE.search("\n".join(lines)):
            attributes["active"] = active
    if state.get("NeedDaemonReload") == "yes":
        attributes["need_reload"] = True
    if fragment:
        attributes["fragment"] = fragment
    if drop_ins:
        attributes["dropins"] = drop_ins
    if lines:
        attributes["text_hash"] = hash_of("\n".join(lines).encode("utf-8", "surrogateescape"))
        if not name.endswith((".target", ".slice")):
            properties = unit_properties(lines)
            if properties:
                attributes["properties"] = properties
    return attributes


# Active after the boots that followed an update or a first start, inactive after others.
ONCE_AFTER_UPDATE = re.compile(r"(?m)^Condition(NeedsUpdate|FirstBoot)\s*=")


def active_state(state: dict[str, str]) -> str:
    """active, inactive, failed, or restarting for a service that systemd starts again and again."""
    active = state.get("ActiveState", "inactive")
    if active == "activating":
        return "restarting" if state.get("SubState") == "auto-restart" else "inactive"
    return {"reloading": "active", "refreshing": "active", "deactivating": "inactive"}.get(active, active)


# --- apt -------------------------------------------------------------------------------------------------------------


def apt(machine: Machine, scope: Scope) -> None:
    """Sources in both formats, keys with their expiry, pins, and the configuration as apt sees it."""
    if not machine.names("/etc/apt"):
        scope.unavailable = "no apt"
        return
    keyrings = {"/etc/apt/trusted.gpg"}
    for directory in ("/etc/apt/trusted.gpg.d", "/etc/apt/keyrings"):
        keyrings |= {directory + "/" + name for name in machine.names(directory) if name.endswith((".gpg", ".asc"))}
    for path in config_files(machine, "/etc/apt/sources.list", "/etc/apt/sources.list.d", (".list", ".sources")):
        read = deb822_sources if path.endswith(".sources") else one_line_sources
        for kind, uri, suite, attributes in read(machine.text(path)):
            signed = attributes.get("signed-by", "")
            if signed.startswith("/"):
                keyrings |= set(re.split(r"[,\s]+", signed)) - {""}
            key = "source:%s %s %s" % (kind, redact(uri), suite)
            known = scope.objects.setdefault(key, {"files": [], "components": []})
            known["files"] = sorted({*known["files"], path})
            known["components"] = sorted({*known["components"], *attributes.pop("components").split()})
            known.update((name, redact_value(name, value)) for name, value in attributes.items())
    for path in sorted(keyrings):
        for fingerprint, expires in openpgp_keys(machine, path):
            known = scope.objects.setdefault("key:" + fingerprint, {"files": [], "expires": expires})
            known["files"] = sorted({*known["files"], path})
    for path in config_files(machine, "/etc/apt/preferences", "/etc/apt/preferences.d", (".pref", "")):
        for fields in paragraphs(machine.text(path)):
            if "pin" in fields:
                name = "preference:%s %s" % (fields.get("package", ""), fields["pin"])
                scope.objects[name] = {"priority": fields.get("pin-priority", ""), "file": path}
    apt_configuration(machine, scope)


def config_files(machine: Machine, file: str, directory: str, endings: tuple[str, ...]) -> list[str]:
    """The main file, if it is there, and those of its directory whose names count ("" for names without a dot)."""
    found = [file] if os.path.isfile(machine.prefix + file) else []
    for name in machine.names(directory):
        ending = os.path.splitext(name)[1]
        if ending in endings:
            found.append(directory + "/" + name)
    return found


def one_line_sources(text: str) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(type, URI, suite, attributes) of the lines of a sources.list."""
    found = []
    for line in (line.partition("#")[0].strip() for line in text.split("\n")):
        match = re.match(r"(deb|deb-src)\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s*(.*)", line)
        if match:
            kind, options, uri, suite, components = match.groups()
            attributes = {"components": components}
            for option in (options or "").split():
                name, _, value = option.partition("=")
                attributes[name.lower()] = value
            found.append((kind, uri, suite, attributes))
    return found


def deb822_sources(text: str) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(type, URI, suite, attributes) of a .sources file."""
    found = []
    for fields in paragraphs(text):
        listed = {name: fields.pop(name, "").split() for name in ("types", "uris", "suites")}
        attributes = {name: " ".join(value.split()) for name, value in fields.items()}
        attributes.setdefault("components", "")
        if "BEGIN PGP" in attributes.get("signed-by", ""):
            attributes["signed-by"] = "inline " + hash_of(fields["signed-by"].encode("utf-8", "surrogateescape"))
        attributes.pop("x-repolib-name", None)
        for kind in listed["types"]:
            for uri in listed["uris"]:
                found += [(kind, uri, suite, dict(attributes)) for suite in listed["suites"]]
    return found


def openpgp_keys(machine: Machine, path: str) -> list[tuple[str, str]]:
    """(fingerprint, date of expiry or "never") of the primary keys in a keyring; layout: RFC 4880, RFC 9580."""
    try:
        data = machine.bytes(path, 4 << 20)
    except OSError:
        return []
    if b"-----BEGIN PGP" in data:
        blocks = re.findall(
            rb"-----BEGIN PGP PUBLIC KEY BLOCK-----.*?\n\r?\n(.*?)(?:\n=.{4})?\s*-----END", data, re.DOTALL
        )
        try:
            data = b"".join(binascii.a2b_base64(block) for block in blocks)
        except ValueError:
            return []
    found: list[tuple[str, str]] = []
    created = 0
    for tag, body in openpgp_packets(data):
        if tag == 6 and len(body) > 5:
            if body[0] == 4:
                fingerprint = hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body).hexdigest()  # noqa: S324 - RFC
            else:
                fingerprint = hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).hexdigest()
            created = int.from_bytes(body[1:5], "big")
            found.append((fingerprint.upper(), "never"))
        elif tag == 2 and created and found:
            lifetime = openpgp_lifetime(body)
            if lifetime is not None:
                expires = time.strftime("%Y-%m-%d", time.gmtime(created + lifetime)) if lifetime else "never"
                found[-1] = (found[-1][0], expires)
    return found


def openpgp_packets(data: bytes) -> list[tuple[int, bytes]]:
    """(tag, body) of the packets of an OpenPGP file, as far as they can be read."""
    found = []
    at = 0
    while at + 1 < len(data) and data[at] & 0x80:
        head = data[at]
        first = data[at + 1]
        if head & 0x40:
            tag = head & 0x3F
            if first < 192:
                length, at = first, at + 2
            elif first < 224 and at + 2 < len(data):
                length, at = ((first - 192) << 8) + data[at + 2] + 192, at + 3
            else:
                length, at = int.from_bytes(data[at + 2 : at + 6], "big"), at + 6
        else:
            tag = head >> 2 & 0xF
            size = (1, 2, 4, 0)[head & 3]
            length, at = int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size
        found.append((tag, data[at : at + length]))
        at += length
    return found


def openpgp_lifetime(signature: bytes) -> int | None:
    """Seconds of validity in a self-signature (0: without end), None for another signature."""
    # Certifications and direct signatures of a primary key; those of its subkeys are of other types.
    if len(signature) < 6 or signature[0] != 4 or signature[1] not in (0x10, 0x11, 0x12, 0x13, 0x1F):
        return None
    hashed = signature[6 : 6 + int.from_bytes(signature[4:6], "big")]
    at = 0
    while at < len(hashed):
        length = hashed[at]
        at += 1
        if length >= 192:
            length, at = ((length - 192) << 8) + hashed[at] + 192, at + 1
        if length and hashed[at] & 0x7F == 9:
            return int.from_bytes(hashed[at + 1 : at + length], "big")
        at += length
    return None


def apt_configuration(machine: Machine, scope: Scope) -> None:
    """What `apt-config dump` says; it joins the files by rules that are apt's own."""
    if not machine.live:
        scope.missing("the configuration is known to a running apt-config only")
        return
    status, output, cut = machine.run(["apt-config", "dump"])
    if status or cut:
        scope.missing("apt-config: " + (cut or output.strip()[:200]))
    files = apt_configuration_files(machine)
    for name, value in re.findall(r'(?m)^(\S+) "(.*)";$', output):
        if name.startswith(("Dir::", "APT::Compressor::", "APT::Architecture-Variants")):
            continue
        shown = redact_value(name, value)
        if name.endswith("::"):
            known = scope.objects.setdefault("config:" + name, {"values": []})
            known["values"] = sorted({*known["values"], shown})
        elif shown:
            known = scope.objects["config:" + name] = {"value": shown}
        else:
            continue
        where = files.get(name.rstrip(":").lower())
        if where:
            known["files"] = where


def apt_configuration_files(machine: Machine) -> dict[str, list[str]]:
    """Setting, in small letters, → the files that say something of it; apt-config does not tell."""
    found: dict[str, list[str]] = {}
    for path in config_files(machine, "/etc/apt/apt.conf", "/etc/apt/apt.conf.d", (".conf", "")):
        text = re.sub(r"(?m)/\*(?:.|\n)*?\*/|^\s*(#|//).*$", "", machine.text(path, 1 << 20))
        above: list[str] = []
        words: list[str] = []
        for word in re.findall(r'"[^"\n]*"|[{};]|[^\s{};"]+', text):
            if word not in "{};":
                words.append(word)
                continue
            name = "::".join([*above, words[0].rstrip(":")] if words and words[0][0] != '"' else above)
            if words or word == "{":
                known = found.setdefault(name.lower(), [])
                if path not in known:
                    known.append(path)
            words = []
            if word == "{":
                above.append(name[len("::".join(above)) :].lstrip(":"))
            elif word == "}":
                above = above[:-1]
    return found


# --- dpkg ------------------------------------------------------------------------------------------------------------

LEFTOVER = re.compile(r".+\.(dpkg-(old|new|dist|tmp|bak|remove|backup)|ucf-(old|new|dist))$")


def dpkg(machine: Machine, scope: Scope) -> None:
    """What dpkg has been told to do differently, what it left unfinished, and answers given to debconf."""
    if not machine.text("/var/lib/dpkg/status"):
        scope.unavailable = "no dpkg status file"
        return
    for source, to, package in diversions(machine):
        scope.objects["diversion:" + source] = {"to": to, "package": "" if package == ":" else package}
    for line in machine.text("/var/lib/dpkg/statoverride").split("\n"):
        words = line.split(" ", 3)
        if len(words) == 4:
            scope.objects["statoverride:" + words[3]] = {"owner": words[0], "group": words[1], "mode": words[2]}
    for fields in dpkg_status(machine):
        words = fields.get("status", "").split()
        fine = ("installed", "config-files", "not-installed")
        if len(words) == 3 and (words[1] != "ok" or words[2] not in fine):
            key = package_key(machine, fields.get("package", ""), fields.get("architecture", ""))
            scope.objects["audit:" + key] = {"status": words[2], "flag": words[1]}
    for name in machine.text("/var/lib/dpkg/arch").split():
        if name not in ("all", machine.architecture):
            scope.objects["architecture:" + name] = {}
    for path in etc_files(machine):
        if LEFTOVER.match(path):
            scope.objects["leftover:" + path] = {}
    for fields in paragraphs(machine.text("/var/cache/debconf/config.dat")):
        question = fields.get("name", "")
        if question and fields.get("value"):
            scope.objects["debconf:" + question] = {"value": redact_value(question, fields["value"])}


def etc_files(machine: Machine) -> list[str]:
    """The files and links below /etc, walked once; a bound keeps a hostile tree from taking all the time."""
    cached = machine.__dict__.get("etc_files")
    if cached is None:
        cached = []
        cut = len(machine.prefix)
        for directory, _, names in os.walk(machine.prefix + "/etc"):
            cached += [os.path.join(directory, name)[cut:] for name in names]
            if len(cached) > 200000:
                break
        cached.sort()
        machine.__dict__["etc_files"] = cached
    return cached


# --- users -----------------------------------------------------------------------------------------------------------


def password_class(field: str) -> str:
    """What kind of password a field of shadow holds, never the password: locked, empty, or the algorithm."""
    if not field:
        return "empty"
    if field[0] in "!*":
        return "locked"
    found = re.match(r"\$[\w-]+\$", field)
    if found:
        return found.group(0)
    return "des" if len(field) == 13 else "locked" if field == "x" else "unknown"


def table(machine: Machine, path: str, width: int) -> list[list[str]]:
    """The lines of a colon-separated database that have at least `width` fields."""
    lines = (line.split(":") for line in machine.text(path).split("\n") if line and line[0] not in "#+-")
    return [fields for fields in lines if len(fields) >= width]


def users(machine: Machine, scope: Scope) -> None:
    """The accounts, each with its groups and the class of its password."""
    shadow = {fields[0]: fields for fields in table(machine, "/etc/shadow", 8)}
    if not shadow and os.path.exists(machine.prefix + "/etc/shadow"):
        scope.missing("/etc/shadow cannot be read")
    member: dict[str, list[str]] = {}
    for fields in table(machine, "/etc/group", 4):
        for name in fields[3].split(","):
            if name:
                member.setdefault(name, []).append(fields[0])
    for fields in table(machine, "/etc/passwd", 7):
        name = fields[0]
        attributes = {
            "uid": number(fields[2]),
            "gid": number(fields[3]),
            "gecos": redact(fields[4]),
            "home": fields[5],
            "shell": fields[6],
            "groups": sorted(member.get(name, [])),
        }
        if fields[1] != "x":
            attributes["password"] = password_class(fields[1])
        elif name in shadow:
            secret = shadow[name]
            attributes["password"] = password_class(secret[1])
            if secret[7].isdigit():
                attributes["expires"] = time.strftime("%Y-%m-%d", time.gmtime(min(int(secret[7]), 10**6) * 86400))
            # What stands there when nobody has set it is left out.
            for field, usual, days in ((3, "0", "min"), (4, "99999", "max"), (5, "7", "warning"), (6, "", "inactive")):
                if secret[field] not in ("", usual):
                    attributes["password_%s_days" % days] = number(secret[field])
            if secret[2] == "0":
                attributes["password_must_change"] = True
        else:
            attributes["password"] = "none"
        key = name
        while key in scope.objects:
            key += "#"  # a second line for a name is a trick worth seeing
        scope.objects[key] = attributes


def number(text: str) -> int | str:
    """A number if `text` is one, else the text."""
    return int(text) if text.isdigit() else text


def groups(machine: Machine, scope: Scope) -> None:
    """The groups, each with its members and the class of its password."""
    shadow = {fields[0]: fields for fields in table(machine, "/etc/gshadow", 4)}
    for fields in table(machine, "/etc/group", 4):
        name = fields[0]
        secret = shadow[name][1] if name in shadow else ("" if fields[1] == "x" else fields[1])
        attributes: dict[str, Any] = {
            "gid": number(fields[2]),
            "members": sorted(set(fields[3].split(",")) - {""}),
            # Nobody can join a group without a password, so "empty" and "locked" mean the same here.
            "password": password_class(secret) if secret else "locked",
        }
        if name in shadow and shadow[name][2]:
            attributes["administrators"] = sorted(shadow[name][2].split(","))
        scope.objects[name] = attributes


def sudoers(machine: Machine, scope: Scope) -> None:
    """The rules of sudo, line by line, with the file that each is in."""
    pending = ["/etc/sudoers"]
    seen: set[str] = set()
    while pending:
        path = pending.pop()
        if path in seen or len(seen) > 1000:
            continue
        seen.add(path)
        text = re.sub(r"\\\n", " ", machine.text(path, 1 << 20))
        for line in (" ".join(words) for words in map(str.split, text.split("\n"))):
            include = re.match(r"[@#](include|includedir) \"?([^\"]+)\"?$", line)
            if include:
                where = include.group(2)
                where = where if where.startswith("/") else os.path.dirname(path) + "/" + where
                if include.group(1) == "include":
                    pending.append(where)
                else:
                    # sudo ignores names with a dot or a tilde at the end.
                    pending += [where + "/" + name for name in machine.names(where) if not re.search(r"\.|~$", name)]
            if line and (include or not line.startswith("#") or re.match(r"#\d", line)):
                scope.objects[path + ":" + redact(line)] = {}


def authorized_keys(machine: Machine, scope: Scope) -> None:
    """The keys that let somebody in by ssh, by fingerprint."""
    patterns = authorized_keys_files(machine)
    for fields in table(machine, "/etc/passwd", 7):
        name, home = fields[0], fields[5]
        if not home.startswith("/"):
            continue
        for pattern in patterns:
            # "%%" stands for a percent sign; a name that has one itself is not worth a second thought.
            path = pattern.replace("%u", name).replace("%h", home).replace("%U", fields[2]).replace("%%", "%")
            path = os.path.join(home, path)
            for line in machine.text(path, 4 << 20).split("\n"):
                found = re.match(
                    r"\s*(?:(?P<options>[^#].*?)\s+)?(?P<type>(?:ssh|ecdsa|sk)-\S+)\s+(?P<key>AAAA\S+)\s*(?P<rest>.*)",
                    line,
                )
                if not found:
                    continue
                try:
                    blob = binascii.a2b_base64(found["key"])
                except ValueError:
                    continue
                digest = binascii.b2a_base64(hashlib.sha256(blob).digest()).decode().rstrip("=\n")
                options = redact(found["options"] or "")
                known = scope.objects.get("%s:SHA256:%s" % (name, digest))
                if known is not None:
                    # The same key once more: its other options count as well.
                    every = known.get("every_line") or [known.get("options", "")]
                    known["every_line"] = sorted([*every, options])
                    known["files"] = sorted({*known.get("files", [known["file"]]), path})
                    continue
                attributes: dict[str, Any] = {"type": found["type"], "file": path}
                if options:
                    attributes["options"] = options
                if found["rest"]:
                    attributes["comment"] = redact(found["rest"].strip())
                scope.objects["%s:SHA256:%s" % (name, digest)] = attributes


def authorized_keys_files(machine: Machine) -> list[str]:
    """Where sshd looks for keys: what its configuration says first and in its Match blocks, else its default."""
    first: list[str] = []
    matched: list[str] = []
    in_match = False
    for line in sshd_lines(machine, "/etc/ssh/sshd_config", 0):
        words = [word.strip('"') for word in re.split(r"[\s=]+", line)]
        in_match = in_match or words[0].lower() == "match"
        if words[0].lower() == "authorizedkeysfile":
            if in_match:
                matched += words[1:]
            elif not first:
                first = words[1:]
    first = first or [".ssh/authorized_keys", ".ssh/authorized_keys2"]
    return [pattern for pattern in dict.fromkeys([*first, *matched]) if pattern != "none"]


def sshd_lines(machine: Machine, path: str, depth: int) -> Iterator[str]:
    """The lines of a file of sshd's configuration, with those of what it includes in their place."""
    for line in significant(machine.text(path, 1 << 20)):
        words = re.split(r"[\s=]+", line)
        if words[0].lower() != "include" or depth > 16:
            yield line
            continue
        for pattern in words[1:]:
            where, _, name = os.path.join("/etc/ssh", pattern).rpartition("/")
            wanted = re.compile(".*".join(map(re.escape, name.split("*"))))
            for each in machine.names(where):
                if wanted.fullmatch(each):
                    yield from sshd_lines(machine, where + "/" + each, depth + 1)


def subids(machine: Machine, scope: Scope) -> None:
    """The ranges of ids that users may map into containers."""
    for kind in ("subuid", "subgid"):
        for fields in table(machine, "/etc/" + kind, 3):
            known = scope.objects.setdefault(kind + ":" + fields[0], {"ranges": []})
            known["ranges"] = sorted([*known["ranges"], fields[1] + ":" + fields[2]])


# --- cron ------------------------------------------------------------------------------------------------------------


def cron(machine: Machine, scope: Scope) -> None:
    """System and user crontabs line by line, the scripts of the cron directories, and at jobs."""
    tables = [("/etc/crontab", "")]
    tables += [("/etc/cron.d/" + name, "") for name in machine.names("/etc/cron.d") if name != ".placeholder"]
    spool = "/var/spool/cron/crontabs"
    tables += [(spool + "/" + name, name) for name in machine.names(spool)]
    for path, user in tables:
        for line in significant(machine.text(path, 1 << 20)):
            attributes: dict[str, Any] = {"file": path}
            if not user and path.startswith("/etc/cron.d/") and not re.fullmatch(r"[\w-]+", os.path.basename(path)):
                attributes["ignored"] = "cron skips files with such a name"
            job = re.match(r"(@\w+|(?:\S+\s+){4}\S+)\s+(.*)", line)
            assigned = re.match(r"([A-Za-z_]\w*)\s*=\s*(.*)", line)
            if assigned or not job:
                shown = "%s=%s" % (assigned[1], variable(assigned[1], assigned[2])) if assigned else redact(line)
                scope.objects["%s: %s" % (path, shown)] = attributes
                continue
            schedule, command = " ".join(job.group(1).split()), job.group(2)
            owner = user
            if not owner:
                # Blanks or tabs part the user from the command, as they part the columns before.
                owner, command = [*command.split(None, 1), ""][:2]
            attributes.update(schedule=schedule, user=owner, command=redact(command.strip()))
            key = "%s: %s %s %s" % (path, schedule, owner, redact(command.strip()))
            if key in scope.objects:
                # A line that stands there twice is run twice.
                attributes["times"] = scope.objects[key].get("times", 1) + 1
            scope.objects[key] = attributes
    for period in ("hourly", "daily", "weekly", "monthly", "yearly"):
        directory = "/etc/cron." + period
        for name in machine.names(directory):
            if name == ".placeholder":
                continue
            path = directory + "/" + name
            runs = os.access(machine.prefix + path, os.X_OK) and re.fullmatch(r"[\w-]+", name) is not None
            scope.objects["script:" + path] = {"period": period, "runs": runs}
    for line in significant(machine.text("/etc/anacrontab", 1 << 20)):
        job = re.match(r"(@\w+|\d+)\s+(\d+)\s+(\S+)\s+(.*)", line)
        if job:
            schedule, command = "%s days, %s minutes later" % job.group(1, 2), redact(job.group(4).strip())
            attributes = {"file": "/etc/anacrontab", "schedule": schedule, "user": "root", "command": command}
            scope.objects["/etc/anacrontab: %s %s" % (job.group(3), command)] = attributes
        else:
            assigned = re.match(r"([A-Za-z_]\w*)\s*=\s*(.*)", line)
            shown = "%s=%s" % (assigned[1], variable(assigned[1], assigned[2])) if assigned else redact(line)
            scope.objects["/etc/anacrontab: " + shown] = {"file": "/etc/anacrontab"}
    for name in machine.names("/var/spool/cron/atjobs"):
        if not name.startswith("."):
            scope.objects["at:" + name] = {"file": "/var/spool/cron/atjobs/" + name}


# --- kernel, mounts, alternatives, system ----------------------------------------------------------------------------

SYSCTL_DIRECTORIES = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
# Secrets, counters, and what the kernel derives from the size of the memory.
SYSCTL_LEFT_OUT = re.compile(
    r"_key$|_secret$|_count$|\.flush$|_mem$|_seed$|mem_max$|mem_default$|max_orphans$|max_tw_buckets$|^net\.netfilter\."
    r"|gc_thresh\d$|max_syn_backlog$|\.ipfrag_|ip6frag_|route\.max_size$|inet_peer|_pfmemalloc|optmem_max$|rt_cache"
)


def first_found(machine: Machine, directories: tuple[str, ...], ending: str) -> list[str]:
    """The files of directories of which the first hides the same name in the later ones, in order of their names."""
    found: dict[str, str] = {}
    for directory in directories:
        for name in machine.names(directory):
            if name.endswith(ending):
                found.setdefault(name, directory + "/" + name)
    return [found[name] for name in sorted(found)]


def sysctl(machine: Machine, scope: Scope) -> None:
    """What the files configure, by precedence, and what holds for the network of this machine now."""
    files = first_found(machine, SYSCTL_DIRECTORIES, ".conf")
    for path in [*files, "/etc/sysctl.conf"]:
        for line in significant(machine.text(path, 1 << 20)):
            name, equals, value = line.lstrip("-").partition("=")
            if equals:
                key = name.strip()
                # Either separator may be used; the first one decides which it is.
                if "/" in key and ("." not in key or key.index("/") < key.index(".")):
                    key = key.replace(".", "\0").replace("/", ".").replace("\0", "/")
                value = REDACTED if re.search(r"_key$|_secret$", key) else " ".join(value.split())
                scope.objects["configured:" + key] = {"value": value, "file": path}
    if not machine.live:
        scope.missing("live values are known on a running machine only")
        return
    pending = ["/proc/sys/net/core", "/proc/sys/net/ipv4", "/proc/sys/net/ipv6", "/proc/sys/net/unix"]
    while pending:
        directory = pending.pop()
        for name in machine.names(directory):
            path = directory + "/" + name
            if os.path.isdir(path):
                # Of the interfaces only the templates: which interfaces there are is not this machine's choice.
                if directory.endswith(("/conf", "/neigh")) and name not in ("all", "default"):
                    continue
                pending.append(path)
                continue
            key = path[len("/proc/sys/") :].replace("/", ".")
            if SYSCTL_LEFT_OUT.search(key):
                continue
            try:
                with open(path, "rb") as file:
                    value = " ".join(file.read(4096).decode("utf-8", "replace").split())
            except OSError:
                continue
            scope.objects["live:" + key] = {"value": value}


def alternatives(machine: Machine, scope: Scope) -> None:
    """Which program each alternative leads to, and whether the administrator chose it."""
    for name in machine.names("/var/lib/dpkg/alternatives"):
        lines = machine.text("/var/lib/dpkg/alternatives/" + name, 1 << 20).split("\n")
        if len(lines) < 2:
            continue
        attributes: dict[str, Any] = {"mode": lines[0], "link": lines[1]}
        with suppress(OSError):
            attributes["current"] = os.readlink(machine.prefix + "/etc/alternatives/" + name)
        end = lines.index("", 2) if "" in lines[2:] else len(lines)
        slaves = (end - 2) // 2
        choices = {}
        at = end + 1
        while at + 1 < len(lines) and lines[at]:
            choices[lines[at]] = number(lines[at + 1])
            at += 2 + slaves
        attributes["choices"] = choices
        scope.objects[name] = attributes


MOUNT_PASSWORD = re.compile(r"\b(pass|password|passwd)=[^,]*")


def mount_table(machine: Machine, scope: Scope) -> None:
    """What fstab asks for, and what is mounted outside the directories of the kernel and of temporary files."""
    for line in significant(machine.text("/etc/fstab", 1 << 20)):
        fields = line.split()
        if len(fields) >= 4:
            # Swap is mounted nowhere, and there may be more than one.
            point = unescape(fields[1] if fields[1].startswith("/") else fields[0])
            scope.objects["configured:" + redact(point)] = {
                "source": redact(unescape(fields[0])),
                "type": fields[2],
                "options": redact(MOUNT_PASSWORD.sub(r"\1=" + REDACTED, fields[3])),
            }
    if not machine.live:
        scope.missing("what is mounted is known on a running machine only")
        return
    for point, _, _, kind, source, options in mounts(machine):
        if point.startswith(tuple(path + "/" for path in LEFT_OUT)) or point in LEFT_OUT:
            continue
        if point in ("/etc/resolv.conf", "/etc/hostname", "/etc/hosts"):
            continue  # a container's engine puts them there
        # The layers of a container's file system are not the machine's, nor what the host's disk reserves for whom.
        wanted = [
            option
            for option in redact(MOUNT_PASSWORD.sub(r"\1=" + REDACTED, options)).split(",")
            if not re.match(r"(lowerdir|upperdir|workdir|resuid|resgid|inode64|stripe|uuid)\b", option)
        ]
        attributes = {"type": kind, "options": sorted(set(wanted))}
        if ":" in source or source.startswith("//"):
            attributes["source"] = redact(source)
        scope.objects["live:" + point] = attributes


def modules(machine: Machine, scope: Scope) -> None:
    """Kernel modules that are configured to be loaded, kept out, or given options."""
    directories = tuple(top + "/modules-load.d" for top in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"))
    for path in ["/etc/modules", *first_found(machine, directories, ".conf")]:
        # A link to /etc/modules is among them.
        for line in significant(machine.text(path, 1 << 20)):
            scope.objects.setdefault("load:" + " ".join(line.split()), {"file": path})
    directories = tuple(top + "/modprobe.d" for top in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"))
    for path in first_found(machine, directories, ".conf"):
        for line in significant(machine.text(path, 1 << 20)):
            scope.objects.setdefault(redact(" ".join(line.split())), {"file": path})


def limits(machine: Machine, scope: Scope) -> None:
    """Limits that pam_limits and systemd set for sessions and services."""
    for path in config_files(machine, "/etc/security/limits.conf", "/etc/security/limits.d", (".conf",)):
        for line in significant(machine.text(path, 1 << 20)):
            fields = line.partition("#")[0].split()
            if len(fields) == 4:
                scope.objects[" ".join(fields[:3])] = {"value": fields[3], "file": path}
    for kind in ("system", "user"):
        tops = ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
        main = [
            top + "/systemd/%s.conf" % kind
            for top in tops
            if os.path.isfile(machine.prefix + top + "/systemd/%s.conf" % kind)
        ]
        dropped = first_found(machine, tuple(top + "/systemd/%s.conf.d" % kind for top in tops), ".conf")
        for path in [*main[:1], *dropped]:
            for line in significant(machine.text(path, 1 << 20)):
                name, equals, value = line.partition("=")
                if equals and name.strip().startswith("Default"):
                    scope.objects["systemd-%s:%s" % (kind, name.strip())] = {"value": value.strip(), "file": path}


def system(machine: Machine, scope: Scope) -> None:
    """Time zone, locale, the target that the machine boots into, and whether it waits for a reboot."""
    try:
        zone = os.readlink(machine.prefix + "/etc/localtime")
        zone = zone.partition("zoneinfo/")[2] or zone
    except OSError:
        # A copy in place of the link does not tell its name, but its last line is the rule that it ends with.
        copy = machine.text("/etc/localtime", 1 << 16)
        rule = copy.rstrip("\n").rpartition("\n")[2] if copy.startswith("TZif") else ""
        zone = "a copy: " + rule if rule else machine.text("/etc/timezone", 1 << 16).strip() or "UTC"
    scope.objects["timezone"] = {"value": zone}
    for key, paths in (("locale", ("/etc/default/locale", "/etc/locale.conf")), ("environment", ("/etc/environment",))):
        values = {}
        for path in paths:
            for line in significant(machine.text(path, 1 << 20)):
                name, equals, value = line.partition("=")
                if equals:
                    value = value.strip().strip("\"'")
                    values[name.strip()] = variable(name.strip(), value)
        if values:
            scope.objects[key] = {"values": values}
    generated = [" ".join(line.split()) for line in significant(machine.text("/etc/locale.gen", 1 << 20))]
    if generated:
        scope.objects["generated-locales"] = {"values": sorted(generated)}
    for directory in ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"):
        try:
            target = os.readlink(machine.prefix + directory + "/default.target")
        except OSError:
            continue
        scope.objects["default-target"] = {"value": os.path.basename(target)}
        break
    if os.path.exists(machine.prefix + "/run/reboot-required"):
        wanting = sorted(set(machine.text("/run/reboot-required.pkgs", 1 << 20).split()))
        scope.objects["reboot-required"] = {"packages": wanting}


# --- network and processes -------------------------------------------------------------------------------------------


class Process:
    """A process as /proc shows it."""

    def __init__(self, pid: int) -> None:
        directory = "/proc/%d/" % pid
        self.pid = pid
        with open(directory + "stat", "rb") as file:
            before, _, after = file.read(4096).rpartition(b")")
        self.name = before.partition(b"(")[2].decode("utf-8", "replace")
        fields = after.split()
        self.state = fields[0].decode()
        self.parent = int(fields[1])
        self.start_ticks = int(fields[19])
        with open(directory + "cmdline", "rb") as file:
            self.words = [word.decode("utf-8", "replace") for word in file.read(1 << 16).rstrip(b"\0").split(b"\0")]
        with open(directory + "status", "rb") as file:
            status = file.read(1 << 16).decode("utf-8", "replace")
        self.uid = int(found_in(r"(?m)^Uid:\s+\d+\s+(\d+)", status) or 0)
        self.gid = int(found_in(r"(?m)^Gid:\s+\d+\s+(\d+)", status) or 0)
        self.capabilities = (found_in(r"(?m)^CapEff:\s+(\w+)", status) or "").lstrip("0")
        self.bounding = (found_in(r"(?m)^CapBnd:\s+(\w+)", status) or "").lstrip("0")
        with open(directory + "cgroup", "rb") as file:
            self.cgroup = file.read(1 << 16).decode("utf-8", "replace")
        self.unit = unit_of(self.cgroup)
        self.program = ""
        self.sockets: set[str] = set()
        self.replaced: list[str] = []

    def look_inside(self) -> None:
        """Read what needs the right to trace the process; OSError without that right."""
        directory = "/proc/%d/" % self.pid
        self.program = os.readlink(directory + "exe")
        for number_of_file in os.listdir(directory + "fd"):
            try:
                link = os.readlink(directory + "fd/" + number_of_file)
            except OSError:
                continue
            if link.startswith("socket:["):
                self.sockets.add(link[8:-1])
        with open(directory + "maps", "rb") as file:
            maps = file.read(1 << 22).decode("utf-8", "replace")
        self.replaced = re.findall(r"(?m)^\S+ r.x\S* \S+ \S+ \d+ +(/\S.*) \(deleted\)$", maps)


def found_in(pattern: str, text: str) -> str:
    """The first group of a match, "" without one."""
    found = re.search(pattern, text)
    return found.group(1) if found else ""


def unit_of(cgroup: str) -> str:
    """The systemd unit of a process, from its control groups: the last part of the path that names one."""
    for line in cgroup.split("\n"):
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers in ("", "name=systemd"):
            units = [part for part in path.split("/") if re.search(r"\.(service|scope|socket|mount|swap)$", part)]
            if units:
                name = re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found.group(1), 16)), units[-1])
                # systemd-run gives a unit without a name a number.
                return re.sub(r"^run-(?:r[0-9a-f]+|u\d+|p\d+-i\d+)(?=\.service$)", "run-N", name)
    return ""


def cpus(process: Process) -> set[int]:
    """The numbers of processors that a program may find when it asks: those there are, may be used, or are paid for."""
    found = {os.cpu_count() or 1}
    with suppress(OSError):
        found.add(len(os.sched_getaffinity(process.pid)))
    quota = cpu_quota(process.cgroup)
    # Some programs round a quota up, some down.
    return found | {int(quota), -int(-quota // 1)} if quota else found


def cpu_quota(cgroup: str, top: str = "/sys/fs/cgroup") -> float:
    """How many processors' time a process gets at most, from its control groups (both versions); 0.0 for no limit."""
    limits = []
    for line in cgroup.split("\n"):
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        names = [part for part in path.split("/") if part not in ("", "..")][:32]
        # In a container, the own group may be at the top of what is mounted there.
        for depth in range(len(names), -1, -1):
            directory = "/".join([top + ("/" + controllers if controllers else ""), *names[:depth]])
            with suppress(OSError, ValueError, IndexError, ZeroDivisionError):
                if controllers:
                    quota = first_line(directory + "/cpu.cfs_quota_us")
                    period = first_line(directory + "/cpu.cfs_period_us")
                else:
                    quota, period = first_line(directory + "/cpu.max").split()[:2]
                if float(quota) > 0:
                    limits.append(float(quota) / float(period))
    return min(limits) if limits else 0.0


def first_line(path: str) -> str:
    """The first line of one of the kernel's own small files."""
    with open(path, "rb") as file:
        return file.read(4096).decode("ascii", "replace").split("\n")[0]


def all_processes(machine: Machine) -> dict[int, Process]:
    """The processes of the machine itself: not the kernel's, not a session's, and not those that record it."""
    cached: dict[int, Process] | None = machine.__dict__.get("processes")
    if cached is not None:
        return cached
    found: dict[int, Process] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                process = Process(int(name))
            except (OSError, IndexError, ValueError):
                continue  # it ended meanwhile
            if process.state != "Z" and process.parent != 2 and process.pid != 2:
                found[process.pid] = process
    for process in found.values():
        with suppress(OSError):
            look_inside(process)
    for process in found.values():
        if not process.program:
            parent = found.get(process.parent)
            first = process.words[0]
            same = parent.program if parent is not None and parent.name == process.name else ""
            process.program = same or (first if first.startswith("/") else process.name)
    left_out = set()
    here = os.getpid()
    while here > 1:
        left_out.add(here)
        here = found[here].parent if here in found else 0
    for pid, process in found.items():
        above = pid
        while above in found and above not in left_out:
            # A process that was put into a container from outside has no parent in it.
            if found[above].parent == 0 and above != 1:
                left_out.add(above)
                break
            above = found[above].parent
        if above in left_out or (process.unit.endswith(".scope") and process.unit != "init.scope"):
            left_out.add(pid)
        if re.match(r"user@\d+\.service", process.unit):
            left_out.add(pid)
    cached = {pid: process for pid, process in found.items() if pid not in left_out}
    machine.__dict__["processes"] = cached
    return cached


def look_inside(process: Process) -> None:
    """Look into a process; in a container even root may do so only as the process's own user."""
    as_owner(process.uid, process.gid, process.look_inside)


def as_owner(uid: int, gid: int, look: Callable[[], Any]) -> Any:
    """What `look` finds, as root or, where root may not, as the user that a process belongs to."""
    try:
        return look()
    except PermissionError:
        if not uid or os.geteuid():
            raise
        os.setegid(gid)
        os.seteuid(uid)
        try:
            return look()
        finally:
            os.seteuid(0)
            os.setegid(0)


def own_root(machine: Machine) -> bool:
    """Whether the processes in /proc run in the root that is recorded, which they do not for a chroot or an image."""
    if not machine.live:
        return False
    try:
        first = os.stat("/proc/1")
        root = as_owner(first.st_uid, first.st_gid, lambda: os.stat("/proc/1/root/"))
        return os.path.samestat(root, os.stat("/"))
    except OSError:
        return False


def processes(machine: Machine, scope: Scope) -> None:
    """What runs, by unit and program, and why some of it should be restarted."""
    if not own_root(machine):
        scope.unavailable = "not booted"
        return
    members: dict[str, list[Process]] = {}
    passing = passing_units(machine)
    for process in all_processes(machine).values():
        if process.unit not in passing:
            program = process.program.replace(" (deleted)", "")
            members.setdefault("%s|%s" % (process.unit, program), []).append(process)
    newest = unit_starts(machine)
    for key, group in members.items():
        counts: dict[str, int] = {}
        for process in group:
            words = " ".join([*process.words[:1], *map(in_quotes, process.words[1:])]) or process.program
            line = redact(re.sub(r"\b\d{5,}\b", "N", words))
            counts[line] = counts.get(line, 0) + 1
        # As many processes as processors is what programs start that are told to find out the number themselves.
        found_out = cpus(group[0]) if max(counts.values()) > 1 else set()
        shown: dict[str, Any] = {
            line: "auto" if count > 1 and count in found_out else count for line, count in counts.items()
        }
        names = sorted({machine.users.get(process.uid) or "#%d" % process.uid for process in group})
        attributes: dict[str, Any] = {
            "arguments": sorted(counts),
            "user": names[0] if len(names) == 1 else names,
            "count": next(iter(shown.values())) if len(shown) == 1 else shown,
        }
        held = {process.capabilities for process in group if process.capabilities}
        if held:
            attributes["capabilities"] = sorted(
                "all" if bits == group[0].bounding else capability_names(int(bits, 16)) for bits in held
            )
        debt = sorted(
            {reason for process in group for reason in restart_debt(machine, process)}
            | unit_debt(machine, group, newest)
        )
        if debt:
            attributes["restart_debt"] = debt[:50]
        scope.objects[key] = attributes


def in_quotes(word: str) -> str:
    """A word of a command line as a shell would need it, so that what is in it can be told from what follows."""
    return word if not re.search(r"\s", word) else '"%s"' % word if '"' not in word else "'%s'" % word


# Memory that has the name of a deleted file, and files that nobody installed.
NO_LIBRARIES = ("/memfd:", "/dev/", "/SYSV", "/tmp/", "/var/tmp/", "/run/", "/[aio]")


def passing_units(machine: Machine) -> set[str]:
    """The units that do a job and end, and are at it just now: not a part of the machine's state.

    Such a unit may begin after its state was asked for and before its processes were seen. Only what is active already
    leaves processes on purpose.
    """
    found = set()
    states = unit_states(machine, Scope()) if machine.booted else {}
    for name in {process.unit for process in all_processes(machine).values()}:
        if states.get(name, {}).get("ActiveState") != "active" and name.endswith(".service"):
            units = units_of(machine)
            paths = [units.fragment(name), *units.drop_ins(name)]
            lines = [line for path in paths if path for line in significant(machine.text(path, 1 << 20))]
            if unit_properties(lines).get("Type") == "oneshot":
                found.add(name)
    return found


# What is in /etc under their names is for all that they run.
INTERPRETERS = re.compile(r"(python|perl|ruby|java|node|bash|dash|sh|php)[\d.]*$")


def script_of(process: Process) -> str:
    """The file that an interpreter was told to run, "" if it is none or was not named by its whole path."""
    program = os.path.basename(process.program.replace(" (deleted)", ""))
    script = next((word for word in process.words[1:] if not word.startswith("-")), "")
    named = script.startswith("/") and not script.startswith(("/dev/", "/proc/"))
    return script if named and INTERPRETERS.match(program) else ""


def restart_debt(machine: Machine, process: Process) -> list[str]:
    """What the process runs that is no longer what is installed: program, script or libraries were replaced."""
    reasons = []
    if process.program.endswith(" (deleted)"):
        reasons.append("deleted:" + process.program[: -len(" (deleted)")])
    script = script_of(process)
    if script and changed_after(machine, script, unit_begin([process]) + 0.5):
        reasons.append("script-newer:" + script)
    libraries = {path for path in process.replaced if path + " (deleted)" != process.program}
    return reasons + ["library:" + path for path in libraries if not path.startswith(NO_LIBRARIES)]


def unit_starts(machine: Machine) -> dict[str, float]:
    """When the newest process of each unit began: a program that reloads by new workers has read its files then."""
    try:
        with open("/proc/uptime", "rb") as file:
            booted = time.time() - float(file.read(100).split()[0])
    except (OSError, ValueError):
        return {}
    ticks = os.sysconf("SC_CLK_TCK")
    newest: dict[str, float] = {}
    for process in all_processes(machine).values():
        began = booted + process.start_ticks / ticks
        newest[process.unit] = max(began, newest.get(process.unit, 0.0))
    if machine.booted:
        for name, fields in unit_states(machine, Scope()).items():
            # A reload changes the state for a moment, though no process is new.
            changed = fields.get("StateChangeTimestampMonotonic", "0")
            if name in newest and changed.isdigit():
                newest[name] = max(newest[name], time.time() - time.monotonic() + int(changed) / 1e6)
    return newest


def unit_debt(machine: Machine, group: list[Process], newest: dict[str, float]) -> set[str]:
    """Files of a unit or its configuration that are newer than what runs; half a second allows for rounding."""
    name = group[0].unit
    if not name.endswith(".service") or name not in newest:
        return set()
    known = unit_states(machine, Scope()).get(name, {}) if machine.booted else {}
    reasons = set()
    limit = newest[name] + 0.5
    units = units_of(machine)
    oldest_allowed = unit_begin(group) + 0.5
    made_of = [path for path in [units.fragment(name), *units.drop_ins(name)] if path]
    if any(changed_after(machine, path, oldest_allowed) for path in made_of):
        reasons.add("unit-changed")
    lines = [line for path in made_of for line in significant(machine.text(path, 1 << 20))]
    for file in unit_properties(lines).get("EnvironmentFile", []):
        # Read once, as the process is started: no reload helps.
        if changed_after(machine, file.lstrip("-"), oldest_allowed):
            reasons.add("configuration-newer:" + file.lstrip("-"))
    if known.get("NeedDaemonReload") == "yes":
        reasons.add("unit-changed")
    stem = name.rpartition(".")[0].partition("@")[0]
    program = os.path.basename(group[0].program.replace(" (deleted)", ""))
    stems = {stem} if INTERPRETERS.match(program) else {stem, program}
    paths = {"/etc/" + part for part in stems} | {"/etc/%s.conf" % part for part in stems}
    for process in group:
        paths |= {word.partition("=")[2] or word for word in process.words if re.match(r"(--?[\w-]+=)?/etc/", word)}
    if stem.startswith("systemd-"):
        paths = {"/etc/systemd/%s.conf" % stem[len("systemd-") :]}
    for path in sorted(paths):
        if not os.path.isdir(path):
            if changed_after(machine, path, limit):
                reasons.add("configuration-newer:" + path)
            continue
        # What dpkg or ucf left beside a file is a finding of its own, and no program reads it by that name. A directory
        # that changed although nothing in it did has lost something.
        for directory, below, names in os.walk(path):
            below.sort()
            newer = [name for name in sorted(names) if changed_after(machine, os.path.join(directory, name), limit)]
            for child in newer:
                if len(reasons) < 50 and not LEFTOVER.match(child):
                    reasons.add("configuration-newer:" + os.path.join(directory, child))
            if not newer and lost_something(machine, directory, below, limit):
                reasons.add("configuration-removed:" + directory)
    return reasons


def lost_something(machine: Machine, directory: str, below: list[str], moment: float) -> bool:
    """Whether names were written in a directory after `moment`, though not those of the directories in it."""
    try:
        changed = os.lstat(machine.prefix + directory).st_mtime > moment
    except OSError:
        return False
    return changed and not any(changed_after(machine, os.path.join(directory, name), moment) for name in below)


def unit_begin(group: list[Process]) -> float:
    """When the oldest of the processes began, in seconds since 1970."""
    try:
        with open("/proc/uptime", "rb") as file:
            booted = time.time() - float(file.read(100).split()[0])
    except (OSError, ValueError):
        return float("inf")
    return booted + min(process.start_ticks for process in group) / os.sysconf("SC_CLK_TCK")


def changed_after(machine: Machine, path: str, moment: float) -> bool:
    """Whether the object at `path` was changed after `moment`; a package's files keep the time of their making."""
    try:
        return os.lstat(machine.prefix + path).st_ctime > moment
    except OSError:
        return False


SOCKET_TABLES = (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07"))


def listeners(machine: Machine, scope: Scope) -> None:
    """What listens on the network, with the unit and the program behind it."""
    if not own_root(machine):
        scope.unavailable = "not booted"
        return
    sockets: dict[str, list[str]] = {}
    for table_name, listening in SOCKET_TABLES:
        try:
            with open("/proc/net/" + table_name, "rb") as file:
                lines = file.read(PARSED_LIMIT).decode("ascii", "replace").split("\n")[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if len(fields) > 9 and fields[3] == listening:
                address, _, port = fields[1].partition(":")
                sockets.setdefault(fields[9], []).append(
                    "%s %s:%d" % (table_name.rstrip("6"), socket_address(address), int(port, 16))
                )
    owners: dict[str, set[tuple[str, str]]] = {}
    for process in all_processes(machine).values():
        program = os.path.basename(process.program.replace(" (deleted)", ""))
        for inode in process.sockets & sockets.keys():
            owners.setdefault(inode, set()).add((process.unit, program))
    try:
        low, high = map(int, machine_sysctl("net/ipv4/ip_local_port_range").split())
    except ValueError:
        low, high = 32768, 60999
    for inode, keys in sockets.items():
        owned = sorted(owners.get(inode, set()))
        for key in keys:
            local_port = int(key.rpartition(":")[2])
            if key.split(" ")[1].startswith("127.0.0.11:") or (not owned and low <= local_port <= high):
                continue  # Docker's own name server, or a client that waits for an answer
            attributes = scope.objects.setdefault(key, {})
            if owned:
                # A socket that systemd opened belongs to the service that it is handed to.
                attributes["unit"] = next((unit for unit, _ in reversed(owned) if unit != "init.scope"), owned[0][0])
                attributes["program"] = sorted({program for _, program in owned})


def machine_sysctl(name: str) -> str:
    """A live kernel parameter, "" if there is none."""
    try:
        with open("/proc/sys/" + name, "rb") as file:
            return file.read(4096).decode("ascii", "replace")
    except OSError:
        return ""


def socket_address(text: str) -> str:
    """An address of /proc/net, which has each word of four bytes in the processor's order."""
    import socket  # noqa: PLC0415 - see subprocess

    data = b"".join(int(text[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(text), 8))
    if len(data) == 4:
        return socket.inet_ntop(socket.AF_INET, data)
    return "[" + socket.inet_ntop(socket.AF_INET6, data) + "]"


def packet_filter(machine: Machine, scope: Scope) -> None:
    """The rules of nftables, or of iptables where there is no nft."""
    if not own_root(machine):
        scope.unavailable = "not booted"
        return
    for program, arguments, read in (
        ("nft", ["-s", "list", "ruleset"], nft_chains),
        ("iptables-save", [], iptables_chains),
        ("ip6tables-save", [], iptables_chains),
    ):
        path = next(
            (top + program for top in ("/usr/sbin/", "/sbin/", "/usr/bin/") if os.access(top + program, os.X_OK)), ""
        )
        if not path:
            continue
        status, output, cut = machine.run([path, *arguments])
        if status and "not permitted" in output:
            scope.unavailable = "reading the rules needs the capability net_admin, which this machine's root lacks"
            return
        if status or cut:
            scope.missing("%s: %s" % (program, cut or output.strip()[:200]))
            continue
        for key, rules in read(output).items():
            scope.objects["%s:%s" % (program.replace("-save", ""), key)] = {"rules": list(map(redact, rules))}
        if program == "nft":
            break


def nft_chains(text: str) -> dict[str, list[str]]:
    """table/chain → its lines, from `nft list ruleset`, without the chains that Docker makes for name resolution."""
    found: dict[str, list[str]] = {}
    place: list[str] = []
    for line in (" ".join(words) for words in map(str.split, text.split("\n"))):
        if line.endswith("{"):
            place.append(line[:-1].strip())
            found.setdefault("/".join(place), [])
        elif line == "}":
            if place:
                place.pop()
        elif line and place and "127.0.0.11" not in line and "DOCKER_" not in line:
            found["/".join(place)].append(line)
    return {key: rules for key, rules in found.items() if "DOCKER_" not in key and (rules or "/" not in key)}


def iptables_chains(text: str) -> dict[str, list[str]]:
    """table/chain → its rules, from iptables-save, without counters and Docker's name resolution."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.split("\n"):
        if line.startswith("*"):
            name = line[1:]
        elif line.startswith(":"):
            chain, policy = line[1:].split()[:2]
            if "DOCKER_" not in chain:
                found["%s/%s" % (name, chain)] = ["policy " + policy] if policy != "-" else []
        elif line.startswith("-A") and "DOCKER_" not in line and "127.0.0.11" not in line:
            found.setdefault("%s/%s" % (name, line.split()[1]), []).append(line)
    return {key: rules for key, rules in found.items() if rules and rules != ["policy ACCEPT"]}


# --- certificates ----------------------------------------------------------------------------------------------------

CERTIFICATE_NAME = re.compile(r"\.(pem|crt|cer|cert)$")
# The certificate authorities that the system trusts come from packages, hundreds of them.
TRUSTED = ("/etc/ssl/certs/", "/etc/ca-certificates/", "/etc/alternatives/")
OIDS = {
    "2.5.4.3": "CN", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
    "1.2.840.113549.1.9.1": "emailAddress", "1.2.840.113549.1.1.1": "rsa", "1.2.840.10045.2.1": "ec",
    "1.3.101.112": "ed25519", "1.3.101.113": "ed448", "1.2.840.10045.3.1.7": "256", "1.3.132.0.34": "384",
    "1.3.132.0.35": "521",
}  # fmt: skip


def certificates(machine: Machine, scope: Scope) -> None:
    """The certificates below /etc that are not the system's trusted ones, each with whether its key fits."""
    keys: dict[str, set[bytes]] = {}
    paths = [path for path in etc_files(machine) if not path.startswith(TRUSTED)]
    for path in paths:
        if not re.search(r"\.(pem|key)$", path):
            continue
        try:
            data = machine.bytes(path, 1 << 18)
        except OSError:
            continue
        blocks = pem_blocks(data, rb"(?:RSA |EC )?PRIVATE KEY")
        if blocks:
            keys[path] = {key for block in blocks for key in public_parts(block)}
    for path in paths:
        if not CERTIFICATE_NAME.search(path):
            continue
        try:
            data = machine.bytes(path, 1 << 20)
        except OSError:
            continue
        if b"-----BEGIN CERTIFICATE" not in data:
            continue
        try:
            blocks = pem_blocks(data, rb"CERTIFICATE")
            attributes, public_key = certificate(blocks[0])
        except (IndexError, ValueError, UnicodeDecodeError):
            scope.objects[path] = {"error": "not a certificate that can be read"}
            continue
        if len(blocks) > 1:
            attributes["chain"] = len(blocks)
        fitting = sorted(key for key, public in keys.items() if any(part in public_key for part in public))
        near = [key for key in keys if os.path.splitext(key)[0] == os.path.splitext(path)[0]]
        if fitting or near:
            # A key is expected beside its certificate, under the same name; another place is found by its content.
            attributes["key"] = (fitting or sorted(near))[0]
            # Of some kinds (ed25519) the public key does not stand in the private one: it may fit or not.
            if fitting or all(keys[key] for key in near):
                attributes["key_matches"] = bool(fitting) and (not near or bool({*fitting} & {*near}))
        with suppress(OSError):
            attributes["mode"] = "%04o" % (os.stat(machine.resolve(path)).st_mode & 0o7777)
        scope.objects[path] = attributes


def pem_blocks(data: bytes, kind: bytes) -> list[bytes]:
    """The decoded blocks of a kind in a PEM file."""
    found = []
    for body in re.findall(rb"-----BEGIN " + kind + rb"-----\s+([A-Za-z0-9+/=\s]+)-----END", data):
        try:
            found.append(binascii.a2b_base64(body))
        except ValueError:
            continue
    return found


def der(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """(tag, content, the whole element) of the elements of a DER sequence; IndexError or ValueError if it is none."""
    found = []
    at = 0
    while at < len(data):
        begin = at
        tag = data[at]
        length = data[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + length > len(data):
            raise ValueError
        found.append((tag, data[at : at + length], data[begin : at + length]))
        at += length
    return found


def oid(data: bytes) -> str:
    """An object identifier as text, by its short name where it is one that is used here."""
    numbers = [data[0] // 40, data[0] % 40]
    value = 0
    for byte in data[1:]:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    text = ".".join(map(str, numbers))
    return OIDS.get(text, text)


def distinguished_name(data: bytes) -> str:
    """A name as "CN=…, O=…"."""
    parts = []
    for _, part, _ in der(data):
        for _, pair, _ in der(part):
            kind, value = der(pair)[:2]
            parts.append("%s=%s" % (oid(kind[1]), value[1].decode("utf-8", "replace")))
    return ", ".join(parts)


def certificate_time(tag: int, data: bytes) -> int:
    """Seconds since 1970 of a UTCTime or GeneralizedTime."""
    text = data.decode("ascii")
    if tag == 0x17:
        text = ("20" if int(text[:2]) < 50 else "19") + text
    import calendar  # noqa: PLC0415 - it takes longer to import than everything else, and few machines need it

    return calendar.timegm(time.strptime(text[:14], "%Y%m%d%H%M%S"))


def certificate(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The attributes of an X.509 certificate, and its public key as it is encoded."""
    fields = der(der(der(data)[0][1])[0][1])
    if fields[0][0] == 0xA0:
        fields = fields[1:]
    issuer, validity, subject, key = fields[2], fields[3], fields[4], fields[5]
    begin, end = (certificate_time(tag, content) for tag, content, _ in der(validity[1])[:2])
    algorithm, bits = der(key[1])[:2]
    identifiers = der(algorithm[1])
    key_type = oid(identifiers[0][1])
    attributes: dict[str, Any] = {
        "fingerprint": hash_of(data),
        "subject": distinguished_name(subject[1]),
        "issuer_class": "self-signed" if issuer[2] == subject[2] else "ca",
        "key_type": key_type,
        "validity_days": round((end - begin) / 86400),
    }
    if issuer[2] != subject[2]:
        attributes["issuer"] = distinguished_name(issuer[1])
    if key_type == "rsa":
        attributes["key_bits"] = int.from_bytes(der(der(bits[1][1:])[0][1])[0][1], "big").bit_length()
    elif key_type == "ec" and len(identifiers) > 1:
        attributes["key_bits"] = number(oid(identifiers[1][1]))
    names = [
        name
        for tag, content, _ in fields[6:]
        if tag == 0xA3
        for _, extension, _ in der(der(content)[0][1])
        if der(extension)[0][1] == b"\x55\x1d\x11"
        for name in alternative_names(der(extension)[-1][1])
    ]
    if names:
        attributes["names"] = sorted(names)
    return attributes, bits[1]


def alternative_names(data: bytes) -> list[str]:
    """The host names and addresses that a certificate is for."""
    import socket  # noqa: PLC0415 - see subprocess

    found = []
    for tag, content, _ in der(der(data)[0][1]):
        if tag == 0x82:
            found.append(content.decode("utf-8", "replace"))
        elif tag == 0x87 and len(content) in (4, 16):
            found.append(socket.inet_ntop(socket.AF_INET if len(content) == 4 else socket.AF_INET6, content))
    return found


def public_parts(data: bytes) -> list[bytes]:
    """The bytes of a private key that are part of its public key, too: an RSA modulus or a point of a curve."""
    try:
        fields = der(der(data)[0][1])
        if len(fields) >= 3 and fields[1][0] == 0x30 and fields[2][0] == 0x04:  # PKCS #8: the key is inside
            return public_parts(fields[2][1])
        if len(fields) >= 9:  # PKCS #1: version, modulus, …
            return [fields[1][1]]
        return [der(content)[0][1][1:] for tag, content, _ in fields if tag == 0xA1]
    except (IndexError, ValueError):
        return []


# --- probes ----------------------------------------------------------------------------------------------------------

PROBE_LIMIT = 1 << 20


def probes(machine: Machine, scope: Scope) -> None:
    """What the role's own commands say; a JSON object becomes one object of the record for each of its members."""
    for probe in machine.settings.probes:
        name = probe["name"]
        try:
            status, output, cut = machine.run(probe["command"], probe.get("timeout", 10), PROBE_LIMIT)
        except OSError as error:
            status, output, cut = 127, error.strerror or "", ""
        if cut:
            scope.missing("probe %s: %s" % (name, cut))
            continue
        parsed = None
        # What the loader has to say of a library that is not there comes before.
        begin = re.search(r"(?m)^\s*\{", output)
        if begin:
            with suppress(ValueError, RecursionError):
                parsed = json.loads(output[begin.start() :])
        if isinstance(parsed, dict) and status == 0:
            for part, value in parsed.items():
                shown = without_secrets(value)
                scope.objects["%s/%s" % (name, part)] = shown if isinstance(shown, dict) else {"value": shown}
            continue
        lines = output.split("\n")
        for pattern in probe.get("drop", []):
            lines = [line for line in lines if not re.search(pattern, line)]
        text = "\n".join(lines)
        for pattern, replacement in probe.get("replace", []):
            text = re.sub(pattern, replacement, text)
        if probe.get("sort"):
            text = "\n".join(sorted(text.split("\n")))
        text = redact(text.strip())
        attributes: dict[str, Any] = {"status": status}
        if len(text) <= TEXT_LIMIT:
            attributes["text"] = text
        else:
            attributes["hash"] = hash_of(text.encode("utf-8", "surrogateescape"))
        scope.objects[name] = attributes


def without_secrets(value: Any) -> Any:
    """What a probe says, each text in it without the values that look like secrets."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    if isinstance(value, dict):
        return {
            name: redact_value(name, item) if isinstance(item, str) else without_secrets(item)
            for name, item in value.items()
        }
    return value


# --- putting the record together -------------------------------------------------------------------------------------

SCOPES = {
    # What runs comes first: it changes while the rest is read.
    "processes": processes,
    "listeners": listeners,
    "systemd": systemd,
    "packet_filter": packet_filter,
    "packages": packages,
    "apt": apt,
    "dpkg": dpkg,
    "users": users,
    "groups": groups,
    "sudoers": sudoers,
    "authorized_keys": authorized_keys,
    "subids": subids,
    "cron": cron,
    "sysctl": sysctl,
    "alternatives": alternatives,
    "mounts": mount_table,
    "modules": modules,
    "limits": limits,
    "system": system,
    "certificates": certificates,
    "probes": probes,
}


def collect_small_scopes(machine: Machine, output: int, wanted: list[str]) -> None:
    """Collect every scope but `files`, each within its time, and write them to a pipe: a header line and the lines."""

    def out_of_time(*_: object) -> None:
        raise OutOfTime

    def end(*_: object) -> None:
        raise SystemExit  # which ends a command that runs just now, too

    signal.signal(signal.SIGALRM, out_of_time)
    signal.signal(signal.SIGTERM, end)
    for name in wanted:
        scope = Scope()
        began = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, SCOPE_SECONDS)
        try:
            SCOPES[name](machine, scope)
        except OutOfTime:
            scope.missing("stopped after %d s" % SCOPE_SECONDS)
        except Exception as error:
            scope.missing("%s: %s" % (type(error).__name__, error))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for reason in machine.unread:
            scope.missing(reason)
        machine.unread.clear()
        header = status_of(scope)
        body = "\n".join(
            encode_key(key) + ": " + encode(attributes) for key, attributes in sorted(scope.objects.items())
        )
        header.update(scope=name, length=len(body), seconds=round(time.monotonic() - began, 3), meta=scope.meta)
        write_all(output, (encode(header) + "\n" + body).encode("ascii"))


def status_of(scope: Scope) -> dict[str, Any]:
    """Status and reason of a scope as the record has them."""
    if scope.unavailable:
        scope.objects.clear()
        return {"status": "unavailable", "reason": scope.unavailable}
    if scope.reasons:
        return {"status": "partial", "reason": said(scope.reasons)}
    return {"status": "ok", "reason": None}


def said(reasons: list[str]) -> str:
    """The first reasons in one line, each shortened: a path may have four thousand characters."""
    return "; ".join(reason if len(reason) <= 300 else reason[:100] + "…" + reason[-150:] for reason in reasons[:5])


def write_all(output: int, data: bytes) -> None:
    """Write to a pipe until everything is gone."""
    view = memoryview(data)
    while view:
        view = view[os.write(output, view) :]


def in_child(work: Callable[[int], None]) -> tuple[int, int]:
    """Run `work` in a child process; (pid, the end of a pipe from which its results are read)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    status = 1
    try:
        os.close(reading)
        work(writing)
        status = 0
    except BaseException as error:
        sys.stderr.write("collector: %s: %s\n" % (type(error).__name__, error))
        sys.stderr.flush()
    finally:
        os._exit(status)


def packets(capacity: int = 0) -> tuple[int, int]:
    """The two ends of a pipe in packet mode, where one call reads what one call wrote; how many pages fit in it."""
    reading, writing = os.pipe2(os.O_DIRECT | os.O_CLOEXEC)
    if capacity:
        with suppress(OSError):
            fcntl.fcntl(writing, 1031, capacity)  # F_SETPIPE_SZ, which has its name since Python 3.10
    return reading, writing


def walk_work(machine: Machine, queue: int, output: int) -> None:
    """Feed the queue and write how many paths there were."""
    walk = Walk(machine)
    walk.feed(queue)
    write_all(output, encode({"fed": walk.fed, "skipped": walk.errors[:5], "length": 0}).encode() + b"\n")


def hash_work(describer: Describer, queue: int, large: tuple[int, int], output: int) -> None:
    """Take paths from the queue until it has ended, then the large files that all workers left for later."""
    reading, writing = large
    os.set_blocking(writing, False)

    def later(item: bytes) -> bool:
        try:
            return os.write(writing, item) > 0
        except BlockingIOError:
            return False  # there are so many that the order does not matter

    take_all(describer, queue, later, output)
    os.close(writing)
    take_all(describer, reading, lambda _: False, output)
    totals = {
        "done": describer.done,
        "hashed": describer.hashed,
        "bytes": describer.hashed_bytes,
        "reused": describer.reused,
        "skipped": describer.skipped[:5],
    }
    write_all(output, encode(dict(totals, length=0)).encode() + b"\n")


def take_all(describer: Describer, queue: int, later: Callable[[bytes], bool], output: int) -> None:
    """Describe what comes from a queue, and hand it over in batches."""
    while True:
        packet = os.read(queue, PACKET)
        if packet:
            describer.take(packet, later)
        if describer.lines and (not packet or describer.size > BATCH):
            hand_over(describer, output)
        if not packet:
            return


def hand_over(describer: Describer, output: int) -> None:
    """Write the lines that a worker has, with their paths, and what it has for a baseline."""
    sections = ["\0".join(describer.paths), "\n".join(describer.lines), "\0".join(describer.made)]
    data = [section.encode("utf-8", "surrogateescape") for section in sections]
    lengths = [len(section) for section in data]
    header = {"sections": lengths, "linked": describer.linked, "length": sum(lengths)}
    write_all(output, b"".join([encode(header).encode(), b"\n", *data]))
    for part in (describer.paths, describer.lines, describer.made, describer.linked):
        part.clear()
    describer.size = 0


def receive(pipes: list[int], *, lifeline: int | None) -> Iterator[tuple[int, dict[str, Any], bytes]]:
    """The (pipe, header, body) of what children write, as it comes, until each has ended; half a part is left out.

    NobodyWaits when the other end of standard output or of the `lifeline` is closed.
    """
    buffers = {pipe: bytearray() for pipe in pipes}
    poll = select.poll()
    for pipe in pipes:
        poll.register(pipe, select.POLLIN)
    for end in {1, 1 if lifeline is None else lifeline}:
        poll.register(end, 0)
    while buffers:
        for pipe, events in poll.poll():
            if pipe not in buffers:
                if events & (select.POLLHUP | select.POLLERR):
                    raise NobodyWaits
                poll.unregister(pipe)
                continue
            data = os.read(pipe, 1 << 20)
            if not data:
                del buffers[pipe]
                poll.unregister(pipe)
                os.close(pipe)
                continue
            buffer = buffers[pipe]
            buffer += data
            while True:
                end = buffer.find(b"\n")
                if end < 0:
                    break
                header = json.loads(bytes(buffer[:end]))
                size = end + 1 + header["length"]
                if len(buffer) < size:
                    break
                yield pipe, header, bytes(buffer[end + 1 : size])
                del buffer[:size]


class FilesResult:
    """The `files` scope, put together from what the walk and the workers send."""

    def __init__(self) -> None:
        self.header: dict[str, Any] = {"status": "ok", "reason": None}
        self.hashed = {"files": 0, "bytes": 0, "reused": 0}
        self.baseline: list[bytes] = []
        self._found: list[tuple[str, bytes]] = []
        self._linked: dict[tuple[int, int], list[int]] = {}
        self._reasons: list[str] = []
        self._fed = -1
        self._done = 0

    def add(self, header: dict[str, Any], body: bytes) -> None:
        """Take in a part."""
        if "sections" in header:
            of_paths, of_lines, _ = header["sections"]
            paths = body[:of_paths].decode("utf-8", "surrogateescape").split("\0")
            for number, device, inode in header["linked"]:
                self._linked.setdefault((device, inode), []).append(len(self._found) + number)
            self._found += zip(paths, body[of_paths : of_paths + of_lines].split(b"\n"))  # noqa: B905 - since Python 3.10
            self.baseline.append(body[of_paths + of_lines :])
            return
        self._reasons += header["skipped"]
        self._fed = header.get("fed", self._fed)
        if "done" in header:
            self._done += header["done"]
            for total, of_one in (("files", "hashed"), ("bytes", "bytes"), ("reused", "reused")):
                self.hashed[total] += header[of_one]

    def finish(self) -> list[bytes]:
        """The lines in order, each with all names of its object; sets the header."""
        found = self._found
        for numbers in self._linked.values():
            if len(numbers) > 1:
                first = min(found[number][0] for number in numbers)
                for number in numbers:
                    path, line = found[number]
                    key = encode_key(path) + ": "
                    attributes = json.loads(line[len(key) :])
                    found[number] = (path, (key + encode(dict(attributes, hardlink=first))).encode("ascii"))
        if self._fed != self._done:
            self._reasons.append(
                "a process of the collector ended early: %d of %d paths are missing"
                % (self._fed - self._done, self._fed)
            )
        if self._reasons:
            self.header = {"status": "partial", "reason": said(sorted(self._reasons))}
        found.sort()
        return [line for _, line in found]


def start_hashing(machine: Machine) -> list[tuple[int, int]]:
    """Start a process that walks the tree and a hash worker for each core: [(pid, pipe of its results)]."""
    queue, feed = packets()
    walker = in_child(lambda output: walk_work(machine, feed, output))
    os.close(feed)
    describer = Describer(machine, Origins(machine))
    large = packets(1 << 20)
    workers = [in_child(lambda output: hash_work(describer, queue, large, output)) for _ in range(os.cpu_count() or 1)]
    for end in (queue, *large):
        os.close(end)
    return [walker, *workers]


def os_release(machine: Machine) -> dict[str, str]:
    """The fields of os-release."""
    text = machine.text("/etc/os-release") or machine.text("/usr/lib/os-release")
    fields = {}
    for line in text.split("\n"):
        name, equals, value = line.partition("=")
        if equals:
            fields[name.strip()] = value.strip().strip("\"'")
    return fields


def meta(machine: Machine) -> dict[str, Any]:
    """What the record says of itself; the caller adds what only it knows."""
    release = os_release(machine)
    return {
        "recorded_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "hostname": os.uname().nodename if machine.live else machine.text("/etc/hostname").strip(),
        "os": {
            "id": release.get("ID", ""),
            "version_id": release.get("VERSION_ID", ""),
            "codename": release.get("VERSION_CODENAME", ""),
        },
        "architecture": machine.architecture,
        "python": "%d.%d.%d" % sys.version_info[:3],
        "booted": machine.booted,
        "own": {"addresses": own_addresses() if machine.live else []},
    }


def own_addresses() -> list[str]:
    """The addresses of this machine, but for loopback and those that hold on one link only."""
    tables = []
    for name in ("fib_trie", "if_inet6"):
        try:
            with open("/proc/net/" + name, "rb") as file:
                tables.append(file.read(PARSED_LIMIT).decode("ascii", "replace"))
        except OSError:
            tables.append("")
    found = set(re.findall(r"\|-- ([0-9.]+)\n +/32 host LOCAL\n", tables[0]))
    for word in re.findall(r"(?m)^([0-9a-f]{32}) \S+ \S+ 00 ", tables[1]):
        import socket  # noqa: PLC0415 - see subprocess

        found.add(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(word)))
    return sorted(address for address in found if not address.startswith("127."))


def record(settings: Settings, output: IO[bytes]) -> None:
    """Collect everything and write the canonical record."""
    began = time.monotonic()
    machine = Machine(settings)
    wanted = [name for name in SCOPES if settings.scopes is None or name in settings.scopes]
    with_files = settings.scopes is None or "files" in settings.scopes
    small_child, small_pipe = in_child(lambda pipe: collect_small_scopes(machine, pipe, wanted))
    children = [small_child]
    pipes = [small_pipe]
    files_error = ""
    if with_files:
        try:
            hashing = start_hashing(machine)
            children += [child for child, _ in hashing]
            pipes += [pipe for _, pipe in hashing]
        except Exception as error:
            files_error = "%s: %s" % (type(error).__name__, error)
    scopes: dict[str, tuple[dict[str, Any], list[bytes]]] = {}
    seconds = {}
    told: dict[str, Any] = {}
    files = FilesResult()
    try:
        for pipe, header, body in receive(pipes, lifeline=settings.lifeline):
            if pipe == small_pipe:
                scopes[header["scope"]] = (header, body.split(b"\n") if body else [])
                seconds[header["scope"]] = header["seconds"]
                told.update(header["meta"])
            else:
                files.add(header, body)
    except NobodyWaits:
        for child in children:
            os.kill(child, signal.SIGTERM)
        os._exit(1)
    files_done = time.monotonic()
    for child in children:
        os.waitpid(child, 0)
    for name in wanted:
        if name not in scopes:
            scopes[name] = ({"status": "unavailable", "reason": "the collector's process ended early"}, [])
    head = meta(machine)
    head.update(told)
    head["hashed"] = files.hashed
    if files_error:
        scopes["files"] = ({"status": "unavailable", "reason": files_error}, [])
    elif with_files:
        lines = files.finish()
        scopes["files"] = (files.header, lines)
        seconds["files"] = round(files_done - began, 3)
        if settings.make_baseline:
            write_baseline(output, files.baseline)
    seconds["total"] = round(time.monotonic() - began, 3)
    head["seconds"] = seconds
    write_record(output, head, scopes)


def write_record(
    output: IO[bytes], head: dict[str, Any], scopes: dict[str, tuple[dict[str, Any], list[bytes]]]
) -> None:
    """Write the canonical layout: one object per line."""
    write = output.write
    write(b'{"schema": 1,\n"meta": ' + encode(head).encode("ascii") + b',\n"scopes": {\n')
    for number, name in enumerate(sorted(scopes)):
        header, lines = scopes[name]
        if number:
            write(b",\n")
        write(
            (
                '"%s": {"status": "%s", "reason": %s, "objects": {\n'
                % (name, header["status"], encode(header["reason"]))
            ).encode("ascii")
        )
        # By the thousand: the whole scope as one piece would take its memory once more.
        for at in range(0, len(lines), 1000):
            write((b",\n" if at else b"") + b",\n".join(lines[at : at + 1000]))
        write(b"\n}}" if lines else b"}}")
    counts = {name: len(lines) for name, (_, lines) in scopes.items()}
    write(b'\n},\n"end": {"objects": ' + encode(counts).encode("ascii") + b"}}\n")
    output.flush()


def main() -> None:
    """Read the settings from the command line and record."""
    gc.disable()
    settings = Settings(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {})
    record(settings, sys.stdout.buffer)
    # Everything is written. Python would take apart what it holds, object by object, before it ends.
    os._exit(0)


if __name__ == "__main__":
    main()
