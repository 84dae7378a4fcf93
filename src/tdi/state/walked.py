"""What was walked on both machines: where one was not looked into, the other's files there say nothing."""

from collections.abc import Iterator

from tdi.state.pairs import Pairs
from tdi.state.record import RecordFile, excluded, not_walked


def left_out(a: RecordFile, b: RecordFile) -> dict[str, str]:
    """The directories that were not looked into on one of the machines → why."""
    return dict(sorted({**not_walked(b), **not_walked(a)}.items()))


class Walked:
    """Pairs without those of files in a directory that was left out on one side.

    A directory that was excluded is left out itself as well; that of an engine's storage is recorded, and compared.
    """

    def __init__(self, pairs: Pairs) -> None:
        """Leave out what lies where one of the two records of `pairs` was not walked."""
        both = (pairs.a, pairs.b)
        of_files = pairs.scope == "files"
        self._pairs = pairs
        self._inside = tuple(f"{path.rstrip('/')}/" for path in left_out(*both)) if of_files else ()
        self._paths = frozenset(path for each in both for path in excluded(each)) if of_files else frozenset()
        self._left = 0

    @property
    def compared(self) -> int:
        """The number of keys that were compared so far."""
        return self._pairs.compared - self._left

    def __iter__(self) -> Iterator[tuple[str, str | None, str | None]]:
        """Yield the pairs that are left."""
        for pair in self._pairs:
            if pair[0] in self._paths or (self._inside and pair[0].startswith(self._inside)):
                self._left += 1
            else:
                yield pair
