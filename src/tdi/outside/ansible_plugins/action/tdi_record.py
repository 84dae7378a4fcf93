"""Ansible action plugin: runs the collector on a machine with one command and keeps what it writes on the controller.

It runs in a worker of ansible-playbook and imports nothing of tdi. The variable TDI_FLEET names a JSON file with the
path of the `collector`, its `settings`, and the `directory` in which each host's output is kept. The output goes there
directly: a task's result, which Ansible holds in memory until the end, is a few words.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

_NOT_ROOT = 100
_NO_PYTHON = 101
_REASONS = {
    _NOT_ROOT: "only root can record it; connect as root, or use --become",
    _NO_PYTHON: "it has no python3; Python 3.8 or later is needed",
}
_SCRIPT = """\
[ "$(id -u)" = 0 ] || exit {not_root}
command -v {python} >/dev/null 2>&1 || exit {no_python}
echo "tdi: $(hostname -I 2>/dev/null)"
exec 3>&1
{{ {python} -I -S -B -X utf8 - {settings} || echo "status $?" >&2; }} | gzip -6 | base64"""
"""`-I -S`: nothing of the machine's own Python packages runs; `-B`: no byte code is left. What it writes is compressed
there, and as text, which every connection carries. The first line has the machine's own addresses. A pipe hides how
the collector ended, so that is the last line of its messages where it failed. By file 3 the collector sees whether
somebody still waits at the other end of the connection."""


class ActionModule(ActionBase):
    """Record the machine of this task."""

    TRANSFERS_FILES = False
    _supports_check_mode = True  # a configuration that asks for check mode is no reason: nothing is changed
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return an ordinary result; raise AnsibleActionFail with the reason in one line."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        order = json.loads(Path(os.environ["TDI_FLEET"]).read_text(encoding="utf-8"))
        connection = self._connection
        if not connection.has_pipelining:
            raise AnsibleActionFail(f"its connection plugin {connection.transport} cannot hand over a program")
        python = str(variables.get("ansible_python_interpreter") or "auto")
        script = _SCRIPT.format(
            not_root=_NOT_ROOT,
            no_python=_NO_PYTHON,
            python="python3" if python.startswith("auto") else shlex.quote(python),
            settings=shlex.quote(order["settings"]),
        )
        done = self._low_level_execute_command(script, in_data=Path(order["collector"]).read_bytes())
        if done["rc"] in _REASONS:
            raise AnsibleActionFail(_REASONS[done["rc"]])
        _, mark, output = done["stdout"].partition("tdi: ")
        addresses, _, text = output.partition("\n")
        try:
            record = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            record = b""
        said = [line.strip() for line in done["stderr"].splitlines() if line.strip()]
        failed = said.pop() if said and said[-1].startswith("status ") else f"status {done['rc']}"
        if failed != "status 0" or not mark or not record:
            raise AnsibleActionFail(f"the collector failed with {failed}: {said[-1] if said else 'no message'}")
        host = variables["inventory_hostname"]
        own = {"names": [host, str(variables.get("ansible_host", host))], "addresses": addresses.split()}
        kept = Path(order["directory"]) / quote(host, safe="")
        kept.with_name(f"{kept.name}.own").write_text(json.dumps(own), encoding="utf-8")
        kept.with_name(f"{kept.name}.gz").write_bytes(record)
        return result
