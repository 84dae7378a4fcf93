"""Several publishers at once, as separate processes on a real registry: one moves production, the others are told."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from registries import RealRegistry, running

from tdi.errors import TdiError
from tdi.images import published
from tdi.images.published import Generation
from tdi.outside import registry
from tdi.outside.registry import Manifest, Registry
from tdi.publishing import claims

WAIT = 0.4
ROUNDS = 6
PUBLISHERS = 3

PUBLISHER = """
import json, sys, time
from tdi.errors import TdiError
from tdi.images import published
from tdi.images.published import Generation
from tdi.outside import registry
from tdi.outside.registry import Manifest, Registry
from tdi.publishing import claims

where = Registry(registry.parse(sys.argv[1]))
me, rounds, begin, wait = sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5])
for number in range(rounds):
    time.sleep(max(0, begin + number * 6 * wait - time.time()))
    former = published.current(where)
    said = {"tdi.parent": former.digest, "by": me}
    content = registry.encoded(where.artifact("application/vnd.test", (), said))
    new = Generation(Manifest(where.put(content, registry.MANIFEST), registry.MANIFEST, content))
    try:
        with claims.claimed(where, former, wait) as held:
            held.move(new)
        print(json.dumps([number, "won", former.digest, new.digest]))
    except TdiError as error:
        print(json.dumps([number, type(error).__name__, former.digest, error.what]))
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    with running(RealRegistry(tmp_path_factory.mktemp("registry"))) as started:
        yield started


@pytest.fixture
def where(real: RealRegistry, tmp_path: Path) -> Registry:
    return Registry(registry.parse(f"{real.host}/{tmp_path.name.lower().replace('_', '-')}"))


def _production(where: Registry, text: str) -> Generation:
    content = registry.encoded(where.artifact("application/vnd.test", (), {"is": text}))
    return Generation(Manifest(where.put(content, registry.MANIFEST, "production"), registry.MANIFEST, content))


def _other(where: Registry, text: str) -> Generation:
    content = registry.encoded(where.artifact("application/vnd.test", (), {"is": text}))
    return Generation(Manifest(where.put(content, registry.MANIFEST), registry.MANIFEST, content))


def test_of_several_at_the_same_instant_one_wins_and_the_others_are_told(where: Registry):
    _production(where, "first")
    begin = time.time() + 2.5
    words = [sys.executable, "-c", PUBLISHER, str(where.repository)]
    children = [
        subprocess.Popen([*words, str(me), str(ROUNDS), str(begin), str(WAIT)], stdout=subprocess.PIPE, text=True)
        for me in range(PUBLISHERS)
    ]
    lines = [json.loads(line) for child in children for line in child.communicate(timeout=120)[0].splitlines()]
    assert len(lines) == ROUNDS * PUBLISHERS
    won = [line for line in lines if line[1] == "won"]
    # Nobody was succeeded twice, whatever came when.
    assert len({line[2] for line in won}) == len(won)
    assert won
    for _, how, _, what in lines:
        if how != "won":
            assert how in {"BusyError", "MovedError"} or "too slowly" in what, what
    # Each who won is in the one line of succession that leads to production.
    chain = []
    at = published.current(where)
    while at:
        chain.append(at.digest)
        at = Generation(found) if at.parent and (found := where.manifest(at.parent)) else None
    assert {line[3] for line in won} == set(chain[:-1])


def test_who_comes_second_is_told(where: Registry):
    former = _production(where, "first")
    busy = pytest.raises(claims.BusyError, match="Another publisher is at work")
    with claims.claimed(where, former, WAIT), busy, claims.claimed(where, former, WAIT):
        pass
    # Given back, it is free at once.
    with claims.claimed(where, former, WAIT) as held:
        held.move(_other(where, "second"))


def test_a_claim_to_what_is_production_no_more_is_void(where: Registry):
    former = _production(where, "first")
    with claims.claimed(where, former, WAIT):
        moved = _production(where, "moved by hand")
        with claims.claimed(where, moved, WAIT) as held:
            held.move(_other(where, "third"))


def test_what_a_dead_publisher_claimed_is_free_after_a_minute(where: Registry):
    former = _production(where, "first")
    claims._write(where, former.digest, "dead", where.now())
    with pytest.raises(claims.BusyError), claims.claimed(where, former, WAIT):
        pass
    claims._write(where, former.digest, "dead", where.now() - claims.LEASE)
    with claims.claimed(where, former, WAIT):
        pass


def test_production_that_moved_is_not_succeeded(where: Registry):
    former = _production(where, "first")
    _production(where, "second")
    with pytest.raises(claims.MovedError, match="moved meanwhile"), claims.claimed(where, former, WAIT):
        pass


def test_a_claim_that_is_too_old_moves_nothing(where: Registry, monkeypatch: pytest.MonkeyPatch):
    former = _production(where, "first")
    monkeypatch.setattr(claims, "LEASE", 0.0)
    with claims.claimed(where, former, WAIT) as held, pytest.raises(TdiError, match="not sure any more"):
        held.move(_other(where, "second"))
    now = published.current(where)
    assert now
    assert now.digest == former.digest


def test_a_registry_that_is_too_slow_for_the_wait_is_not_trusted(where: Registry, monkeypatch: pytest.MonkeyPatch):
    former = _production(where, "first")
    put = Registry.put

    def slow(self: Registry, *words: str, **named: str) -> str:
        time.sleep(WAIT)
        return put(self, *words, **named)

    monkeypatch.setattr(Registry, "put", slow)
    with pytest.raises(TdiError, match="too slowly"), claims.claimed(where, former, WAIT):
        pass
