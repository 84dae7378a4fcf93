"""Provisioning: a machine is taken through a state of the role, and an image is made of it."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tdi.errors import TdiError
from tdi.images import scrub
from tdi.images.base_image import ROLE_LABEL, BaseImage
from tdi.machines import lifecycle
from tdi.molecule import playing
from tdi.molecule.scenario import Scenario
from tdi.outside import ansible, docker
from tdi.outside.console import say

RELEASE_ONLY = """\
# Only while production is provisioned: packages as the platform was released, before any update of it.
Package: *
Pin: release a=*-security
Pin-Priority: -1

Package: *
Pin: release a=*-updates
Pin-Priority: -1
"""
"""What keeps apt from all but the packages that the platform was released with."""

PIN_FILE = "/etc/apt/preferences.d/tdi-release-only"
"""Where RELEASE_ONLY is on a machine while production is provisioned."""

LISTS = "/var/lib/apt/lists"
"""Where apt keeps what the archives have."""

WROTE_LABEL = "tdi.wrote"
"""Holds which task wrote which path when production was provisioned, as JSON: it explains left-overs."""


@dataclass(frozen=True)
class Provisioning:
    """What a machine is taken through: a state of the role, the playbooks that may converge it, the likeliest first."""

    state: playing.State
    playbooks: tuple[Path, ...]
    reason: str
    """Why it is this state, for whoever reads that it failed."""
    revision: str | None = None
    release_only: bool = False
    """Whether packages are those that the platform was released with."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """Variables that outweigh all others."""
    by_hand: tuple[Mapping[str, Any], ...] = ()
    """Tasks that come after the role."""

    def ingredients(self, upgrade: Scenario) -> list[list[Path]]:
        """The files that decide on what the machine becomes."""
        beside = [upgrade.directory / "molecule.yml", upgrade.prepare, *upgrade.ansible.inventory.links.values()]
        return [self.state.project.content, [*self.playbooks], [path for path in beside if path]]

    def settings(self) -> str:
        """What else decides on it, as text."""
        return json.dumps([self.release_only, self.variables, self.by_hand], sort_keys=True, default=str)


class NotProvisionedError(TdiError):
    """The role failed on a machine."""


def provision(
    image: str, base: BaseImage, upgrade: Scenario, what: Provisioning, log: Path, name: str, labels: Mapping[str, str]
) -> str:
    """Take a machine of `image` through `what`, make the image `name` of it, and return its id.

    Each playbook is tried in turn until one holds. `labels` are those of the image besides the usual ones. Raises
    NotProvisionedError where the role fails, TdiError where the test bed does; all that Ansible said is in `log`.
    """
    log.unlink(missing_ok=True)
    for number, playbook in enumerate(what.playbooks, start=1):
        try:
            return _converge_and_commit(image, base, upgrade, what, playbook, log, name, labels)
        except NotProvisionedError as error:
            if number == len(what.playbooks):
                raise
            say(f"{error.what} Trying the present {playbook.name} with the former role.")
    raise AssertionError(what)


def _converge_and_commit(
    image: str,
    base: BaseImage,
    upgrade: Scenario,
    what: Provisioning,
    playbook: Path,
    log: Path,
    name: str,
    labels: Mapping[str, str],
) -> str:
    run_id = lifecycle.this_run()
    builder = f"tdi-{run_id}-production-{lifecycle.new_run_id()}"
    with (
        tempfile.TemporaryDirectory(prefix="tdi-ansible-") as work,
        lifecycle.one(builder, image, upgrade.options, run_id) as machine,
    ):
        directory = Path(work)
        if what.release_only:
            docker.execute(machine, ["sh", "-c", f"cat > {PIN_FILE} <<'EOF'\n{RELEASE_ONLY}EOF"])
        # A server in production has package lists, whether its role fetched them or somebody else did.
        docker.execute(machine, ["apt-get", "update", "--quiet"], check=False, timeout=300)
        given = playing.settings(what.state, upgrade, directory / "content", playbook=playbook)
        given = replace(given, extra_vars=what.variables)
        playing.prepare({machine: given}, upgrade, directory, log)
        wrote = _play(machine, given, directory, log, what, base, "converge").wrote
        if what.by_hand:
            file = directory / "done-by-hand.yml"
            file.write_text(_by_hand(what.by_hand), encoding="utf-8")
            try:
                _play(machine, replace(given, playbook=file), directory, log, what, base, "by-hand")
            except NotProvisionedError as error:
                # Another playbook for the role would not mend it.
                raise TdiError(error.what, f"Correct the tasks (by_hand). The log: {log}") from None
        if what.release_only:
            docker.execute(machine, ["rm", PIN_FILE])
            # It never saw what came after the release: a role that does not refresh the lists cannot upgrade to that.
            docker.execute(machine, ["sh", "-c", f"rm -f {LISTS}/*-security_* {LISTS}/*-updates_*"])
        docker.execute(machine, ["apt-get", "clean"])
        # They are of some time ago: `cache_valid_time` must not give one verdict within an hour and another one later.
        docker.execute(machine, ["touch", "--date=@0", LISTS])
        command = scrub.shut_down(machine)
        return docker.commit(
            machine,
            name,
            {
                docker.LABEL: "image",
                ROLE_LABEL: "production",
                "tdi.platform": base.platform,
                "tdi.base": base.id,
                "tdi.revision": what.revision or "as checked out",
                WROTE_LABEL: json.dumps({**written(image), **wrote}).replace("$", "\\$"),
                "tdi.created": datetime.now(UTC).isoformat(timespec="seconds"),
                **labels,
            },
            command,
        )


def written(image: str) -> dict[str, str]:
    """Which task wrote which path of an image when it was provisioned; nothing for one that was not."""
    said = json.loads((docker.image_facts(image)["Config"]["Labels"] or {}).get(WROTE_LABEL, "{}"))
    return {str(path): str(task) for path, task in said.items()} if isinstance(said, dict) else {}


def _play(
    machine: str,
    given: ansible.AnsibleSettings,
    directory: Path,
    log: Path,
    what: Provisioning,
    base: BaseImage,
    first: str,
) -> ansible.Pass:
    """Converge the machine once. Raises NotProvisionedError where that fails."""
    outcome = ansible.converge({machine: given}, directory, log, times=1, first=first)
    (only,) = outcome.passes[machine]
    if not (only.failure or outcome.code or not outcome.recap):
        return only
    failure = only.failure
    said_last = ansible.last_error(outcome) or "Ansible did not finish"
    said = f"task '{failure.task}': {failure.message}" if failure else said_last
    for unit in failure.units if failure else ():
        lines = lifecycle.journal(machine, unit)
        _keep(log, [f"the journal of {unit} ends with:", *lines])
        said = f"{said} ({unit}: {lines[-1]})" if lines else said
    raise NotProvisionedError(
        f"Production could not be provisioned ({what.reason}): {said}",
        f"The log: {log}. Where that state of the role never worked on {base.platform}, take another one "
        "(tdi verdict --from REVISION) or another platform (TDI_PLATFORM).",
    )


def _by_hand(tasks: Sequence[Mapping[str, Any]]) -> str:
    play = {
        "name": "What somebody did besides",
        "hosts": "all",
        "gather_facts": True,
        "tasks": [dict(t) for t in tasks],
    }
    return yaml.safe_dump([play], sort_keys=False)


def _keep(log: Path, lines: Sequence[str]) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
