"""Base images: which platform to use, where its root file system comes from, and building the image once."""

import platform as host_platform
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tdi.errors import TdiError
from tdi.images import platforms, scrub
from tdi.images.platforms import Platform, Platforms
from tdi.machines.locks import only_one
from tdi.outside import apt, docker, process
from tdi.outside.console import say
from tdi.project import Project, fingerprint

_STANDS_IN = "tdi.stands-in"
"""Marks a base image that was built in place of the default platform's."""

DOCKERFILE = Path(__file__).with_name("Dockerfile")
"""How a base image is made of a root file system."""

ROLE_LABEL = "tdi.image"
"""Says what an image of ours is: `base`, `root-file-system` or `production`."""


@dataclass(frozen=True)
class BaseImage:
    """A base image: the platform, the image's id and name, what it was made from, and why that was used."""

    platform: str
    id: str
    name: str
    origin: str
    reason: str


def ensure(project: Project) -> BaseImage:
    """The base image for this run, built where it is not there yet.

    TDI_PLATFORM chooses the platform; without it the default where its public image can be had, else the newest release
    that the host's own mirror serves. Raises TdiError where there is no way to a root file system.
    """
    table = platforms.load()
    chosen = platforms.wanted(table)
    engine = docker.engine()
    found = _find(table, chosen, engine)
    if found:
        return found
    with only_one("base-image", "another run builds a base image"):
        return _find(table, chosen, engine) or _build(project, table, chosen, engine)


def _find(table: Platforms, chosen: Platform | None, engine: docker.Engine) -> BaseImage | None:
    found = _existing(chosen or table.by_name[table.default], engine)
    return found or (None if chosen else _stand_in(table, engine))


def _stand_in(table: Platforms, engine: docker.Engine) -> BaseImage | None:
    """The base image that was built because the default could not be had, unless the default is there by now."""
    if docker.image_id(table.by_name[table.default].image):
        return None
    for platform in table.by_name.values():
        found = _existing(platform, engine)
        if found and (docker.image_facts(found.id)["Config"]["Labels"] or {}).get(_STANDS_IN):
            return found
    return None


def _name(platform: Platform, engine: docker.Engine) -> str:
    key = fingerprint([DOCKERFILE, scrub.SCRIPT])[:8]
    return f"tdi-base:{platform.name}-{engine.architecture}-{key}"


def _existing(platform: Platform, engine: docker.Engine) -> BaseImage | None:
    name = _name(platform, engine)
    image = docker.image_id(name)
    if image is None:
        return None
    facts = docker.image_facts(name)
    if facts["Architecture"] != engine.architecture:
        raise TdiError(
            f"The base image {name} is for {facts['Architecture']}, the engine's machines are {engine.architecture}.",
            f"Remove it (docker rmi {name}); the next run builds the right one.",
        )
    labels = facts["Config"]["Labels"] or {}
    return BaseImage(platform.name, image, name, labels.get("tdi.origin", ""), labels.get("tdi.reason", ""))


def _build(project: Project, table: Platforms, chosen: Platform | None, engine: docker.Engine) -> BaseImage:
    platform, origin, reason = _origin(table, chosen, engine)
    name = _name(platform, engine)
    say(f"Building the base image {name} from {origin} ({reason})")
    labels = {
        docker.LABEL: "image",
        ROLE_LABEL: "base",
        "tdi.platform": platform.name,
        "tdi.origin": origin,
        "tdi.reason": reason,
        **({_STANDS_IN: "yes"} if chosen is None and platform.name != table.default else {}),
        "tdi.created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    project.prepare_artifacts()
    log = project.artifacts / f"base-image-{platform.name}.log"
    log.unlink(missing_ok=True)
    arguments = {"ORIGIN": origin, "SCRUB": scrub.SCRIPT.read_text(encoding="utf-8")}
    with tempfile.TemporaryDirectory() as empty_context:
        image = docker.build(Path(empty_context), DOCKERFILE, name, arguments, labels, log)
    return BaseImage(platform.name, image, name, origin, reason)


def _origin(table: Platforms, chosen: Platform | None, engine: docker.Engine) -> tuple[Platform, str, str]:
    """The platform, the image to start from, and the sentence that says why."""
    first = chosen or table.by_name[table.default]
    why = "TDI_PLATFORM asks for it" if chosen else "the default platform"
    missing = _missing_image(first, engine)
    if missing is None:
        return first, first.image, why
    archive = apt.of_host()
    if archive is None:
        raise TdiError(
            f"The image {first.image} cannot be had ({missing}), and this host has no Debian or Ubuntu mirror either.",
            "Allow access to a registry, or load the image: docker load.",
        )
    remote = engine.architecture != _host_architecture()
    if remote:
        raise TdiError(
            f"The image {first.image} cannot be had ({missing}), and this host cannot bootstrap {engine.architecture}.",
            "Allow the engine access to a registry.",
        )
    candidates = [chosen] if chosen else archive_order(table, archive)
    for candidate in candidates:
        if candidate.distribution == archive.distribution and archive.serves(candidate.suite):
            because = f"{first.image} cannot be had: {missing}"
            return candidate, _bootstrap(candidate, archive), f"{because}; bootstrapped from this host's apt mirror"
    names = process.joined(candidate.name for candidate in candidates)
    raise TdiError(
        f"The image {first.image} cannot be had ({missing}), and this host's apt mirror does not serve {names}.",
        "Allow access to a registry, or choose another platform with TDI_PLATFORM.",
    )


def archive_order(table: Platforms, archive: apt.Mirror) -> list[Platform]:
    """The platforms that the host's mirror may serve, newest first."""
    return table.of(archive.distribution)


def _missing_image(platform: Platform, engine: docker.Engine) -> str | None:
    """None where the platform's public image is there or could be pulled, else why not."""
    if docker.image_id(platform.image) is None:
        say(f"Pulling {platform.image}")
        pulled = docker.pull(platform.image)
        if not pulled.ok:
            return _reason(pulled.last_line)
    architecture = docker.image_facts(platform.image)["Architecture"]
    if architecture != engine.architecture:
        raise TdiError(
            f"The image {platform.image} is for {architecture}, the engine's machines are {engine.architecture}.",
            f"Remove it (docker rmi {platform.image}) or pull the right one.",
        )
    return None


def _reason(message: str) -> str:
    """The part of an engine's message that says what went wrong, without addresses."""
    lowered = message.lower()
    known = {
        "no such host": "no registry can be reached",
        "server misbehaving": "no registry can be reached",
        "timeout": "the registry does not answer",
        "connection refused": "the registry refuses connections",
        "network is unreachable": "no registry can be reached",
        "toomanyrequests": "the registry's rate limit is used up",
        "unauthorized": "the registry refuses access",
        "denied": "the registry refuses access",
        "manifest unknown": "the registry does not have it",
    }
    return next((text for key, text in known.items() if key in lowered), "the pull failed")


def _host_architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(host_platform.machine(), host_platform.machine())


def _bootstrap(platform: Platform, archive: apt.Mirror) -> str:
    """Import a minimal root file system of `platform` as an image and return its name."""
    if not process.run(["sh", "-c", "command -v mmdebstrap"], check=False).ok:
        apt.install(["mmdebstrap"], f"Bootstrapping {platform.name}")
    say(f"Bootstrapping a minimal {platform.name} from this host's apt mirror (about half a minute)")
    tag = f"tdi-root-file-system:{platform.name}"
    with tempfile.TemporaryDirectory(prefix="tdi-bootstrap-") as directory:
        tar = Path(directory) / "root.tar"
        done = process.run(
            # What the Dockerfile needs: apt, which Ubuntu's minbase leaves out, and certificates for an https mirror.
            [
                *_with_a_mode(),
                "mmdebstrap",
                "--variant=minbase",
                "--include=apt,ca-certificates",
                platform.suite,
                tar,
                *archive.sources(platform.suite, platform.components),
            ],
            check=False,
            timeout=3600,
        )
        if "chroot mode" in done.stderr and not done.ok:
            raise TdiError(
                f"{platform.name} could not be bootstrapped: that takes root, passwordless sudo or user namespaces.",
                "Install what the last needs (sudo apt-get install uidmap), and give this user a range in /etc/subuid.",
            )
        if not done.ok:
            raise TdiError(
                f"{platform.name} could not be bootstrapped: {done.last_line}", "Check `apt-get update` on this host."
            )
        docker.import_root_file_system(tar, tag, {docker.LABEL: "image", ROLE_LABEL: "root-file-system"})
    return tag


def _with_a_mode() -> list[str]:
    """The words before mmdebstrap with which it may make the files of a machine, owners and all.

    As root, where this user may become it: the other way, user namespaces, is closed on many hosts. Whatever this
    user's umask, a machine's is the usual one.
    """
    return [*(apt.may_install() or []), "sh", "-c", 'umask 022; exec "$@"', "sh"]
