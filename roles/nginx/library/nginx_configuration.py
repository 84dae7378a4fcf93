#!/usr/bin/python3
"""Ansible module of the role nginx: exchanges its configuration at once, and has nginx run with it or puts it back."""

from __future__ import annotations

import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: nginx_configuration
short_description: Exchange the configuration of nginx at once, and have nginx run with it
description:
  - Writes files, tests the whole configuration with the program that is installed, and has nginx take it.
  - What nginx runs with is asked of its own processes. It is started, reloaded, or replaced by a newer program while it
    serves, as far as there is a need; a reload counts when new workers serve.
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

ROOT, PROGRAM, PID_FILE, STAGE = "/etc/nginx", "/usr/sbin/nginx", "/run/nginx.pid", ".ansible-"
AVAILABLE, ENABLED = f"{ROOT}/sites-available", f"{ROOT}/sites-enabled"
PATIENCE = 30  # seconds for nginx to take a configuration; it tries for 2.5 s to have an address
TICK = 1 / os.sysconf("SC_CLK_TCK")


class Refused(Exception):
    """Nginx does not run with the configuration; the message is its own."""


def run(*words):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, check=False)


def text_of(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def complaints(text):
    """What nginx says is wrong, without time and process number."""
    return list(dict.fromkeys(re.findall(r"\[(?:emerg|alert)\] (?:\d+#\d+: )?(.+)", text)))


# The state of a path: None, ("link", target), or ("file", text, mode, owner, group).
def state_of(path):
    if os.path.islink(path):
        return ("link", os.readlink(path))
    if not os.path.exists(path):
        return None
    stat = os.lstat(path)
    return ("file", text_of(path), stat.st_mode & 0o7777, stat.st_uid, stat.st_gid)


def wanted_states(parameters):
    """The state that each path must have."""
    wanted = {}
    for path, text in parameters["files"].items():
        wanted[path] = ("file", text, 0o644, 0, 0) if text else None
    for name in parameters["disabled"]:
        kept = state_of(f"{ENABLED}/{name}")
        if kept and kept[0] == "file" and name != "default" and not os.path.lexists(f"{AVAILABLE}/{name}"):
            wanted[f"{AVAILABLE}/{name}"] = kept
        wanted[f"{ENABLED}/{name}"] = None
    for name in parameters["enabled"]:
        wanted[f"{ENABLED}/{name}"] = ("link", f"../sites-available/{name}")
    return wanted


class Exchange:
    """New states of paths, prepared beside what is there, so that a full disk is noticed before anything changes."""

    def __init__(self, states):
        for left in glob.glob(f"{ROOT}/{STAGE}*"):
            shutil.rmtree(left)
        self.states = states
        self.stage = tempfile.mkdtemp(prefix=STAGE, dir=ROOT)
        self.old = {path: f"{self.stage}/old-{number}" for number, path in enumerate(states)}
        for path, state in states.items():
            if state and state[0] == "link":
                os.symlink(state[1], self.new(path))
            elif state:
                with open(self.new(path), "w") as file:
                    file.write(state[1])
                    os.fsync(file.fileno())
                os.chown(self.new(path), *state[3:])
                os.chmod(self.new(path), state[2])

    def new(self, path):
        return self.old[path].replace("old-", "new-")

    def do(self):
        for path, state in self.states.items():
            if os.path.lexists(path):
                os.link(path, self.old[path], follow_symlinks=False)
            if state:
                os.replace(self.new(path), path)
            elif os.path.lexists(path):
                os.unlink(path)

    def undo(self):
        """All as it was, but for new files that nothing reads: they tell the next run what there may be to remove."""
        for path, old in reversed(list(self.old.items())):
            if os.path.lexists(old):
                os.replace(old, path)
            elif self.states[path] and not path.startswith(AVAILABLE) and os.path.lexists(path):
                os.unlink(path)

    def end(self):
        shutil.rmtree(self.stage, ignore_errors=True)


def tested():
    """The whole configuration as nginx reads it from the disk, and its warnings. Raises Refused where it is not valid."""
    done = run(PROGRAM, "-T")
    if done.returncode:
        raise Refused("; ".join(complaints(done.stderr)) or done.stderr.strip())
    return done.stdout, re.findall(r"\[warn\] (?:\d+#\d+: )?(.+)", done.stderr)


def read_by(dump):
    """The files that nginx reads as it starts or reloads, and the directories that its includes look into."""
    absolute = lambda path: os.path.join(ROOT, path.strip("\"'"))  # noqa: E731
    files = re.findall(r"(?m)^# configuration file (/.+):$", dump)
    named = re.findall(r"(?m)^\s*\w*ssl_(?:\w*certificate\w*|crl|dhparam)\s+([^\s;$]+)\s*;", dump)
    patterns = re.findall(r"(?m)^\s*include\s+([^\s;]*\*[^\s;]*)\s*;", dump)
    return [*files, *map(absolute, named)], {os.path.dirname(absolute(pattern)) for pattern in patterns}


def master():
    """The process that /run/nginx.pid names, if it is nginx."""
    pid = text_of(PID_FILE).strip()
    running = pid.isdigit() and text_of(f"/proc/{pid}/cmdline").startswith("nginx: master process")
    return int(pid) if running else None


def serving(parent):
    """When each worker began that takes connections, in seconds since the machine started."""
    began = []
    for directory in glob.glob("/proc/[0-9]*"):
        fields = text_of(f"{directory}/stat").rpartition(") ")[2].split()
        if fields[1:2] == [str(parent)] and text_of(f"{directory}/cmdline").strip("\0 ") == "nginx: worker process":
            began.append(int(fields[19]) * TICK)
    return began


def replaced(pid):
    """Program and libraries of a process that are not the installed ones any more."""
    gone = re.findall(r"(/(?:usr|lib)\S*) \(deleted\)$", text_of(f"/proc/{pid}/maps"), re.MULTILINE)
    return sorted(set(gone))


def not_loaded(pid, dump):
    """What nginx reads and has been written, or removed, since the oldest of the workers that serve began."""
    files, directories = read_by(dump)
    began = min(serving(pid), default=0)
    since = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + began + TICK
    changed = {path: max(os.lstat(path).st_ctime, os.stat(path).st_ctime) for path in files if os.path.exists(path)}
    changed.update({path: os.stat(path).st_mtime for path in directories if os.path.isdir(path)})
    return sorted(path for path, moment in changed.items() if moment > since)


def wait(done, dump, length):
    """Wait until `done`. Raises Refused with what nginx wrote to its log since, which was `length` long."""
    log = re.search(r"(?m)^\s*error_log\s+(/[^\s;]+)", dump)
    path = log.group(1) if log else "/var/log/nginx/error.log"
    if length is None:
        return len(text_of(path))
    deadline = time.monotonic() + PATIENCE
    while not done():
        wrong = complaints(text_of(path)[length:])
        # It tries several times to have an address, and says when it gives up.
        if time.monotonic() > deadline or [line for line in wrong if not line.startswith("bind()")]:
            raise Refused("; ".join(wrong) or f"it did not take the configuration within {PATIENCE} s")
        time.sleep(0.05)
    return None


def systemctl(verb):
    done = run("systemctl", verb, "nginx")
    if done.returncode or not master():
        said = run("journalctl", "--unit=nginx", "--lines=20", "--output=cat", "--no-pager").stdout
        raise Refused("; ".join(complaints(said)) or done.stderr.strip() or f"systemctl {verb} nginx did not help")


def signalled(pid, number, dump, done):
    length = wait(None, dump, None)
    os.kill(pid, number)
    wait(done, dump, length)


def holds(pid, port):
    """Whether it is nginx itself that listens on a port."""
    sockets = {os.readlink(each) for each in glob.glob(f"/proc/{pid}/fd/*") if os.path.islink(each)}
    lines = [line.split() for kind in ("tcp", "tcp6") for line in text_of(f"/proc/net/{kind}").splitlines()]
    own = [line for line in lines if len(line) > 9 and line[3] == "0A" and f"socket:[{line[9]}]" in sockets]
    return any(int(line[1].rpartition(":")[2], 16) == port for line in own)


def load(dump):
    """Have nginx run with what is on the disk: (what was done, why). Raises Refused."""
    pid = master()
    if not pid:
        systemctl("start")
        return "started", ["it did not run"]
    gone = replaced(pid)
    if gone:
        signalled(pid, signal.SIGUSR2, dump, lambda: master() not in (None, pid) and serving(master()))
        time.sleep(0.2)  # for the rest of its workers
        os.kill(pid, signal.SIGQUIT)
        return "replaced by the newer program", gone
    changed = not_loaded(pid, dump)
    if not changed:
        return "", []
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    try:
        signalled(pid, signal.SIGHUP, dump, lambda: min(serving(pid), default=0) > now - 2 * TICK)
    except Refused as refused:
        # An address of a port that nginx has on all addresses, or the other way round, is had only by a restart.
        port = re.search(r"bind\(\) to \S+:(\d+) failed \(98", str(refused))
        if not (port and holds(pid, int(port.group(1)))):
            raise
        systemctl("restart")
        return "restarted", changed
    return "reloaded", changed


def foreseen(package_changes):
    """What a run would do for nginx to run with what is on the disk, short of finding that it is not valid."""
    pid = master()
    if not pid:
        return ["it does not run"]
    dump = run(PROGRAM, "-T").stdout
    return replaced(pid) or not_loaded(pid, dump) or (["the program"] if package_changes else [])


def main():
    arguments = {
        "files": {"type": "dict", "required": True},
        "enabled": {"type": "list", "elements": "str", "default": []},
        "disabled": {"type": "list", "elements": "str", "default": []},
        "program_changes": {"type": "bool", "default": False},
    }
    module = AnsibleModule(arguments, supports_check_mode=True)
    os.umask(0o022)
    before = {path: state_of(path) for path in wanted_states(module.params)}
    changes = {path: state for path, state in wanted_states(module.params).items() if before[path] != state}
    shown = [
        {
            f"{side}{part}": value
            for side, state in (("before", before[path]), ("after", changes[path]))
            for part, value in (("_header", path), ("", state[1] + "\n" * (state[0] == "link") if state else ""))
        }
        for path in changes
    ]
    told = {"diff": shown, "results": [{"path": path, "changed": True} for path, state in changes.items() if state]}
    if module.check_mode:
        reasons = foreseen(module.params["program_changes"])
        module.exit_json(changed=bool(changes or reasons), reasons=reasons, **told)
    exchange = None
    try:
        exchange = Exchange(changes)
        exchange.do()
        dump, warnings = tested()
        done, reasons = load(dump)
    except (Refused, OSError) as error:
        said = f"nginx: {error}"
        if exchange and changes:
            exchange.undo()
            said += ". Its configuration is as it was"
            try:
                load(tested()[0])
                said += ", and it serves with it"
            except (Refused, OSError) as again:
                said += f", and was not in order either ({again})"
        module.fail_json(msg=said + ".")
    finally:
        if exchange:
            exchange.end()
    for warning in warnings:
        module.warn(f"nginx: {warning}")
    module.exit_json(changed=bool(changes or done), done=done, reasons=reasons, **told)


if __name__ == "__main__":
    main()
