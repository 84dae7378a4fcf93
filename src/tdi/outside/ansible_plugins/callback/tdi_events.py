"""Ansible callback plugin: writes what happens, one JSON object a line, to the file that TDI_EVENTS names.

It runs inside ansible-playbook, beside the stdout callback, and imports nothing of tdi. Without TDI_EVENTS it says
nothing.
"""

from __future__ import annotations

import json
import os
import re
import time
from typing import TYPE_CHECKING, Any

from ansible.playbook.handler import Handler
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import action_loader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible.executor.stats import AggregateStats
    from ansible.executor.task_result import TaskResult
    from ansible.playbook import Playbook
    from ansible.playbook.play import Play
    from ansible.playbook.task import Task

DOCUMENTATION = """
name: tdi_events
type: notification
short_description: events of a run as JSON lines
description: Writes plays, tasks, results and the recap to the file named by the environment variable TDI_EVENTS.
requirements: [enable in configuration]
"""

_SECRETIVE = "the output is hidden: no_log is set for this task"
_LONGEST = 4000
_PATHS = ("dest", "path", "keyfile", "sysctl_file", "creates")
"""What modules call the file that they write; what a command is said to create comes last."""
_PATH = re.compile(r"(?<![\w.~/}-])/[\w.@%+:-]+(?:/[\w.@%+:-]+)+")
"""An absolute path of two parts or more, in the text of a command or any other argument."""
_MOST_PATHS = 50
_SCOPES = {
    "apt": "packages",
    "package": "packages",
    "user": "users",
    "group": "groups",
    "systemd": "systemd",
    "systemd_service": "systemd",
    "service": "systemd",
}
"""Module → the scope of a record in which the things are that it acts on by name."""
_FAILED_UNIT = re.compile(r"(?:Job for|Failed to (?:start|restart|reload)|systemctl status) \"?([\w@:.\\-]+\.\w+)")
"""How systemctl and maintainer scripts name a unit that failed."""
_CHECKS = {
    "assert",
    "fail",
    "uri",
    "wait_for",
    "wait_for_connection",
    "command",
    "shell",
    "raw",
    "script",
    "validate_argument_spec",
}
"""Modules that fail for what they find, by themselves."""
_AGAIN = "tdi: converge again"
"""The play between the first and the second converge (tdi.outside.ansible.AGAIN)."""


class CallbackModule(CallbackBase):
    """Append each event to the file as it happens."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "tdi_events"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Open the file; it is kept open so that a line costs one write."""
        super().__init__(*args, **kwargs)
        path = os.environ.get("TDI_EVENTS")
        self._file = open(path, "a", encoding="utf-8") if path else None  # noqa: PTH123, SIM115 (lives as the process)
        self._began: dict[str, float] = {}
        self._plays = 0
        self._gate: str | None = None

    def _write(self, event: str, **facts: Any) -> None:
        if self._file:
            self._file.write(json.dumps({"event": event, "at": time.time(), **facts}) + "\n")
            self._file.flush()

    def _result(self, outcome: str, result: TaskResult) -> None:
        task = result._task  # noqa: SLF001 (the callback interface of ansible-core 2.19 has no public name for it)
        host = result._host.get_name()  # noqa: SLF001
        values = result._result  # noqa: SLF001
        facts: dict[str, Any] = {"host": host, "outcome": outcome, "task": task.get_name(), "path": task.get_path()}
        if outcome in {"failed", "unreachable"}:
            facts["message"] = _SECRETIVE if task.no_log else _message(values)
            facts["units"] = list(_units(task.action, values, facts["message"]))
        elif values.get("changed"):
            facts["outcome"] = "changed"
            facts["wrote"] = sorted(set(_made(task.action, values)))
        elif outcome == "ok" and not task.no_log:
            facts["about"] = sorted(set(_about(values)))[:_MOST_PATHS]
        if isinstance(task, Handler):
            facts["handler"] = True
            if outcome == "skipped":
                facts["when"] = _condition(values, task.when)
        if outcome != "skipped" and (task.action.rpartition(".")[2] in _CHECKS or task.failed_when or task.check_mode):
            facts["checks"] = True
        facts["seconds"] = time.monotonic() - self._began.get(task._uuid, time.monotonic())  # noqa: SLF001
        self._write("result", **facts)

    def v2_playbook_on_start(self, playbook: Playbook) -> None:
        """A playbook begins."""
        self._write("playbook", path=str(playbook._file_name))  # noqa: SLF001

    def v2_playbook_on_play_start(self, play: Play) -> None:
        """A play begins.

        The first one may touch the machines once they are up, for they boot while Ansible starts; what comes after the
        play between the two converges may once they have been recorded.
        """
        name = play.get_name().strip()
        self._write("play", name=name)
        gate = os.environ.get("TDI_GATE")
        if gate and name == _AGAIN:
            self._gate = f"{gate}-again"
        elif gate and not self._plays:
            self._gate = gate
        self._plays += 1

    def _wait_at_the_gate(self, task: Task) -> None:
        """Wait before a task that touches a machine; what Ansible does by itself, such as `assert`, goes on."""
        if not self._gate or not _touches_a_machine(task):
            return
        parent = os.getppid()
        while not os.path.exists(self._gate):  # noqa: PTH110 (no pathlib for a loop that only waits)
            if os.getppid() != parent:
                raise SystemExit(1)
            time.sleep(0.02)
        self._gate = None

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:  # noqa: ARG002, FBT001 (Ansible's signature)
        """A task begins."""
        self._wait_at_the_gate(task)
        self._began[task._uuid] = time.monotonic()  # noqa: SLF001
        self._write("task", name=task.get_name().strip(), path=task.get_path())

    def v2_playbook_on_handler_task_start(self, task: Task) -> None:
        """A handler begins."""
        self.v2_playbook_on_task_start(task, is_conditional=False)

    def v2_runner_on_ok(self, result: TaskResult) -> None:
        """A task ended well on a machine."""
        self._result("ok", result)

    def v2_runner_on_skipped(self, result: TaskResult) -> None:
        """A task was not for a machine."""
        self._result("skipped", result)

    def v2_runner_on_failed(self, result: TaskResult, ignore_errors: bool = False) -> None:  # noqa: FBT001, FBT002 (Ansible's signature)
        """A task failed on a machine."""
        self._result("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_unreachable(self, result: TaskResult) -> None:
        """A machine could not be reached."""
        self._result("unreachable", result)

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        """The recap."""
        self._write("recap", hosts={host: stats.summarize(host) for host in sorted(stats.processed)})


def _touches_a_machine(task: Task) -> bool:
    """Whether a task has a connection; in doubt it has (what is included, `meta: reset_connection`)."""
    action = action_loader.get(task.action, class_only=True, collection_list=task.collections)
    return bool(getattr(action, "_requires_connection", True))


def _made(action: str, values: Any) -> Iterator[str]:
    """What a changed result, or an item of it, made: paths, and other things as SCOPE:NAME (`packages:curl`)."""
    for one in (values, *(item for item in values.get("results") or () if item.get("changed"))):
        invocation = one.get("invocation") or {}
        asked = invocation.get("module_args") or {}
        if "absent" in (one.get("state"), asked.get("state")) and not asked.get("line"):
            continue
        # What a module says of itself is surer than what it was asked for: a copy into a directory has another path.
        path = next((side[name] for side in (one, asked) for name in _PATHS if _is_path(side.get(name))), None)
        if path:
            yield path
        elif asked.get("cron_file"):
            yield os.path.join("/etc/cron.d", str(asked["cron_file"]))  # noqa: PTH118 (keeps an absolute path)
        yield from filter(_is_path, one.get("sources_added") or ())
        yield from _named(action.rpartition(".")[2], asked)


def _about(values: Any) -> Iterator[str]:
    """The paths that the arguments of a module name, wherever in them: what a task is about that reports no change."""
    for one in (values, *(values.get("results") or ())):
        asked = (one.get("invocation") or {}).get("module_args") or {}
        told = {name: one.get(name) for name in _PATHS}
        for text in (*told.values(), *asked.values()):
            yield from _PATH.findall(" ".join(map(str, text)) if isinstance(text, list) else str(text or ""))


def _named(module: str, asked: Any) -> Iterator[str]:
    """What a module that acts on things by their names was asked for."""
    scope = _SCOPES.get(module)
    names = asked.get("name") or asked.get("pkg") or asked.get("package") or ()
    for name in [names] if isinstance(names, str) else names:
        # "curl=8.*" and "curl:amd64" are versions and architectures of "curl".
        text = re.split("[=:]", str(name), maxsplit=1)[0] if scope == "packages" else str(name)
        if scope == "systemd" and "." not in text:
            text += ".service"
        if scope and text and not text.startswith("/"):
            yield f"{scope}:{text}"


def _units(action: str, values: Any, message: str) -> Iterator[str]:
    """The units that a failed task acted on, or that its message says failed: what their journals say is the cause."""
    asked = [one.get("invocation") or {} for one in (values, *(values.get("results") or ())) if one.get("failed", True)]
    named = [thing for one in asked for thing in _named(action.rpartition(".")[2], one.get("module_args") or {})]
    units = [thing.partition(":")[2] for thing in named if thing.startswith("systemd:")]
    yield from dict.fromkeys([*units, *_FAILED_UNIT.findall(message)])


def _condition(values: Any, when: Any) -> str:
    """The condition that did not hold, as it is written: the one that the result names, else all that the task has."""
    for one in (values, *(values.get("results") or ())):
        if "false_condition" in one:
            when = one["false_condition"]
            break
    return " and ".join(map(str, when if isinstance(when, list) else [when]))[:_LONGEST]


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("/")


def _message(values: Any) -> str:
    """The part of a failed result that a person wants to read."""
    parts = [str(values.get("msg") or "")]
    parts += [str(values[key]) for key in ("stderr", "module_stderr", "reason") if values.get(key)]
    for item in values.get("results") or ():
        if item.get("failed"):
            looped = item.get(item.get("ansible_loop_var", "item"))
            parts.append(f"item {looped}: {item.get('msg') or item.get('stderr') or ''}")
    seen: list[str] = []
    for part in parts:
        text = part.strip()
        if text and text not in seen:
            seen.append(text)
    return "\n".join(seen)[:_LONGEST]
