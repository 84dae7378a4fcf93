"""Who may move production: a registry cannot compare and swap, so whoever wants to says so first, and looks again.

It is Fischer's algorithm with one tag, `claim`, as the register. Who reads that nobody claims the succession of this
production writes its own claim, waits longer than anybody's writing may take after reading, and reads again: only the
last who wrote still finds its own. A writing that took too long is not trusted. A claim says which production it wants
to succeed, and is void once that is production no more: nobody has to remove it.
"""

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

from tdi.errors import TdiError
from tdi.images import published
from tdi.images.published import Generation
from tdi.machines.locks import only_one
from tdi.outside import registry
from tdi.outside.registry import Registry, Repository

TAG = "claim"
"""The tag that is the register."""

LEASE = 60.0
"""Seconds after which a claim is nobody's any more: its publisher died."""

WAIT = 3.0
"""Seconds between writing a claim and reading it again; reading and writing may take half of it together."""

_TYPE = "application/vnd.tdi.claim.v1"
_SUCCEEDS, _CLAIMANT, _SINCE = "tdi.claim.succeeds", "tdi.claim.by", "tdi.claim.since"
_NOTHING = "nothing"
_TRIES = 3


class MovedError(TdiError):
    """Production is another one by now."""


class BusyError(TdiError):
    """Another publisher is at work."""


def alone(repository: Repository) -> AbstractContextManager[None]:
    """Be the only publisher of a repository on this machine, for the length of a `with` block; others wait."""
    name = hashlib.sha256(str(repository).encode()).hexdigest()[:16]
    return only_one(f"publish-{name}", "another publisher is at work on this machine")


@dataclass(frozen=True)
class _Claim:
    succeeds: str
    claimant: str
    since: float


class Held:
    """The right to move production, until it is given back or too old."""

    def __init__(self, where: Registry, former: Generation | None) -> None:
        """To have something succeed `former`, the production of now."""
        self._where, self._former = where, former
        self._since = time.monotonic()

    def move(self, to: Generation) -> None:
        """Let `to` be production: one request, after which it is, or it is not. Raises TdiError where it is not."""
        if time.monotonic() - self._since > LEASE / 2:
            raise BusyError("The registry took so long that the claim to production is not sure any more.", _AGAIN)
        manifest = to.manifest
        self._where.put(manifest.content, manifest.media_type, published.PRODUCTION)
        _refuse_another(self._where, to)


_AGAIN = "Run it again when the other one is done, a minute from now at the latest."


@contextmanager
def claimed(where: Registry, former: Generation | None, wait: float = WAIT) -> Iterator[Held]:
    """The right to move production away from `former`, for the length of a `with` block.

    Raises BusyError where somebody else has it, MovedError where production is not `former` any more.
    """
    mine = secrets.token_hex(8)
    succeeds = former.digest if former else _NOTHING
    for _ in range(_TRIES):
        if _claim(where, succeeds, mine, wait):
            break
    else:
        raise TdiError(f"The registry {where.repository.host} answers too slowly to move production.", "Run it again.")
    try:
        _refuse_another(where, former)
        yield Held(where, former)
    finally:
        # What ended it matters more; without this, others wait for a minute.
        with suppress(TdiError):
            found = _read(where)
            if found and found.claimant == mine:
                _write(where, succeeds, mine, since=0)


def _claim(where: Registry, succeeds: str, mine: str, wait: float) -> bool:
    """Whether the claim is ours; not where the registry was too slow to be sure. Raises BusyError for another's."""
    began = time.monotonic()
    found = _read(where)
    if found and found.claimant != mine and found.succeeds == succeeds and where.now() - found.since < LEASE:
        raise _busy(where)
    _write(where, succeeds, mine, where.now())
    if time.monotonic() - began > wait / 2:
        return False
    time.sleep(wait)
    found = _read(where)
    if not found or found.claimant != mine:
        raise _busy(where)
    return True


def _busy(where: Registry) -> BusyError:
    return BusyError(f"Another publisher is at work on {where.repository}, and was first.", _AGAIN)


def _refuse_another(where: Registry, expected: Generation | None) -> None:
    now = published.current(where)
    if (now.digest if now else None) != (expected.digest if expected else None):
        raise MovedError(
            f"Production in {where.repository} moved meanwhile: it is {now.called if now else 'gone'}.",
            "Take the verdict anew on what is production now (tdi verdict), and run it again.",
        )


def _read(where: Registry) -> _Claim | None:
    found = where.manifest(TAG)
    if found is None:
        return None
    said = found.annotations
    try:
        return _Claim(said[_SUCCEEDS], said[_CLAIMANT], float(said[_SINCE]))
    except (KeyError, ValueError):
        return None


def _write(where: Registry, succeeds: str, mine: str, since: float) -> None:
    said = {_SUCCEEDS: succeeds, _CLAIMANT: mine, _SINCE: f"{since:.3f}"}
    where.put(registry.encoded(where.artifact(_TYPE, (), said)), registry.MANIFEST, TAG)
