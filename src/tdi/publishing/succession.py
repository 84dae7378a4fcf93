"""Going back to the production before, and removing what nobody goes back to any more."""

from dataclasses import dataclass

from tdi.errors import TdiError
from tdi.images import published
from tdi.images.published import Generation
from tdi.outside import docker
from tdi.outside.console import say
from tdi.outside.registry import Registry, Repository
from tdi.publishing import claims


@dataclass(frozen=True)
class RolledBack:
    """What was production, and what is now."""

    former: Generation
    now: Generation


@dataclass(frozen=True)
class Pruned:
    """The generations that stay and those that were removed, newest first, and the local images that went."""

    kept: tuple[Generation, ...]
    removed: tuple[Generation, ...]
    local: tuple[str, ...]


def roll_back(repository: Repository) -> RolledBack:
    """Let the parent of production be production again. Raises TdiError where there is none any more."""
    with claims.alone(repository):
        where = Registry(repository)
        former = _production(where)
        if former.parent is None:
            raise TdiError(
                f"There is nothing to go back to: {former.called} has no parent.",
                "Publish a revision that is right instead.",
            )
        found = where.manifest(former.parent)
        if found is None:
            raise TdiError(
                f"There is nothing to go back to: the parent of {former.called} was pruned.",
                "Publish a revision that is right instead.",
            )
        back = Generation(published.image_manifest(where, found))
        with claims.claimed(where, former) as held:
            held.move(back)
    return RolledBack(former, back)


def prune(repository: Repository, keep: int) -> Pruned:
    """Remove all but the newest `keep` generations from the registry, and from the engine what was pulled of them.

    What was rolled back and is newer than production stays. Raises DeletionRefusedError where the registry removes
    nothing, TdiError where it does not answer; what is removed by then stays so, and the next call goes on.
    """
    with claims.alone(repository):
        where = Registry(repository)
        production = _production(where)
        chain = list(published.history(where, production))
        kept = chain[:keep]
        oldest = min((each.number for each in kept if each.number), default=1)
        old = [each for each in (*chain[keep:], *_tagged(where)) if (each.number or 0) < oldest]
        # Each once, the newest first: where it is cut off, what is left is still found from production.
        removed = {each.digest: each for each in sorted(old, key=lambda each: each.number or 0)}
        for each in kept:
            removed.pop(each.digest, None)
        with claims.claimed(where, production):
            for each in removed.values():
                where.delete_with_referrers(each.digest)
                say(f"Removed {each.called}")
        local = [name for each in removed.values() if docker.image_id(name := f"{repository}@{each.digest}")]
        for name in local:
            docker.remove_image(name)
    gone = tuple(reversed(removed.values()))
    return Pruned(tuple(kept), gone, tuple(name for name in local if docker.image_id(name) is None))


def _production(where: Registry) -> Generation:
    found = published.current(where)
    if found is None:
        raise TdiError(
            f"{where.repository} has no production.",
            "The first one is published by: tdi production publish --bootstrap",
        )
    return found


def _tagged(where: Registry) -> list[Generation]:
    """What was published of revisions, whether production's history still leads to it or not."""
    tags = [tag for tag in where.tags() if published.REVISION_TAG.fullmatch(tag)]
    found = [where.manifest(tag) for tag in tags]
    return [each for manifest in found if manifest and (each := Generation(manifest)).number]
