"""Small made-up roots, and what the collector, run as the program that is sent, says of them."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from tdi.state.program import program

PYTHON = ["-I", "-S", "-B", "-X", "utf8", "-"]


def collect_bytes(root: Path, sent: bytes | None = None, **settings):
    done = subprocess.run(
        [sys.executable, *PYTHON, json.dumps({"root": str(root), **settings})],
        input=sent or program(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    return done.stdout


def changed(sent: bytes, before: str, after: str) -> bytes:
    """The program with another line in one of its modules, whose texts stand in it as Python writes a text."""
    old, new = (line.replace("\\", "\\\\").replace("\n", "\\n").replace("'", "\\'") for line in (before, after))
    assert sent.count(old.encode()) == 1
    return sent.replace(old.encode(), new.encode())


def collect(root: Path, **settings):
    return json.loads(collect_bytes(root, **settings))["scopes"]


def files(root: Path, **settings):
    return collect(root, scopes=["files"], **settings)["files"]["objects"]


def write(root: Path, path: str, content: str | bytes = "", mode: int = 0o644) -> Path:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    file.chmod(mode)
    return file


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def status_entry(name, version="1.0", status="install ok installed", conffiles=""):
    text = f"Package: {name}\nStatus: {status}\nArchitecture: amd64\nVersion: {version}\n"
    return text + (f"Conffiles:\n {conffiles}\n" if conffiles else "") + "\n"


def two_packages(top: Path) -> Path:
    """Make a root file system with two packages."""
    write(top, "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000:Alice:/home/alice:/bin/sh\n")
    write(top, "/etc/group", "root:x:0:\nsudo:x:27:alice\nalice:x:1000:\n")
    write(
        top, "/etc/shadow", "root:*:19000:0:99999:7:::\nalice:$y$j9T$salt$hashhashhash:19000:0:99999:7::20000:\n", 0o640
    )
    conffile = md5(b"as packaged\n")
    write(
        top,
        "/var/lib/dpkg/status",
        status_entry("dpkg") + status_entry("tool", "2.0", conffiles=f"/etc/tool.conf {conffile}"),
    )
    write(top, "/etc/tool.conf", "as packaged\n")
    write(top, "/usr/bin/tool", "#!/bin/sh\n", 0o755)
    write(top, "/var/lib/dpkg/info/tool.list", "/.\n/etc\n/etc/tool.conf\n/usr\n/usr/bin\n/usr/bin/tool\n")
    digest = md5(b"#!/bin/sh\n")
    write(top, "/var/lib/dpkg/info/tool.md5sums", f"{digest}  usr/bin/tool\n")
    return top
