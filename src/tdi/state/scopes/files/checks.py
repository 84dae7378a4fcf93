"""What is wrong with a file by itself."""

from typing import Any

from tdi.collector.leftovers import UNDECIDED
from tdi.state.finding import Difference, Kind, Severity
from tdi.state.fold.facts import package_of
from tdi.state.scopes.scope import Wrong

_SHARED_DIRECTORIES = frozenset({"1777", "2777", "3777"})


def privilege(key: str, file: dict[str, Any]) -> Wrong | None:
    """Find a setuid or setgid program or a capability that no package accounts for."""
    setuid = int(file.get("mode", "0"), 8) & 0o6000
    if file.get("type") != "file" or not (setuid or "capability" in file) or package_of(_on(key, file)):
        return None
    right = f"mode {file['mode']}" if setuid else str(file["capability"])
    why = f"{key} gives its caller more rights ({right}), and no package accounts for it."
    return Wrong(
        ("mode" if setuid else "capability"), Severity.SECURITY, why, "Remove the file, or take the right from it."
    )


def world_writable(key: str, file: dict[str, Any]) -> Wrong | None:
    """Find what every user may write."""
    mode = file.get("mode", "0")
    if (
        odd_mode(key, file)
        or not int(mode, 8) & 0o002
        or file.get("type") not in {"file", "dir"}
        or mode in _SHARED_DIRECTORIES
    ):
        return None
    why = f"{key} can be written by every user of the machine (mode {mode})."
    return Wrong(
        "mode", Severity.SECURITY, why, "Set a mode that lets only its users write; a shared directory needs 1777."
    )


def odd_mode(key: str, file: dict[str, Any]) -> Wrong | None:
    """A plain file with the sticky bit, which means nothing there: its mode was written without the leading zero."""
    number = int(file.get("mode", "0"), 8)
    if file.get("type") != "file" or not number & 0o1000 or package_of(_on(key, file)):
        return None
    meant = (
        f"`mode: {number}` without quotes is read as that"
        if str(number) in _COMMON_MODES
        else "a file has no use for it"
    )
    why = f"{key} has the mode {file['mode']}, with the sticky bit: {meant}."
    return Wrong("mode", Severity.SECURITY, why, 'Write the mode in quotes and with a leading zero (`mode: "0644"`).')


_COMMON_MODES = {"600", "640", "644", "660", "664", "700", "710", "711", "750", "755", "770", "775"}


def left_over(key: str, file: dict[str, Any]) -> Wrong | None:
    """Find what a conflict about a configuration file left."""
    if not key.endswith(UNDECIDED) or file.get("type") == "dir":
        return None
    why = f"{key} was left by a conflict about a configuration file when a package was upgraded."
    return Wrong("type", Severity.LEFT_OVER, why, "Merge it into the role's file, then remove it in a task.")


def _on(key: str, attributes: dict[str, Any]) -> Difference:
    return Difference("files", key, Kind.CHANGED, (), None, attributes)
