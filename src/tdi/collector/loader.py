"""The head of the program that is sent to a machine: it imports the collector from memory, so nothing is written there.

What comes after it is one call of `run`. It is no part of what it imports.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


class Sources:
    """Finds and loads the modules whose texts are at hand: path → text, as `tdi/collector/record.py`."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def path_of(self, name: str) -> str:
        """The path of a module, "" for one that is not ours."""
        file = name.replace(".", "/")
        return next((path for path in (file + ".py", file + "/__init__.py") if path in self.texts), "")

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Where a module is, None for one that is not ours."""
        path = self.path_of(name)
        if not path:
            return None
        loader: Any = self  # one by what it does: importing the class of loaders takes a millisecond
        spec = ModuleSpec(name, loader, origin=path, is_package=path.endswith("__init__.py"))
        spec.has_location = True
        return spec

    def create_module(self, _spec: ModuleSpec) -> None:
        """Leave it to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Run a module; its code knows the path, which tracebacks show."""
        path = str(module.__file__)
        exec(compile(self.texts[path], path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - a loader's job

    def get_source(self, name: str) -> str:
        """The text of a module, for the lines in a traceback."""
        return self.texts[self.path_of(name)]


def run(texts: dict[str, str], baseline: bytes) -> None:
    """Record, with the baseline that the last record of the machine left (empty for none)."""
    sys.meta_path.insert(0, Sources(texts))
    try:
        from tdi.collector.record import main  # noqa: PLC0415 - from here on it can be found

        main(baseline)
    except Exception:
        import traceback  # noqa: PLC0415 - Python itself looks for the lines on the disk (before 3.13)

        traceback.print_exc()
        sys.exit(1)
