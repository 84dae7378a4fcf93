"""Letting this user use the engine that is there: as a member of its group, and in this login session at once."""

import grp
import os
import pwd
import shutil
from contextlib import suppress
from pathlib import Path

from tdi.errors import TdiError
from tdi.outside import apt, docker, process
from tdi.outside.console import say

PACKAGE = "acl"
"""Has setfacl, which lets a single user in."""

_USUAL_GROUP = "docker"
"""The group that the distributions give the engine."""


def will_be_needed() -> bool:
    """Whether this user will have to be let in, and what that takes is not here."""
    return os.geteuid() != 0 and _USUAL_GROUP not in _groups_of_session() and not shutil.which("setfacl")


def gain(refused: docker.EngineRefusesError) -> docker.Engine:
    """The engine that refused this user, after putting the user into the group of its socket.

    A membership holds from the next login on. Until then an entry for this user on the socket itself lets every
    program of this session in: the entry goes with the socket, at the next boot. (`sg` would let in only what it
    starts, and pass no signal on to it.) Raises TdiError, with what to do, where this user may not do that.
    """
    where = docker.endpoint()
    socket = Path(where.removeprefix("unix://") if where.startswith("unix://") else "/var/run/docker.sock")
    group = _group_of(socket)
    if group is None or os.geteuid() == 0 or group.gr_name in _groups_of_session():
        raise TdiError(refused.what, f"No group lets this user in: run this as root, or see who may use {socket}.")
    user = _user()
    join = f"sudo usermod --append --groups {group.gr_name} {user}"
    prefix = apt.may_install()
    if user not in group.gr_mem:
        if prefix is None:
            raise TdiError(
                "The Docker engine runs, but this user may not use it.", f"Join its group and log in again: {join}"
            )
        done = process.run([*prefix, "usermod", "--append", "--groups", group.gr_name, user], check=False)
        if not done.ok:
            raise TdiError(f"{user} could not be put into the Docker engine's group: {done.last_line}", join)
        say(f"Put {user} into the group {group.gr_name}: it may use the Docker engine, and is as good as root with it")
    return _let_in(socket, group.gr_name, prefix)


def _let_in(socket: Path, group: str, prefix: list[str] | None) -> docker.Engine:
    later = TdiError(
        f"This login session is older than the membership in {group}, the group of the Docker engine.",
        f"Log in again, or for one command: sg {group} -c 'make demo'",
    )
    if prefix is None:
        raise later
    if not shutil.which("setfacl"):
        apt.install([PACKAGE], "Using the engine before the next login")
    if not process.run([*prefix, "setfacl", "--modify", f"user:{os.geteuid()}:rw", socket], check=False).ok:
        raise later
    try:
        engine = docker.engine()
    except docker.EngineRefusesError:
        raise later from None
    say(f"Let this login session use the Docker engine at once; later ones may as members of {group}")
    return engine


def _group_of(socket: Path) -> grp.struct_group | None:
    """The group whose members may use the socket, or None where joining one is of no use.

    A socket that is not root's belongs to an engine of another user's own, and root's group is nobody's to join.
    """
    try:
        facts = socket.stat()
        group = grp.getgrgid(facts.st_gid)
    except (OSError, KeyError):
        return None
    may_write = facts.st_mode & 0o020
    return group if may_write and facts.st_gid != 0 and facts.st_uid == 0 else None


def _groups_of_session() -> set[str]:
    names = set()
    for number in {os.getegid(), *os.getgroups()}:
        with suppress(KeyError):
            names.add(grp.getgrgid(number).gr_name)
    return names


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
