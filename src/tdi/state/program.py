"""The program that is sent to a machine: the whole collector as one text, which Python runs from its standard input."""

from pathlib import Path

COLLECTOR = Path(__file__).parents[1] / "collector"
"""What looks at the machines."""

_LOADER = COLLECTOR / "loader.py"
"""What comes first, and is no module for those that follow."""


def program(baseline: bytes = b"") -> bytes:
    """Return the loader, and after it a call with the texts of the modules and a baseline in base64, empty for none."""
    texts = {"tdi/__init__.py": ""}
    for file in sorted(COLLECTOR.rglob("*.py")):
        if file != _LOADER:
            texts[file.relative_to(COLLECTOR.parents[1]).as_posix()] = file.read_text(encoding="utf-8")
    # A baseline may be large: it is not copied more often than it must be.
    return b"".join([_LOADER.read_bytes(), b"\n\nrun(", repr(texts).encode(), b", b'", baseline, b"')\n"])
