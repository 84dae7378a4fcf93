"""Files of JSON objects, one a line, that are read while another program writes them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class JsonLines:
    """Follows a file: each call of `fresh` gives what was written since the last one."""

    def __init__(self, path: Path) -> None:
        """Follow `path`, which is there from now on."""
        self.path = path
        self.path.touch()
        self._offset = 0

    def fresh(self) -> Iterator[dict[str, Any]]:
        """Yield the objects on new lines; a line that is not yet whole waits for the next call."""
        with self.path.open("rb") as handle:
            handle.seek(self._offset)
            written = handle.read()
        whole = written.rfind(b"\n") + 1
        self._offset += whole
        for line in written[:whole].splitlines():
            yield json.loads(line)
