"""Docker, through its command line: the client that honours DOCKER_HOST and contexts alike. Nothing else calls it."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdi.errors import TdiError
from tdi.outside import process

LABEL = "tdi"
"""The label that every container and image of this project carries."""

RUN_LABEL = "tdi.run"
"""The label that holds a container's run id."""


class EngineUnreachableError(TdiError):
    """No Docker engine answers."""


class EngineRefusesError(EngineUnreachableError):
    """A Docker engine is there, and this user may not use it."""


@dataclass(frozen=True)
class Engine:
    """The engine that answers: where it was reached, its version, processor architecture and cgroup version."""

    endpoint: str
    version: str
    architecture: str
    cgroup_version: str
    data_root: str


def engine(timeout: float = 20) -> Engine:
    """The engine that DOCKER_HOST, the current context or the default socket leads to.

    Raises EngineUnreachableError where none answers within `timeout` seconds.
    """
    try:
        where = endpoint()
        answer = process.run(["docker", "info", "--format", "{{json .}}"], check=False, timeout=timeout)
    except TdiError as error:
        raise EngineUnreachableError(f"No Docker engine: {error.what}", _remedy()) from None
    info: dict[str, Any] = {}
    if answer.stdout.strip():
        try:
            info = json.loads(answer.stdout)
        except json.JSONDecodeError:
            raise EngineUnreachableError(
                f"`docker info` does not answer as Docker does: {process.first_line(answer.stdout)}", _remedy()
            ) from None
    errors = info.get("ServerErrors") or ([] if info.get("ServerVersion") else [answer.last_line])
    if errors:
        if "permission denied" in errors[0].lower() and where.startswith(("unix://", "the default")):
            raise EngineRefusesError(f"Docker is unreachable at {where}: {errors[0]}", _TO_BE_LET_IN)
        raise EngineUnreachableError(f"Docker is unreachable at {where}: {errors[0]}", _remedy())
    return Engine(
        endpoint=where,
        version=info["ServerVersion"],
        architecture=_ARCHITECTURES.get(info["Architecture"], info["Architecture"]),
        cgroup_version=info.get("CgroupVersion", "1"),
        data_root=info.get("DockerRootDir", ""),
    )


_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
"""`docker info` speaks as the kernel does, images as Go does."""


_TO_BE_LET_IN = "`make setup` puts this user into the engine's group where it may (passwordless sudo)."


def _remedy() -> str:
    if os.environ.get("DOCKER_HOST"):
        return "Start that engine, or unset DOCKER_HOST to use the local one."
    return "`make setup` installs and starts one where it may (Debian or Ubuntu, root or passwordless sudo)."


def endpoint() -> str:
    """Where the engine is looked for: DOCKER_HOST, else the current context's address."""
    named = os.environ.get("DOCKER_HOST")
    if named:
        return named
    shown = process.run(
        ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"], check=False, timeout=20
    )
    return shown.stdout.strip() if shown.ok else "the default socket"


def environment() -> dict[str, str]:
    """What programs that use Docker's Python SDK need in their environment: it knows DOCKER_HOST, but no contexts."""
    where = endpoint()
    return {"DOCKER_HOST": where} if "://" in where else {}


def image_id(reference: str) -> str | None:
    """The id of a local image, or None where there is none of that name."""
    shown = process.run(["docker", "image", "inspect", "--format", "{{.Id}}", reference], check=False)
    return shown.stdout.strip() if shown.ok else None


def image_facts(reference: str) -> dict[str, Any]:
    """What `docker image inspect` says of a local image. Raises TdiError where there is none."""
    shown = process.run(["docker", "image", "inspect", reference], check=False)
    if not shown.ok:
        raise TdiError(f"There is no image {reference}.")
    facts: dict[str, Any] = json.loads(shown.stdout)[0]
    return facts


def repository_digest(reference: str) -> str | None:
    """The digest by which a registry knows a local image, or None where none does, or there is no such image."""
    shown = process.run(
        ["docker", "image", "inspect", "--format", '{{join .RepoDigests "\\n"}}', reference], check=False
    )
    first = process.first_line(shown.stdout) if shown.ok else ""
    return first.partition("@")[2] or None


def container_facts(container: str) -> dict[str, Any]:
    """What `docker container inspect` says; its labels hold those of its image. Raises TdiError where there is none."""
    shown = process.run(["docker", "container", "inspect", container], check=False)
    if not shown.ok:
        raise TdiError(f"There is no container {container}.")
    facts: dict[str, Any] = json.loads(shown.stdout)[0]
    return facts


def address(container: str) -> str:
    """The address of a running container on its network. Raises TdiError where it has none."""
    found = container_facts(container)["NetworkSettings"]
    networks = (each.get("IPAddress") for each in (found.get("Networks") or {}).values())
    address = found.get("IPAddress") or next(filter(None, networks), None)
    if not address:
        raise TdiError(f"The container {container} has no address of its own.", "Leave `network_mode` out.")
    return str(address)


def image_of(container: str) -> str:
    """The id of the image that a container was made from. Raises TdiError where there is no such container."""
    return str(container_facts(container)["Image"])


def pull(reference: str, timeout: float = 600) -> process.Completed:
    """Pull an image; the caller judges the exit code, for a registry out of reach is an ordinary case."""
    return process.run(["docker", "pull", "--quiet", reference], check=False, timeout=timeout)


def push(image: str, name: str, tag: str, timeout: float = 3600) -> str:
    """Push an image to the repository `name` under a tag, and return the digest of what the registry has then.

    The name is the image's for as long as that takes. Raises TdiError with the engine's own words where it fails.
    """
    reference = f"{name}:{tag}"
    process.run(["docker", "tag", image, reference], timeout=60)
    try:
        pushed = process.run(["docker", "push", reference], check=False, timeout=timeout)
    finally:
        process.run(["docker", "rmi", "--no-prune", reference], check=False, timeout=60)
    found = re.findall(r"(?m)^\S+: digest: (sha256:[0-9a-f]{64})", pushed.stdout)
    if not pushed.ok or not found:
        raise TdiError(f"The image could not be pushed to {name}: {pushed.last_line}")
    return str(found[-1])


def has(container: str, path: str) -> bool:
    """Whether a container, running or not, has a file; it must be a small one."""
    return process.run(["docker", "cp", f"{container}:{path}", "-"], check=False, timeout=60).ok


def remove_image(reference: str) -> None:
    """Remove an image, or one name of it where it has several; one that is gone or in use is no error."""
    process.run(["docker", "rmi", reference], check=False, timeout=120)


def flatten(machine: str, tag: str, beneath: Path) -> None:
    """Make an image of one layer of a container's file system, by way of the file `beneath`; its settings are lost."""
    process.run(["docker", "export", "--output", str(beneath), machine], timeout=1800)
    import_root_file_system(beneath, tag, {LABEL: "image"})
    beneath.unlink()


def build(
    context: Path, dockerfile: Path, tag: str, arguments: Mapping[str, str], labels: Mapping[str, str], log: Path
) -> str:
    """Build an image and return its id; the whole output goes to `log`. Raises TdiError where the build fails."""
    command = ["docker", "build", "--force-rm", "--tag", tag, "--file", str(dockerfile)]
    for key, value in arguments.items():
        command += ["--build-arg", f"{key}={value}"]
    for key, value in labels.items():
        command += ["--label", f"{key}={value}"]
    done = process.run([*command, str(context)], check=False, log=log, timeout=1800)
    if not done.ok:
        raise TdiError(f"The image {tag} could not be built.", f"The log says why: {log}")
    identity = image_id(tag)
    if identity is None:
        raise TdiError(f"The image {tag} is not there after it was built.", f"The log: {log}")
    return identity


def import_root_file_system(archive: Path, tag: str, labels: Mapping[str, str]) -> None:
    """Make an image of a tar archive of a root file system."""
    changes = [word for key, value in labels.items() for word in ("--change", f"LABEL {key}={json.dumps(value)}")]
    process.run(["docker", "import", *changes, str(archive), tag], timeout=600)


def run_detached(name: str, image: str, options: Sequence[str], labels: Mapping[str, str]) -> None:
    """Start a container in the background. Raises TdiError with the engine's own words where it does not start."""
    marks = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
    done = process.run(["docker", "run", "--detach", "--name", name, *marks, *options, image], check=False, timeout=120)
    if not done.ok:
        raise TdiError(f"The machine {name} could not be started: {done.last_line}")


def create(name: str, image: str, labels: Mapping[str, str]) -> None:
    """Make a container that is never started. Raises TdiError with the engine's own words where it cannot be."""
    marks = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
    done = process.run(["docker", "create", "--name", name, *marks, image], check=False, timeout=120)
    if not done.ok:
        raise TdiError(f"The container {name} could not be made: {done.last_line}")


def run_once(image: str, command: Sequence[str], labels: Mapping[str, str], timeout: float = 180) -> process.Completed:
    """Run one command in a new container of `image` that is removed right after; the caller judges the exit code."""
    marks = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
    entry, *arguments = command
    words = ["docker", "run", "--rm", *marks, "--entrypoint", entry, image, *arguments]
    return process.run(words, check=False, timeout=timeout)


def execute(name: str, command: Sequence[str], *, check: bool = True, timeout: float | None = 300) -> process.Completed:
    """Run a command as root in a running container."""
    return process.run(["docker", "exec", name, *command], check=check, timeout=timeout)


def command_in(name: str, command: Sequence[str]) -> list[str]:
    """The words that run a command as root in a container, our standard input its own."""
    return ["docker", "exec", "--interactive", "--user", "0", name, *command]


def open_for_questions(name: str, command: Sequence[str]) -> process.Asked:
    """A command in a container that stays open, and answers line by line. Raises OSError where it cannot be started."""
    return process.open_for_questions(["docker", "exec", "--interactive", name, *command])


def state(name: str) -> tuple[str, int] | None:
    """A container's status (`running`, `exited`, …) and exit code, or None where there is no such container."""
    shown = process.run(
        ["docker", "container", "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name],
        check=False,
        timeout=30,
    )
    if not shown.ok:
        return None
    status, code = shown.stdout.split()
    return status, int(code)


def stop(name: str, timeout: int = 100) -> None:
    """Shut a machine down in order, as its systemd does on SIGRTMIN+3.

    Raises TdiError where that takes longer than `timeout` seconds, and the engine killed it: systemd gives each of its
    services 90.
    """
    process.run(["docker", "stop", "--time", str(timeout), name], timeout=timeout + 30)
    ended = state(name)
    if ended and ended[1] == _KILLED:
        raise TdiError(
            f"The machine {name} did not shut down within {timeout} s, and was killed: its disk may be in any state.",
            "Look for the service that does not stop: systemctl stop takes as long on a machine of it.",
        )


_KILLED = 128 + 9
"""The exit code of a container that was killed."""


def commit(name: str, tag: str, labels: Mapping[str, str], command: Sequence[str] = ()) -> str:
    """Make an image of a container and return its id; `command`, if any, is what its own containers begin with."""
    changes = [word for key, value in labels.items() for word in ("--change", f"LABEL {key}={json.dumps(value)}")]
    if command:
        changes += ["--change", f"CMD {json.dumps([*command])}"]
    done = process.run(["docker", "commit", *changes, name, tag], timeout=300)
    return done.stdout.strip()


def remove(names: Sequence[str]) -> None:
    """Remove containers with their anonymous volumes, running or not; those that are gone already are no error."""
    if names:
        process.run(["docker", "rm", "--force", "--volumes", *names], check=False, timeout=120)


def restart(name: str) -> None:
    """Boot a machine again: all its processes end, and what it keeps in memory is gone."""
    process.run(["docker", "restart", "--time", "60", name], timeout=180)


def containers(label: str) -> list[str]:
    """Names of all containers, running or not, that carry `label` (`key` or `key=value`)."""
    listed = process.run(
        ["docker", "ps", "--all", "--filter", f"label={label}", "--format", "{{.Names}}"], check=False, timeout=60
    )
    return listed.stdout.split()


def images(label: str) -> list[dict[str, str]]:
    """The local images that carry `label`: `id` and `name` (repository and tag) of each."""
    listed = process.run(
        [
            "docker",
            "images",
            "--no-trunc",
            "--filter",
            f"label={label}",
            "--format",
            "{{.ID}} {{.Repository}}:{{.Tag}}",
        ],
        check=False,
        timeout=60,
    )
    rows = [line.split(maxsplit=1) for line in listed.stdout.splitlines()]
    return [{"id": row[0], "name": row[1]} for row in rows if len(row) == 2]  # noqa: PLR2004 (an id and a name)


def remove_images(label: str) -> list[str]:
    """Remove the local images that carry `label`, and return the names of those that are in use and therefore stay."""
    # An image goes only after those that stand on it; ours stand on each other three deep.
    for _ in range(3):
        for image in images(label):
            process.run(["docker", "rmi", "--force", image["id"]], check=False, timeout=120)
    return [image["name"] for image in images(label)]


def remove_images_of(repository: str) -> None:
    """Remove the local images that were pulled from a repository, but for those in use."""
    listed = process.run(
        ["docker", "images", "--digests", "--format", "{{.Repository}}@{{.Digest}}", repository],
        check=False,
        timeout=60,
    )
    for name in listed.stdout.split():
        remove_image(name)


_UNTIL_BOOTED = """\
until state=$(systemctl is-system-running --wait 2>/dev/null); [ "$state" = running ] || [ "$state" = degraded ]; do
    sleep 0.1
done
echo "$state"
"""
"""Asks until systemd answers, which it does not before it has begun; a new `docker exec` for each time costs 0.1 s."""

_TO_ANSWER = 5.0
"""Seconds that the engine may take beyond those that a command inside a machine was given."""


def wait_until_booted(name: str, timeout: float = 600) -> None:
    """Wait until systemd in the container has finished booting.

    Raises TdiError where it takes longer than `timeout` seconds, where the container stops meanwhile, or where units
    failed: those are named, for a machine that is degraded from the start proves nothing.
    """
    command = ["timeout", str(timeout), "sh", "-c", _UNTIL_BOOTED]
    answer = execute(name, command, check=False, timeout=timeout + _TO_ANSWER).stdout.strip()
    if answer == "running":
        return
    if answer == "degraded":
        failed = execute(name, ["systemctl", "list-units", "--failed", "--plain", "--no-legend"], check=False)
        units = process.joined(line.split()[0] for line in failed.stdout.splitlines() if line.split())
        raise TdiError(f"The machine {name} did not boot cleanly: {units} failed.", "`docker logs` shows its boot.")
    now = state(name)
    if now is None or now[0] != "running":
        raise TdiError(f"The machine {name} stopped while booting ({now[0] if now else 'it is gone'}).")
    says = execute(name, ["systemctl", "is-system-running"], check=False).stdout.strip()
    raise TdiError(f"systemd in {name} is not up after {timeout:.0f} s (it says {says or 'nothing'}).")
