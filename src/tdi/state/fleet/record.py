"""Records the hosts of an Ansible inventory. Ansible does what it is good at: connections, forks, become, vault.

One task per host runs the collector (see `outside/ansible_plugins/action/tdi_record.py`), whose output goes to a file
each. As soon as a host is done, its record is checked and kept, and the output is gone.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from tdi import __version__
from tdi.errors import TdiError
from tdi.machines.reaper import end_run
from tdi.machines.run import Run
from tdi.outside import ansible, ansible_plugins, console
from tdi.outside.files import make_directory
from tdi.outside.json_lines import JsonLines
from tdi.state import recording
from tdi.state.program import program
from tdi.state.record import BYTES, TEXTS, RecordFile, atomic_output, extended_meta
from tdi.state.recording import _directory as checked_directory
from tdi.state.recording import _pattern as checked_pattern
from tdi.state.reports import printable

SECONDS = int(recording.SECONDS)
"""What recording one host may take."""

_CALLBACKS = ansible_plugins.CALLBACKS
_ACTIONS = ansible_plugins.ACTIONS
_BLOCK = 1 << 20
_BEYOND = "Is it Ansible's inventory? `ansible-inventory --list` shows what Ansible reads."


@dataclass(frozen=True)
class Inventory:
    """The hosts of an inventory and its groups, those of `limit` only where there is one."""

    hosts: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Recording:
    """What came of recording hosts: the records, and for each host without one the reason."""

    records: Mapping[str, Path]
    failures: Mapping[str, str]

    def without(self, record: Path, why: str) -> "Recording":
        """The same, but for the host of which `record` is: that failed."""
        lost = {host: why for host, path in self.records.items() if path == record}
        kept = {host: path for host, path in self.records.items() if host not in lost}
        return Recording(kept, dict(sorted({**self.failures, **lost}.items())))


def read_inventory(sources: Sequence[str], limit: str | None = None) -> Inventory:
    """The hosts that `sources` (as for `ansible-playbook --inventory`) have. Raises TdiError if there are none."""
    for source in sources:
        if "," not in source and not Path(source).exists():
            raise TdiError(f"There is no inventory {source}.", "Name a file, a directory, or hosts as in `web1,web2,`.")
    done = ansible.list_inventory(sources, limit)
    if not done.ok:
        errors = [line for line in done.stderr.splitlines() if "ERROR" in line] or [done.last_line]
        raise TdiError(f"Ansible cannot read the inventory: {printable(errors[0])}", _BEYOND)
    listed: dict[str, Any] = json.loads(done.stdout)
    groups = {name: tuple(sorted(_members(name, listed))) for name in listed if name != "_meta"}
    hosts = tuple(sorted({host for members in groups.values() for host in members}))
    if not hosts:
        said = f"No host of the inventory is in --limit {limit}." if limit else "The inventory has no hosts."
        raise TdiError(said, _BEYOND)
    return Inventory(hosts, groups)


def _members(group: str, listed: Mapping[str, Any]) -> set[str]:
    """The hosts of a group and of the groups in it, which Ansible keeps free of loops."""
    entry = listed.get(group, {})
    return {*entry.get("hosts", ())}.union(*(_members(child, listed) for child in entry.get("children", ())))


def record_hosts(
    sources: Sequence[str],
    hosts: Sequence[str],
    work: Path,
    *,
    text: Sequence[str] = (),
    include: Sequence[str] = (),
    forks: int | None = None,
    become: bool | None = None,
    run: Run,
) -> Recording:
    """Record `hosts`, each in a compressed file in `work`/records; Ansible's log is beside it.

    `text` and `include`: see `tdi state record`. `forks` hosts are recorded at a time, and with `become` as root by
    Ansible's become; None leaves both to Ansible's own configuration and the inventory. A host that cannot be recorded
    is in `failures`, the others go on. What is only needed meanwhile is in the directory of `run`, and ends with it.
    Raises TdiError where Ansible itself cannot run.
    """
    settings = {
        "lifeline": 3,
        "text": [*TEXTS, *map(checked_pattern, text)],
        "include": list(map(checked_directory, include)),
    }
    records = work / "records"
    make_directory(records)
    log = work / "ansible.log"
    log.unlink(missing_ok=True)
    scratch = run.directory
    raw = scratch / "raw"
    raw.mkdir(mode=0o700)
    sent = scratch / "collector.py"
    sent.write_bytes(program())
    order = {"collector": str(sent), "settings": json.dumps(settings), "directory": str(raw)}
    (scratch / "order.json").write_text(json.dumps(order), encoding="utf-8")
    results = _Results(scratch / "events.jsonl", hosts, raw, records)
    options = ["--limit", f"@{scratch / 'hosts'}", *(["--forks", str(forks)] if forks else [])]
    if become is not None:
        options += ["--become"] if become else ["--extra-vars", "ansible_become=false"]
    variables = {
        "TDI_RUN_ID": run.id,
        "TDI_FLEET": str(scratch / "order.json"),
        "TDI_EVENTS": str(results.events.path),
        "ANSIBLE_ACTION_PLUGINS": str(_ACTIONS),
        "ANSIBLE_CALLBACK_PLUGINS": str(_CALLBACKS),
        "ANSIBLE_CALLBACKS_ENABLED": "tdi_events",
        "ANSIBLE_STDOUT_CALLBACK": "default",
        # The connections that are kept open are this run's own, and end with it.
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(scratch / "cp"),
    }
    try:
        done = ansible.play(_playbook(scratch, hosts), sources, options, variables, log, results.read)
    finally:
        end_run(run.id)
    results.read()
    if not results.seen:
        said = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if "ERROR" in line]
        raise TdiError(f"Ansible could not run: {said[0] if said else f'it ended with {done.code}'}")
    return results.recording()


def _playbook(scratch: Path, hosts: Sequence[str]) -> Path:
    """Write the playbook, and beside it these hosts in a file for `--limit`."""
    task = {"name": "Record the machine", "tdi_record": {}, "timeout": SECONDS}
    play = {"name": "Record", "hosts": "all", "gather_facts": False, "strategy": "linear", "any_errors_fatal": False}
    file = scratch / "record.yml"
    file.write_text(yaml.safe_dump([{**play, "tasks": [task]}], sort_keys=False), encoding="utf-8")
    (scratch / "hosts").write_text("".join(f"{host}\n" for host in hosts), encoding="utf-8")
    return file


class _Results:
    """Follows Ansible's events, and keeps the record of each host that is done."""

    def __init__(self, events: Path, hosts: Sequence[str], raw: Path, records: Path) -> None:
        self.events = JsonLines(events)
        self.seen = False
        self._hosts = hosts
        self._raw = raw
        self._records = records
        self._kept: dict[str, Path] = {}
        self._failures: dict[str, str] = {}

    def read(self) -> None:
        """Take in what happened since the last call."""
        for event in self.events.fresh():
            if event["event"] == "result":
                self.seen = True
                self._take(event["host"], event)

    def _take(self, host: str, event: Mapping[str, Any]) -> None:
        if event["outcome"] in {"ok", "changed"}:
            try:
                self._kept[host] = self._keep(host)
            except TdiError as error:
                self._failures[host] = error.what
        else:
            lines = str(event.get("message", "")).splitlines()
            said = printable(next((line.strip() for line in lines if line.strip()), event["outcome"])).rstrip(".")
            said = said.removeprefix("Task failed: ")
            self._failures[host] = f"unreachable: {said}" if event["outcome"] == "unreachable" else said
        done, total = len(self._kept) + len(self._failures), len(self._hosts)
        if done == total or done % max(10, total // 10) == 0:
            console.say(f"{done:,} of {total:,} hosts: {len(self._kept):,} recorded, {len(self._failures):,} not")

    def _keep(self, host: str) -> Path:
        """Make a record of a host's output; raises TdiError if it is none. The output is removed."""
        name = quote(host, safe="")
        raw, own = self._raw / f"{name}.gz", self._raw / f"{name}.own"
        output = self._records / f"{name}.json.gz"
        try:
            meta = {"tool": f"tdi {__version__}", "target": host, "key": None, "platform": None, "scenario": None}
            meta["own"] = json.loads(own.read_text(encoding="utf-8"))
            _with_meta(raw, output, meta)
            try:
                RecordFile(output).close()
            except TdiError:
                output.unlink()
                raise TdiError("the record is not complete: the connection ended early") from None
        finally:
            raw.unlink(missing_ok=True)
            own.unlink(missing_ok=True)
        return output

    def recording(self) -> Recording:
        """What came of it, once Ansible has ended."""
        lost = {host: "Ansible ended before it" for host in self._hosts if host not in {**self._kept, **self._failures}}
        return Recording(dict(sorted(self._kept.items())), dict(sorted({**self._failures, **lost}.items())))


def _with_meta(raw: Path, output: Path, extra: Mapping[str, Any]) -> None:
    """Copy a compressed record, `extra` added to its meta line; raises TdiError where it is none, or without end."""
    try:
        with gzip.open(raw) as source, atomic_output(output) as copy:
            first, second = source.readline(recording.META_LINE), source.readline(recording.META_LINE)
            copy.write(first + extended_meta(second, extra))
            size = 0
            while block := source.read(_BLOCK):
                size += len(block)
                if size > BYTES:
                    raise TdiError(f"its record has no end; it was stopped after {BYTES} bytes")
                copy.write(block)
    except (EOFError, gzip.BadGzipFile, ValueError, TypeError):
        raise TdiError("what it sends is not a record") from None
