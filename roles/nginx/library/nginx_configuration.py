"""Ansible module of the role nginx: exchanges its configuration at once, and has nginx run with it, or puts it back."""

import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: nginx_configuration
short_description: Exchange the configuration of nginx at once, and have nginx run with it
description:
  - Writes files, tests the whole configuration with the program that is installed, and has nginx take it.
  - What nginx runs with is asked of its own processes. It is started, reloaded, or replaced by a newer program while it
    serves, as far as there is a need. A reload counts when new workers serve.
  - Where the test or nginx itself refuses, all is put back as it was, and nginx serves on.
options:
  files:
    description: Files and their text, by path. An empty text means that there is no such file.
    type: dict
    required: true
  enabled:
    description: Names of files in sites-available that have a link in sites-enabled.
    type: list
    elements: str
    default: []
  disabled:
    description: Names that have no link. A file in its place is moved to sites-available, where nothing reads it.
    type: list
    elements: str
    default: []
  program_changes:
    description: In check mode, whether the package would bring a newer program.
    type: bool
    default: false
"""

ROOT, PROGRAM, PID_FILE = "/etc/nginx", "/usr/sbin/nginx", "/run/nginx.pid"
AVAILABLE, ENABLED = f"{ROOT}/sites-available", f"{ROOT}/sites-enabled"
PATIENCE = 30  # seconds that nginx may take; it tries for 2.5 s to have an address
TICK = 1 / os.sysconf("SC_CLK_TCK")
State = Any  # of a path: None, ("link", target), or ("file", text, mode, owner, group)


class RefusedError(Exception):
    """Nginx does not run with the configuration; the message is its own."""


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run a program and return what came of it."""
    return subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)


def text_of(path: str, since: int = 0) -> str:
    """Return the text of a file from a position; "" where it cannot be read."""
    try:
        with open(path, "rb") as file:
            file.seek(since)
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def complaints(text: str) -> list[str]:
    """What nginx says is wrong, without time and process number, each once."""
    return list(dict.fromkeys(re.findall(r"\[(?:emerg|alert)\] (?:\d+#\d+: )?(.+)", text)))


def state_of(path: str) -> State:
    """The state of a path as it is."""
    if os.path.islink(path):
        return ("link", os.readlink(path))
    if not os.path.exists(path):
        return None
    stat = os.stat(path)
    return ("file", text_of(path), stat.st_mode & 0o7777, stat.st_uid, stat.st_gid)


def wanted_states(parameters: dict[str, Any]) -> dict[str, State]:
    """The state that each path must have."""
    wanted = {path: ("file", text, 0o644, 0, 0) if text else None for path, text in parameters["files"].items()}
    for name in parameters["disabled"]:
        former = state_of(f"{ENABLED}/{name}")
        if former and former[0] == "file" and not os.path.lexists(f"{AVAILABLE}/{name}"):
            wanted[f"{AVAILABLE}/{name}"] = former
        wanted[f"{ENABLED}/{name}"] = None
    return wanted | {f"{ENABLED}/{name}": ("link", f"../sites-available/{name}") for name in parameters["enabled"]}


def prepare(state: State, path: str) -> None:
    """Give a path that is not in use its state."""
    if state and state[0] == "link":
        os.symlink(state[1], path)
    elif state:
        with open(path, "w", encoding="utf-8") as file:
            file.write(state[1])
            file.flush()
            os.fsync(file.fileno())
        os.chown(path, state[3], state[4])
        os.chmod(path, state[2])


@contextmanager
def exchanged(states: dict[str, State]) -> Iterator[None]:
    """Give paths a new state, and their former one again where the block raises an error.

    All is prepared beside first, so that a full disk is noticed before anything changes. New files that nothing reads
    stay: they tell the next run what there may be to remove.
    """
    for left in glob.glob(f"{ROOT}/.ansible-*"):
        shutil.rmtree(left)
    if not states:
        yield
        return
    stage = tempfile.mkdtemp(prefix=".ansible-", dir=ROOT)
    new, old = ({path: f"{stage}/{age}-{at}" for at, path in enumerate(states)} for age in ("new", "old"))
    done = []
    try:
        for path, state in states.items():
            prepare(state, new[path])
        for path, state in states.items():
            if os.path.lexists(path):
                os.link(path, old[path], follow_symlinks=False)
            done.append(path)
            if state:
                os.replace(new[path], path)
            else:
                os.unlink(path)
        yield
    except BaseException:
        for path in reversed(done):
            if os.path.lexists(old[path]):
                os.replace(old[path], path)
            elif not path.startswith(AVAILABLE) and os.path.lexists(path):
                os.unlink(path)
        raise
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def tested() -> tuple[str, list[str]]:
    """The whole configuration as it is on the disk, and warnings. Raises RefusedError where it is not valid."""
    done = run(PROGRAM, "-T")
    if done.returncode:
        raise RefusedError("; ".join(complaints(done.stderr)) or done.stderr.strip())
    return done.stdout, re.findall(r"\[warn\] (?:\d+#\d+: )?(.+)", done.stderr)


def master() -> int | None:
    """The process that nginx's file of it names, if that is nginx."""
    pid = text_of(PID_FILE).strip()
    runs = pid.isdigit() and text_of(f"/proc/{pid}/cmdline").startswith("nginx: master process")
    return int(pid) if runs else None


def serving_since(parent: int | None) -> float:
    """When the oldest of the workers began that take connections, in seconds since the machine did; 0 without any."""
    began = []
    for directory in glob.glob("/proc/[0-9]*"):
        fields = text_of(f"{directory}/stat").rpartition(") ")[2].split()
        # One that only ends what it began is called so.
        if fields[1:2] == [str(parent)] and text_of(f"{directory}/cmdline").strip("\0 ") == "nginx: worker process":
            began.append(int(fields[19]) * TICK)
    return min(began, default=0)


def replaced(pid: int) -> list[str]:
    """Program and libraries of a process that are not the installed ones any more."""
    return sorted(set(re.findall(r"(?m) (/(?:usr|lib)\S*) \(deleted\)$", text_of(f"/proc/{pid}/maps"))))


def not_loaded(pid: int, dump: str) -> list[str]:
    """What nginx reads as it starts or reloads, and was written or removed since the oldest serving worker began."""
    files = re.findall(r"(?m)^# configuration file (/.+):$", dump)
    files += re.findall(r"(?m)^\s*\w*ssl_(?:\w*certificate\w*|crl|dhparam|password_file)\s+([^\s;$]+)\s*;", dump)
    patterns = re.findall(r"(?m)^\s*include\s+([^\s;]*\*[^\s;]*)\s*;", dump)
    times = {}
    for path in [os.path.join(ROOT, each.strip("\"'")) for each in files]:
        if os.path.exists(path):
            times[path] = max(os.lstat(path).st_ctime, os.stat(path).st_ctime)
    for path in [os.path.dirname(os.path.join(ROOT, each.strip("\"'"))) for each in patterns]:
        times[path] = os.stat(path).st_mtime if os.path.isdir(path) else 0
    since = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + serving_since(pid) + TICK
    return sorted(path for path, moment in times.items() if moment > since)


def signalled(pid: int, number: int, dump: str, done: Callable[[], bool]) -> None:
    """Send nginx a signal and wait until `done`. Raises RefusedError with what it wrote to its log instead."""
    named = re.search(r"(?m)^\s*error_log\s+(/[^\s;]+)", dump)
    log = named.group(1) if named else "/var/log/nginx/error.log"
    length = os.path.getsize(log) if os.path.exists(log) else 0
    os.kill(pid, number)
    deadline = time.monotonic() + PATIENCE
    while not done():
        wrong = complaints(text_of(log, length))
        # It tries several times to have an address, and says when it gives up.
        if time.monotonic() > deadline or [line for line in wrong if not line.startswith("bind()")]:
            raise RefusedError("; ".join(wrong) or f"it did not take the configuration within {PATIENCE} s")
        time.sleep(0.05)


def systemctl(verb: str) -> None:
    """Start or restart nginx. Raises RefusedError with what it said instead."""
    done = run("systemctl", verb, "nginx")
    deadline = time.monotonic() + PATIENCE
    # The process is in its file, and systemd content, before it calls itself the master.
    while not master() and time.monotonic() < deadline and run("systemctl", "is-active", "nginx").returncode == 0:
        time.sleep(0.05)
    if done.returncode or not master():
        said = run("journalctl", "--unit=nginx", "--lines=20", "--output=cat", "--no-pager").stdout
        raise RefusedError("; ".join(complaints(said)) or done.stderr.strip() or f"systemctl {verb} nginx was no help")


def listens(pid: int, port: int) -> bool:
    """Whether it is nginx itself that listens on a port."""
    own = {os.readlink(each) for each in glob.glob(f"/proc/{pid}/fd/*") if os.path.islink(each)}
    tables = text_of("/proc/net/tcp") + text_of("/proc/net/tcp6")
    sockets = re.findall(r"(?m)^ *\d+: \w+:(\w{4}) \w+:\w+ 0A (?:\S+ +){3}\S+ +\S+ +(\d+)", tables)
    return any(int(of, 16) == port and f"socket:[{inode}]" in own for of, inode in sockets)


def load(dump: str) -> tuple[str, list[str]]:
    """Have nginx run with what is on the disk: what was done, and why. Raises RefusedError."""
    pid = master()
    if not pid:
        systemctl("start")
        return "started", ["it did not run"]
    gone = replaced(pid)
    if gone:
        signalled(pid, signal.SIGUSR2, dump, lambda: master() not in (None, pid) and serving_since(master()) > 0)
        time.sleep(0.2)  # for the rest of the new workers
        os.kill(pid, signal.SIGQUIT)
        return "replaced by the program that is installed", gone
    changed = not_loaded(pid, dump)
    if changed:
        now = time.clock_gettime(time.CLOCK_BOOTTIME) - TICK
        try:
            signalled(pid, signal.SIGHUP, dump, lambda: serving_since(pid) > now)
        except RefusedError as refused:
            # One address of a port that nginx has on all of them, or all for one, is to be had only by a restart.
            port = re.search(r"bind\(\) to \S+:(\d+) failed \(98", str(refused))
            if not (port and listens(pid, int(port.group(1)))):
                raise
            systemctl("restart")
            return "restarted", changed
    return "reloaded" if changed else "", changed


def foreseen(*, program_changes: bool) -> list[str]:
    """Why nginx would be started, reloaded or replaced, as far as it is known before."""
    pid = master()
    if not pid:
        return ["it does not run"]
    return replaced(pid) or not_loaded(pid, run(PROGRAM, "-T").stdout) or (["the package"] if program_changes else [])


def side(name: str, path: str, state: State) -> dict[str, str]:
    """One side of a diff."""
    text = (state[1] if state[0] == "file" else f"-> {state[1]}\n") if state else ""
    return {f"{name}_header": path, name: text}


def main() -> None:
    """Run as Ansible asks for it."""
    arguments = {
        "files": {"type": "dict", "required": True},
        "enabled": {"type": "list", "elements": "str", "default": []},
        "disabled": {"type": "list", "elements": "str", "default": []},
        "program_changes": {"type": "bool", "default": False},
    }
    module = AnsibleModule(arguments, supports_check_mode=True)
    wanted = wanted_states(module.params)
    before = {path: state_of(path) for path in wanted}
    changes = {path: state for path, state in wanted.items() if before[path] != state}
    told = {
        "diff": [side("before", path, before[path]) | side("after", path, state) for path, state in changes.items()],
        # As a loop has them, so that whoever looks for what a task wrote finds each path.
        "results": [{"path": path, "changed": True} for path, state in changes.items() if state],
    }
    if module.check_mode:
        reasons = foreseen(program_changes=module.params["program_changes"])
        module.exit_json(changed=bool(changes or reasons), reasons=reasons, **told)
    try:
        with exchanged(changes):
            dump, warnings = tested()
            done, reasons = load(dump)
    except (RefusedError, OSError) as error:
        said = f"nginx: {error}"
        if changes:
            try:
                load(tested()[0])
                said += ". The former configuration is there again, and nginx serves with it"
            except (RefusedError, OSError) as again:
                said += f". The former configuration is there again, and is not in order either: {again}"
        module.fail_json(msg=said + ".")
    for warning in warnings:
        module.warn(f"nginx: {warning}")
    module.exit_json(changed=bool(changes or done), done=done, reasons=reasons, **told)


if __name__ == "__main__":
    main()
