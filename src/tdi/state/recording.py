"""Record a machine: send the collector to a target, run it there once, and keep what it writes.

A target is docker://NAME, ssh://[USER@]HOST[:PORT] or local://. Each is one command that reads the collector from its
standard input and writes the record to its standard output; nothing is installed on the machine.
"""

import json
import os
import re
import select
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from tdi import __version__
from tdi.collector.answers import reads
from tdi.errors import TdiError
from tdi.outside import docker, process
from tdi.state.program import program
from tdi.state.record import AGAIN, BYTES, RecordFile, atomic_output
from tdi.state.schema import schema

# -I and -S: nothing of the machine's own Python packages runs; -B: no byte code is left behind.
PYTHON = ("python3", "-I", "-S", "-B", "-X", "utf8", "-")
# The same, but it reads no further than the program's end: standard input stays open, and when it closes before the
# record is complete, nobody waits for it any more, and the collector ends whatever it is at.
START = (*PYTHON[:-1], "-c", "import sys;exec(sys.stdin.buffer.read(int(sys.argv.pop())))")
# A server with millions of files takes minutes; what takes longer hangs.
SECONDS = 3600.0
META_LINE = 1024 * 1024
# A baseline of a million files is about 200 MB.
BASELINE_BYTES = 512 * 1024**2
# What the collector writes for the next time, in a line before the record.
BASELINE_BEGIN = b'{"baseline": "'
BASELINE = re.compile(rb'\{"baseline": "([A-Za-z0-9+/=]*)"\}\n')
MESSAGE = 64 * 1024
# Neither part may begin with a dash. A name is left as it is: the hosts of ssh's configuration have capital letters.
SSH = re.compile(
    r"ssh://(?:(?P<user>[^-:/?#\s][^:/?#\s]*)@)?(?P<host>\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[^-@:/?#\[\]\s][^@:/?#\[\]\s]*)"
    r"(?::(?P<port>\d{1,9}))?/?"
)


class Scheme(StrEnum):
    """How a machine is reached."""

    DOCKER = "docker"
    SSH = "ssh"
    LOCAL = "local"


@dataclass(frozen=True)
class Target:
    """A machine to record."""

    text: str
    scheme: Scheme
    host: str = ""
    user: str = ""
    port: int | None = None


def parse_target(text: str) -> Target:
    """Return what a target's URL says; raises TdiError for another scheme or a part that is missing."""
    remedy = "Write docker://NAME, ssh://[USER@]HOST[:PORT] or local://."
    scheme, separator, _ = text.partition("://")
    if not separator or scheme not in set(Scheme):
        raise TdiError(f"The target {text!r} has no scheme that tdi knows.", remedy)
    if Scheme(scheme) is Scheme.LOCAL:
        if text != "local://":
            raise TdiError(f"The target {text!r} names a machine, but local:// is this one.", remedy)
        return Target(text, Scheme.LOCAL)
    if Scheme(scheme) is Scheme.DOCKER:
        host = text.removeprefix("docker://")
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", host, re.ASCII):
            raise TdiError(f"The target {text!r} names no container.", remedy)
        return Target(text, Scheme.DOCKER, host)
    found = SSH.fullmatch(text)
    if not found or not text.isprintable():
        if re.match(r"ssh://[^/@]*:[^/]*@", text):
            raise TdiError("The target holds a password, and ssh takes none from there.", "Let ssh use a key.")
        raise TdiError(f"The target {text!r} names no host that ssh could reach.", remedy)
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port < 1 << 16:
        raise TdiError(f"The target {text!r} has no port that there could be.", "A port is a number from 1 to 65535.")
    return Target(text, Scheme.SSH, found["host"].strip("[]"), found["user"] or "", port)


def record(
    target: str,
    output: Path,
    *,
    text: Sequence[str] = (),
    probes: Sequence[Mapping[str, Any]] = (),
    meta: Mapping[str, Any] | None = None,
    scopes: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    include: Sequence[str] = (),
    baseline: Path | None = None,
    seconds: float = SECONDS,
) -> RecordFile:
    """Record `target` in `output` and return the opened record.

    `text` are anchored regular expressions of the configuration files whose text is kept, `probes` the commands to run
    (see `_probe`), `meta` what the caller knows (key, platform, scenario), `scopes` the only scopes wanted, `exclude`
    directories that are not walked, `include` storage of container engines that is. `baseline` is a file that keeps the
    hashes for the next record of the same machine, or of another one of the same image on the same engine: files that
    are untouched since are not read again, and `meta.hashed.reused` counts them. It is read where it exists, and
    written anew. When a file counts as untouched, and why that can be trusted, is written down in the collector.
    `output` appears only when the record is complete; `.gz` compresses it. Raises TdiError when the machine cannot be
    reached or does not deliver a whole record within `seconds`.
    """
    machine = parse_target(target)
    settings: dict[str, Any] = {
        "lifeline": 0,
        "text": [_pattern(pattern) for pattern in text],
        "probes": [_probe(probe) for probe in probes],
        "exclude": [_directory(path) for path in exclude],
        "include": [_directory(path) for path in include],
    }
    if scopes is not None:
        known = sorted(schema()["properties"]["scopes"]["properties"])
        if unknown := sorted(set(scopes) - set(known)):
            raise TdiError(f"There is no scope {unknown[0]!r}.", f"The scopes are {', '.join(known)}.")
        settings["scopes"] = list(scopes)
    if baseline is not None and (scopes is None or "files" in scopes):
        settings["make_baseline"] = True
    extra = {"tool": f"tdi {__version__}", "target": target, "key": None, "platform": None, "scenario": None}
    extra.update(meta or {})
    sent = _program(baseline)
    with ExitStack() as files:
        file = files.enter_context(atomic_output(output))
        hashes = files.enter_context(atomic_output(baseline)) if baseline and "make_baseline" in settings else None

        def copy(output: int, until: float) -> bytes:
            return _copy(machine, output, extra, file, hashes, until)

        _collect(machine, settings, sent, copy, seconds)
    try:
        return RecordFile(output)
    except TdiError:
        output.unlink(missing_ok=True)
        raise


def runs(target: str, scratch: Path, scope: str) -> dict[str, Any]:
    """Which run of each service of `target` this is, as a record of `scope` says it; `scratch` is gone afterwards.

    Raises TdiError as `record` does.
    """
    try:
        with record(target, scratch, scopes=[scope]) as found:
            said: dict[str, Any] = found.meta.get("runs") or {}
    finally:
        scratch.unlink(missing_ok=True)
    return said


def with_meta(file: Path, extra: Mapping[str, Any]) -> str:
    """The text of a whole record in its canonical layout, with `extra` in its meta line.

    Raises TdiError where it is laid out in another way.
    """
    lines = file.read_bytes().split(b"\n", 2)
    if len(lines) < 3:  # noqa: PLR2004 - the first line, the meta line and the rest
        raise TdiError(f"{file} is no record as it was written.")
    return _with_meta(Target(str(file), Scheme.LOCAL), lines, extra).decode("ascii")


def _program(baseline: Path | None) -> bytes:
    """Return the program to send, with a baseline in it if there is one. Raises TdiError if it is none."""
    if baseline is None:
        return program()
    try:
        found = BASELINE.fullmatch(baseline.read_bytes())
    except FileNotFoundError:
        return program()
    except OSError as error:
        raise TdiError(f"The baseline {baseline} cannot be read: {error.strerror or error}.") from None
    if not found:
        raise TdiError(f"{baseline} is not a baseline, or it is damaged.", "Remove it: it is made again.")
    return program(found.group(1))


def is_baseline(file: Path) -> bool:
    """Return whether `file` is there and what a record has written for the next one."""
    try:
        return BASELINE.fullmatch(file.read_bytes()) is not None
    except OSError:
        return False


def _pattern(pattern: str) -> str:
    """Return a regular expression for paths, checked: it must be anchored, so that it allows no more than it says."""
    try:
        re.compile(pattern)
    except (re.error, TypeError):
        raise TdiError(f"The pattern {pattern!r} of the texts to record is not a regular expression.") from None
    if not pattern.startswith("^/") or not pattern.endswith("$"):
        raise TdiError(f"The pattern {pattern!r} of the texts to record is not anchored.", "Write ^/…$.")
    return pattern


def _probe(probe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a probe's declaration, checked.

    `name` and `command` (a list of words) are needed; `timeout` is in seconds; `drop` (patterns of lines), `replace`
    (pattern and replacement) and `sort` make its output comparable. `reads` lists what the service of `unit` reads as
    it starts or reloads, by absolute paths; a JSON object that the probe prints may say the same of its parts.
    """
    name = probe.get("name")
    if unknown := sorted(set(probe) - {"name", "command", "timeout", "drop", "replace", "sort", "reads", "unit"}):
        raise TdiError(f"The probe {name!r} has an unknown key {unknown[0]!r}.")
    words = probe.get("command")
    if not isinstance(name, str) or not isinstance(words, list) or not words:
        raise TdiError(f"The probe {name!r} needs a name and a command, which is a list of words.")
    try:
        for pattern in [*probe.get("drop", []), *(pair[0] for pair in probe.get("replace", []))]:
            re.compile(pattern)
        seconds = float(probe.get("timeout", 10))
    except (re.error, TypeError, ValueError, IndexError):
        raise TdiError(f"The probe {name!r} has a pattern or a timeout that cannot be used.") from None
    try:
        reads(probe)
    except ValueError as error:
        raise TdiError(f"The probe {name!r} cannot be used: {error}.") from None
    return {**probe, "command": [str(word) for word in words], "timeout": seconds}


def _directory(path: str) -> str:
    if not path.startswith("/"):
        raise TdiError(f"{path!r} is no directory that can be walked.", "Name it from the root: /var/lib/docker.")
    return path


def command(machine: Target, settings: Mapping[str, Any], length: int) -> list[str]:
    """Return the command that runs a collector of `length` bytes, which comes on its standard input, on a machine."""
    python = [*START, json.dumps(settings), str(length)]
    if machine.scheme is Scheme.LOCAL:
        return [sys.executable, *python[1:]]
    if machine.scheme is Scheme.DOCKER:
        return docker.command_in(machine.host, python)
    # A login shell may be any; sh is there on each machine. Its first line tells root from others.
    script = f'if [ "$(id -u)" = 0 ]; then exec {shlex.join(python)}; else exec sudo -n -- {shlex.join(python)}; fi'
    port = ["-p", str(machine.port)] if machine.port else []
    where = f"{machine.user}@{machine.host}" if machine.user else machine.host
    options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15", "-C", "-T"]
    return ["ssh", *options, *port, "--", where, f"exec sh -c {shlex.quote(script)}"]


def _collect(
    machine: Target,
    settings: Mapping[str, Any],
    sent: bytes,
    copy: Callable[[int, float], bytes],
    seconds: float,
) -> None:
    """Run the collector; `copy` takes its output until a time of the monotonic clock, and returns the end of it."""
    if machine.scheme is Scheme.LOCAL and os.geteuid() != 0:
        raise TdiError("Only root can record this machine.", "Run the same command with sudo.")
    tail = b""
    odd: _NotARecordError | None = None
    with tempfile.TemporaryFile() as messages:
        words = command(machine, settings, len(sent))
        late = f"{words[0]} did not end after the record was complete."
        with process.piped(words, sent, messages, last=30, late=late) as running:
            try:
                tail = copy(running.output, time.monotonic() + seconds)
            except _NotARecordError as error:
                # What came may say why the collector was never started: the exit status tells.
                odd = error
                running.end_within(2)
        messages.seek(0)
        said = messages.read(MESSAGE).decode("utf-8", "replace")
    code = running.code
    if odd is not None and code in {None, 0, -signal.SIGKILL}:
        raise odd
    if code:
        # Some say on standard output why they do nothing: accounts without a shell, older engines.
        talk = "" if tail.startswith(b'{"') else tail.decode("utf-8", "replace")
        raise _explain(machine, code, said.strip() or talk)
    if not tail.endswith(b"}}\n") or b'\n"end": ' not in tail:
        raise TdiError(f"The record of {machine.text} is not complete: the connection ended early.", AGAIN)


def _blocks(machine: Target, pipe: int, deadline: float) -> Iterator[bytes]:
    """Yield what comes from a pipe; raises TdiError when it goes on after `deadline` of the monotonic clock."""
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            raise TdiError(f"Recording {machine.text} took too long and was stopped.", "Is the machine overloaded?")
        block = os.read(pipe, 1 << 20)
        if not block:
            return
        yield block


def _copy(
    machine: Target,
    pipe: int,
    extra: Mapping[str, Any],
    output: IO[bytes],
    baseline: IO[bytes] | None,
    deadline: float,
) -> bytes:
    """Copy the record from a pipe, its meta line extended; return the end of it. Copies nothing but a record.

    Where `baseline` is given, the first line is the one for it.
    """
    head: bytes | None = b""
    tail = b""
    size = 0
    for block in _blocks(machine, pipe, deadline):
        size += len(block)
        if size > BYTES:
            raise TdiError(f"{machine.text} writes a record without end; it was stopped after {BYTES} bytes.")
        tail = (tail + block)[-MESSAGE:]
        if head is None:
            output.write(block)
            continue
        head += block
        if baseline is not None:
            line, end, rest = head.partition(b"\n")
            if not end and len(head) <= BASELINE_BYTES and BASELINE_BEGIN.startswith(head[: len(BASELINE_BEGIN)]):
                continue
            if not BASELINE.fullmatch(line + end):
                raise _not_a_record(machine)
            baseline.write(line + end)
            head, baseline = rest, None
        lines = head.split(b"\n", 2)
        if len(lines) == 3:  # noqa: PLR2004 - the first line, the meta line and the rest
            output.write(_with_meta(machine, lines, extra))
            head = None
        elif len(head) > META_LINE:
            raise _not_a_record(machine)
    return tail


def _with_meta(machine: Target, lines: list[bytes], extra: Mapping[str, Any]) -> bytes:
    """Return the begin of a record with `extra` in its meta line."""
    first, second, rest = lines
    if not first.startswith(b'{"schema": ') or not second.startswith(b'"meta": '):
        raise _not_a_record(machine)
    try:
        meta = json.loads(second.removeprefix(b'"meta": ').rstrip(b","))
        text = json.dumps({**meta, **extra}, sort_keys=True, separators=(",", ":"))
    except (ValueError, TypeError):
        raise _not_a_record(machine) from None
    return first + b'\n"meta": ' + text.encode() + b",\n" + rest


class _NotARecordError(TdiError):
    """What a machine sends is something else."""


def _not_a_record(machine: Target) -> _NotARecordError:
    return _NotARecordError(
        f"What {machine.text} sends is not a record.",
        "Does something on it print text when a command is run, such as a shell's start-up file?",
    )


def _explain(machine: Target, status: int, said: str) -> TdiError:
    """Say in one line why the command failed, from its exit status and what it wrote to standard error."""
    where = machine.text
    last = " ".join(said.strip().splitlines()[-1:])[:300]
    known: list[tuple[str, str, str]] = [
        (r"No such container", f"There is no container {machine.host!r}.", "`docker ps` lists the running ones."),
        (
            r"is paused",
            f"The container {machine.host!r} is paused.",
            f"Let it go on: docker unpause {machine.host}",
        ),
        (
            r"is not running",
            f"The container {machine.host!r} is not running.",
            f"Start it: docker start {machine.host}",
        ),
        (r"Cannot connect to the Docker daemon|docker daemon running", "Docker does not answer.", "Start Docker."),
        (
            r"executable file not found|python3: (command )?not found|python3: No such file",
            f"{where} has no python3.",
            "Install Python 3.8 or later on it.",
        ),
        (
            r"sudo: |Only root can record",
            f"{where} can be recorded by root only, and sudo without a password does not work there.",
            "Connect as root, or allow the user to run python3 by sudo without a password.",
        ),
        (r"invalid syntax|SyntaxError", f"The Python of {where} is too old.", "Python 3.8 or later is needed."),
    ]
    for pattern, what, remedy in known:
        if re.search(pattern, said):
            return TdiError(what, remedy)
    if machine.scheme is Scheme.SSH and status == 255:  # noqa: PLR2004 - ssh's own exit status for its own failures
        port = f"-p {machine.port} " if machine.port else ""
        user = f"{machine.user}@" if machine.user else ""
        by_hand = f"Try it by hand: ssh {port}{user}{machine.host}"
        return TdiError(f"{where} cannot be reached: {last or 'ssh failed'}", by_hand)
    if machine.scheme is Scheme.DOCKER and status in (126, 127):
        # Older engines write why a program cannot be started to the standard output of `docker exec`.
        return TdiError(f"{where} has no python3.", "Install Python 3.8 or later on it.")
    return TdiError(f"Recording {where} failed with status {status}: {last or 'without a message'}")
