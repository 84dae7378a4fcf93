"""Names that vary from machine to machine: what they are alike in but for a number, a time or something random."""

import re
from itertools import pairwise

_UUID = re.compile(r"(?i)(?<![0-9a-z])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-z])")
_TIME = re.compile(r"(?<!\d)\d{4}-\d\d-\d\d(?:[T@_ -]?\d\d[:.-]?\d\d(?:[:.-]?\d\d)?Z?)?(?!\d)")
_RUN = re.compile(r"[A-Za-z0-9]+")
_HEX = re.compile(r"(?=.*\d)(?:[0-9a-f]{6,}|[0-9A-F]{6,})")
_RANDOM = 6
"""Letters and digits from which on a name may be random: `mktemp` has at least three, ten by default."""
_PORT = re.compile(r"(?P<protocol>\S+) (?P<address>.+):\d+")
_EVERYWHERE = re.compile(r"127\..*|0\.0\.0\.0|\[::1?\]|\*")
"""Addresses that are the same on every machine."""

BACKUP = re.compile(r"(?P<of>.+)\.\d+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~")
"""What Ansible calls the copy that `backup: true` leaves: the file's name, a PID, and when."""


def shape(name: str) -> str:
    """Return `name` with a placeholder for each number, hex string, UUID, time, and run of random letters and digits.

    It tells which names are alike where it is known that names vary. By itself it says nothing: `libssl3` has the shape
    of `libssl1`.
    """
    name = _TIME.sub("<time>", _UUID.sub("<uuid>", name))
    return re.sub(r"<[a-z]+>|[A-Za-z0-9]+", lambda run: run[0] if run[0][0] == "<" else _run(run[0]), name)


def coarse_shape(name: str) -> str:
    """Return `name` with a placeholder for each long run of letters and digits that tells no more than its length.

    What is random may happen to have no digit: for names that have found no other of their shape.
    """
    return _RUN.sub(lambda run: f"<{len(run[0])}>" if len(run[0]) >= _RANDOM else run[0], name)


def socket_shape(name: str) -> str:
    """Return the name of a listening socket without its port, and without an address that is one machine's own."""
    found = _PORT.fullmatch(name)
    if not found:
        return name
    address = found["address"]
    return f"{found['protocol']} {address if _EVERYWHERE.fullmatch(address) else '<address>'}:<port>"


def _run(run: str) -> str:
    if run.isdigit():
        return "<n>"
    if _HEX.fullmatch(run):
        return "<hex>"
    if len(run) >= _RANDOM and _is_random(run):
        return "<random>"
    return re.sub(r"\d+", "<n>", run)


def _is_random(run: str) -> bool:
    """Whether digits stand among letters as in no word; capitals may do that in a word ("getHostByName")."""
    kinds = ["0" if letter.isdigit() else "a" if letter.islower() else "A" for letter in run]
    return "0" in kinds and sum(first != second for first, second in pairwise(kinds)) > 1
