"""What nginx is configured to do and what it answers, as one JSON object; it is run on the machine by `python3 -c`.

The parts: `version`; `configuration` (what stands outside of servers, and the files in the order in which nginx reads
them); `read` (what nginx reads as it starts or reloads); `running` (what its processes run that is not there any
more, and what was written since the workers began that serve: asked of the processes alone); `server FILE` for each
server, an ordered tree with its locations; `unreached FILE` for what no include and no directive names; `response
FILE LISTEN PATH` for each server's answers. `file` and `files` say where a part comes from, `listeners` which sockets
follow from it, `unit` and `follows` what else may explain that it differs. `says` tells what paths mean to nginx, for
findings about them; a path with a slash at its end stands for what is below it. `reads` lists what is read once, so
that what was written since is known not to be in force; of what an include takes in, that is the pattern.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import ssl
import subprocess
import sys
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROGRAM = "/usr/sbin/nginx"
DIRECTORY = "/etc/nginx"
UNIT = "nginx.service"
PID_FILE = "/run/nginx.pid"
SECONDS = 5
MOST_SERVERS = 50
UNSTABLE_HEADERS = {"date", "last-modified", "etag", "connection"}
PATHS = ("/", "/no-such-page")
MOST_NAMES = 3

WORD = re.compile(
    r"""\s+|\#[^\n]*|(?P<mark>[{};])|(?P<word>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?:\\.|\$\{|[^\s{};])+)"""
)
# Read as nginx starts or reloads. A password file of users (`auth_basic_user_file`) is read at each request.
READ_ONCE = re.compile(
    r"((proxy|grpc|uwsgi)_)?ssl_(certificate|certificate_key|client_certificate|trusted_certificate|crl|dhparam"
    r"|password_file|session_ticket_key|stapling_file)"
)
SECRET = re.compile(r"(?i)authorization|passw|secret|token(?!s)|api[-_]?key")


def files_of(dump: str) -> dict[str, str]:
    """Each file that `nginx -T` prints, in the order in which nginx read it, with its text."""
    parts = re.split(r"(?m)^# configuration file (/.*):$", dump)
    return {parts[at]: parts[at + 1] for at in range(1, len(parts), 2)}


def directives(text: str) -> list[Any]:
    """The directives of a file, in order: (words, the directives in its block or None)."""
    stack: list[list[Any]] = [[]]
    words: list[str] = []
    for found in WORD.finditer(text):
        if found["word"]:
            words.append(found["word"])
        elif found["mark"] == ";":
            stack[-1].append((words, None))
            words = []
        elif found["mark"] == "{":
            block: list[Any] = []
            stack[-1].append((words, block))
            stack.append(block)
            words = []
        elif found["mark"] == "}" and len(stack) > 1:
            stack.pop()
    return stack[0]


def included(pattern: str, files: Iterable[str]) -> list[str]:
    """The files that an `include` takes in, in nginx's order."""
    pattern = absolute(pattern)
    same_depth = [name for name in files if name.count("/") == pattern.count("/")]
    return sorted(name for name in same_depth if fnmatchcase(name, pattern))


def expanded(name: str, files: dict[str, str], above: tuple[str, ...] = ()) -> list[Any]:
    """The directives of a file with those that it includes in their place: (words, block or None, file)."""
    return list(_expanded(directives(files.get(name, "")), name, files, (*above, name)))


def _expanded(found: list[Any], name: str, files: dict[str, str], above: tuple[str, ...]) -> Iterator[Any]:
    for words, block in found:
        if words[:1] == ["include"] and len(words) > 1:
            for other in included(words[1], files):
                if other not in above:
                    yield from expanded(other, files, above)
        else:
            yield words, None if block is None else list(_expanded(block, name, files, above)), name


def shown(found: list[Any]) -> list[Any]:
    """Directives as they stand in the record: a text, or text and block; what looks like a secret is left out."""
    tree: list[Any] = []
    for words, block, _ in found:
        secret = next((at for at, word in enumerate(words) if SECRET.search(word)), len(words))
        line = " ".join([*words[: secret + 1], *(["[redacted]"] if secret < len(words) - 1 else [])])
        if block is None:
            tree.append(line)
        elif words == ["types"]:
            tree.append([line, digest(json.dumps(shown(block)).encode())])
        else:
            tree.append([line, shown(block)])
    return tree


def digest(data: bytes) -> str:
    """A hash, as the record has those of files."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def servers(found: list[Any]) -> list[tuple[str, list[Any]]]:
    """The servers of the http block, in order: (file, directives)."""
    blocks = [block for words, block, _ in found if words == ["http"] and block is not None]
    return [(name, block) for http_block in blocks for words, block, name in http_block if words == ["server"]]


def without_servers(found: list[Any]) -> list[Any]:
    """The directives without the servers, which have objects of their own."""
    return [
        (words, None if block is None else without_servers(block), name)
        for words, block, name in found
        if words != ["server"]
    ]


def arguments(block: list[Any], name: str) -> list[list[str]]:
    """The arguments of each directive `name` in a block."""
    return [words[1:] for words, _, _ in block if words[:1] == [name]]


def everywhere(block: list[Any], name: str) -> list[str]:
    """The first argument of each directive `name` in a block and in the blocks of it, without quotes."""
    return [words[1].strip("\"'") for words in all_words(block) if words[:1] == [name] and len(words) > 1]


def server_names(block: list[Any]) -> list[str]:
    """The names that a server answers to."""
    return [name for words in arguments(block, "server_name") for name in words] or ["_"]


def meanings(file: str, block: list[Any], names: list[str]) -> dict[str, str]:
    """What the paths that a server has to do with mean: path → a clause. `names`: of all servers in its file."""
    names = list(dict.fromkeys(names))
    more = [f"{len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
    whom = f"for server name{'s' if len(names) > 1 else ''} {', '.join([*names[:MOST_NAMES], *more])}"
    said = {}
    for path in everywhere(block, "root") + everywhere(block, "alias"):
        below = path.rstrip("/") + "/"
        if "$" not in path and below != "/":
            below = below if below.startswith("/") else f"{DIRECTORY}/{below}"
            said[below] = f"nginx serves what is in {below.rstrip('/')} {whom}"
    for path in everywhere(block, "ssl_certificate") + everywhere(block, "ssl_certificate_key"):
        if "$" not in path:
            said[path if path.startswith("/") else f"{DIRECTORY}/{path}"] = f"nginx uses it {whom}"
    # The file may be a link to one that is kept elsewhere.
    return {**said, **dict.fromkeys((file, os.path.realpath(file)), f"nginx serves it {whom}")}


def address(listen: str) -> tuple[str, int] | None:
    """Host and port that a `listen` means; None for a socket in the file system."""
    host, _, port = listen.rpartition(":") if re.search(r":\d+$", listen) else ("", "", listen)
    if not port.isdigit():
        host, port = listen, "80"
    return None if listen.startswith("unix:") else ("0.0.0.0" if host in ("", "*") else host, int(port))  # noqa: S104


def ask(where: tuple[str, int], name: str, path: str, *, secure: bool) -> dict[str, Any]:
    """What a server answers: status, the headers that are stable, and the hash of the body."""
    host, port = where
    host = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))  # noqa: S104
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    if secure:
        context = ssl._create_unverified_context()  # noqa: S323, SLF001 (what is asked is this very machine)
        connection = http.client.HTTPSConnection(host, port, timeout=SECONDS, context=context)
    try:
        connection.request("GET", path, headers={"Host": name, "User-Agent": "probe"})
        answer = connection.getresponse()
        headers = {key: value for key, value in answer.getheaders() if key.lower() not in UNSTABLE_HEADERS}
        return {"status": answer.status, "headers": headers, "body": digest(answer.read(1 << 24))}
    except (OSError, http.client.HTTPException) as error:
        return {"error": getattr(error, "strerror", None) or str(error) or type(error).__name__}
    finally:
        connection.close()


def unreached(files: Iterable[str], found: list[Any], names: Iterable[str]) -> list[str]:
    """The files below the directory of the configuration that no include reaches and no directive names."""
    named = {word.strip("\"'") for words in all_words(found) for word in words[1:]}
    reached = {os.path.realpath(name if name.startswith("/") else f"{DIRECTORY}/{name}") for name in {*files, *named}}
    return [name for name in names if os.path.realpath(name) not in reached]


def all_words(found: list[Any]) -> Iterator[list[str]]:
    """The words of every directive, those in blocks too."""
    for words, block, _ in found:
        yield words
        yield from all_words(block or [])


def absolute(path: str) -> str:
    """A path as nginx understands it in its configuration."""
    path = path.strip("\"'")
    return os.path.normpath(path if path.startswith("/") else f"{DIRECTORY}/{path}")


def every(found: list[Any]) -> Iterator[list[str]]:
    """The words of every directive of a file as it was written, those in blocks too."""
    for words, block in found:
        yield words
        yield from every(block or [])


def reads(files: dict[str, str], found: list[Any]) -> list[str]:
    """What nginx reads as it starts or reloads: its files, what its includes look for, certificates and keys."""
    named = {
        absolute(words[1])
        for words in all_words(found)
        if READ_ONCE.fullmatch(words[0]) and len(words) > 1 and not re.search(r"\$|^(data|engine|store):", words[1])
    }
    includes = (words for text in files.values() for words in every(directives(text)) if words[:1] == ["include"])
    patterns = {absolute(words[1]) for words in includes if len(words) > 1}
    return sorted({*files, *named, *patterns})


def content(path: str) -> str:
    """The text of a file of /proc; "" where the process is gone."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def deleted(maps: str) -> list[str]:
    """Program and libraries of a process that are not the installed ones any more, by its map of memory."""
    return sorted(set(re.findall(r"(?m) (/(?:usr|lib)\S*) \(deleted\)$", maps)))


def serving_since(master: str) -> float:
    """When the oldest worker began that takes connections, in seconds since 1970; 0 where there is none.

    One that only ends what it began is called so by nginx.
    """
    ticks = os.sysconf("SC_CLK_TCK")
    began = []
    for directory in Path("/proc").glob("[0-9]*"):
        fields = content(f"{directory}/stat").rpartition(") ")[2].split()
        called = content(f"{directory}/cmdline").strip("\0 ")
        if fields[1:2] == [master] and called == "nginx: worker process":
            began.append((int(fields[19]) + 1) / ticks)
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted + min(began) if began else 0.0


def written(status: os.stat_result) -> float:
    """When a file was written, moved to where it is, or copied there with the times of another.

    The inode alone tells of the last two; it tells of a new hard link too, though, which nginx need not know of.
    """
    return status.st_mtime if status.st_nlink > 1 else status.st_ctime


def written_since(moment: float, read: Iterable[str]) -> list[str]:
    """Those of what nginx reads that were written after `moment`; of a pattern, the directory that it looks into."""
    times = {}
    for path in read:
        file, above = Path(path), Path(path).parent
        if "*" in file.name:
            times[str(above)] = above.stat().st_mtime if above.is_dir() else 0
        elif file.exists():
            times[path] = max(written(file.lstat()), written(file.stat()))
    return sorted(path for path, written in times.items() if written > moment)


def running(read: Iterable[str]) -> dict[str, Any]:
    """What nginx runs with that is not what is on the disk."""
    master = content(PID_FILE).strip()
    not_loaded = written_since(serving_since(master), read)
    return {
        "unit": UNIT,
        "replaced": deleted(content(f"/proc/{master}/maps")),
        "not_loaded": not_loaded,
        "files": not_loaded,
    }


class Question(NamedTuple):
    """Whom to ask: server and `listen`, the socket, the server's name, whether by TLS, and the files behind it."""

    which: str
    socket: tuple[str, int]
    name: str
    secure: bool
    files: list[str]


def parts(dump: str, names: Iterable[str]) -> tuple[dict[str, Any], list[Question]]:
    """What is recorded of a configuration, and what there is to ask: attributes by part, and questions."""
    files = files_of(dump)
    found = expanded(next(iter(files), ""), files)
    order: list[str] = []
    outside = shown(without_servers(found))
    objects: dict[str, Any] = {"configuration": {"directives": outside, "files": list(files), "servers": order}}
    read = reads(files, found)
    objects["read"] = {"reads": read, "unit": UNIT, "files": list(files), "follows": "configuration"}
    questions: list[Question] = []
    names_in: dict[str, list[str]] = {}
    for file, block in servers(found):
        names_in.setdefault(file, []).extend(server_names(block))
    for number, (file, block) in enumerate(servers(found)):
        nth = sum(1 for name, _ in servers(found)[:number] if name == file)
        which = file if not nth else f"{file} #{nth + 1}"
        listens = arguments(block, "listen") or [["80"]]
        sockets = [address(words[0]) for words in listens]
        order.append(which)
        objects[f"server {which}"] = {
            "file": file,
            # What is enabled may be a link: the server changes with what it leads to, too.
            **({"files": [os.path.realpath(file)]} if os.path.realpath(file) != file else {}),
            "directives": shown(block),
            "listeners": [f"tcp {host}:{port}" for host, port in filter(None, sockets)],
            "says": meanings(file, block, names_in[file]),
        }
        root = next((words[0].rstrip("/") for words in arguments(block, "root") if words), "")
        index = [name for words in arguments(block, "index") for name in words] or ["index.html"]
        pages = [root + "/" + name for name in index] if root else []
        sources = [path for path in dict.fromkeys((file, os.path.realpath(file), *pages, root)) if path]
        for words, socket in zip(listens, sockets):  # noqa: B905 (`strict` is of Python 3.10)
            if socket and number < MOST_SERVERS:
                name = server_names(block)[0]
                questions.append(Question(f"{which} {words[0]}", socket, name, "ssl" in words[1:], sources))
    for name in unreached(files, found, names):
        says = {name: "no include of nginx reaches it"}
        objects["unreached " + name] = {"file": name, "follows": "configuration", "says": says}
    return objects, questions


def _found(pattern: str, lines: list[str]) -> list[str]:
    return [name for line in lines for name in re.findall(pattern, line)]


def main() -> None:
    """Print everything."""
    if not os.access(PROGRAM, os.X_OK):
        sys.stdout.write(json.dumps({"status": {"value": "nginx is not installed", "file": PROGRAM}}) + "\n")
        return
    said = subprocess.run([PROGRAM, "-V"], capture_output=True, text=True, check=False, timeout=SECONDS).stderr
    lines = dict(line.partition(": ")[::2] for line in said.splitlines())
    objects = {
        "status": {"value": "ok"},
        "version": {
            "file": PROGRAM,
            "version": lines.get("nginx version", ""),
            "arguments": re.findall(r"--(?:[^\s']|'[^']*')+", lines.get("configure arguments", "")),
        },
    }
    tested = subprocess.run([PROGRAM, "-T"], capture_output=True, text=True, check=False, timeout=4 * SECONDS)
    if tested.returncode:
        wrong = re.findall(r"\[emerg\] (?:\d+#\d+: )?(.*)", tested.stderr)
        # A file that cannot be read comes first: what includes it is in order.
        files = [name for each in (r'open\(\) "(/[^"]+)" failed', r" in (/\S+):\d+$") for name in _found(each, wrong)]
        objects["status"] = {"value": "the configuration is not valid", "messages": wrong, "files": files}
        sys.stdout.write(json.dumps(objects) + "\n")
        return
    names = sorted(f"{top}/{name}" for top, _, inside in os.walk(DIRECTORY) for name in inside)
    configured, questions = parts(tested.stdout, names)
    objects.update(configured)
    objects["running"] = running(objects["read"]["reads"])
    for question in questions:
        for path in PATHS:
            objects[f"response {question.which} {path}"] = {
                **ask(question.socket, question.name, path, secure=question.secure),
                "files": question.files,
                "unit": UNIT,
                "follows": "configuration",
            }
    sys.stdout.write(json.dumps(objects) + "\n")


if __name__ == "__main__":
    main()
